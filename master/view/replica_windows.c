#include "master/view/replica_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static struct window *window_find(const struct replica *self, const char *id)
{
    struct window *window;

    HASH_FIND_STR(self->windows, id, window);
    return window;
}

static void free_answer(struct window_agent *agent, struct answer *answer)
{
    HASH_DEL(agent->answers, answer);
    arena_destroy(&answer->arena);
    free(answer);
}

static void free_agent(struct window *window, struct window_agent *agent)
{
    while (agent->answers)
        free_answer(agent, agent->answers);
    HASH_DEL(window->agents, agent);
    free(agent);
}

void replica_free_window(struct replica *self, struct window *window)
{
    while (window->agents)
        free_agent(window, window->agents);
    HASH_DEL(self->windows, window);
    arena_destroy(&window->arena);
    free(window);
}

/* The key of the table lives in the arena that goes. */
static void replace_record(struct replica *self, struct window *window,
                           const struct msg_change_window *change)
{
    struct arena *arena = arena_new(0);

    if (window->change)
        HASH_DEL(self->windows, window);
    window->change = message_copy_body(MSG_CHANGE_WINDOW, change, arena);
    arena_destroy(&window->arena);
    window->arena = arena;
    HASH_ADD_KEYPTR(hh, self->windows, window->change->id, strlen(window->change->id), window);
}

static struct window_agent *agent_of(struct window *window, const char *id)
{
    size_t size = strlen(id) + 1;
    struct window_agent *agent;

    HASH_FIND_STR(window->agents, id, agent);
    if (agent)
        return agent;
    agent = mem_calloc(1, sizeof(*agent) + size);
    memcpy(agent->id, id, size);
    HASH_ADD_STR(window->agents, id, agent);
    return agent;
}

static void note_answer(struct window *window, const struct window_answer *info)
{
    struct window_agent *agent = agent_of(window, info->agent_id);
    struct answer *answer;

    HASH_FIND_STR(agent->answers, info->framework_id, answer);
    if (answer)
        free_answer(agent, answer);
    if (info->state != INVERSE_WITHDRAWN) {
        answer = mem_new(struct answer);
        answer->arena = arena_new(0);
        answer->info = record_copy(&window_answer_def, info, answer->arena);
        HASH_ADD_KEYPTR(hh, agent->answers, answer->info->framework_id,
                        strlen(answer->info->framework_id), answer);
    }
    if (!agent->answers)
        free_agent(window, agent);
}

int replica_on_window(struct replica *self, const struct msg_change_window *change, struct err *err)
{
    struct window *window = window_find(self, change->id);

    if (!change->window && !window)
        return err_set(err, -EBADMSG, "maintenance window %s is not known", change->id);
    if (!change->window && !change->answer) {
        replica_free_window(self, window);
        return 0;
    }
    if (change->window)
        replace_record(self, window ? window : mem_new(struct window), change);
    else
        note_answer(window, change->answer);
    return 0;
}
