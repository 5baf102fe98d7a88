#include "agent/docker/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/docker/calls.h"
#include "agent/docker/cgroup_parent.h"
#include "agent/docker/core/dock.h"
#include "agent/docker/culprits.h"
#include "agent/docker/fetches.h"
#include "agent/docker/images_kept.h"
#include "agent/docker/transcript.h"
#include "agent/docker/sandbox.h"
#include "agent/docker/spec.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/daemon.h"
#include "base/deadlines.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/channel.h"

#define ARENA_MAX_BYTES ((size_t)64 * 1024 * 1024) /* what a frame of FRAME_MAX can become */
#define LOCK_NAME       "lock"
#define LOCK_WAIT_MS    3000
#define LOCK_TRIES      8

struct process {
    struct channel channel;
    struct arena *arena; /* of the message at hand */
    struct arena *settings;
    const struct msg_docker_configure *policy; /* NULL: not configured */
    const struct msg_docker_configure
        *want; /* the same, with what is to be recovered; NULL: not begun */
    int state_dir;
    int lock_fd;
    struct calls *calls;
    struct fetches *fetches;
    struct dock *dock;
    bool is_deaf;   /* the agent does not read any more */
    bool is_ending; /* LAUNCHER_END came: it only waits for us */
    bool is_over;
    int exit_code;
};

/* --- what the core wants ------------------------------------------------------------------------ */

static void core_calls(void *ctx, const struct dock_call *call)
{
    struct process *self = ctx;

    calls_begin(self->calls, call);
}

static void core_cancels(void *ctx, uint64_t number)
{
    struct process *self = ctx;

    calls_cancel(self->calls, number);
}

static void core_tells(void *ctx, const struct message *message)
{
    struct process *self = ctx;
    struct err err;

    if (!self->is_deaf && channel_send(&self->channel, message, &err) < 0)
        log_error("%s for the agent is lost: %s", message_name(message->type), err.text);
}

/* What it asks for is checked before anything is made or pulled for it. */
static int core_prepares(void *ctx, const struct msg_launch_container *order, struct err *err)
{
    struct process *self = ctx;
    CLEANUP(free_p) char *json = NULL;
    int rc = spec_make(self->want, calls_cgroup_driver(self->calls), order, &json, err);

    return rc < 0 ? rc : sandbox_make(self->want, self->state_dir, order, err);
}

static void core_asks_sizes(void *ctx, const char *id, int64_t *ret_stdout, int64_t *ret_stderr)
{
    const struct process *self = ctx;

    transcript_read_sizes(self->state_dir, id, ret_stdout, ret_stderr);
}

static void core_forgets(void *ctx, const char *id)
{
    const struct process *self = ctx;

    transcript_forget(self->state_dir, id);
    sandbox_forget(self->state_dir, id);
}

static void core_kills(void *ctx, int64_t pid, const char *engine_id)
{
    (void)ctx;
    culprits_kill(pid, engine_id);
}

static int core_fetches(void *ctx, const struct msg_launch_container *order, struct err *err)
{
    struct process *self = ctx;

    return fetches_begin(self->fetches, order, err);
}

static void core_cancels_fetch(void *ctx, const char *id)
{
    struct process *self = ctx;

    fetches_cancel(self->fetches, id);
}

static int core_asks_disk(void *ctx, const char *root_dir)
{
    struct statvfs info;

    (void)ctx;
    if (!*root_dir || statvfs(root_dir, &info) < 0 || !info.f_blocks)
        return -1;
    return (int)((info.f_blocks - info.f_bavail) * 100 / info.f_blocks);
}

static void core_keeps_image(void *ctx, const char *name, int64_t used_us)
{
    const struct process *self = ctx;

    images_kept_note(self->state_dir, name, used_us);
}

static void core_logs(void *ctx, int level, const char *text)
{
    (void)ctx;
    log_write((enum log_level)level, "%s", text);
}

static void core_is_over(void *ctx, int exit_code)
{
    struct process *self = ctx;

    self->is_over = true;
    self->exit_code = exit_code;
}

/* --- what the Engine says ----------------------------------------------------------------------- */

static void on_answer(void *owner, const struct dock_answer *answer)
{
    struct process *self = owner;

    dock_on_answer(self->dock, clock_now(), answer);
}

static void on_event(void *owner, const char *container_id)
{
    struct process *self = owner;

    dock_on_event(self->dock, clock_now(), container_id);
}

static void on_progress(void *owner, uint64_t number, const char *text)
{
    struct process *self = owner;

    dock_on_progress(self->dock, clock_now(), number, text);
}

static void on_fetched(void *owner, const char *container_id, const char *error,
                       enum task_reason limitation)
{
    struct process *self = owner;

    dock_on_fetched(self->dock, clock_now(), container_id, error, limitation);
}

static void on_fetching(void *owner, const char *container_id, int64_t uri, int64_t bytes)
{
    struct process *self = owner;

    dock_on_fetching(self->dock, clock_now(), container_id, uri, bytes);
}

static void on_kept(void *owner, const char *name, int64_t used_us)
{
    struct process *self = owner;

    dock_on_kept_image(self->dock, name, used_us);
}

/* --- one at a time ------------------------------------------------------------------------------ */

/* An earlier one ends when its agent has died; one that was stopped cannot, and is killed. */
static void wait_for_holder(int fd)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    CLEANUP(close_fd) int pidfd = -1;
    struct pollfd poll_fd;

    if (fcntl(fd, F_GETLK, &lock) < 0 || lock.l_type == F_UNLCK || lock.l_pid <= 0)
        return;
    pidfd = (int)syscall(SYS_pidfd_open, lock.l_pid, 0);
    poll_fd = (struct pollfd){pidfd, POLLIN, 0};
    if (pidfd < 0 || poll(&poll_fd, 1, LOCK_WAIT_MS) > 0)
        return;
    log_warning("an earlier proffer-docker, pid %d, does not end: killing it", lock.l_pid);
    syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
    poll(&poll_fd, 1, LOCK_WAIT_MS);
}

static int take_lock(struct process *self, struct err *err)
{
    const struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    self->lock_fd =
        openat(self->state_dir, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (self->lock_fd < 0)
        return err_errno(err, -errno, "%s/%s", self->want->state_dir, LOCK_NAME);
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (fcntl(self->lock_fd, F_SETLK, &lock) == 0)
            return 0;
        wait_for_holder(self->lock_fd);
    }
    return err_set(err, -EBUSY, "another proffer-docker works in %s", self->want->state_dir);
}

static int open_state(struct process *self, struct err *err)
{
    const char *path = self->want->state_dir;

    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return err_errno(err, -errno, "cannot make %s", path);
    self->state_dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (self->state_dir < 0)
        return err_errno(err, -errno, "cannot open %s", path);
    return take_lock(self, err);
}

/* --- what the agent says ------------------------------------------------------------------------ */

static int configure(struct process *self, const struct msg_docker_configure *want, struct err *err)
{
    const struct dock_env env = {
        .ctx = self,
        .call = core_calls,
        .cancel = core_cancels,
        .tell = core_tells,
        .prepare = core_prepares,
        .sizes = core_asks_sizes,
        .forget = core_forgets,
        .kill_process = core_kills,
        .fetch = core_fetches,
        .cancel_fetch = core_cancels_fetch,
        .disk_percent = core_asks_disk,
        .keep_image = core_keeps_image,
        .log = core_logs,
        .over = core_is_over,
    };
    struct calls_settings settings = {
        .owner = self, .on_answer = on_answer, .on_event = on_event, .on_progress = on_progress};
    struct fetches_settings fetching = {
        .owner = self, .on_fetched = on_fetched, .on_progress = on_fetching};
    int rc;

    self->want = record_copy(&msg_docker_configure_def, want, self->settings);
    rc = open_state(self, err);
    settings.want = fetching.want = self->want;
    settings.state_dir = self->state_dir;
    if (rc == 0)
        rc = calls_new(&settings, &self->calls, err);
    if (rc == 0)
        rc = fetches_new(&fetching, &self->fetches, err);
    if (rc < 0)
        return rc;
    self->dock = dock_new(self->want, &env, clock_now());
    images_kept_read(self->state_dir, on_kept, self);
    return 0;
}

static void on_configure(struct process *self, const struct msg_docker_configure *policy)
{
    if (self->policy)
        log_error("proffer-docker is configured once: what the agent says now is refused");
    else
        self->policy = record_copy(&msg_docker_configure_def, policy, self->settings);
}

static void on_recover(struct process *self, const struct msg_launcher_recover *past)
{
    struct msg_docker_configure want;
    struct err err;

    if (!self->policy || self->want) {
        log_error("the agent wants its proffer-docker to recover %s",
                  self->policy ? "twice" : "before that is configured");
        return;
    }
    want = *self->policy;
    want.recover = past->recover;
    want.recover_count = past->recover_count;
    if (configure(self, &want, &err) == 0)
        return;
    core_tells(self, &MESSAGE(DOCKER_READY, docker_ready, .error = err.text));
    channel_flush(&self->channel);
    core_is_over(self, 1);
}

static void on_order(struct process *self, const struct message *order)
{
    self->is_ending |= order->type == MSG_LAUNCHER_END;
    dock_on_order(self->dock, clock_now(), order);
}

static void on_message(struct process *self, const struct message *message)
{
    if (message->type == MSG_DOCKER_CONFIGURE)
        on_configure(self, message->docker_configure);
    else if (message->type == MSG_LAUNCHER_RECOVER)
        on_recover(self, message->launcher_recover);
    else if (self->dock)
        on_order(self, message);
    else
        log_error("the agent sent %s before it configured anything", message_name(message->type));
}

static void take_orders(struct process *self)
{
    struct message message;
    struct err err;
    int rc;

    do {
        arena_reset(self->arena);
        rc = channel_next(&self->channel, self->arena, &message, &err);
        if (rc > 0)
            on_message(self, &message);
        else if (rc < 0)
            log_error("a message of the agent is refused: %s", err.text);
        if (rc == -EMSGSIZE)
            self->is_over = true;
    } while (rc != 0 && !self->is_over);
}

/* Without a word, the agent has died: its containers run on. */
static void on_channel(struct process *self)
{
    int rc = channel_fill(&self->channel);

    take_orders(self);
    if (rc > 0 || rc == -EAGAIN || self->is_over)
        return;
    self->is_deaf = true;
    if (self->is_ending)
        return;
    if (self->dock && dock_count(self->dock))
        log_warning("the agent has gone: leaving %zu containers to the next one",
                    dock_count(self->dock));
    self->is_over = true;
}

/* --- the loop ----------------------------------------------------------------------------------- */

static int wait_ms(const struct process *self)
{
    int64_t next_us = self->calls ? calls_next_us(self->calls) : DEADLINE_NEVER;

    if (self->dock && dock_next_deadline_us(self->dock) < next_us)
        next_us = dock_next_deadline_us(self->dock);
    return daemon_wait_ms(next_us);
}

static void turn(struct process *self)
{
    struct pollfd fds[3] = {{self->channel.fd, POLLIN, 0},
                            {self->calls ? calls_fd(self->calls) : -1, POLLIN, 0},
                            {self->fetches ? fetches_fd(self->fetches) : -1, POLLIN, 0}};

    if (channel_has_output(&self->channel) && !self->is_deaf)
        fds[0].events |= POLLOUT;
    if (self->is_deaf)
        fds[0].fd = -1;
    if (poll(fds, ARRAY_SIZE(fds), wait_ms(self)) < 0)
        return;
    if (fds[0].revents & ~POLLOUT)
        on_channel(self);
    if (self->calls)
        calls_run(self->calls);
    if (self->fetches)
        fetches_run(self->fetches);
    if (self->dock)
        dock_on_deadline(self->dock, clock_now());
    if (!self->is_deaf && channel_flush(&self->channel) < 0) {
        self->is_deaf = true;
        self->is_over |= !self->is_ending;
    }
}

static void process_fini(struct process *self)
{
    bool has_ended = self->want && self->dock && self->exit_code == 0 && !dock_count(self->dock);

    dock_destroy(&self->dock);
    fetches_destroy(&self->fetches);
    if (has_ended)
        cgroup_parent_remove(self->want->cgroup_parent);
    calls_destroy(&self->calls);
    channel_fini(&self->channel);
    arena_destroy(&self->arena);
    arena_destroy(&self->settings);
    close_fd(&self->state_dir);
    close_fd(&self->lock_fd);
}

int docker_process_run(int channel_fd)
{
    struct process self = {.state_dir = -1, .lock_fd = -1};
    int code;

    channel_init(&self.channel, channel_fd);
    self.arena = arena_new(ARENA_MAX_BYTES);
    self.settings = arena_new(0);
    while (!self.is_over)
        turn(&self);
    code = self.exit_code;
    process_fini(&self);
    return code;
}
