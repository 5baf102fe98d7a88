/* USAGE_REQUEST: the Engine is asked for each container, a few at a time, and what has come in time is told. */
#include "agent/docker/core/state.h"

#include <string.h>

#define ROUND_US ((int64_t)3 * US_PER_S) /* whoever asked waits for 5 s */
#define STATS_MS 3000

static void round_destroy(struct dock *self, struct usage_round *round)
{
    for (size_t i = 0; i < USAGES_MAX; i++)
        dock_cancel(self, &round->asks[i].call);
    deadline_cancel(&self->deadlines, &round->due);
    DL_DELETE(self->usages, round);
    arena_destroy(&round->arena);
    free(round);
}

void usage_fini(struct dock *self)
{
    while (self->usages)
        round_destroy(self, self->usages);
}

static void round_end(struct dock *self, struct usage_round *round)
{
    dock_tell(self, MESSAGE(USAGE_REPLY, usage_reply, .number = round->number,
                            .usages = round->items, .usages_count = round->count));
    round_destroy(self, round);
}

static void round_due(void *owner, struct deadline *deadline)
{
    round_end(owner, CONTAINER_OF(deadline, struct usage_round, due));
}

static void ask_next(struct dock *self, struct usage_round *round);

static void on_stats(struct dock *self, void *owner, const struct dock_answer *answer)
{
    struct usage_ask *ask = owner;
    struct usage_round *round = ask->round;

    ask->call = 0;
    if (answer->status == 200 && answer->usage) {
        struct usage_info *item = &round->items[round->count++];

        *item = *answer->usage;
        item->container_id = round->names[ask->index];
        item->timestamp_us = self->now.wall_us;
    }
    engine_suspect(self, answer);
    ask_next(self, round);
}

static bool is_done(const struct usage_round *round)
{
    for (size_t i = 0; i < USAGES_MAX; i++)
        if (round->asks[i].call)
            return false;
    return round->asked == round->ids_count;
}

static void ask_next(struct dock *self, struct usage_round *round)
{
    for (size_t i = 0; i < USAGES_MAX && round->asked < round->ids_count; i++) {
        struct usage_ask *ask = &round->asks[i];

        if (ask->call)
            continue;
        ask->round = round;
        ask->index = round->asked++;
        ask->call = dock_call(self,
                              (struct dock_call){.kind = CALL_STATS,
                                                 .engine_id = round->ids[ask->index],
                                                 .container_id = round->names[ask->index],
                                                 .timeout_ms = STATS_MS},
                              ask, on_stats);
    }
    if (is_done(round))
        round_end(self, round);
}

static bool is_asked_for(const struct msg_usage_request *request, const struct container *c)
{
    for (size_t i = 0; i < request->container_ids_count; i++)
        if (!strcmp(request->container_ids[i], c->id))
            return true;
    return !request->container_ids_count;
}

void usage_ask(struct dock *self, const struct msg_usage_request *request)
{
    struct usage_round *round = mem_new(struct usage_round);
    size_t most = engine_is_up(self) ? HASH_COUNT(self->containers) : 0;

    round->arena = arena_new(0);
    round->number = request->number;
    round->ids = arena_array(round->arena, most, sizeof(*round->ids));
    round->names = arena_array(round->arena, most, sizeof(*round->names));
    round->items = arena_array(round->arena, most, sizeof(*round->items));
    round->due.due = round_due;
    DL_APPEND(self->usages, round);
    for (const struct container *c = most ? self->containers : NULL; c; c = c->hh.next) {
        if (c->stage != STAGE_RUNNING || !is_asked_for(request, c))
            continue;
        memcpy(round->ids[round->ids_count], c->engine_id, sizeof(c->engine_id));
        round->names[round->ids_count++] = arena_strdup(round->arena, c->id);
    }
    deadline_set(&self->deadlines, &round->due, self->now.mono_us + ROUND_US);
    ask_next(self, round);
}
