#include "master/shell.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/daemon.h"
#include "base/mem.h"
#include "base/table.h"
#include "base/version.h"
#include "master/core/master.h"
#include "master/metrics.h"
#include "master/registry.h"
#include "master/view/view.h"
#include "proto/link.h"
#include "proto/resources_info.h"

#define LINK_BUDGET 256 /* messages between two looks at anything else */
#define LINK_ROUNDS 16  /* of these before what is due gets its turn */
#define EVENTS_MAX  8

struct session {
    uint64_t number;
    enum peer_kind kind;
    UT_hash_handle hh;
};

struct shell {
    struct link_context *context;
    struct link_server *link;
    struct view *view;
    struct master *core;
    struct registry registry;
    struct link_keys keys;
    struct session *sessions;
    struct arena *arena; /* of one answer */
    struct now now;      /* of this turn */
    bool link_has_more;
    bool is_stopping;
    struct daemon_loop loop;
    int clock_fd; /* readable when the wall clock is set; owned */
    char link_address[DAEMON_ADDRESS_MAX];
    char http_address[DAEMON_ADDRESS_MAX];
};

/* --- what the core does -------------------------------------------------------------------------
 */

static void drop_session(struct shell *self, uint64_t number)
{
    struct session *session;

    HASH_FIND(hh, self->sessions, &number, sizeof(number), session);
    if (!session)
        return;
    HASH_DEL(self->sessions, session);
    free(session);
}

static void core_sends(void *shell, uint64_t session, const struct message *message)
{
    struct shell *self = shell;
    struct err err;
    int r = link_server_send(self->link, session, message, &err);

    if (r < 0 && r != -ENOTCONN && r != -ENOBUFS) /* the link counts those */
        log_error("session %llu: %s is not sent: %s", (unsigned long long)session,
                  message_name(message->type), err.text);
}

/* The peer may come again: if it is not wanted it is told so by a message, not by a closed door. */
static void core_closes(void *shell, uint64_t session, const char *reason)
{
    struct shell *self = shell;

    drop_session(self, session);
    link_server_close(self->link, session, reason, true);
}

static void core_publishes(void *shell, const struct message *change)
{
    struct shell *self = shell;

    view_publish(self->view, change);
}

static void core_logs(void *shell, int level, const char *text)
{
    (void)shell;
    log_write((enum log_level)level, "%s", text);
}

static void core_persists(void *shell, uint64_t ticket, const struct message *record)
{
    struct shell *self = shell;

    (void)ticket; /* the record's number */
    self->registry.ops->put(self->registry.store, record);
}

static void core_replies(void *shell, uint64_t number, const struct msg_operator_reply *reply)
{
    struct shell *self = shell;

    view_publish(
        self->view,
        &(struct message){.type = MSG_OPERATOR_REPLY, .number = number, .operator_reply = reply});
}

static void on_persisted(void *shell, uint64_t ticket, int rc, const char *why)
{
    struct shell *self = shell;

    master_on_persisted(self->core, self->now, ticket, rc, why);
}

/* --- what the link says -------------------------------------------------------------------------
 */

static void on_open(void *shell, uint64_t number, const struct msg_hello *hello,
                    const char *peer_address)
{
    struct shell *self = shell;
    struct session *session = mem_new(struct session);

    session->number = number;
    session->kind = hello->kind;
    HASH_ADD(hh, self->sessions, number, sizeof(session->number), session);
    log_debug("session %llu: %s from %s", (unsigned long long)number,
              hello->kind == PEER_AGENT ? "an agent" : "a framework", peer_address);
}

static void on_message(void *shell, uint64_t number, const struct message *message)
{
    struct shell *self = shell;
    struct session *session;

    HASH_FIND(hh, self->sessions, &number, sizeof(number), session);
    if (session)
        master_on_message(self->core, self->now, number, session->kind, message);
}

static void on_close(void *shell, uint64_t number, const char *reason)
{
    struct shell *self = shell;

    log_debug("session %llu ends: %s", (unsigned long long)number, reason);
    drop_session(self, number);
    master_on_session_closed(self->core, self->now, number, reason);
}

/* --- what the view asks -------------------------------------------------------------------------
 */

static void on_call(void *shell, const struct message *call)
{
    struct shell *self = shell;
    struct message answer = {.type = MSG_METRICS_REPLY, .number = call->number};

    if (call->type != MSG_METRICS_REQUEST) {
        master_on_operator(self->core, self->now, call);
        return;
    }
    arena_reset(self->arena);
    answer.metrics_reply = metrics_collect(self->core, self->link, self->now, self->arena);
    view_publish(self->view, &answer);
}

/* --- the loop -----------------------------------------------------------------------------------
 */

static void take_signals(struct shell *self)
{
    struct signalfd_siginfo info;

    while (read(self->loop.signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        log_info("%s: saying goodbye to all", info.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT");
        self->is_stopping = true;
    }
}

/* ZeroMQ's descriptor only tells of edges: the socket is read until it is empty, or else the next
 * turn begins at once. */
static void run_link(struct shell *self)
{
    int rounds = 0;

    while (rounds < LINK_ROUNDS && link_server_run(self->link, self->now.mono_us, LINK_BUDGET) > 0)
        rounds++;
    self->link_has_more = rounds == LINK_ROUNDS;
}

static int wait_ms(const struct shell *self)
{
    int64_t next_us = link_server_next_deadline_us(self->link);
    int64_t core_us = master_next_deadline_us(self->core);

    if (core_us < next_us)
        next_us = core_us;
    if (self->link_has_more)
        return 0;
    return daemon_wait_ms(next_us);
}

static void turn(struct shell *self)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(self->loop.epoll_fd, events, EVENTS_MAX, wait_ms(self));
    bool has_calls = false, has_kept = false;

    BUG_ON(count < 0 && errno != EINTR);
    self->now = clock_now();
    for (int i = 0; i < count; i++) {
        if (events[i].data.fd == self->loop.signal_fd)
            take_signals(self);
        if (events[i].data.fd == self->clock_fd)
            clock_watch_again(self->clock_fd); /* the core is told the time below */
        has_calls = has_calls || events[i].data.fd == view_calls_fd(self->view);
        has_kept = has_kept || events[i].data.fd == self->registry.ops->fd(self->registry.store);
    }
    if (has_kept)
        self->registry.ops->take(self->registry.store, on_persisted, self);
    run_link(self);
    if (has_calls)
        view_take_calls(self->view, on_call, self);
    master_on_deadline(self->core, self->now);
    /* What was just said may have taken the edge of what came in meanwhile. */
    if (link_server_run(self->link, self->now.mono_us, LINK_BUDGET) > 0)
        self->link_has_more = true;
    self->registry.ops->flush(self->registry.store);
    view_flush(self->view);
}

/* --- the start ----------------------------------------------------------------------------------
 */

static void print_address(char ret_text[DAEMON_ADDRESS_MAX], const struct master_flags *flags,
                          uint16_t port)
{
    daemon_print_address(ret_text, *flags->advertise ? flags->advertise : flags->address, port);
}

static int start_link(struct shell *self, const struct master_flags *flags, struct err *err)
{
    const struct link_server_events events = {
        .owner = self, .on_open = on_open, .on_message = on_message, .on_close = on_close};
    const struct link_server_settings settings = {
        .address = flags->address,
        .port = (uint16_t)flags->port,
        .keys = *flags->keys ? &self->keys : NULL,
        .insecure = flags->insecure,
        .version = PROFFER_VERSION,
    };
    int r;

    if (*flags->keys) {
        r = link_keys_load(flags->keys, LINK_SERVER, &self->keys, err);
        if (r < 0)
            return err_wrap(err, r, "--keys");
    }
    r = link_context_new(&self->context, err);
    if (r < 0)
        return r;
    r = link_server_new(self->context, &settings, &events, &self->link, err);
    if (r < 0)
        return err_wrap(err, r, "--port %lld", (long long)flags->port);
    print_address(self->link_address, flags, link_server_port(self->link));
    return daemon_watch(&self->loop, link_server_fd(self->link), err);
}

static int start_view(struct shell *self, const struct master_flags *flags, struct err *err)
{
    const struct view_settings settings = {
        .address = flags->address,
        .port = (uint16_t)flags->http_port,
        .flags = flags->shown,
    };
    int r;

    r = view_new(&settings, &self->view, err);
    if (r < 0)
        return err_wrap(err, r, "--http-port %lld", (long long)flags->http_port);
    print_address(self->http_address, flags, view_port(self->view));
    return daemon_watch(&self->loop, view_calls_fd(self->view), err);
}

static int start_clock(struct shell *self, struct err *err)
{
    self->clock_fd = clock_watch(err);
    return self->clock_fd < 0 ? self->clock_fd : daemon_watch(&self->loop, self->clock_fd, err);
}

static int start_registry(struct shell *self, const struct master_flags *flags, struct err *err)
{
    int r = registry_open(&self->registry, flags, self->now, err);

    return r < 0 ? r : daemon_watch(&self->loop, self->registry.ops->fd(self->registry.store), err);
}

static int start_core(struct shell *self, const struct master_flags *flags, struct err *err)
{
    const struct master_env env = {
        .ctx = self,
        .send = core_sends,
        .close = core_closes,
        .publish = core_publishes,
        .log = core_logs,
        .persist = core_persists,
        .reply = core_replies,
    };
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    char hostname[HOST_NAME_MAX + 1] = "localhost";
    const struct domain_info *domain;
    int r;
    struct master_settings settings = {
        .id = self->registry.master_id,
        .hostname = *flags->hostname ? flags->hostname : hostname,
        .address = self->http_address,
        .cluster = flags->cluster,
        .epoch = self->registry.epoch,
        .gang_hold_ms = flags->gang_hold_ms,
        .preemption = flags->preemption,
        .preemption_grace_ms = flags->preemption_grace_ms ? flags->preemption_grace_ms : -1,
        .preemption_grace_max_ms = flags->preemption_grace_max_ms,
        .preemption_count = flags->preemption_count,
        .preemption_per_ms = flags->preemption_per_ms,
        .optimistic_offers_max = (size_t)flags->optimistic_offers_max,
        .maintenance_notice_ms = flags->maintenance_notice_ms,
        .offer_timeout_ms = flags->offer_timeout_ms ? flags->offer_timeout_ms : -1,
        .failover_default_ms = flags->failover_timeout_ms,
        .agent_timeout_ms = flags->agent_timeout_ms,
        .agent_reregister_ms = flags->agent_reregister_ms,
        .agent_removal_count = flags->removal_count,
        .agent_removal_per_ms = flags->removal_per_ms,
        .agent_removal_limit = flags->removal_limit,
        .maintenance_limit = flags->maintenance_limit,
        .min_allocatable = flags->min_allocatable,
        .offers_max = (size_t)flags->offers_max,
        .allocator = flags->allocator,
        .fair_sharing_excluded = flags->fair_sharing_excluded,
    };

    r = domain_parse(flags->domain, arena, &domain, err);
    if (r < 0)
        return err_wrap(err, r, "--domain");
    if (domain) {
        settings.region = domain->region;
        settings.zone = domain->zone;
    }
    gethostname(hostname, sizeof(hostname) - 1);
    if (getrandom(&settings.seed, sizeof(settings.seed), 0) != (ssize_t)sizeof(settings.seed))
        return err_errno(err, -errno, "getrandom");
    r = master_new(&settings, &env, self->now, &self->core, err);
    return r < 0 ? r : registry_recall(&self->registry, self->core, err);
}

static int tell_ready(const struct shell *self, const struct master_flags *flags, struct err *err)
{
    CLEANUP(free_p) char *lines = mem_printf("%s\n%s", self->link_address, self->http_address);

    return daemon_tell_ready(flags->ready_fd ? (int)flags->ready_fd : -1, lines, err);
}

static int start(struct shell *self, const struct master_flags *flags, struct err *err)
{
    int r;

    self->now = clock_now();
    self->arena = arena_new(0);
    r = daemon_loop_open(&self->loop, 0, err);
    if (r == 0)
        r = start_clock(self, err);
    if (r == 0)
        r = start_registry(self, flags, err);
    if (r == 0)
        r = start_link(self, flags, err);
    if (r == 0)
        r = start_view(self, flags, err);
    if (r == 0)
        r = start_core(self, flags, err);
    if (r < 0)
        return r;
    view_flush(self->view);
    log_info("registry %s, epoch %llu: %s", self->registry.id,
             (unsigned long long)self->registry.epoch,
             self->registry.folder ? self->registry.folder : "in memory only");
    log_info("agents and frameworks at %s, people and tools at http://%s/state", self->link_address,
             self->http_address);
    daemon_tell_systemd("READY=1", NULL);
    return tell_ready(self, flags, err);
}

static void shell_fini(struct shell *self)
{
    struct session *session, *next;

    link_server_destroy(&self->link);
    view_destroy(&self->view);
    master_destroy(&self->core);
    registry_close(&self->registry);
    link_context_destroy(&self->context);
    link_keys_fini(&self->keys);
    HASH_ITER (hh, self->sessions, session, next) {
        HASH_DEL(self->sessions, session);
        free(session);
    }
    arena_destroy(&self->arena);
    close_fd(&self->clock_fd);
    daemon_loop_close(&self->loop);
}

int shell_run(const struct master_flags *flags, struct err *err)
{
    CLEANUP(shell_fini)
    struct shell self = {.loop = DAEMON_LOOP, .clock_fd = -1, .registry.lock_fd = -1};
    int r;

    r = start(&self, flags, err);
    if (r < 0)
        return r;
    while (!self.is_stopping)
        turn(&self);
    daemon_tell_systemd("STOPPING=1", NULL);
    return 0;
}
