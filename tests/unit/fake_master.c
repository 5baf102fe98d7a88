#include "tests/unit/fake_master.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/deadlines.h"
#include "base/mem.h"
#include "framework-sdk/context.h"
#include "proto/link.h"

#define BUDGET 100

enum fake_order { ORDER_SAY, ORDER_HANG_UP, ORDER_END };

struct order {
    enum fake_order kind;
    struct message message;
};

struct fake_master {
    struct fake_master_settings settings;
    struct link_context *context;
    struct link_server *server;
    pthread_t thread;
    char address[32];
    uint64_t session; /* the latest; 0: none */
    int order_fd;
    int heard_fd;

    pthread_mutex_t lock; /* of what follows */
    struct arena *arena;
    struct message *heard;
    size_t heard_count;
    struct order *orders;
    size_t orders_count;
};

/* --- in the thread ---------------------------------------------------------------------------- */

static void reply(struct fake_master *self, const struct message *message)
{
    link_server_send(self->server, self->session, message, NULL);
}

static void offer(struct fake_master *self)
{
    const struct range_info ports = {.begin = 31000, .end = 31009};
    const struct resource_info resources[] = {
        {.name = "cpus", .kind = VALUE_SCALAR, .scalar = 4000},
        {.name = "mem", .kind = VALUE_SCALAR, .scalar = 1024000},
        {.name = "ports", .kind = VALUE_RANGES, .ranges = &ports, .ranges_count = 1},
    };
    const struct range_info span = {.begin = 1, .end = 10};
    const struct attribute_info attributes[] = {
        {.name = "rack", .kind = VALUE_TEXT, .text = "r1"},
        {.name = "level", .kind = VALUE_SCALAR, .scalar = -1500},
        {.name = "span", .kind = VALUE_RANGES, .ranges = &span, .ranges_count = 1},
    };
    const struct offer_info info = {
        .id = "O1",
        .framework_id = "F1",
        .agent_id = "A1",
        .hostname = "host1",
        .address = "127.0.0.1:5051",
        .role = "*",
        .resources = resources,
        .resources_count = ARRAY_SIZE(resources),
        .attributes = attributes,
        .attributes_count = ARRAY_SIZE(attributes),
    };

    reply(self, &MESSAGE(OFFERS, offers, .offers = &info, .offers_count = 1));
}

static void run_task(struct fake_master *self, const struct task_info *task)
{
    const enum task_state states[] = {TASK_RUNNING, TASK_FINISHED};
    const struct exit_info exit = {.code = 0};
    const struct container_info container = {
        .sandbox = "/work/sandbox", .agent_address = "127.0.0.1:5051", .peak_mem_bytes = 4096};

    for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
        const struct task_status status = {
            .task_id = task->task_id,
            .state = states[i],
            .source = SOURCE_AGENT,
            .message = "from the fake",
            .agent_id = task->agent_id,
            .uuid = {.data = "0123456789abcdef", .size = 16},
            .timestamp_us = 1500000,
            .exit = states[i] == TASK_FINISHED ? &exit : NULL,
            .container = &container,
        };

        reply(self, &MESSAGE(UPDATE, update, .status = &status));
    }
}

static void live(struct fake_master *self, const struct message *message)
{
    if (message->type == MSG_SUBSCRIBE) {
        offer(self);
        return;
    }
    if (message->type != MSG_ACCEPT)
        return;
    for (size_t i = 0; i < message->accept->operations_count; i++)
        for (size_t j = 0; j < message->accept->operations[i].tasks_count; j++)
            run_task(self, &message->accept->operations[i].tasks[j]);
}

static void on_open(void *owner, uint64_t session, const struct msg_hello *hello,
                    const char *peer_address)
{
    struct fake_master *self = owner;

    (void)hello, (void)peer_address;
    self->session = session;
}

static void write_down(struct fake_master *self, const struct message *message)
{
    pthread_mutex_lock(&self->lock);
    self->heard = mem_resize(self->heard, self->heard_count + 1, sizeof(*self->heard));
    self->heard[self->heard_count] = *message;
    self->heard[self->heard_count++].body =
        message_copy_body(message->type, message->body, self->arena);
    pthread_mutex_unlock(&self->lock);
    eventfd_write(self->heard_fd, 1);
}

static void on_message(void *owner, uint64_t session, const struct message *message)
{
    struct fake_master *self = owner;

    self->session = session;
    write_down(self, message); /* first: who hears our answer may look */
    if (message->type == MSG_SUBSCRIBE) {
        const char *id = message->subscribe->framework->id;

        reply(self,
              &MESSAGE(SUBSCRIBED, subscribed, .framework_id = *id ? id : "F1", .master_id = "M1"));
    }
    if (self->settings.is_lively)
        live(self, message);
}

static void on_close(void *owner, uint64_t session, const char *reason)
{
    struct fake_master *self = owner;

    (void)reason;
    if (self->session == session)
        self->session = 0;
}

/* False: the order was to end. */
static bool obey(struct fake_master *self)
{
    struct order *orders;
    size_t count;
    bool goes_on = true;

    pthread_mutex_lock(&self->lock);
    orders = TAKE(self->orders);
    count = self->orders_count;
    self->orders_count = 0;
    pthread_mutex_unlock(&self->lock);
    for (size_t i = 0; i < count; i++) {
        if (orders[i].kind == ORDER_SAY)
            reply(self, &orders[i].message);
        else if (orders[i].kind == ORDER_HANG_UP)
            link_server_close(self->server, self->session, "the fake hangs up", true);
        else
            goes_on = false;
    }
    free(orders);
    return goes_on;
}

static int timeout_ms(const struct fake_master *self)
{
    int64_t next_us = link_server_next_deadline_us(self->server);
    int64_t left_us = next_us - clock_now().mono_us;

    if (next_us == DEADLINE_NEVER)
        return -1;
    return left_us < 0 ? 0 : (int)(left_us / US_PER_MS + 1);
}

static void *serve(void *user)
{
    struct fake_master *self = user;
    bool goes_on = true;

    while (goes_on) {
        struct pollfd fds[] = {{.fd = link_server_fd(self->server), .events = POLLIN},
                               {.fd = self->order_fd, .events = POLLIN}};
        eventfd_t count;

        while (link_server_run(self->server, clock_now().mono_us, BUDGET) > 0)
            ;
        poll(fds, ARRAY_SIZE(fds), timeout_ms(self));
        if (fds[1].revents && eventfd_read(self->order_fd, &count) == 0)
            goes_on = obey(self);
    }
    link_server_destroy(&self->server);
    return NULL;
}

/* --- in the test ------------------------------------------------------------------------------ */

struct fake_master *fake_master_new(const struct fake_master_settings *settings)
{
    struct fake_master *self = mem_new(struct fake_master);
    const struct link_server_settings server = {
        .address = "127.0.0.1", .port = settings->port, .version = "fake"};
    const struct link_server_events events = {
        .owner = self, .on_open = on_open, .on_message = on_message, .on_close = on_close};
    struct err err = {0};

    self->settings = *settings;
    self->arena = arena_new(0);
    self->order_fd = eventfd(0, EFD_CLOEXEC);
    self->heard_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&self->lock, NULL);
    if (sdk_context_get(&self->context, &err) < 0 ||
        link_server_new(self->context, &server, &events, &self->server, &err) < 0)
        fail_msg("the fake master: %s", err.text);
    self->settings.port = link_server_port(self->server);
    snprintf(self->address, sizeof(self->address), "127.0.0.1:%u", self->settings.port);
    assert_int_equal(pthread_create(&self->thread, NULL, serve, self), 0);
    return self;
}

static void order(struct fake_master *self, enum fake_order kind, const struct message *message)
{
    struct order *added;

    pthread_mutex_lock(&self->lock);
    self->orders = mem_resize(self->orders, self->orders_count + 1, sizeof(*self->orders));
    added = &self->orders[self->orders_count++];
    *added = (struct order){.kind = kind};
    if (message) {
        added->message = *message;
        added->message.body = message_copy_body(message->type, message->body, self->arena);
    }
    pthread_mutex_unlock(&self->lock);
    eventfd_write(self->order_fd, 1);
}

void fake_master_destroy(struct fake_master **self_p)
{
    struct fake_master *self = *self_p;

    if (!self)
        return;
    order(self, ORDER_END, NULL);
    pthread_join(self->thread, NULL);
    sdk_context_put(&self->context);
    pthread_mutex_destroy(&self->lock);
    arena_destroy(&self->arena);
    close(self->order_fd);
    close(self->heard_fd);
    free(self->heard);
    free(self->orders);
    free(self);
    *self_p = NULL;
}

uint16_t fake_master_port(const struct fake_master *self)
{
    return self->settings.port;
}

const char *fake_master_address(const struct fake_master *self)
{
    return self->address;
}

void fake_master_say(struct fake_master *self, const struct message *message)
{
    order(self, ORDER_SAY, message);
}

void fake_master_hang_up(struct fake_master *self)
{
    order(self, ORDER_HANG_UP, NULL);
}

int fake_master_fd(const struct fake_master *self)
{
    return self->heard_fd;
}

size_t fake_master_heard(struct fake_master *self, enum msg_type type)
{
    size_t count = 0;
    eventfd_t ignored;

    eventfd_read(self->heard_fd, &ignored);
    pthread_mutex_lock(&self->lock);
    for (size_t i = 0; i < self->heard_count; i++)
        count += self->heard[i].type == type;
    pthread_mutex_unlock(&self->lock);
    return count;
}

struct message fake_master_last(struct fake_master *self, enum msg_type type)
{
    struct message last = {0};

    pthread_mutex_lock(&self->lock);
    for (size_t i = 0; i < self->heard_count; i++)
        if (self->heard[i].type == type)
            last = self->heard[i];
    pthread_mutex_unlock(&self->lock);
    assert_non_null(last.body);
    return last;
}
