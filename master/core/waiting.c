/* master/core/waiting.c - the tables of those who wait to be let in. */
#include "master/core/waiting.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"

static char *make_key(enum peer_kind kind, const char *id)
{
    return mem_printf("%c/%s", kind == PEER_AGENT ? 'A' : 'F', id);
}

struct waiting *waiting_find(const struct master *master, uint64_t session)
{
    struct waiting *waiting;

    HASH_FIND(hh, master->waiting, &session, sizeof(session), waiting);
    return waiting;
}

struct waiting *waiting_find_id(const struct master *master, enum peer_kind kind, const char *id)
{
    CLEANUP(free_p) char *key = make_key(kind, id);
    struct waiting *waiting;

    HASH_FIND(hh_id, master->waiting_by_id, key, strlen(key), waiting);
    return waiting;
}

void waiting_set_message(struct master *master, struct waiting *waiting,
                         const struct message *message)
{
    struct arena *memory = arena_new(0);

    waiting->message = *message;
    waiting->message.body = message_copy_body(message->type, message->body, memory);
    if (waiting->memory)
        master->waiting_bytes -= arena_used(waiting->memory);
    arena_destroy(&waiting->memory);
    waiting->memory = memory;
    master->waiting_bytes += arena_used(memory);
}

struct waiting *waiting_add(struct master *master, uint64_t session, enum peer_kind kind,
                            const char *id, bool is_new, const struct message *message)
{
    struct waiting *waiting = mem_new(struct waiting);

    waiting->session = session;
    waiting->is_new = is_new;
    waiting->key = make_key(kind, id);
    waiting->id = strchr(waiting->key, '/') + 1;
    waiting_set_message(master, waiting, message);
    HASH_ADD(hh, master->waiting, session, sizeof(session), waiting);
    if (!is_new)
        HASH_ADD_KEYPTR(hh_id, master->waiting_by_id, waiting->key, strlen(waiting->key), waiting);
    DL_APPEND(master->waiting_all, waiting);
    return waiting;
}

void waiting_leave(struct master *master, struct waiting *waiting)
{
    if (!waiting->session)
        return;
    HASH_DEL(master->waiting, waiting);
    if (!waiting->is_new)
        HASH_DELETE(hh_id, master->waiting_by_id, waiting);
    waiting->session = 0;
}

void waiting_end(struct master *master, struct waiting *waiting)
{
    waiting_leave(master, waiting);
    DL_DELETE(master->waiting_all, waiting);
    master->waiting_bytes -= arena_used(waiting->memory);
    arena_destroy(&waiting->memory);
    free(waiting->key);
}

void waiting_fini(struct master *master)
{
    while (master->waiting_all)
        waiting_end(master, master->waiting_all);
}
