#include "agent/docker_side.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/mem.h"

#define LISTED_MAX 64 /* names of one option */

/* "a,b" or "/a:/b" as a list, in `arena`. */
static int split(const char *text, const char *separators, const char *option, struct arena *arena,
                 const char *const **ret_items, size_t *ret_count, struct err *err)
{
    const char **items = arena_array(arena, LISTED_MAX, sizeof(*items));
    size_t count = 0;

    while (*text) {
        size_t size = strcspn(text, separators);

        if (count == LISTED_MAX)
            return err_set(err, -EINVAL, "--%s: more than %d of them", option, LISTED_MAX);
        if (size)
            items[count++] = arena_memdup(arena, text, size);
        text += size + (text[size] != '\0');
    }
    *ret_items = items;
    *ret_count = count;
    return 0;
}

int docker_side_is_wanted(const struct agent_flags *flags, bool *ret_is_wanted, struct err *err)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    const char *const *names;
    size_t count;
    int rc = split(flags->containerizers, ",", "containerizers", arena, &names, &count, err);

    *ret_is_wanted = false;
    for (size_t i = 0; i < count && rc == 0; i++) {
        if (!strcmp(names[i], "docker"))
            *ret_is_wanted = true;
        else if (strcmp(names[i], "native") != 0)
            rc = err_set(err, -EINVAL, "--containerizers: there is no '%.40s': native, docker",
                         names[i]);
    }
    return rc;
}

/* --- life --------------------------------------------------------------------------------------- */

static int fill_lists(struct msg_docker_configure *want, const struct agent_flags *flags,
                      struct arena *arena, struct err *err)
{
    int rc = split(flags->docker_allow, ",", "docker-allow", arena, &want->allow,
                   &want->allow_count, err);

    if (rc == 0)
        rc = split(flags->docker_host_paths, ":,", "docker-host-paths", arena, &want->host_paths,
                   &want->host_paths_count, err);
    if (rc == 0)
        rc = split(flags->docker_gc_keep, ",", "docker-gc-keep", arena, &want->gc_keep,
                   &want->gc_keep_count, err);
    return rc;
}

static int configure(struct docker_side *self, const struct agent_flags *flags,
                     const struct docker_share *share, const char *const *recover,
                     size_t recover_count, const struct msg_docker_ready **ret_ready,
                     struct err *err)
{
    const struct work_dir *work_dir = share->work_dir;
    struct msg_docker_configure want = {
        .socket = flags->docker_socket,
        .owner = work_dir->unique,
        .state_dir = arena_printf(self->arena, "%s/docker", work_dir->path),
        .cgroup_parent =
            arena_printf(self->arena, "%s/%s/docker", flags->cgroup_root, work_dir->unique),
        .pids_max = flags->pids_max,
        .log_max_bytes = flags->log_max_bytes,
        .log_files = flags->log_files,
        .recover = recover,
        .recover_count = recover_count,
        .config_file = flags->docker_config,
        .credentials_dir = flags->docker_credentials,
        .call_timeout_ms = flags->docker_call_timeout_ms,
        .pull_timeout_ms = flags->docker_pull_timeout_ms,
        .patience_ms = flags->docker_patience_ms,
        .gc_high = flags->docker_gc_high,
        .gc_low = flags->docker_gc_low,
        .gc_min_age_ms = flags->docker_gc_min_age_ms,
        .sandboxes_dir = work_dir->sandboxes,
        .volumes_dir = work_dir->volumes,
        .fetcher = share->fetcher,
        .gpus = share->gpus,
        .gpus_count = share->gpus_count,
        .seccomp_dir = share->seccomp_dir,
    };
    int rc = fill_lists(&want, flags, self->arena, err);

    if (rc < 0)
        return rc;
    return launcher_process_configure_docker(&self->process, &want, self->arena, ret_ready, err);
}

int docker_side_start(struct docker_side *self, const struct agent_flags *flags,
                      const struct docker_share *share, const char *const *recover,
                      size_t recover_count, const struct daemon_loop *loop, struct err *err)
{
    const struct launcher_program program = {"proffer-docker", "--docker-program",
                                             flags->docker_program};
    const struct msg_docker_ready *ready;
    int rc;

    self->arena = arena_new(0);
    self->usage_arena = arena_new(0);
    self->epoll_fd = loop->epoll_fd;
    rc = launcher_process_start(&program, &self->process, err);
    if (rc < 0)
        return rc;
    self->is_used = true;
    rc = configure(self, flags, share, recover, recover_count, &ready, err);
    if (rc < 0)
        return rc;
    self->engine = ready->engine;
    if (!ready->engine || !ready->engine->up)
        log_warning("there is no Docker Engine at %s yet: tasks for it fail until it is there",
                    flags->docker_socket);
    return daemon_watch(loop, self->process.channel.fd, err);
}

int docker_side_end(struct docker_side *self, const char *reason)
{
    int rc = self->is_used ? launcher_process_end(&self->process, reason) : 0;

    self->is_used = false;
    arena_destroy(&self->arena);
    arena_destroy(&self->usage_arena);
    self->engine = NULL;
    return rc;
}

/* --- orders ------------------------------------------------------------------------------------- */

bool docker_side_hears(const struct message *order)
{
    return order->type == MSG_FORGET_CONTAINER && order->forget_container->docker;
}

bool docker_side_is_for(const struct message *order)
{
    switch (order->type) {
    case MSG_LAUNCH_CONTAINER:
        return order->launch_container->docker;
    case MSG_SIGNAL_CONTAINER:
        return order->signal_container->docker;
    case MSG_CHECK_CONTAINER:
        return order->check_container->docker;
    case MSG_UPDATE_CONTAINER:
        return order->update_container->docker;
    case MSG_EXEC_CONTAINER:
        return true;
    default:
        return false;
    }
}

int docker_side_tell(struct docker_side *self, const struct message *order, struct err *err)
{
    return self->is_used ? channel_send(&self->process.channel, order, err) : 0;
}

int docker_side_flush(struct docker_side *self)
{
    struct epoll_event event = {.data.fd = self->process.channel.fd};
    int rc;

    if (!self->is_used || (!channel_has_output(&self->process.channel) && !self->is_full))
        return 0;
    rc = channel_flush(&self->process.channel);
    if (rc < 0 || (rc > 0) == self->is_full)
        return rc < 0 ? rc : 0;
    self->is_full = rc > 0;
    event.events = EPOLLIN | (self->is_full ? EPOLLOUT : 0);
    BUG_ON(epoll_ctl(self->epoll_fd, EPOLL_CTL_MOD, event.data.fd, &event) < 0);
    return 0;
}

/* --- what it says ------------------------------------------------------------------------------- */

void docker_side_note(struct docker_side *self, const struct engine_info *engine)
{
    arena_reset(self->arena);
    self->engine = record_copy(&engine_info_def, engine, self->arena);
}

const struct msg_usage_reply *docker_side_join(struct docker_side *self,
                                               const struct msg_usage_reply *reply,
                                               struct arena *arena)
{
    const struct msg_usage_reply *other = self->usage;
    struct msg_usage_reply *both;
    struct usage_info *usages;

    if (!self->is_used)
        return reply;
    if (!other || other->number != reply->number) {
        arena_reset(self->usage_arena);
        self->usage = record_copy(&msg_usage_reply_def, reply, self->usage_arena);
        return NULL;
    }
    both = arena_alloc(arena, sizeof(*both));
    usages = arena_array(arena, other->usages_count + reply->usages_count, sizeof(*usages));
    if (other->usages_count)
        memcpy(usages, other->usages, other->usages_count * sizeof(*usages));
    if (reply->usages_count)
        memcpy(usages + other->usages_count, reply->usages, reply->usages_count * sizeof(*usages));
    *both = (struct msg_usage_reply){.number = reply->number,
                                     .usages = usages,
                                     .usages_count = other->usages_count + reply->usages_count};
    self->usage = NULL;
    return both;
}
