#include "bench/scale/echo.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "bench/scale/crowd.h"
#include "bench/scale/report.h"
#include "bench/scale/workers.h"

#define BUDGET  4096
#define FILL_US (180 * US_PER_S)

struct echo {
    struct link_context *context;
    struct link_server *server;
    int epoll_fd;
    uint64_t *sessions; /* owned: all that ever were, up to `capacity` */
    size_t count, capacity;
    bool is_begun;
    uint64_t answered;
};

static void answer(struct echo *self, uint64_t session, const char *task_id)
{
    static const uint64_t uuid[2] = {1, 1};
    struct err err = {""};
    int r = link_server_send(self->server, session,
                             &MESSAGE(ACKNOWLEDGE_UPDATE, acknowledge_update, .framework_id = "f1",
                                      .task_id = task_id, .uuid = {uuid, sizeof(uuid)}),
                             &err);

    if (r < 0 && r != -ENOTCONN)
        die(err.text);
}

static void on_open(void *owner, uint64_t session, const struct msg_hello *hello,
                    const char *peer_address)
{
    struct echo *self = owner;

    (void)hello;
    (void)peer_address;
    if (self->count < self->capacity)
        self->sessions[self->count++] = session;
}

static void on_message(void *owner, uint64_t session, const struct message *message)
{
    struct echo *self = owner;

    if (message->type != MSG_STATUS_UPDATE)
        return;
    answer(self, session, message->status_update->status->task_id);
    self->answered++;
}

/* While all connect at once some may lose patience and come again. */
static void on_close(void *owner, uint64_t session, const char *reason)
{
    const struct echo *self = owner;

    (void)session;
    if (self->is_begun)
        die(reason);
}

static void begin(struct echo *self)
{
    const struct link_server_settings settings = {.address = "127.0.0.1"};
    const struct link_server_events events = {self, on_open, on_message, on_close};
    struct epoll_event event = {.events = EPOLLIN};
    struct err err = {""};

    self->sessions = mem_calloc(self->capacity, sizeof(self->sessions[0]));
    self->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (link_context_new(&self->context, &err) < 0 ||
        link_server_new(self->context, &settings, &events, &self->server, &err) < 0)
        die(err.text);
    if (epoll_ctl(self->epoll_fd, EPOLL_CTL_ADD, link_server_fd(self->server), &event) < 0)
        die("epoll");
}

static void turn(struct echo *self)
{
    struct epoll_event event;

    epoll_wait(self->epoll_fd, &event, 1, 10);
    link_server_run(self->server, clock_now().mono_us, BUDGET);
}

int run_echo(size_t agents, int64_t seconds)
{
    static struct echo self;
    static struct workers workers;
    char address[32];
    int64_t from_us, end_us = clock_now().mono_us + FILL_US;
    uint64_t before, count;
    double used;

    workers_start(&workers, agents, AGENTS_ECHO);
    self.capacity = agents * 2;
    begin(&self);
    snprintf(address, sizeof(address), "127.0.0.1:%u", link_server_port(self.server));
    workers_connect(&workers, address);
    while (workers_registered(&workers) < agents) {
        turn(&self);
        if (clock_now().mono_us > end_us)
            die("agents take too long to connect");
    }
    self.is_begun = true;
    for (size_t i = 0; i < self.count; i++)
        answer(&self, self.sessions[i], "t1");
    from_us = clock_now().mono_us;
    before = self.answered;
    used = cpu_seconds(getpid());
    while (clock_now().mono_us < from_us + seconds * US_PER_S)
        turn(&self);
    count = self.answered - before;
    used = cpu_seconds(getpid()) - used;
    report("link_round_trips_per_s", agents,
           (double)count * US_PER_S / (double)(clock_now().mono_us - from_us), "1/s");
    report("link_cpu_us_per_round_trip", agents, used * 1e6 / (double)count, "us");
    report("link_rss_mb", agents, resident_mb(getpid()), "MiB");
    return 0;
}
