#include "master/metrics.h"

#include <stdlib.h>

#include "base/mem.h"

#define COUNTERS_FIRST 128

struct counters {
    struct arena *arena; /* borrowed */
    struct counter_info *items;
    size_t count;
    size_t capacity;
};

static void add(void *counters, const char *name, int64_t milli)
{
    struct counters *self = counters;

    if (self->count == self->capacity) {
        self->capacity = self->capacity ? self->capacity * 2 : COUNTERS_FIRST;
        self->items = mem_resize(self->items, self->capacity, sizeof(*self->items));
    }
    self->items[self->count++] =
        (struct counter_info){.name = arena_strdup(self->arena, name), .milli = milli};
}

static void add_count(struct counters *self, const char *name, uint64_t count)
{
    add(self, name, (int64_t)count * 1000);
}

static void add_link(struct counters *self, const struct link_server *link)
{
    struct link_stats stats;

    link_server_stats(link, &stats);
    add_count(self, "link/messages_in", stats.messages_in);
    add_count(self, "link/messages_out", stats.messages_out);
    add_count(self, "link/bytes_in", stats.bytes_in);
    add_count(self, "link/bytes_out", stats.bytes_out);
    add_count(self, "link/sessions", stats.sessions);
    add_count(self, "link/sessions_opened", stats.sessions_opened);
    add_count(self, "link/sessions_closed", stats.sessions_closed);
    add_count(self, "link/rejected", stats.rejected);
    add_count(self, "link/cut_for_lag", stats.cut_for_lag);
    add_count(self, "link/dropped_for_lag", stats.dropped_for_lag);
    add_count(self, "link/queued_bytes", stats.queued_bytes);
}

const struct msg_metrics_reply *metrics_collect(const struct master *core,
                                                const struct link_server *link, struct now now,
                                                struct arena *arena)
{
    struct msg_metrics_reply *reply = arena_alloc(arena, sizeof(*reply));
    struct counters counters = {.arena = arena};

    master_counters(core, now, add, &counters);
    add_link(&counters, link);
    reply->counters =
        (void *)arena_memdup(arena, counters.items, counters.count * sizeof(*counters.items));
    reply->counters_count = counters.count;
    free(counters.items);
    return reply;
}
