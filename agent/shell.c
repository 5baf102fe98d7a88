#include "agent/shell.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "agent/restart.h"
#include "agent/start.h"
#include "base/bug.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/descriptor.h"

#define LINK_BUDGET     256   /* messages of one turn */
#define STOP_GRACE_MS   10000 /* the longest that a signal to us leaves to tasks */
#define COUNTERS_MAX    256
#define DESCRIPTORS_MAX 8
#define STORE_RETRY_US  ((int64_t)US_PER_S)
#define WAIT_MOST_US    ((int64_t)100 * US_PER_MS) /* for others, to be written with them */

/* --- what the core wants ------------------------------------------------------------------------ */

static void lose_launcher(struct shell *self, const char *what, const char *why)
{
    if (self->launcher_is_lost)
        return;
    self->launcher_is_lost = true;
    err_set(&self->lost, -EPIPE, "%s%s", what, why);
}

static void core_persists(void *ctx, const struct message *record, bool can_wait)
{
    struct shell *self = ctx;

    self->records = record->number;
    if (!can_wait)
        self->is_write_needed = true;
    else if (!self->write_by_us)
        self->write_by_us = self->now.mono_us + WAIT_MOST_US;
    checkpoint_put(self->store, record);
}

/* The core goes on when the folder is on disk. */
static int ask_launcher(struct shell *self, const struct message *question, struct err *err)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);

    return desk_ask(&self->desk, question, arena, NULL, NULL, err);
}

static int core_makes_volume(void *ctx, const char *role, const char *id, struct err *err)
{
    CLEANUP(free_p) char *folder = agent_volume_folder(role);

    return ask_launcher(ctx, &MESSAGE(MAKE_VOLUME, make_volume, .role = folder, .id = id), err);
}

static void core_removes_volume(void *ctx, const char *role, const char *id)
{
    CLEANUP(free_p) char *folder = agent_volume_folder(role);
    struct err err;

    if (ask_launcher(ctx, &MESSAGE(REMOVE_VOLUME, remove_volume, .role = folder, .id = id), &err) <
        0)
        log_error("%s", err.text);
}

static int64_t used_milli(uint64_t all, uint64_t available)
{
    return all ? 1000 - (int64_t)((double)available / (double)all * 1000) : 0;
}

/* By bytes or by files, whichever is scarcer; of what others than root may use. */
static int core_looks_at_disk(void *ctx, struct err *err)
{
    struct shell *self = ctx;
    struct statvfs info;
    int64_t bytes, files;

    if (fstatvfs(self->work_dir.sandboxes_fd, &info) < 0)
        return err_errno(err, -errno, "%s", self->work_dir.sandboxes);
    bytes = used_milli(info.f_blocks - info.f_bfree + info.f_bavail, info.f_bavail);
    files = used_milli(info.f_files - info.f_ffree + info.f_favail, info.f_favail);
    return (int)(bytes > files ? bytes : files);
}

static void core_sends(void *ctx, const struct message *message, uint64_t after)
{
    struct shell *self = ctx;

    hold_send(&self->hold, message, after);
}

static void core_contains(void *ctx, const struct message *order, uint64_t after)
{
    struct shell *self = ctx;

    hold_contain(&self->hold, order, after);
}

static void tell_master(void *ctx, const struct message *message)
{
    struct shell *self = ctx;
    struct err err;
    int rc = link_client_send(self->link, message, &err);

    if (rc == -ENOBUFS && self->dropped_messages++ == 0)
        log_warning("messages of executors are dropped: %s", err.text);
    if (rc < 0 && rc != -ENOTCONN && rc != -ENOBUFS)
        log_error("%s is not sent: %s", message_name(message->type), err.text);
}

/* To forget a container has time: for that alone the launcher is not woken. */
static void note_order(struct shell *self, const struct message *order)
{
    if (docker_side_is_for(order))
        return;
    if (order->type != MSG_FORGET_CONTAINER)
        self->launcher_is_awaited = true;
    else if (!self->tell_by_us)
        self->tell_by_us = self->now.mono_us + WAIT_MOST_US;
}

static void tell_docker(struct shell *self, const struct message *order)
{
    struct err err;

    if (docker_side_tell(&self->docker, order, &err) < 0)
        lose_launcher(self, "proffer-docker cannot be told: ", err.text);
}

static void tell_launcher(void *ctx, const struct message *order)
{
    struct shell *self = ctx;
    struct err err;

    if (docker_side_hears(order))
        tell_docker(self, order);
    if (order->type == MSG_LAUNCHER_END)
        self->ends_tasks = true; /* said last, see agent_shell_stop */
    else if (docker_side_is_for(order))
        tell_docker(self, order);
    else if (channel_send(&self->launcher.channel, order, &err) < 0)
        lose_launcher(self, "the launcher cannot be told: ", err.text);
    else
        note_order(self, order);
}

static int core_tells_executor(void *ctx, uint64_t connection, const struct message *message,
                               bool can_wait)
{
    struct shell *self = ctx;

    return executor_socket_send(self->executors, connection, message, can_wait);
}

static void core_admits_executor(void *ctx, uint64_t connection)
{
    struct shell *self = ctx;

    executor_socket_admit(self->executors, connection);
}

static void core_hears_executor(void *ctx, uint64_t connection, bool is_heard)
{
    struct shell *self = ctx;

    executor_socket_hear(self->executors, connection, is_heard);
}

static void core_drops_executor(void *ctx, uint64_t connection)
{
    struct shell *self = ctx;

    executor_socket_drop(self->executors, connection);
}

static int core_draws_secret(void *ctx, unsigned char *bytes, size_t size)
{
    (void)ctx;
    return getrandom(bytes, size, 0) == (ssize_t)size ? 0 : -EIO;
}

static void core_publishes(void *ctx, const struct message *change)
{
    struct shell *self = ctx;

    agent_view_publish(self->view, change);
}

static void core_logs(void *ctx, int level, const char *text)
{
    (void)ctx;
    log_write((enum log_level)level, "%s", text);
}

static void core_stopped(void *ctx, int exit_code, const char *reason)
{
    struct shell *self = ctx;

    log_write(exit_code ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, "leaving: %s", reason);
    self->is_over = true;
    self->exit_code = exit_code;
}

/* --- what the link says ------------------------------------------------------------------------- */

static void on_open(void *owner, const struct msg_welcome *welcome)
{
    struct shell *self = owner;

    log_debug("connected to %s, version %s", self->flags->master, welcome->version);
    agent_on_connected(self->core, self->now);
}

static void on_message(void *owner, const struct message *message)
{
    struct shell *self = owner;

    agent_on_message(self->core, self->now, message);
}

/* The first was told when it was dropped. */
static void tell_dropped(struct shell *self)
{
    if (self->dropped_messages)
        log_warning("%" PRIu64 " messages of executors were dropped in this session",
                    self->dropped_messages);
    self->dropped_messages = 0;
}

static void on_close(void *owner, const char *reason, bool is_final)
{
    struct shell *self = owner;

    if (self->is_over)
        return;
    hold_forget_sends(&self->hold);
    tell_dropped(self);
    agent_on_disconnected(self->core, self->now);
    if (!is_final) {
        log_warning("the master %s is lost: %s; connecting again", self->flags->master, reason);
        return;
    }
    log_error("the master %s does not take this agent: %s", self->flags->master, reason);
    agent_leave(self->core, self->now, 1, reason);
}

static void on_trouble(void *owner, const char *reason)
{
    const struct shell *self = owner;

    log_warning("no master at %s yet: %s; trying on (--master HOST:PORT for another)",
                self->flags->master, reason);
}

/* --- what the launcher says --------------------------------------------------------------------- */

static void publish_usage(struct shell *self, const struct msg_usage_reply *reply)
{
    const struct msg_usage_reply *all = docker_side_join(&self->docker, reply, self->messages);

    if (all)
        agent_view_publish(self->view,
                           &(struct message){.type = MSG_USAGE_REPLY, .usage_reply = all});
}

static void on_engine(struct shell *self, const struct engine_info *engine)
{
    docker_side_note(&self->docker, engine);
    if (engine->up)
        log_info("the Docker Engine at %s is up", engine->socket);
    else
        log_warning("the Docker Engine at %s is away: %s", engine->socket, engine->problem);
    agent_view_publish(self->view, &MESSAGE(CHANGE_ENGINE, change_engine, .engine = engine));
}

static void answer_metrics(struct shell *self, int64_t number, const struct msg_usage_reply *usage);

static void on_launcher_message(struct shell *self, const struct message *message)
{
    if (message->type == MSG_USAGE_REPLY && message->usage_reply->number < 0)
        answer_metrics(self, -message->usage_reply->number, message->usage_reply);
    else if (message->type == MSG_USAGE_REPLY)
        publish_usage(self, message->usage_reply);
    else if (message->type == MSG_CHANGE_ENGINE)
        on_engine(self, message->change_engine->engine);
    else
        agent_on_container(self->core, self->now, message);
}

static void read_channel(struct shell *self, struct channel *channel, const char *name)
{
    int filled = channel_fill(channel);
    struct message message;
    struct err err;
    int rc;

    do {
        arena_reset(self->messages);
        rc = channel_next(channel, self->messages, &message, &err);
        if (rc > 0)
            on_launcher_message(self, &message);
        else if (rc == -EMSGSIZE)
            lose_launcher(self, name, " cannot be understood");
        else if (rc < 0)
            log_error("a message of %s is skipped: %s", name, err.text);
    } while (rc != 0 && rc != -EMSGSIZE);
    if (filled == 0)
        lose_launcher(self, name, " died");
    else if (filled < 0 && filled != -EAGAIN)
        lose_launcher(self, name, " is lost");
}

static void read_launcher(struct shell *self)
{
    read_channel(self, &self->launcher.channel, "the launcher");
}

static void read_docker(struct shell *self)
{
    if (self->docker.is_used)
        read_channel(self, &self->docker.process.channel, "proffer-docker");
}

static bool is_telling_due(const struct shell *self)
{
    return self->launcher_is_awaited || self->launcher_is_full || self->is_over ||
           (self->tell_by_us && self->tell_by_us <= self->now.mono_us);
}

static void write_docker(struct shell *self)
{
    if (!self->launcher_is_lost && docker_side_flush(&self->docker) < 0)
        lose_launcher(self, "proffer-docker", " is lost");
}

/* Once a turn for all orders. */
static void write_launcher(struct shell *self)
{
    struct channel *channel = &self->launcher.channel;
    struct epoll_event event = {.data.fd = channel->fd};
    int rc;

    if (!is_telling_due(self))
        return;
    self->launcher_is_awaited = false;
    self->tell_by_us = 0;
    rc = self->launcher_is_lost ? 0 : channel_flush(channel);
    if (rc < 0)
        lose_launcher(self, "the launcher is lost: ", strerrordesc_np(-rc));
    if ((rc > 0) == self->launcher_is_full)
        return;
    self->launcher_is_full = rc > 0;
    event.events = EPOLLIN | (self->launcher_is_full ? EPOLLOUT : 0);
    BUG_ON(epoll_ctl(self->loop.epoll_fd, EPOLL_CTL_MOD, channel->fd, &event) < 0);
}

/* Containers outlive it, and a new one can take them up; but where there are threads nobody may fork.
 * So this program begins anew as a whole: the checkpoint knows all that the new one must know. */
static void check_launcher(struct shell *self)
{
    if (!self->launcher_is_lost || self->is_over)
        return;
    if (!restart_is_due(self->now.mono_us)) {
        log_error("%s, again and again: no task can be held without it", self->lost.text);
        agent_leave(self->core, self->now, 1, self->lost.text);
        return;
    }
    log_error("%s: beginning anew", self->lost.text);
    /* Blocked: it is still to come when the new one looks. */
    if (agent_is_stopping(self->core) && self->kept)
        keeper_tell(self->kept->words_fd, KEEPER_STOPPING);
    else if (agent_is_stopping(self->core))
        kill(getpid(), SIGTERM);
    self->is_over = self->is_restart = true;
}

/* --- what executors say ------------------------------------------------------------------------- */

static void on_executor_message(void *owner, uint64_t connection, const struct message *message)
{
    struct shell *self = owner;

    agent_on_executor(self->core, self->now, connection, message);
}

static void on_executor_lost(void *owner, uint64_t connection)
{
    struct shell *self = owner;

    agent_on_executor_lost(self->core, self->now, connection);
}

static void on_executor_ready(void *owner, uint64_t connection)
{
    struct shell *self = owner;

    agent_on_executor_ready(self->core, self->now, connection);
}

/* --- what the view asks ------------------------------------------------------------------------- */

struct counters_list {
    struct counter_info items[COUNTERS_MAX];
    size_t count;
    struct arena *arena;
};

static void add_counter(void *ctx, const char *name, int64_t milli)
{
    struct counters_list *list = ctx;

    if (list->count < COUNTERS_MAX)
        list->items[list->count++] =
            (struct counter_info){.name = arena_strdup(list->arena, name), .milli = milli};
}

/* What all containers use together, by the names of the protocol: containers/mem_total_bytes. */
static void add_numbers(struct counters_list *list, const struct record_def *def,
                        const void *record)
{
    RECORD_FOREACH_TAG (tag, def) {
        const struct field_def *field = &def->fields[tag];
        int64_t value;

        if (field->kind != KIND_INT)
            continue;
        memcpy(&value, (const char *)record + field->offset, sizeof(value));
        if (value > 0 && value < INT64_MAX / 1000 && strcmp(field->name, "timestamp_us") != 0)
            add_counter(list, arena_printf(list->arena, "containers/%s", field->name),
                        value * 1000);
    }
}

/* `usage`: an answer of the launcher's. */
static void answer_metrics(struct shell *self, int64_t number, const struct msg_usage_reply *usage)
{
    struct counters_list list = {.arena = self->messages};

    if (usage->usages_count) {
        add_numbers(&list, &usage_info_def, &usage->usages[0]);
        if (usage->usages[0].more)
            add_numbers(&list, &usage_more_def, usage->usages[0].more);
    }
    agent_counters(self->core, self->now, add_counter, &list);
    add_counter(&list, "slave/connected", link_client_is_open(self->link) * INT64_C(1000));
    agent_view_publish(self->view, &MESSAGE(METRICS_REPLY, metrics_reply, .number = number,
                                            .counters = list.items, .counters_count = list.count));
}

static void on_question(void *owner, const struct message *question)
{
    struct shell *self = owner;

    if (question->type == MSG_METRICS_REQUEST) /* answered with what the launcher knows */
        tell_launcher(self, &MESSAGE(USAGE_REQUEST, usage_request, .total = true,
                                     .number = -question->metrics_request->number));
    else if (question->type == MSG_USAGE_REQUEST) {
        tell_launcher(self, question);
        tell_docker(self, question);
    }
}

/* --- the loop ----------------------------------------------------------------------------------- */

static void take_signals(struct shell *self)
{
    struct signalfd_siginfo info;

    while (read(self->loop.signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        const char *name = info.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT";

        if (info.ssi_signo == SIGUSR1) {
            agent_leave(self->core, self->now, 0, "SIGUSR1");
            continue;
        }
        log_info("%s: ending all tasks", name);
        agent_stop(self->core, self->now, STOP_GRACE_MS, name);
    }
}

static bool is_write_due(const struct shell *self)
{
    if (!checkpoint_has_queued(self->store) || self->store_retry_us > self->now.mono_us)
        return false;
    return self->is_write_needed || self->hold.is_awaited || self->is_over ||
           self->write_by_us <= self->now.mono_us;
}

/* What has to be remembered, in one transaction; then what depends on it goes out. */
static void write_once(struct shell *self)
{
    struct err err;

    if (checkpoint_commit(self->store, &err) < 0) {
        self->store_retry_us = self->now.mono_us + STORE_RETRY_US;
        hold_fail(&self->hold);
        agent_on_store_failed(self->core, self->now, err.text);
        return;
    }
    self->store_retry_us = 0;
    self->is_write_needed = false;
    self->write_by_us = 0;
    hold_release(&self->hold, self->records);
    agent_on_stored(self->core, self->now, self->records);
}

/* What waited for a disk to have room again makes records of its own. */
static void write_store(struct shell *self)
{
    while (is_write_due(self))
        write_once(self);
}

static void run_link(struct shell *self)
{
    self->link_has_more =
        link_client_run(self->link, self->now.mono_us, LINK_BUDGET) == LINK_BUDGET;
}

static void tell_ready(struct shell *self)
{
    struct err err;

    if (self->has_told_ready || !agent_is_registered(self->core))
        return;
    self->has_told_ready = true;
    if (daemon_tell_ready((int)self->flags->ready_fd, self->http_address, &err) < 0)
        log_warning("%s", err.text);
    if (self->kept)
        keeper_tell(self->kept->words_fd, KEEPER_READY);
    else if (daemon_tell_systemd("READY=1", &err) < 0)
        log_warning("%s", err.text);
}

/* `at_us`: 0 is never. */
static int64_t earlier(int64_t next_us, int64_t at_us)
{
    return at_us && at_us < next_us ? at_us : next_us;
}

static int wait_ms(const struct shell *self)
{
    int64_t next_us = link_client_next_deadline_us(self->link);

    next_us = earlier(next_us, agent_next_deadline_us(self->core));
    next_us = earlier(next_us, executor_socket_next_deadline_us(self->executors));
    next_us = earlier(next_us, self->store_retry_us ? self->store_retry_us : self->write_by_us);
    next_us = earlier(next_us, self->tell_by_us);
    if (self->link_has_more)
        return 0;
    return daemon_wait_ms(next_us);
}

/* Only who has something to say is asked: a turn for one message costs few calls. */
static void handle(struct shell *self, int fd)
{
    if (fd == self->loop.signal_fd)
        take_signals(self);
    else if (fd == self->launcher.channel.fd)
        read_launcher(self);
    else if (self->docker.is_used && fd == self->docker.process.channel.fd)
        read_docker(self);
    else if (fd == agent_view_questions_fd(self->view))
        agent_view_take_questions(self->view, on_question, self);
}

static void turn(struct shell *self)
{
    struct epoll_event events[DESCRIPTORS_MAX];
    int count = epoll_wait(self->loop.epoll_fd, events, DESCRIPTORS_MAX, wait_ms(self));

    BUG_ON(count < 0 && errno != EINTR);
    self->now = clock_now();
    for (int i = 0; i < count; i++)
        handle(self, events[i].data.fd);
    agent_on_deadline(self->core, self->now);
    run_link(self);
    executor_socket_run(self->executors, self->now.mono_us);
    write_store(self);
    executor_socket_flush(self->executors);
    write_launcher(self);
    write_docker(self);
    check_launcher(self);
    tell_ready(self);
    agent_view_flush(self->view);
}

/* Our arguments, or our keeper, are there for it. */
static int begin_anew(const struct shell *self, char **argv, struct err *err)
{
    if (!self->kept)
        return restart(argv, self->has_told_ready, err);
    keeper_tell(self->kept->words_fd, KEEPER_AGAIN);
    return 1;
}

/* From the start to the end. */
static void work(struct shell *self)
{
    log_info("serving http://%s, tasks in %s", self->http_address, self->work_dir.path);
    /* What came right behind LAUNCHER_READY has been read with it: no descriptor tells of it. */
    read_launcher(self);
    read_docker(self);
    if (self->docker.engine)
        agent_view_publish(self->view,
                           &MESSAGE(CHANGE_ENGINE, change_engine, .engine = self->docker.engine));
    write_store(self);
    while (!self->is_over)
        turn(self);
    write_store(self);
    write_launcher(self);
    write_docker(self);
}

int agent_shell_run(const struct agent_flags *flags, char **argv, const struct kept *kept,
                    struct err *err)
{
    struct shell self = {
        .flags = flags,
        .kept = kept,
        .loop = DAEMON_LOOP,
        .work_dir = WORK_DIR_NONE,
        .launcher = LAUNCHER_PROCESS_NONE,
        .docker.process = LAUNCHER_PROCESS_NONE,
        .desk.fd = -1,
    };
    const struct agent_env env = {
        .ctx = &self,
        .persist = core_persists,
        .send = core_sends,
        .contain = core_contains,
        .make_volume = core_makes_volume,
        .remove_volume = core_removes_volume,
        .disk_used = core_looks_at_disk,
        .tell_executor = core_tells_executor,
        .admit_executor = core_admits_executor,
        .hear_executor = core_hears_executor,
        .drop_executor = core_drops_executor,
        .draw_secret = core_draws_secret,
        .publish = core_publishes,
        .log = core_logs,
        .stopped = core_stopped,
    };
    const struct link_client_events events = {
        .owner = &self,
        .on_open = on_open,
        .on_message = on_message,
        .on_close = on_close,
        .on_trouble = on_trouble,
    };
    const struct executor_events executors = {
        .owner = &self,
        .on_message = on_executor_message,
        .on_lost = on_executor_lost,
        .on_ready = on_executor_ready,
    };
    int rc;

    self.hold = (struct hold){.ctx = &self, .send = tell_master, .contain = tell_launcher};
    hold_init(&self.hold);
    self.arena = arena_new(0);
    self.messages = arena_new(0);
    self.now = clock_now();
    rc = agent_shell_start(
        &self, &(struct shell_events){.env = &env, .link = &events, .executors = &executors}, err);
    if (rc == 0) {
        work(&self);
        rc = self.exit_code;
    }
    agent_shell_stop(&self);
    return self.is_restart ? begin_anew(&self, argv, err) : rc;
}
