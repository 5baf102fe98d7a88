#include "agent/start.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "agent/confine.h"
#include "agent/policy.h"
#include "agent/probe/probe.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/version.h"

#define GOODBYE           "the agent leaves"
#define GOODBYE_LINGER_MS 1000
#define FD_PATH           "/proc/self/fd/%d"

enum desk_number { DESK_OF_LOOP, DESK_OF_VIEW };

/* --- the launcher ------------------------------------------------------------------------------- */

static int start_launcher(struct shell *self, const struct msg_launcher_ready **ret_ready,
                          struct err *err)
{
    const char **recover = arena_array(self->arena, self->past.count, sizeof(*recover));
    size_t count = agent_past_containers(&self->past, probe_boot_id(self->arena), false, recover);
    struct message ready;
    int rc = launcher_process_recover(&self->launcher, recover, count, MSG_LAUNCHER_READY,
                                      self->arena, &ready, err);

    if (rc == 0 && *ready.launcher_ready->error)
        rc = err_set(err, -EIO, "%s", ready.launcher_ready->error);
    if (rc < 0)
        return err_wrap(err, rc, "the launcher is of no use");
    *ret_ready = ready.launcher_ready;
    for (size_t i = 0; i < (*ret_ready)->warnings_count; i++)
        log_warning("%s", (*ret_ready)->warnings[i]);
    return daemon_watch(&self->loop, self->launcher.channel.fd, err);
}

/* Containers of an Engine that this agent is not to use would be left to nobody. */
static int start_docker(struct shell *self, const struct crew *crew, struct err *err)
{
    const char **recover = arena_array(self->arena, self->past.count, sizeof(*recover));
    size_t count = agent_past_containers(&self->past, probe_boot_id(self->arena), true, recover);

    if (crew->has_docker)
        return docker_side_start(&self->docker, &crew->docker, self->flags->docker_socket, recover,
                                 count, &self->loop, err);
    if (!count)
        return 0;
    return err_set(err, -EINVAL,
                   "%zu tasks of an earlier agent still run in Docker containers: start it with "
                   "--containerizers=native,docker, or end them first",
                   count);
}

/* --- the view ----------------------------------------------------------------------------------- */

static const char *host_of(const char *address, struct arena *arena)
{
    const char *colon = strrchr(address, ':');

    return arena_memdup(arena, address, colon ? (size_t)(colon - address) : strlen(address));
}

/* Who was given any port that is free keeps it when it begins anew: people, and what follows the output of
 * tasks, know it. */
static int open_view(struct shell *self, struct agent_view_settings *settings, struct err *err)
{
    bool is_free = !settings->port;
    int rc = -ENOENT;

    if (is_free)
        settings->port = work_dir_port(&self->work_dir);
    if (settings->port)
        rc = agent_view_new(settings, &self->view, err);
    if (rc < 0 && is_free) {
        settings->port = 0;
        rc = agent_view_new(settings, &self->view, err);
    }
    if (rc == 0 && is_free)
        work_dir_note_port(&self->work_dir, agent_view_port(self->view));
    return rc;
}

static int start_view(struct shell *self, struct err *err)
{
    const struct agent_flags *flags = self->flags;
    const char *ip = *flags->advertise ? flags->advertise : flags->address;
    struct agent_view_settings settings = {
        .address = flags->address,
        .port = (uint16_t)flags->port,
        .sandboxes_dir = self->work_dir.sandboxes,
        .desk_fd = self->launcher.desks[DESK_OF_VIEW],
        .master = host_of(flags->master, self->arena),
        .flags = &flags->shown,
    };
    int rc = open_view(self, &settings, err);

    if (rc < 0)
        return err_wrap(err, rc, "--port %lld", (long long)flags->port);
    daemon_print_address(self->http_address, ip, agent_view_port(self->view));
    return daemon_watch(&self->loop, agent_view_questions_fd(self->view), err);
}

/* --- link and core ------------------------------------------------------------------------------ */

static int draw_seed(uint64_t *ret_seed, struct err *err)
{
    if (getrandom(ret_seed, sizeof(*ret_seed), 0) != (ssize_t)sizeof(*ret_seed))
        return err_errno(err, -errno, "getrandom");
    return 0;
}

/* Before we give up our rights: the file is its owner's alone. */
static int load_keys(struct shell *self, struct err *err)
{
    int rc;

    if (!*self->flags->keys)
        return 0;
    rc = link_keys_load(self->flags->keys, LINK_CLIENT, &self->keys, err);
    if (rc < 0)
        return err_wrap(err, rc, "--keys");
    if (*self->flags->master_key) {
        self->keys.peers = &self->flags->master_key;
        self->keys.peers_count = 1;
    }
    return 0;
}

static int start_link(struct shell *self, const struct link_client_events *events, struct err *err)
{
    struct link_client_settings settings = {
        .address = self->flags->master,
        .kind = PEER_AGENT,
        .keys = *self->flags->keys ? &self->keys : NULL,
        .insecure = self->flags->insecure,
        .version = PROFFER_VERSION,
    };
    int rc = draw_seed(&settings.seed, err);

    if (rc == 0)
        rc = link_context_new(&self->context, err);
    if (rc < 0)
        return rc;
    rc = link_client_new(self->context, &settings, events, &self->link, err);
    return rc < 0 ? err_wrap(err, rc, "--master")
                  : daemon_watch(&self->loop, link_client_fd(self->link), err);
}

/* So that a framework can ask for agents with an Engine: the attribute `docker`, unless the operator has set it. */
static void add_engine(struct shell *self, struct agent_info *info)
{
    const struct engine_info *engine = self->docker.engine;
    struct attribute_info *attributes;
    size_t count = info->attributes_count;

    if (!engine || !engine->up)
        return;
    for (size_t i = 0; i < count; i++)
        if (!strcmp(info->attributes[i].name, "docker"))
            return;
    attributes = arena_array(self->arena, count + 1, sizeof(*attributes));
    if (count)
        memcpy(attributes, info->attributes, count * sizeof(*attributes));
    attributes[count] = (struct attribute_info){
        .name = "docker", .kind = VALUE_TEXT, .text = arena_strdup(self->arena, engine->version)};
    info->attributes = attributes;
    info->attributes_count = count + 1;
}

/* What comes on it is read by the loop, when there is a core. */
static int start_executors(struct shell *self, const struct executor_events *events,
                           struct err *err)
{
    int rc = executor_socket_open(self->work_dir.executors_fd, events, &self->executors, err);

    return rc < 0 ? rc : daemon_watch(&self->loop, executor_socket_fd(self->executors), err);
}

/* They would be offered, and granted to nobody in truth. */
static int check_gpus(const struct shell *self, const struct msg_launcher_ready *ready,
                      struct err *err)
{
    for (size_t i = 0; i < ready->isolation_count; i++)
        if (!strcmp(ready->isolation[i], "gpu/devices"))
            return 0;
    return self->gpus_count
               ? err_set(err, -ENOTSUP,
                         "--gpus: gpu/devices, which grants them, is not in use; name it in "
                         "--isolation, with cgroup/devices, which it needs")
               : 0;
}

static int start_core(struct shell *self, struct agent_info *info,
                      const struct msg_launcher_ready *ready, const struct agent_env *env,
                      struct err *err)
{
    struct agent_settings settings = {
        .info = info,
        .past = self->past,
        .sandboxes_dir = self->work_dir.sandboxes,
        .volumes_dir = self->work_dir.volumes,
        .default_user = self->flags->default_user,
        .switch_user = self->flags->switch_user,
        .kill_grace_ms = self->flags->kill_grace_ms,
        .has_docker = self->docker.is_used,
        .executors_dir = self->work_dir.executors,
        .executor_reregister_ms = self->flags->executor_reregister_ms,
        .gpus = self->gpus,
        .gpus_count = self->gpus_count,
        .gc_delay_ms = self->flags->gc_delay_ms,
        .gc_headroom_milli = self->flags->gc_headroom_percent * 10,
        .disk_watch_ms = self->flags->disk_watch_ms,
    };
    int rc = draw_seed(&settings.seed, err);

    if (rc == 0)
        rc = check_gpus(self, ready, err);
    if (rc < 0)
        return rc;
    info->address = self->http_address;
    add_engine(self, info);
    info->isolation = ready->isolation;
    info->isolation_count = ready->isolation_count;
    rc = agent_new(&settings, env, self->now, &self->core, err);
    return rc == -EBADMSG
               ? err_wrap(err, rc, "the checkpoint %s is not used", self->work_dir.checkpoint)
               : rc;
}

/* --- all of it ---------------------------------------------------------------------------------- */

static int list_gpus(struct shell *self, struct err *err)
{
    struct policy *policy = arena_alloc(self->arena, sizeof(*policy));
    int rc = policy_make(self->flags, &self->work_dir, 0, self->arena, policy, err);

    self->gpus = policy->launcher.gpus;
    self->gpus_count = policy->launcher.gpus_count;
    return rc;
}

static int probe(struct shell *self, struct agent_info **ret_info, struct err *err)
{
    const struct probe_settings settings = {
        .work_dir = arena_printf(self->arena, FD_PATH, self->work_dir.dir_fd),
        .hostname = self->flags->hostname,
        .resources = self->flags->resources,
        .attributes = self->flags->attributes,
        .domain = self->flags->domain,
        .gpus = self->gpus_count,
    };

    return probe_machine(&settings, self->arena, ret_info, err);
}

static int open_store(struct shell *self, struct err *err)
{
    const char *name = arena_printf(self->arena, FD_PATH "/agent.db", self->work_dir.checkpoint_fd);
    int rc = checkpoint_open_as(name, self->work_dir.checkpoint, &self->store, err);

    return rc < 0 ? rc : checkpoint_load(self->store, self->arena, &self->past, err);
}

/* What a keeper has done for us otherwise. */
static int prepare(struct shell *self, struct crew *crew, struct err *err)
{
    int rc = work_dir_open(self->flags->work_dir, &self->work_dir, err);

    if (rc == 0 && !self->flags->port)
        work_dir_open_port(&self->work_dir);
    if (rc == 0 && geteuid() == 0)
        rc = work_dir_give(&self->work_dir, 0, 0, err);
    return rc < 0 ? rc : crew_start(crew, self->flags, &self->work_dir, 0, err);
}

/* Launcher and so on come before every thread and socket: they are forked, and must hold nothing of ours. */
static int take_crew(struct shell *self, struct crew *crew, struct err *err)
{
    int rc = 0;

    if (self->kept) {
        self->work_dir = self->kept->work_dir;
        *crew = self->kept->crew;
    } else {
        rc = prepare(self, crew, err);
    }
    self->launcher = crew->launcher;
    self->docker.process = crew->docker;
    desk_init(&self->desk, TAKE_FD(self->launcher.desks[DESK_OF_LOOP]));
    return rc;
}

int agent_shell_start(struct shell *self, const struct shell_events *events, struct err *err)
{
    const struct msg_launcher_ready *ready = NULL;
    struct agent_info *info = NULL;
    struct crew crew = CREW_NONE;
    int rc = take_crew(self, &crew, err);

    if (rc == 0)
        rc = load_keys(self, err);
    if (rc == 0 && self->kept)
        rc = confine(&self->kept->user, self->kept->keeper, err);
    if (rc == 0)
        rc = daemon_loop_open(&self->loop, SIGUSR1, err);
    if (rc == 0)
        rc = list_gpus(self, err);
    if (rc == 0)
        rc = open_store(self, err);
    if (rc == 0)
        rc = start_launcher(self, &ready, err);
    if (rc == 0)
        rc = start_docker(self, &crew, err);
    if (rc == 0)
        rc = probe(self, &info, err);
    if (rc == 0)
        rc = start_view(self, err);
    if (rc == 0)
        rc = start_link(self, events->link, err);
    if (rc == 0)
        rc = start_executors(self, events->executors, err);
    if (rc == 0)
        rc = start_core(self, info, ready, events->env, err);
    return rc;
}

/* A keeper waits for what ends, and clears up after it. */
static void end_crew(struct shell *self)
{
    const char *reason = self->ends_tasks ? GOODBYE : NULL;
    int rc;

    if (reason && self->kept)
        keeper_tell(self->kept->words_fd, KEEPER_ENDS_TASKS);
    if (docker_side_end(&self->docker, reason) < 0 && reason)
        log_error("Docker containers may be left; the next agent of this work folder removes them");
    rc = launcher_process_end(&self->launcher, reason);
    if (rc < 0 && reason && !self->kept)
        crew_clear_up(self->flags, &self->work_dir);
}

void agent_shell_stop(struct shell *self)
{
    if (self->link)
        link_client_destroy(&self->link, GOODBYE_LINGER_MS);
    link_context_destroy(&self->context);
    link_keys_fini(&self->keys);
    agent_view_destroy(&self->view);
    agent_destroy(&self->core);
    executor_socket_close(&self->executors);
    end_crew(self);
    desk_fini(&self->desk);
    checkpoint_close(&self->store);
    hold_fini(&self->hold);
    daemon_loop_close(&self->loop);
    work_dir_close(&self->work_dir);
    arena_destroy(&self->messages);
    arena_destroy(&self->arena);
}
