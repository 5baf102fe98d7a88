/* master/core/departed.c - the lists of what is no more. */
#include "master/core/departed.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/mutant.h"
#include "master/core/keep.h"

#define TIDY_US ((int64_t)15 * 60 * US_PER_S)

static bool is_in(const struct departed *list, const char *id)
{
    struct departed *departed;

    HASH_FIND_STR(list, id, departed);
    return departed != NULL;
}

bool framework_is_completed(const struct master *master, const char *id)
{
    return is_in(master->completed, id);
}

bool agent_is_gone(const struct master *master, const char *id)
{
    return is_in(master->gone, id);
}

static void add(struct departed **list, const char *id, int64_t since_us)
{
    size_t size = strlen(id) + 1;
    struct departed *departed;

    if (is_in(*list, id))
        return;
    departed = mem_calloc(1, sizeof(*departed) + size);
    memcpy(departed->id, id, size);
    departed->since_us = since_us;
    HASH_ADD_STR(*list, id, departed);
}

static void drop(struct departed **list, struct departed *departed)
{
    HASH_DEL(*list, departed);
    free(departed);
}

static void drop_framework(struct master *master, struct departed *departed)
{
    keep_soon(master, &MESSAGE(DROP_FRAMEWORK, drop_framework, .framework_id = departed->id));
    drop(&master->completed, departed);
}

static void drop_agent(struct master *master, struct departed *departed)
{
    keep_soon(master, &MESSAGE(DROP_AGENT, drop_agent, .agent_id = departed->id));
    drop(&master->gone, departed);
}

static int by_time(const struct departed *a, const struct departed *b)
{
    return (a->since_us > b->since_us) - (a->since_us < b->since_us);
}

/* Those of the registry came in no order. */
static void tidy(void *owner, struct deadline *deadline)
{
    struct master *master = owner;
    int64_t oldest_us = master->now.wall_us - master->agent_removed_keep_us;

    HASH_SORT(master->gone, by_time);
    HASH_SORT(master->completed, by_time);
    while (master->gone && master->gone->since_us < oldest_us)
        drop_agent(master, master->gone);
    deadline_set(&master->deadlines, deadline, master->now.mono_us + TIDY_US);
}

void departed_add_framework(struct master *master, const char *id, int64_t since_us)
{
    add(&master->completed, id, since_us);
    if (HASH_COUNT(master->completed) > COMPLETED_MAX)
        drop_framework(master, master->completed);
}

void departed_add_agent(struct master *master, const char *id, int64_t since_us)
{
    add(&master->gone, id, since_us);
    if (HASH_COUNT(master->gone) > GONE_MAX)
        drop_agent(master, master->gone);
}

void departed_init(struct master *master)
{
    master->tidy.due = tidy;
    deadline_set(&master->deadlines, &master->tidy, master->now.mono_us);
}

void departed_fini(struct master *master)
{
    while (master->completed)
        drop(&master->completed, master->completed);
    while (master->gone)
        drop(&master->gone, master->gone);
}
