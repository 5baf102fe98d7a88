/* master/core/parts.c - registrations that come in parts. */
#include "master/core/parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "master/core/agents.h"
#include "master/core/log.h"
#include "master/core/waiting.h"

struct part {
    struct part *prev, *next;
    const struct msg_register_tasks *said; /* in the pile's memory */
};

/* Of one session. */
struct pile {
    UT_hash_handle hh; /* master->piles */
    uint64_t session;
    struct arena *memory; /* owned: of the parts, too */
    struct part *parts;
    size_t bytes; /* counted in master->piles_bytes */
};

static struct pile *find(const struct master *master, uint64_t session)
{
    struct pile *pile;

    HASH_FIND(hh, master->piles, &session, sizeof(session), pile);
    return pile;
}

static void pile_free(struct master *master, struct pile *pile)
{
    master->piles_bytes -= pile->bytes;
    HASH_DEL(master->piles, pile);
    arena_destroy(&pile->memory);
    free(pile);
}

static struct pile *get_or_add(struct master *master, uint64_t session)
{
    struct pile *pile = find(master, session);

    if (pile)
        return pile;
    pile = mem_new(struct pile);
    pile->session = session;
    pile->memory = arena_new(0);
    HASH_ADD(hh, master->piles, session, sizeof(session), pile);
    return pile;
}

void on_register_tasks(struct master *master, uint64_t session, const struct message *message)
{
    struct pile *pile;
    struct part *part;

    counter_add(master, COUNTER_MESSAGES_REGISTER_TASKS);
    /* It repeats itself, and will not be looked at: see on_register_agent. */
    if (waiting_find(master, session) || agent_of_session(master, session))
        return;
    if (master->piles_bytes >= PARTS_BYTES_MAX) {
        log_warn(master, "session %" PRIu64 ": too much is being registered at once: later",
                 session);
        parts_drop(master, session);
        master->env.close(master->env.ctx, session,
                          "not now: too many agents with many tasks register at once");
        return;
    }
    pile = get_or_add(master, session);
    part = arena_alloc(pile->memory, sizeof(*part));
    part->said = record_copy(&msg_register_tasks_def, message->register_tasks, pile->memory);
    DL_APPEND(pile->parts, part);
    master->piles_bytes -= pile->bytes;
    pile->bytes = arena_used(pile->memory);
    master->piles_bytes += pile->bytes;
}

/* Behind what is there already. */
static void append(void *array, size_t *count, const void *items, size_t items_count, size_t size)
{
    if (items_count)
        memcpy((char *)array + *count * size, items, items_count * size);
    *count += items_count;
}

const struct msg_register_agent *parts_join(struct master *master, uint64_t session,
                                            const struct msg_register_agent *call)
{
    const struct pile *pile = find(master, session);
    size_t tasks = call->tasks_count, frameworks = call->frameworks_count;
    size_t operations = call->operations_count;
    struct msg_register_agent *whole;
    struct agent_task *all_tasks;
    struct framework_info *all_frameworks;
    struct operation_status *all_operations;
    const struct part *part;

    if (!pile)
        return call;
    DL_FOREACH (pile->parts, part) {
        tasks += part->said->tasks_count;
        frameworks += part->said->frameworks_count;
        operations += part->said->operations_count;
    }
    whole = arena_alloc(master->scratch, sizeof(*whole));
    *whole = *call;
    whole->tasks = all_tasks = arena_array(master->scratch, tasks, sizeof(*all_tasks));
    whole->frameworks = all_frameworks =
        arena_array(master->scratch, frameworks, sizeof(*all_frameworks));
    whole->operations = all_operations =
        arena_array(master->scratch, operations, sizeof(*all_operations));
    whole->tasks_count = whole->frameworks_count = whole->operations_count = 0;
#define APPEND(from, of)                                                                           \
    append(all_##of, &whole->of##_count, (from)->of, (from)->of##_count, sizeof(*all_##of))
    DL_FOREACH (pile->parts, part) {
        APPEND(part->said, tasks);
        APPEND(part->said, frameworks);
        APPEND(part->said, operations);
    }
    APPEND(call, tasks);
    APPEND(call, frameworks);
    APPEND(call, operations);
#undef APPEND
    return whole;
}

void parts_drop(struct master *master, uint64_t session)
{
    struct pile *pile = master->piles ? find(master, session) : NULL;

    if (pile)
        pile_free(master, pile);
}

void parts_fini(struct master *master)
{
    while (master->piles)
        pile_free(master, master->piles);
}
