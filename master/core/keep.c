/* master/core/keep.c - records under way to the registry, and those that are still to be tried. */
#include "master/core/keep.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bug.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "master/core/agents.h"
#include "master/core/changes.h"
#include "master/core/frameworks.h"
#include "master/core/log.h"

#define AGAIN_MIN_US ((int64_t)US_PER_S)
#define AGAIN_MAX_US ((int64_t)30 * US_PER_S)
#define KEY_MAX      (ID_MAX + 3)

/* One thing that there is, or was, a record of. */
struct keep_thing {
    UT_hash_handle hh;
    size_t under_way;     /* tickets */
    size_t waited_for;    /* of these, tickets that something depends on */
    bool is_stale;        /* it changed meanwhile: its record is made anew behind them */
    struct arena *memory; /* owned; of the record below. NULL: nothing is still to be kept */
    struct message unkept;
    uint64_t unkept_ticket; /* the newest one that carries it */
    char key[];
};

struct keep_ticket {
    UT_hash_handle hh;
    uint64_t number;
    keep_fn *done; /* NULL: nobody waits */
    void *arg;     /* owned */
    size_t count;
    struct keep_thing *things[]; /* that its record is about */
};

static size_t count_things(const struct message *record)
{
    return record->type == MSG_KEPT_ROLES ? record->kept_roles->roles_count : 1;
}

static void make_key(const struct message *record, size_t index, char ret_key[KEY_MAX])
{
    switch ((int)record->type) {
    case MSG_KEPT_AGENT:
        snprintf(ret_key, KEY_MAX, "A/%s", record->kept_agent->agent->id);
        return;
    case MSG_DROP_AGENT:
        snprintf(ret_key, KEY_MAX, "A/%s", record->drop_agent->agent_id);
        return;
    case MSG_KEPT_FRAMEWORK:
        snprintf(ret_key, KEY_MAX, "F/%s", record->kept_framework->framework->id);
        return;
    case MSG_DROP_FRAMEWORK:
        snprintf(ret_key, KEY_MAX, "F/%s", record->drop_framework->framework_id);
        return;
    case MSG_KEPT_ROLE:
        snprintf(ret_key, KEY_MAX, "R/%s", record->kept_role->role);
        return;
    case MSG_DROP_ROLE:
        snprintf(ret_key, KEY_MAX, "R/%s", record->drop_role->role);
        return;
    case MSG_KEPT_ROLES:
        snprintf(ret_key, KEY_MAX, "R/%s", record->kept_roles->roles[index].role);
        return;
    case MSG_KEPT_WINDOW:
        snprintf(ret_key, KEY_MAX, "W/%s", record->kept_window->window->id);
        return;
    case MSG_DROP_WINDOW:
        snprintf(ret_key, KEY_MAX, "W/%s", record->drop_window->id);
        return;
    }
    BUG_ON(true);
}

static struct keep_thing *thing_find(const struct master *master, const struct message *record,
                                     size_t index)
{
    struct keep_thing *thing;
    char key[KEY_MAX];

    make_key(record, index, key);
    HASH_FIND_STR(master->keep_things, key, thing);
    return thing;
}

static struct keep_thing *thing_of(struct master *master, const struct message *record,
                                   size_t index)
{
    struct keep_thing *thing = thing_find(master, record, index);
    char key[KEY_MAX];
    size_t size;

    if (thing)
        return thing;
    make_key(record, index, key);
    size = strlen(key) + 1;
    thing = mem_calloc(1, sizeof(*thing) + size);
    memcpy(thing->key, key, size);
    HASH_ADD_STR(master->keep_things, key, thing);
    return thing;
}

static void thing_settle(struct master *master, struct keep_thing *thing)
{
    if (thing->under_way || thing->memory || thing->is_stale)
        return;
    HASH_DEL(master->keep_things, thing);
    free(thing);
}

static void drop_unkept(struct keep_thing *thing)
{
    arena_destroy(&thing->memory);
}

static uint64_t persist(struct master *master, const struct message *record, keep_fn *done,
                        void *arg)
{
    size_t count = count_things(record);
    struct keep_ticket *ticket = mem_calloc(1, sizeof(*ticket) + count * sizeof(ticket->things[0]));
    struct message numbered = *record;

    ticket->number = ++master->keep_tickets_made;
    ticket->done = done;
    ticket->arg = arg;
    ticket->count = count;
    for (size_t i = 0; i < count; i++) {
        ticket->things[i] = thing_of(master, record, i);
        ticket->things[i]->under_way++;
        ticket->things[i]->waited_for += done != NULL;
    }
    HASH_ADD(hh, master->keep_tickets, number, sizeof(ticket->number), ticket);
    numbered.number = ticket->number;
    master->env.persist(master->env.ctx, ticket->number, &numbered);
    return ticket->number;
}

uint64_t keep(struct master *master, const struct message *record, keep_fn *done, void *arg)
{
    return persist(master, record, done, arg);
}

void keep_soon(struct master *master, const struct message *record)
{
    struct keep_thing *thing = thing_of(master, record, 0);

    BUG_ON(count_things(record) != 1);
    drop_unkept(thing);
    thing->memory = arena_new(0);
    thing->unkept = *record;
    thing->unkept.body = message_copy_body(record->type, record->body, thing->memory);
    thing->unkept_ticket = persist(master, record, NULL, NULL);
}

int keep_has_room(const struct master *master, struct err *err)
{
    if (HASH_COUNT(master->keep_tickets) >= KEEP_TICKETS_MAX ||
        master->waiting_bytes >= KEEP_WAITING_MAX)
        return err_set(err, -EAGAIN,
                       "the registry is too slow: %u records are under way; try again",
                       HASH_COUNT(master->keep_tickets));
    return 0;
}

size_t keep_under_way(const struct master *master)
{
    return HASH_COUNT(master->keep_tickets);
}

/* --- trying again ------------------------------------------------------------ */

/* What waits behind a record of the same thing goes when that is over. */
static void try_again(void *owner, struct deadline *deadline)
{
    struct master *master = owner;
    struct keep_thing *thing;

    (void)deadline;
    for (thing = master->keep_things; thing; thing = thing->hh.next)
        if (thing->memory && !thing->under_way)
            thing->unkept_ticket = persist(master, &thing->unkept, NULL, NULL);
}

static void try_later(struct master *master)
{
    if (deadline_is_set(&master->keep_again))
        return;
    deadline_set(&master->deadlines, &master->keep_again,
                 master->now.mono_us + master->keep_wait_us);
    master->keep_wait_us *= 2;
    if (master->keep_wait_us > AGAIN_MAX_US)
        master->keep_wait_us = AGAIN_MAX_US;
}

static void note_well(struct master *master)
{
    counter_add(master, COUNTER_RECORDS_KEPT);
    master->keep_wait_us = AGAIN_MIN_US;
    if (!*master->keep_problem.text)
        return;
    master->keep_problem.text[0] = '\0';
    log_note(master, "the registry keeps records again");
    publish_master(master);
    /* It may have been the disk, and that has room again. */
    if (deadline_is_set(&master->keep_again))
        deadline_set(&master->deadlines, &master->keep_again, master->now.mono_us);
}

static void note_failure(struct master *master, const char *why)
{
    bool was_well = !*master->keep_problem.text;

    counter_add(master, COUNTER_RECORDS_FAILED);
    err_set(&master->keep_problem, -EIO, "the registry cannot be written: %.180s", why);
    if (!was_well)
        return;
    log_warn(master,
             "%s: nothing new is accepted until it can; what runs goes on, and what has happened "
             "is written later",
             master->keep_problem.text);
    publish_master(master);
}

/* --- the answer -------------------------------------------------------------- */

static void renew(struct master *master, const struct keep_thing *thing)
{
    const char *id = strchr(thing->key, '/') + 1;
    const struct agent *agent = *thing->key == 'A' ? agent_find(master, id) : NULL;
    const struct framework *framework = *thing->key == 'F' ? framework_find(master, id) : NULL;

    if (agent)
        keep_agent_soon(master, agent);
    if (framework && framework->state != FRAMEWORK_REMOVED)
        keep_framework_soon(master, framework);
}

static void thing_on_persisted(struct master *master, struct keep_thing *thing)
{
    thing->under_way--;
    if (thing->is_stale && !thing->waited_for) {
        thing->is_stale = false;
        renew(master, thing);
    }
    if (thing->memory && !thing->under_way)
        try_later(master);
    thing_settle(master, thing);
}

void keep_on_persisted(struct master *master, uint64_t number, int rc, const char *why)
{
    struct kept kept = {.ticket = number, .rc = rc, .why = rc < 0 ? why : ""};
    struct keep_ticket *ticket;
    struct keep_thing *thing;

    HASH_FIND(hh, master->keep_tickets, &number, sizeof(number), ticket);
    if (!ticket)
        return;
    HASH_DEL(master->keep_tickets, ticket);
    if (rc < 0)
        note_failure(master, why);
    else
        note_well(master);
    for (size_t i = 0; i < ticket->count; i++) {
        thing = ticket->things[i];
        thing->waited_for -= ticket->done != NULL;
        /* A newer record of it says all that an older one said. */
        if (rc == 0 && thing->memory && thing->unkept_ticket <= number)
            drop_unkept(thing);
    }
    if (ticket->done)
        ticket->done(master, ticket->arg, &kept);
    for (size_t i = 0; i < ticket->count; i++)
        thing_on_persisted(master, ticket->things[i]);
    free(ticket->arg);
    free(ticket);
}

void keep_init(struct master *master)
{
    master->keep_wait_us = AGAIN_MIN_US;
    master->keep_again.due = try_again;
}

void keep_fini(struct master *master)
{
    struct keep_ticket *ticket, *next_ticket;
    struct keep_thing *thing, *next_thing;

    HASH_ITER (hh, master->keep_tickets, ticket, next_ticket) {
        HASH_DEL(master->keep_tickets, ticket);
        free(ticket->arg);
        free(ticket);
    }
    HASH_ITER (hh, master->keep_things, thing, next_thing) {
        HASH_DEL(master->keep_things, thing);
        drop_unkept(thing);
        free(thing);
    }
}

/* --- the records ------------------------------------------------------------- */

struct msg_kept_agent kept_agent_of(const struct master *master, const struct agent *agent,
                                    enum kept_state state)
{
    struct agent_info *info = arena_alloc(master->scratch, sizeof(*info));

    /* The topology is long, and only shown. */
    *info = *agent->info;
    info->id = agent->id;
    info->topology = NULL;
    return (struct msg_kept_agent){
        .agent = info,
        .state = state,
        .since_us = state == KEPT_UNREACHABLE ? agent->unreachable_us : master->now.wall_us,
        .registered_us = agent->registered_us,
        .deactivated = agent->is_deactivated,
        .drain = agent->is_draining ? &agent->drain : NULL,
    };
}

static void encode(const struct agent_info *info, struct buf *out)
{
    struct agent_info kept = *info;

    kept.id = "";
    kept.topology = NULL;
    /* Too long for a frame: it is kept anyway. */
    (void)message_encode(&MESSAGE(KEPT_AGENT, kept_agent, .agent = &kept), out, NULL);
}

bool kept_is_same(const struct agent_info *a, const struct agent_info *b)
{
    CLEANUP(buf_fini) struct buf a_text = {0}, b_text = {0};

    encode(a, &a_text);
    encode(b, &b_text);
    return a_text.size == b_text.size && !memcmp(a_text.data, b_text.data, a_text.size);
}

/* What waits for a record of it will change it: until then nobody knows what is to be kept. */
static bool is_put_off(struct master *master, const struct message *record)
{
    struct keep_thing *thing = thing_find(master, record, 0);

    if (!thing || !thing->waited_for)
        return false;
    thing->is_stale = true;
    return true;
}

void keep_agent_soon(struct master *master, const struct agent *agent)
{
    enum kept_state state = agent->state == AGENT_UNREACHABLE ? KEPT_UNREACHABLE : KEPT_ADMITTED;
    const struct msg_kept_agent kept = kept_agent_of(master, agent, state);
    const struct message record = {.type = MSG_KEPT_AGENT, .kept_agent = &kept};

    if (!is_put_off(master, &record))
        keep_soon(master, &record);
}

void keep_framework_soon(struct master *master, const struct framework *framework)
{
    const struct msg_kept_framework kept = {
        .framework = framework->info,
        .registered_us = framework->registered_us,
        .deadline_us = framework->state == FRAMEWORK_SUBSCRIBED ? 0 : framework->deadline_us,
    };
    const struct message record = {.type = MSG_KEPT_FRAMEWORK, .kept_framework = &kept};

    if (!is_put_off(master, &record))
        keep_soon(master, &record);
}

bool keep_is_waited_for(const struct master *master, const struct agent *agent)
{
    struct keep_thing *thing;
    char key[KEY_MAX];

    snprintf(key, sizeof(key), "A/%s", agent->id);
    HASH_FIND_STR(master->keep_things, key, thing);
    return thing && thing->waited_for;
}
