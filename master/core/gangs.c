/* master/core/gangs.c - whose turn it is to gather a gang, and for how long. */
#include "master/core/gangs.h"

#include <errno.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/mutant.h"
#include "master/core/agents.h"
#include "master/core/drain.h"
#include "master/core/maintenance.h"
#include "master/core/offers.h"

#define HOLD_OFF_MAX_US    (600 * (int64_t)US_PER_S)
#define HOLD_OFF_DOUBLINGS 10
#define LOOK_AGAIN_US      ((int64_t)US_PER_S) /* at one for which the cluster is too small */

/* --- holding --------------------------------------------------------------------- */

bool gang_may_take(const struct master *master, const struct need *need)
{
    return !need->info->gang || need == master->gang_turn || MUTATE(GATHER_TOGETHER);
}

static void release(struct master *master, struct need *need, const char *reason)
{
    struct offer *offer = need->subscription->framework->offers, *next;

    for (; offer; offer = next) {
        next = offer->framework_next;
        if (offer->need == need)
            offer_remove(master, offer, OFFER_RESCINDED, reason);
    }
}

void gangs_release(struct master *master, const struct needs *needs, const char *reason)
{
    for (size_t i = 0; needs && i < needs->count; i++)
        if (needs->items[i].info->gang)
            release(master, &needs->items[i], reason);
}

static int64_t hold_off_us(const struct master *master, const struct subscription *subscription)
{
    unsigned doublings = subscription->gang_failures;
    int64_t us;

    if (MUTATE(GIVE_UP_FOR_EVER))
        return INT64_C(1) << 60;
    if (doublings > HOLD_OFF_DOUBLINGS)
        return HOLD_OFF_MAX_US;
    us = master->gang_hold_us << doublings;
    return us < HOLD_OFF_MAX_US ? us : HOLD_OFF_MAX_US;
}

void gang_give_up(struct master *master, struct need *need)
{
    struct subscription *subscription = need->subscription;

    subscription->gang_not_before_us = master->now.mono_us + hold_off_us(master, subscription);
    subscription->gang_failures++;
    if (master->gang_turn == need)
        master->gang_turn = NULL;
    release(master, need,
            need->left > 0 ? "the gang was not whole within its hold"
                           : "the gang was not answered within its hold");
}

void gang_is_met(struct need *need)
{
    need->subscription->gang_failures = 0;
    need->subscription->gang_not_before_us = 0;
}

/* --- whose turn it is -------------------------------------------------------------- */

/* The first of the subscription's gangs that lacks something and has had no turn since round `since`;
 * NULL: none that may try now. */
static struct need *find_waiting(const struct master *master,
                                 const struct subscription *subscription, uint64_t since)
{
    if (!subscription->needs || subscription->gang_not_before_us > master->now.mono_us)
        return NULL;
    for (size_t i = 0; i < subscription->needs->count; i++) {
        struct need *need = &subscription->needs->items[i];

        if (need->info->gang && need->left > 0 && need->gang_round <= since)
            return need;
    }
    return NULL;
}

/* Of this round. */
static struct need *find_next(const struct master *master, const struct subscription *subscription)
{
    return find_waiting(master, subscription,
                        MUTATE(GATHER_AGAIN) ? UINT64_MAX : master->gang_round);
}

static enum answer is_waiting(void *ctx, void *owner, bool for_guarantee)
{
    const struct master *master = ctx;

    (void)for_guarantee;
    return find_next(master, owner) ? ANSWER_YES : ANSWER_NO;
}

/* Would all agents together be enough, were nothing of them in use? Else it must not gather. */
static bool is_possible(const struct master *master, const struct need *need)
{
    int64_t units = 0;

    for (const struct agent *agent = master->agents; agent; agent = agent->hh.next) {
        CLEANUP(resources_fini) struct resources whole = {0};

        if (!agent_is_active(agent) || is_too_remote(master, need->subscription, agent) ||
            !agent_has_time(master, agent, need->info->min_available_ms))
            continue;
        resources_for_role(&whole, &agent->total, need->subscription->role);
        units += need_units(need, agent, &whole);
        if (units >= need->left)
            return true;
    }
    return false;
}

static int64_t hold_us(const struct master *master, const struct need *need)
{
    int64_t ms = need->info->hold_ms;

    return ms && ms < master->gang_hold_us / US_PER_MS ? ms * US_PER_MS : master->gang_hold_us;
}

void gang_takes(struct master *master, struct need *need)
{
    if (!need->held++)
        need->hold_end_us = master->now.mono_us + hold_us(master, need);
}

static void take_turn(struct master *master, struct need *need)
{
    master->gang_turn = need;
    /* What lies idle is shown to it. */
    allocator_recall(master->allocator, need->subscription->client);
}

static void begin(struct master *master, struct need *need)
{
    need->hold_end_us = master->now.mono_us + hold_us(master, need);
    take_turn(master, need);
}

static size_t clients_waiting(const struct master *master, struct allocator_client **ret_clients)
{
    const struct need *need;
    size_t count = 0;

    DL_FOREACH2(master->gangs, need, gang_next)
    if (need->subscription->is_asked && find_next(master, need->subscription) == need)
        ret_clients[count++] = need->subscription->client;
    return count;
}

/* Of those that have had no turn in this round, the one who deserves most, as the allocator has it.
 * False: nobody may try now. */
static bool choose(struct master *master)
{
    size_t room = 0, count;
    struct allocator_client **clients;
    struct subscription *subscription;
    struct need *need;

    DL_COUNT2(master->gangs, need, room, gang_next);
    clients = arena_array(master->scratch, room, sizeof(struct allocator_client *));
    count = clients_waiting(master, clients);
    if (!count) {
        master->gang_round++;
        count = clients_waiting(master, clients);
    }
    subscription =
        count ? allocator_first_of(master->allocator, clients, count, is_waiting, master) : NULL;
    if (!subscription)
        return false;
    need = find_next(master, subscription);
    need->gang_round = master->gang_round + 1;
    if (is_possible(master, need))
        begin(master, need);
    else
        subscription->gang_not_before_us = master->now.mono_us + LOOK_AGAIN_US;
    return true;
}

/* One that was whole lacks something again: it goes on gathering if nobody else does. */
static void settle_broken(struct master *master)
{
    struct need *need;

    DL_FOREACH2(master->gangs, need, gang_next)
    {
        if (!need->held || need->left <= 0 || need == master->gang_turn)
            continue;
        if (!master->gang_turn)
            take_turn(master, need);
        else if (!MUTATE(GATHER_TOGETHER))
            release(master, need, "the gang is not whole any more, and another one gathers");
    }
}

static void set_due(struct master *master)
{
    int64_t due_us = DEADLINE_NEVER;
    const struct need *need;

    DL_FOREACH2(master->gangs, need, gang_next)
    {
        int64_t not_before_us = need->subscription->gang_not_before_us;

        if (need->left > 0 && not_before_us > master->now.mono_us && not_before_us < due_us)
            due_us = not_before_us;
    }
    if (master->gang_turn && master->gang_turn->hold_end_us < due_us)
        due_us = master->gang_turn->hold_end_us;
    if (due_us == DEADLINE_NEVER)
        deadline_cancel(&master->deadlines, &master->gang_due);
    else
        deadline_set(&master->deadlines, &master->gang_due, due_us);
}

static void on_due(void *owner, struct deadline *deadline)
{
    struct master *master = owner;

    struct need *turn = master->gang_turn;

    (void)deadline;
    if (!turn || turn->hold_end_us > master->now.mono_us)
        return;
    if (turn->held) {
        gang_give_up(master, turn);
        return;
    }
    /* It has come to nothing and cost nobody anything. */
    turn->subscription->gang_not_before_us = master->now.mono_us + LOOK_AGAIN_US;
    master->gang_turn = NULL;
}

void gangs_settle(struct master *master)
{
    const struct need *turn = master->gang_turn;

    if (!master->gangs)
        return;
    if (turn && (turn->left <= 0 || (!turn->held && !turn->subscription->is_asked)))
        master->gang_turn = NULL;
    settle_broken(master);
    while (!master->gang_turn && choose(master))
        ;
    set_due(master);
}

/* --- which there are ---------------------------------------------------------------- */

void gangs_init(struct master *master)
{
    master->gang_due.due = on_due;
}

void gangs_add(struct master *master, struct subscription *subscription)
{
    for (size_t i = 0; subscription->needs && i < subscription->needs->count; i++) {
        struct need *need = &subscription->needs->items[i];

        need->subscription = subscription;
        if (need->info->gang)
            DL_APPEND2(master->gangs, need, gang_prev, gang_next);
    }
}

void gangs_remove(struct master *master, struct needs *needs)
{
    for (size_t i = 0; i < needs->count; i++) {
        struct need *need = &needs->items[i];

        if (!need->info->gang)
            continue;
        DL_DELETE2(master->gangs, need, gang_prev, gang_next);
        if (master->gang_turn == need)
            master->gang_turn = NULL;
    }
    if (!master->gangs)
        deadline_cancel(&master->deadlines, &master->gang_due);
}

/* --- check --------------------------------------------------------------------------- */

static int check_gang(const struct master *master, const struct need *need, struct err *err)
{
    const char *name = need->info->name;
    const struct offer *offer;
    size_t held = 0;

    for (offer = need->subscription->framework->offers; offer; offer = offer->framework_next) {
        if (offer->need != need)
            continue;
        held++;
        if (!deadline_is_set(&offer->timeout) || offer->timeout.at_us != need->hold_end_us)
            return err_set(err, -EINVAL, "offer %.64s is not held as long as its gang", offer->id);
    }
    if (held != need->held)
        return err_set(err, -EINVAL, "gang %.64s holds %zu offers, %zu counted", name, held,
                       need->held);
    if (held && need->hold_end_us > master->now.mono_us + master->gang_hold_us)
        return err_set(err, -EINVAL, "gang %.64s may hold for longer than any may", name);
    if (held && need->left > 0 && master->gang_turn != need)
        return err_set(err, -EINVAL, "gang %.64s is not whole and holds offers out of turn", name);
    return 0;
}

int gangs_check(const struct master *master, struct err *err)
{
    const struct need *need;
    int r = 0;

    DL_FOREACH2(master->gangs, need, gang_next)
    {
        bool is_next = !master->gang_turn && need->subscription->is_asked &&
                       find_waiting(master, need->subscription, UINT64_MAX);

        if (is_next)
            return err_set(err, -EINVAL, "gang %.64s waits, and no gang gathers", need->info->name);
        r = check_gang(master, need, err);
        if (r < 0)
            return r;
    }
    if (master->gang_turn && !deadline_is_set(&master->gang_due))
        return err_set(err, -EINVAL, "a gang gathers without end");
    return r;
}
