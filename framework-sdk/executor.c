/* The shell around core/runner.h: a unix socket, a timer, and the author's callbacks. */
#include <proffer/executor.h>

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/deadlines.h"
#include "base/mem.h"
#include "base/units.h"
#include "base/version.h"
#include "framework-sdk/core/runner.h"
#include "framework-sdk/err.h"
#include "framework-sdk/pollable.h"
#include "proto/channel.h"
#include "proto/resources_info.h"

#define EVENTS_MAX           4
#define REASON_MAX           200
#define LATE_BYTES           ((size_t)1024 * 1024) /* unread by the agent: messages have to wait */
#define RECOVERY_SECONDS_MAX (7.0 * 86400)

struct proffer_executor {
    struct proffer_executor_callbacks callbacks;
    void *user;
    struct runner *runner;                     /* owned */
    char *socket, *framework_id, *executor_id; /* owned */
    struct channel channel;                    /* fd -1: there is no connection */
    bool is_full;                              /* it waits to be written to */
    bool is_connecting;                        /* the core waits for an answer */
    char reason[REASON_MAX];                   /* why the connection is over; "": it is not */
    struct arena *arena;                       /* of the message at hand */
    struct pollable pollable;
    atomic_int stops; /* asked for so far */
    bool is_dispatching, is_doomed, has_failed;
};

/* --- timer ------------------------------------------------------------------------------------ */

/* What was just said has to leave. */
static void wake(struct proffer_executor *self)
{
    if (!self->is_dispatching)
        pollable_arm(&self->pollable, 0);
}

/* --- what the core wants ---------------------------------------------------------------------- */

static void core_connects(void *ctx)
{
    struct proffer_executor *self = ctx;

    self->is_connecting = true;
}

static void lose(struct proffer_executor *self, const char *what, int rc)
{
    const char *text = rc < 0 ? strerrordesc_np(-rc) : NULL;

    if (!*self->reason)
        snprintf(self->reason, sizeof(self->reason), "%.120s%s%.60s", what, text ? ": " : "",
                 text ? text : "");
}

static int core_sends(void *ctx, const struct message *message, bool can_wait)
{
    struct proffer_executor *self = ctx;
    struct err err;

    if (self->channel.fd < 0)
        return 0; /* said again on the next connection */
    if (can_wait && self->channel.out.size - self->channel.out_sent > LATE_BYTES)
        return -EAGAIN;
    if (channel_send(&self->channel, message, &err) < 0)
        lose(self, err.text, 0);
    wake(self);
    return 0;
}

static void core_has_registered(void *ctx, const struct msg_executor_subscribed *answer, bool again)
{
    struct proffer_executor *self = ctx;

    if (self->callbacks.registered && !self->is_doomed)
        self->callbacks.registered(self, answer->agent_id, answer->hostname, again, self->user);
}

static const struct proffer_pair *pairs_of_env(const struct command_info *command,
                                               struct arena *arena)
{
    struct proffer_pair *pairs = arena_array(arena, command->env_count + 1, sizeof(*pairs));

    for (size_t i = 0; i < command->env_count; i++)
        pairs[i] = (struct proffer_pair){command->env[i].name, command->env[i].value};
    return pairs;
}

static const struct proffer_pair *pairs_of_labels(const struct task_info *task, struct arena *arena)
{
    struct proffer_pair *pairs = arena_array(arena, task->labels_count + 1, sizeof(*pairs));

    for (size_t i = 0; i < task->labels_count; i++)
        pairs[i] = (struct proffer_pair){task->labels[i].key, task->labels[i].value};
    return pairs;
}

static void core_launches(void *ctx, const struct task_info *info)
{
    struct proffer_executor *self = ctx;
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    CLEANUP(resources_fini) struct resources resources = {0};
    CLEANUP(buf_fini) struct buf text = {0};
    const char **argv = arena_array(arena, info->command->argv_count + 1, sizeof(*argv));
    struct proffer_executor_task task = {
        .id = info->task_id,
        .name = info->name,
        .command = info->command->value,
        .argv = argv,
        .env = pairs_of_env(info->command, arena),
        .labels = pairs_of_labels(info, arena),
        .data = info->data.data,
        .data_size = info->data.size,
    };

    if (self->is_doomed)
        return;
    for (size_t i = 0; i < info->command->argv_count; i++)
        argv[i] = info->command->argv[i];
    if (resources_from_info(&resources, info->resources, info->resources_count, NULL) == 0)
        resources_print(&resources, &text);
    task.resources = buf_text(&text);
    self->callbacks.launch(self, &task, self->user);
}

static void core_kills(void *ctx, const char *task_id, int64_t grace_ms)
{
    struct proffer_executor *self = ctx;
    CLEANUP(free_p) char *id = mem_strdup(task_id); /* what is done may end it */

    if (!self->is_doomed)
        self->callbacks.kill(self, id, grace_ms, self->user);
}

static void core_hears(void *ctx, const struct msg_message_to_executor *message)
{
    struct proffer_executor *self = ctx;

    if (self->callbacks.message && !self->is_doomed)
        self->callbacks.message(self, message->task_id, message->data.data, message->data.size,
                                self->user);
}

static void core_shuts_down(void *ctx, int64_t grace_ms)
{
    struct proffer_executor *self = ctx;

    if (self->is_doomed)
        return;
    if (self->callbacks.shutdown)
        self->callbacks.shutdown(self, grace_ms, self->user);
    else
        proffer_executor_stop(self);
}

static void core_is_alone(void *ctx, const char *reason)
{
    struct proffer_executor *self = ctx;

    if (self->callbacks.disconnected && !self->is_doomed)
        self->callbacks.disconnected(self, reason, self->user);
}

static void core_fails(void *ctx, const char *text)
{
    struct proffer_executor *self = ctx;

    self->has_failed = true;
    if (self->callbacks.error && !self->is_doomed)
        self->callbacks.error(self, text, self->user);
}

/* --- the connection --------------------------------------------------------------------------- */

/* A path that is too long for an address is within reach by its folder's descriptor. */
static int connect_to(const char *path, int fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *slash = strrchr(path, '/');
    CLEANUP(close_fd) int dir_fd = -1;
    CLEANUP(free_p) char *dir = NULL;
    int size;

    if (strlen(path) < sizeof(address.sun_path)) {
        size = snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    } else {
        dir = slash ? mem_printf("%.*s", (int)(slash - path), path) : mem_strdup(".");
        dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (dir_fd < 0)
            return -errno;
        size = snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", dir_fd,
                        slash ? slash + 1 : path);
    }
    if (size < 0 || (size_t)size >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    return connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
}

/* A socket of this host answers at once, or is not there. */
static void try_connect(struct proffer_executor *self, struct now now)
{
    CLEANUP(close_fd) int fd = -1;
    int rc;

    if (!self->is_connecting)
        return;
    self->is_connecting = false;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    rc = fd < 0 ? -errno : connect_to(self->socket, fd);
    if (rc == 0)
        rc = pollable_watch(&self->pollable, fd);
    if (rc < 0) {
        runner_on_disconnected(self->runner, now, strerrordesc_np(-rc));
        return;
    }
    channel_init(&self->channel, TAKE_FD(fd));
    self->is_full = false;
    *self->reason = '\0';
    runner_on_connected(self->runner, now);
}

static void hang_up(struct proffer_executor *self, struct now now)
{
    char reason[REASON_MAX];

    if (!*self->reason || self->channel.fd < 0)
        return;
    memcpy(reason, self->reason, sizeof(reason));
    *self->reason = '\0';
    channel_fini(&self->channel);
    runner_on_disconnected(self->runner, now, reason);
}

static bool is_over(const struct proffer_executor *self)
{
    return self->is_doomed || self->has_failed;
}

/* All that it holds, also when the agent is gone: that was said before. */
static void read_all(struct proffer_executor *self, struct now now)
{
    int filled = channel_fill(&self->channel);
    int rc = 1;

    while (rc > 0 && !is_over(self)) {
        struct message message;
        struct err err;

        arena_reset(self->arena);
        rc = channel_next(&self->channel, self->arena, &message, &err);
        if (rc > 0)
            runner_on_message(self->runner, now, &message);
        else if (rc == -ENOMSG)
            rc = 1; /* of a newer agent: skipped */
        else if (rc < 0)
            lose(self, err.text, 0);
    }
    if (filled == 0)
        lose(self, "the agent has closed the connection", 0);
    else if (filled < 0 && filled != -EAGAIN)
        lose(self, "the connection is lost", filled);
}

static void flush(struct proffer_executor *self)
{
    struct epoll_event event = {.data.fd = self->channel.fd};
    int rc;

    if (self->channel.fd < 0)
        return;
    rc = channel_flush(&self->channel);
    /* What the agent said before it went is still to be read. */
    if (rc < 0 && rc != -EPIPE && rc != -ECONNRESET)
        lose(self, "the connection is lost", rc);
    if (rc < 0 || (rc > 0) == self->is_full)
        return;
    self->is_full = rc > 0;
    event.events = EPOLLIN | (self->is_full ? EPOLLOUT : 0);
    (void)epoll_ctl(self->pollable.epoll_fd, EPOLL_CTL_MOD, self->channel.fd, &event);
}

/* --- running ---------------------------------------------------------------------------------- */

static bool await_events(struct proffer_executor *self, int timeout_ms)
{
    struct epoll_event events[EVENTS_MAX];
    int count = pollable_wait(&self->pollable, timeout_ms, events, EVENTS_MAX);
    bool has_come = false;

    for (int i = 0; i < count; i++)
        has_come |= events[i].events & ~(uint32_t)EPOLLOUT;
    return has_come;
}

static bool is_stopped(const struct proffer_executor *self)
{
    int stops = atomic_load(&self->stops);

    return stops > 1 || (stops && !runner_pending(self->runner));
}

static void work(struct proffer_executor *self, bool has_come)
{
    struct now now = clock_now();

    if (has_come && self->channel.fd >= 0)
        read_all(self, now);
    if (!is_over(self))
        hang_up(self, now);
    if (!is_over(self))
        runner_on_deadline(self->runner, now);
    if (!is_over(self))
        try_connect(self, now);
    flush(self);
    if (*self->reason)
        pollable_arm(&self->pollable, 0);
    else
        pollable_arm(&self->pollable, runner_next_deadline_us(self->runner));
}

static void executor_free(struct proffer_executor *self)
{
    (void)channel_flush(&self->channel);
    channel_fini(&self->channel);
    runner_destroy(&self->runner);
    pollable_fini(&self->pollable);
    arena_destroy(&self->arena);
    free(self->socket);
    free(self->framework_id);
    free(self->executor_id);
    free(self);
}

static int step(struct proffer_executor *self, int timeout_ms)
{
    if (self->is_dispatching)
        return -EDEADLK;
    self->is_dispatching = true;
    if (!is_over(self) && !is_stopped(self))
        work(self, await_events(self, timeout_ms));
    self->is_dispatching = false;
    if (self->is_doomed) {
        executor_free(self);
        return 0;
    }
    if (self->has_failed)
        return -ECONNABORTED;
    return is_stopped(self) ? 0 : 1;
}

int proffer_executor_dispatch(struct proffer_executor *executor)
{
    return step(executor, 0);
}

int proffer_executor_run(struct proffer_executor *executor)
{
    int rc;

    do
        rc = step(executor, -1);
    while (rc > 0);
    return rc;
}

void proffer_executor_stop(struct proffer_executor *executor)
{
    atomic_fetch_add(&executor->stops, 1);
    pollable_ring(&executor->pollable);
}

int proffer_executor_fd(const struct proffer_executor *executor)
{
    return executor->pollable.epoll_fd;
}

const char *proffer_executor_id(const struct proffer_executor *executor)
{
    return executor->executor_id;
}

const char *proffer_executor_framework_id(const struct proffer_executor *executor)
{
    return executor->framework_id;
}

bool proffer_executor_is_connected(const struct proffer_executor *executor)
{
    return runner_is_subscribed(executor->runner);
}

size_t proffer_executor_pending(const struct proffer_executor *executor)
{
    return runner_pending(executor->runner);
}

/* --- calls ------------------------------------------------------------------------------------ */

int proffer_executor_update(struct proffer_executor *executor,
                            const struct proffer_executor_update *update, struct proffer_err *err)
{
    const struct exit_info exit_info = {.code = update->exit_code, .signal = update->exit_signal};
    const struct task_status status = {
        .task_id = update->task_id,
        .state = (enum task_state)update->state,
        .message = update->message,
        .data = {update->data, update->data_size},
        .exit = update->has_exit ? &exit_info : NULL,
        .health = (enum health_state)update->health,
    };

    return runner_update(executor->runner, &status, sdk_err(err));
}

int proffer_executor_message(struct proffer_executor *executor, const char *task_id,
                             const void *data, size_t size, struct proffer_err *err)
{
    return runner_message(executor->runner, task_id, data, size, sdk_err(err));
}

/* --- birth and death -------------------------------------------------------------------------- */

static int choose(const char *option, const char *variable, const char **ret_value, struct err *err)
{
    const char *value = option ? option : getenv(variable);

    if (!value || !*value)
        return err_set(err, -EINVAL,
                       "%s is not set: this program is for an agent to run, as an executor",
                       variable);
    *ret_value = value;
    return 0;
}

static int recovery_ms(double seconds, int64_t *ret_ms, struct err *err)
{
    const char *text = getenv("PROFFER_EXECUTOR_RECOVERY_TIMEOUT_MS");

    *ret_ms = 0;
    if (!(seconds >= 0 && seconds <= RECOVERY_SECONDS_MAX))
        return err_set(err, -EINVAL, "recovery_timeout is %g s, it must be 0 to %g", seconds,
                       RECOVERY_SECONDS_MAX);
    if (seconds > 0)
        *ret_ms = (int64_t)(seconds * 1000 + 0.5);
    else if (text)
        return units_parse_int(text, 0, (int64_t)(RECOVERY_SECONDS_MAX * 1000), ret_ms, err);
    return 0;
}

static int make_runner(struct proffer_executor *self,
                       const struct proffer_executor_options *options, struct err *err)
{
    const struct runner_env env = {
        .ctx = self,
        .connect = core_connects,
        .send = core_sends,
        .registered = core_has_registered,
        .launch = core_launches,
        .kill = core_kills,
        .message = core_hears,
        .shutdown = core_shuts_down,
        .disconnected = core_is_alone,
        .error = core_fails,
    };
    struct runner_settings settings = {.version = PROFFER_VERSION, .seed = sdk_draw_seed()};
    const char *path = "";
    int rc = choose(options->socket, "PROFFER_EXECUTOR_SOCKET", &path, err);

    if (rc == 0)
        rc = choose(options->framework_id, "PROFFER_FRAMEWORK_ID", &settings.framework_id, err);
    if (rc == 0)
        rc = choose(options->executor_id, "PROFFER_EXECUTOR_ID", &settings.executor_id, err);
    if (rc == 0)
        rc = choose(options->token, "PROFFER_EXECUTOR_TOKEN", &settings.token, err);
    if (rc == 0)
        rc = recovery_ms(options->recovery_timeout, &settings.recovery_ms, err);
    if (rc == 0)
        rc = runner_new(&settings, &env, clock_now(), &self->runner, err);
    if (rc < 0)
        return rc;
    if (!options->token) /* what it starts is not who it is */
        unsetenv("PROFFER_EXECUTOR_TOKEN");
    self->socket = mem_strdup(path);
    self->framework_id = mem_strdup(settings.framework_id);
    self->executor_id = mem_strdup(settings.executor_id);
    return 0;
}

int proffer_executor_new(const struct proffer_executor_options *options,
                         const struct proffer_executor_callbacks *callbacks, void *user,
                         struct proffer_executor **ret_executor, struct proffer_err *err)
{
    static const struct proffer_executor_options nothing = {0};
    CLEANUP(proffer_executor_destroy) struct proffer_executor *self = NULL;
    int rc;

    if (!callbacks || !callbacks->launch || !callbacks->kill)
        return err_set(sdk_err(err), -EINVAL,
                       "an executor needs the callbacks `launch` and `kill`");
    self = mem_new(struct proffer_executor);
    self->pollable = POLLABLE_NONE;
    self->channel.fd = -1;
    self->callbacks = *callbacks;
    self->user = user;
    self->arena = arena_new(0);
    rc = pollable_init(&self->pollable, "an executor", sdk_err(err));
    if (rc == 0)
        rc = make_runner(self, options ? options : &nothing, sdk_err(err));
    if (rc < 0)
        return rc;
    wake(self);
    *ret_executor = TAKE(self);
    return 0;
}

void proffer_executor_destroy(struct proffer_executor **executor_p)
{
    struct proffer_executor *self = *executor_p;

    *executor_p = NULL;
    if (!self)
        return;
    if (self->is_dispatching)
        self->is_doomed = true;
    else
        executor_free(self);
}
