#include "bench/scale/crowd.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/mem.h"

#define EVENTS_MAX 512
#define BUDGET     1000
#define SCAN_US    100000 /* pings and attempts to connect can wait for so long */

void die(const char *what)
{
    fprintf(stderr, "scale: %s\n", what);
    exit(1);
}

static void say(struct peer *peer, struct message message)
{
    struct err err = {""};

    if (link_client_send(peer->link, &message, &err) < 0)
        die(err.text);
}

static int64_t now_us(void)
{
    return clock_now().mono_us;
}

const struct carrier crowd_carrier = {say, now_us};

void crowd_init(struct crowd *self, const char *address, size_t capacity)
{
    struct err err = {""};

    *self = (struct crowd){.address = address, .capacity = capacity};
    self->links = mem_calloc(capacity, sizeof(self->links[0]));
    self->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (self->epoll_fd < 0)
        die("epoll");
    if (link_context_new(&self->context, &err) < 0)
        die(err.text);
}

struct link_client *crowd_add(struct crowd *self, enum peer_kind kind,
                              const struct link_client_events *events)
{
    const struct link_client_settings settings = {
        .address = self->address, .kind = kind, .seed = self->count + 1};
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = self->count};
    struct link_client **link = &self->links[self->count];
    struct err err = {""};

    if (self->count == self->capacity)
        die("the crowd is full");
    if (link_client_new(self->context, &settings, events, link, &err) < 0)
        die(err.text);
    if (epoll_ctl(self->epoll_fd, EPOLL_CTL_ADD, link_client_fd(*link), &event) < 0)
        die("epoll");
    self->count++;
    return *link;
}

static void scan(struct crowd *self, int64_t now)
{
    self->scanned_us = now;
    for (size_t i = 0; i < self->count; i++)
        if (link_client_next_deadline_us(self->links[i]) <= now)
            link_client_run(self->links[i], now, BUDGET);
}

void crowd_turn(struct crowd *self, int64_t until_us)
{
    struct epoll_event events[EVENTS_MAX];
    int64_t now = now_us(), next = deadlines_next(&self->deadlines);
    int count;

    if (until_us < next)
        next = until_us;
    if (self->scanned_us + SCAN_US < next)
        next = self->scanned_us + SCAN_US;
    count = epoll_wait(self->epoll_fd, events, EVENTS_MAX,
                       next > now ? (int)((next - now) / US_PER_MS) + 1 : 0);
    now = now_us();
    for (int i = 0; i < count; i++)
        link_client_run(self->links[events[i].data.u64], now, BUDGET);
    deadlines_run(&self->deadlines, now, NULL);
    if (now - self->scanned_us >= SCAN_US)
        scan(self, now);
}
