#include "agent/launcher/launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "agent/launcher/state.h"
#include "agent/shim/rights.h"
#include "agent/shim/shim.h"
#include "base/children.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"

#define ARENA_MAX_BYTES ((size_t)64 * 1024 * 1024) /* what a frame of FRAME_MAX can become */
/* Orders taken between two looks at the shims, so that ended tasks give way to new ones in turn. */
#define ORDERS_AT_ONCE 4

enum launcher_fd {
    FD_CHANNEL,
    FD_NOTES,
    FD_SIGNALS,
    FD_ADOPTED,
    FD_HELPERS,
    FD_DESKS,
    FD_MAX = FD_DESKS + DESKS_MAX,
};

void launcher_send(struct launcher *self, const struct message *message)
{
    struct err err;

    if (self->is_deaf || self->is_alone || self->is_ending)
        return;
    if (channel_send(&self->channel, message, &err) < 0)
        log_error("%s for the agent is lost: %s", message_name(message->type), err.text);
}

void launcher_leave(const struct launcher *self)
{
    const struct launched *launched, *next;

    close(self->channel.fd);
    close(self->adopted_fd);
    close(self->records.notes_read_fd);
    helpers_leave(&self->helpers);
    HASH_ITER (by_id, self->by_id, launched, next)
        if (launched->shim_fd >= 0)
            close(launched->shim_fd);
}

void launcher_leave_wholly(void *self_p)
{
    const struct launcher *self = self_p;

    launcher_leave(self);
    desks_leave(&self->desks);
}

/* The agent has died, or might as well have: its containers run on, for the next one to adopt. */
static void on_agent_gone(struct launcher *self, const char *why)
{
    if (self->is_ending)
        return;
    if (self->by_id)
        log_warning("%s: leaving %u containers to the next one", why, HASH_CNT(by_id, self->by_id));
    self->is_alone = true;
}

static void on_end(struct launcher *self, const struct msg_launcher_end *end)
{
    struct launched *launched, *next;

    if (self->by_id)
        log_info("ending %u containers: %s", HASH_CNT(by_id, self->by_id), end->reason);
    self->is_ending = true;
    channel_fini(&self->channel);
    HASH_ITER (by_id, self->by_id, launched, next)
        launcher_kill(launched);
}

static void on_message(struct launcher *self, const struct message *message)
{
    switch (message->type) {
    case MSG_LAUNCHER_CONFIGURE:
        launcher_configure(self, message->launcher_configure);
        break;
    case MSG_LAUNCHER_RECOVER:
        launcher_recover(self, message->launcher_recover);
        break;
    case MSG_LAUNCH_CONTAINER:
        launcher_launch(self, message->launch_container);
        break;
    case MSG_UPDATE_CONTAINER:
        launcher_update(self, message->update_container);
        break;
    case MSG_SIGNAL_CONTAINER:
        launcher_signal(self, message->signal_container);
        break;
    case MSG_USAGE_REQUEST:
        launcher_report_usage(self, message->usage_request);
        break;
    case MSG_FORGET_CONTAINER:
        launcher_forget(self, message->forget_container);
        break;
    case MSG_CHECK_CONTAINER:
        launcher_look(self, message->check_container);
        break;
    case MSG_COLLECT_SANDBOXES:
        launcher_collect(self, message->collect_sandboxes);
        break;
    case MSG_LAUNCHER_END:
        on_end(self, message->launcher_end);
        break;
    default:
        log_error("the agent sent %s, which is not for a launcher", message_name(message->type));
    }
}

static bool is_leaving(const struct launcher *self)
{
    return self->is_alone || self->is_ending;
}

/* True: there may be more complete messages in the buffer. */
static bool take_orders(struct launcher *self)
{
    for (int i = 0; i < ORDERS_AT_ONCE && !is_leaving(self); i++) {
        struct message message;
        struct err err;
        int rc;

        arena_reset(self->arena);
        rc = channel_next(&self->channel, self->arena, &message, &err);
        if (rc == 0)
            return false;
        if (rc > 0)
            on_message(self, &message);
        else
            log_error("a message of the agent is refused: %s", err.text);
        if (rc == -EMSGSIZE)
            on_agent_gone(self, "the agent cannot be understood");
    }
    return !is_leaving(self);
}

static void on_channel(struct launcher *self)
{
    int rc = channel_fill(&self->channel);

    if (rc == 0)
        on_agent_gone(self, "the agent has closed its end");
    else if (rc < 0 && rc != -EAGAIN)
        on_agent_gone(self, "the agent's end is broken");
}

static void on_signals(struct launcher *self)
{
    struct signalfd_siginfo infos[4];
    ssize_t size = read(self->signals_fd, infos, sizeof(infos));

    for (ssize_t i = 0; i < size / (ssize_t)sizeof(infos[0]); i++) {
        if (infos[i].ssi_signo == SIGCHLD)
            launcher_reap(self);
        else if (infos[i].ssi_signo == SIGTERM) /* as a service manager sends it to all of us */
            log_info("SIGTERM is ignored: the launcher ends with its agent");
    }
}

static int timeout_ms(const struct launcher *self, bool has_orders)
{
    int64_t next = deadlines_next(&self->deadlines);
    int64_t left;

    if (has_orders)
        return 0;
    if (next == DEADLINE_NEVER)
        return -1;
    left = next - clock_now().mono_us;
    return left <= 0 ? 0 : (int)((left + US_PER_MS - 1) / US_PER_MS);
}

static bool is_done(const struct launcher *self)
{
    return self->has_failed || self->is_alone || (self->is_ending && !self->by_id);
}

static void flush(struct launcher *self)
{
    int rc = is_leaving(self) || self->is_deaf ? 0 : channel_flush(&self->channel);

    /* Its last words may still be in our buffers; behind them stands the end of the channel. */
    if (rc < 0)
        self->is_deaf = true;
}

static void loop(struct launcher *self)
{
    bool has_orders = false;
    size_t watched;

    while (!is_done(self)) {
        struct pollfd fds[FD_MAX + ISOLATORS_MAX] = {
            [FD_CHANNEL] = {self->channel.fd, POLLIN, 0},
            [FD_NOTES] = {self->records.notes_read_fd, POLLIN, 0},
            [FD_SIGNALS] = {self->signals_fd, POLLIN, 0},
            [FD_ADOPTED] = {self->adopted_fd, POLLIN, 0},
            [FD_HELPERS] = {self->helpers.epoll_fd, POLLIN, 0},
        };

        for (size_t i = 0; i < DESKS_MAX; i++)
            fds[FD_DESKS + i] = (struct pollfd){desks_fd(&self->desks, i), POLLIN, 0};
        if (channel_has_output(&self->channel) && !self->is_deaf)
            fds[FD_CHANNEL].events |= POLLOUT;
        if (has_orders) /* what is buffered comes first, and bounds the buffer */
            fds[FD_CHANNEL].events &= ~POLLIN;
        watched = launcher_watched(self, &fds[FD_MAX]);
        if (poll(fds, FD_MAX + watched, timeout_ms(self, has_orders)) < 0)
            continue;
        if (fds[FD_NOTES].revents)
            launcher_read_notes(self);
        if (fds[FD_SIGNALS].revents)
            on_signals(self);
        if (fds[FD_ADOPTED].revents)
            launcher_reap_adopted(self);
        for (size_t i = 0; i < watched; i++)
            if (fds[FD_MAX + i].revents) {
                launcher_on_events(self);
                break;
            }
        if (fds[FD_HELPERS].revents)
            helpers_read(self);
        for (size_t i = 0; i < DESKS_MAX; i++)
            if (fds[FD_DESKS + i].revents)
                desks_read(self, i);
        if (!has_orders && fds[FD_CHANNEL].revents & ~POLLOUT)
            on_channel(self);
        has_orders = take_orders(self);
        if (deadlines_next(&self->deadlines) != DEADLINE_NEVER)
            deadlines_run(&self->deadlines, clock_now().mono_us, self);
        flush(self);
    }
}

static int open_fds(struct launcher *self)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    sigaddset(&signals, SHIM_SIGNAL_TERM);
    sigaddset(&signals, SHIM_SIGNAL_KILL);
    self->signals_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    self->adopted_fd = epoll_create1(EPOLL_CLOEXEC);
    self->proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (process_self(self->proc_fd) != getpid() || !rights_be_nobodys_equal())
        close_fd(&self->proc_fd);
    if (self->signals_fd < 0 || self->adopted_fd < 0 || getrlimit(RLIMIT_NOFILE, &self->files) < 0)
        return -errno;
    return helpers_init(&self->helpers, NULL);
}

/* The lock goes last: until then no other launcher comes in. */
static void launcher_fini(struct launcher *self)
{
    struct launched *launched, *next;

    helpers_fini(&self->helpers);
    desks_fini(self);
    launcher_looks_fini(self);
    isolation_leave();
    HASH_CLEAR(by_shim, self->by_shim);
    HASH_ITER (by_id, self->by_id, launched, next)
        launcher_drop(self, launched);
    launched_destroy(&self->whole);
    if (self->is_ending)
        records_clear(&self->records);
    if (self->isolators.cgroups)
        cgroups_leave(self->isolators.cgroups);
    cgroups_destroy(&self->isolators.cgroups);
    channel_fini(&self->channel);
    close_fd(&self->signals_fd);
    close_fd(&self->adopted_fd);
    close_fd(&self->proc_fd);
    accounts_fini(&self->accounts);
    sandboxes_fini(&self->sandboxes);
    deadlines_fini(&self->deadlines);
    arena_destroy(&self->arena);
    arena_destroy(&self->configured);
    records_fini(&self->records);
}

int launcher_run(int channel_fd, const int desk_fds[DESKS_MAX])
{
    struct launcher self = {
        .signals_fd = -1,
        .adopted_fd = -1,
        .proc_fd = -1,
        .helpers.epoll_fd = -1,
    };
    bool has_failed;
    int rc;

    records_init(&self.records);
    channel_init(&self.channel, channel_fd);
    desks_init(&self.desks, desk_fds);
    sandboxes_init(&self.sandboxes);
    self.arena = arena_new(ARENA_MAX_BYTES);
    self.configured = arena_new(0);
    self.programs_dir = self.executors_dir = "";
    rc = open_fds(&self);
    if (rc < 0)
        log_error("cannot start: %s", strerror(-rc));
    else
        loop(&self);
    has_failed = self.has_failed || rc < 0;
    launcher_fini(&self);
    return has_failed;
}
