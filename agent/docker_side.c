#include "agent/docker_side.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/mem.h"

int docker_side_start(struct docker_side *self, const struct launcher_process *process,
                      const char *socket, const char *const *recover, size_t recover_count,
                      const struct daemon_loop *loop, struct err *err)
{
    struct message ready;
    int rc;

    self->process = *process;
    self->is_used = true;
    self->arena = arena_new(0);
    self->usage_arena = arena_new(0);
    self->epoll_fd = loop->epoll_fd;
    rc = launcher_process_recover(&self->process, recover, recover_count, MSG_DOCKER_READY,
                                  self->arena, &ready, err);
    if (rc == 0 && *ready.docker_ready->error)
        rc = err_set(err, -EIO, "%s", ready.docker_ready->error);
    if (rc < 0)
        return err_wrap(err, rc, "proffer-docker is of no use");
    self->engine = ready.docker_ready->engine;
    if (!self->engine || !self->engine->up)
        log_warning("there is no Docker Engine at %s yet: tasks for it fail until it is there",
                    socket);
    return daemon_watch(loop, self->process.channel.fd, err);
}

int docker_side_end(struct docker_side *self, const char *reason)
{
    int rc = launcher_process_end(&self->process, reason);

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
