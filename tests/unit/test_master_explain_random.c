/* tests/unit/test_master_explain_random.c - explain agrees with what the allocator then does, in both directions,
 * on random clusters: roles in roles, quotas, reservations, filters, needs with constraints, caps, agents that
 * operators have taken out of use; and in a second run gangs, maintenance, optimistic roles and frameworks
 * that take what is revocable as well.
 *
 * Allocations are put off a little, so that what explain says before one can be compared with what it does; and
 * what explain names as missing is added, exactly and one thousandth short of it.
 */
#include <stdio.h>
#include <string.h>

#include "master/core/agents.h"
#include "master/core/explain.h"
#include "master/core/filters.h"
#include "master/core/frameworks.h"
#include "master/core/maintenance.h"
#include "master/core/needs.h"
#include "tests/unit/explain_world.h"
#include "tests/unit/master_fixture.h"

#ifdef PROFFER_MUTANTS
#include <stdlib.h>

#include "base/mutant.h"

enum mutant mutant_chosen;
#endif

#define SEEDS     150
#define EVENTS    250
#define PAIRS_MAX 512
#define BATCH_MS  2

/* --- before and after an allocation ----------------------------------------------- */

struct pair {
    const struct subscription *subscription;
    const struct agent *agent;
    enum obstacle before;
};

struct pairs {
    struct pair items[PAIRS_MAX];
    size_t count, open; /* of these without an obstacle */
};

/* Somebody in some role. */
static const struct subscription *any_subscription(struct world *world)
{
    const struct node *node = world_any_framework(world);
    const struct framework *framework =
        node->id ? framework_find(world->cluster->master, node->id) : NULL;

    return framework ? framework->subscriptions : NULL;
}

/* Of those who want offers. */
static void look(struct world *world, struct pairs *ret)
{
    const struct master *master = world->cluster->master;

    ret->count = ret->open = 0;
    for (const struct framework *framework = master->frameworks; framework;
         framework = framework->hh.next)
        for (const struct subscription *subscription = framework->subscriptions; subscription;
             subscription = subscription->next)
            for (const struct agent *agent = master->agents; agent; agent = agent->hh.next) {
                struct pair *pair = &ret->items[ret->count];

                if (!subscription_wants(master, subscription) || ret->count == PAIRS_MAX)
                    continue;
                *pair = (struct pair){subscription, agent,
                                      obstacle_find(master, agent, subscription, NULL)};
                ret->open += pair->before == OBSTACLE_NONE;
                ret->count++;
            }
}

static bool was_offered(const struct master *master, const struct pair *pair)
{
    for (const struct offer *offer = pair->agent->offers; offer; offer = offer->agent_next)
        if (offer->subscription == pair->subscription && offer->round == master->round)
            return true;
    return false;
}

static void fail_pair(const struct world *world, const struct pair *pair, const char *what,
                      int obstacle)
{
    CLEANUP(buf_fini) struct buf text = {0};

    resources_print(&pair->agent->free, &text);
    fail_msg("seed %d: framework %s in role %s, agent %s (%s free): %s (obstacle %d)",
             (int)world->seed, pair->subscription->framework->id, pair->subscription->role,
             pair->agent->id, buf_text(&text), what, obstacle);
}

static bool ends_a_filter_soon(const struct master *master)
{
    for (const struct agent *agent = master->agents; agent; agent = agent->hh.next)
        for (const struct filter *filter = agent->filters; filter; filter = filter->next)
            if (filter->end.at_us <= master->now.mono_us + (BATCH_MS + 1) * US_PER_MS)
                return true;
    return false;
}

/* Whose turn it is to gather, or where windows stand, is another then. */
static bool is_clock_due_soon(const struct master *master)
{
    int64_t soon_us = master->now.mono_us + (BATCH_MS + 1) * US_PER_MS;
    const struct deadline *due = &master->maintenance->due;

    return (deadline_is_set(due) && due->at_us <= soon_us) ||
           (deadline_is_set(&master->gang_due) && master->gang_due.at_us <= soon_us);
}

struct tally {
    size_t gangs, times, shown, revocable;
    size_t allocations, offers, lacks, added, limits, headrooms, filters, constraints;
};

static bool has_revocable(const struct resources *resources)
{
    for (size_t i = 0; i < resources->count; i++)
        if (resources->items[i].revocable)
            return true;
    return false;
}

static void note_kind(struct tally *tally, const struct pair *pair, bool is_offered)
{
    const struct offer *offer;

    tally->gangs += pair->before == OBSTACLE_GANG;
    tally->times += pair->before == OBSTACLE_TIME || pair->before == OBSTACLE_MAINTENANCE;
    tally->shown += pair->before == OBSTACLE_SHOWN;
    for (offer = pair->agent->offers; offer && is_offered; offer = offer->agent_next)
        tally->revocable +=
            offer->subscription == pair->subscription && has_revocable(&offer->resources);
}

/* The allocation that is due, and whether it did what was said. */
static void allocate_and_compare(struct world *world, struct tally *tally)
{
    const struct master *master = world->cluster->master;
    int64_t rescinded = cluster_counter(world->cluster, "master/offers_rescinded");
    uint64_t round = master->round;
    static struct pairs pairs;

    if (!deadline_is_set(&master->allocation) || ends_a_filter_soon(master) ||
        is_clock_due_soon(master)) {
        cluster_pass(world->cluster, BATCH_MS);
        return;
    }
    look(world, &pairs);
    cluster_pass(world->cluster, BATCH_MS);
    /* Offers that are taken back meanwhile are more than explain could know of. */
    if (master->round != round + 1 ||
        rescinded != cluster_counter(world->cluster, "master/offers_rescinded"))
        return;
    /* A gang that has got its turn by this is asked by the next one. */
    if (world->is_rich && deadline_is_set(&master->allocation))
        return;
    tally->allocations++;
    for (size_t i = 0; i < pairs.count; i++) {
        const struct pair *pair = &pairs.items[i];
        bool is_offered = was_offered(master, pair);
        bool wants = subscription_wants(master, pair->subscription);
        enum obstacle now = obstacle_find(master, pair->agent, pair->subscription, NULL);

        tally->offers += is_offered;
        note_kind(tally, pair, is_offered);
        if (is_offered && pair->before != OBSTACLE_NONE)
            fail_pair(world, pair, "offered against what was said", (int)pair->before);
        if (!is_offered && pair->before == OBSTACLE_NONE && wants && now == OBSTACLE_NONE)
            fail_pair(world, pair, "not offered, and nobody else has it", (int)now);
        if (!is_offered && pair->before == OBSTACLE_NONE && pairs.open == 1)
            fail_pair(world, pair, "not offered, and it was nobody else's turn", (int)now);
        /* A gang that is whole leaves the turn to another. */
        if (pair->before != OBSTACLE_NONE && pair->before != OBSTACLE_GANG && now == OBSTACLE_NONE)
            fail_pair(world, pair, "nothing was given, and an obstacle is gone", (int)pair->before);
    }
}

/* --- what is named as missing ------------------------------------------------------- */

/* With so much more there, less `short_milli` of the first. */
static void add_lacks(struct world *world, struct resources *free,
                      const struct obstacle_detail *detail, int64_t short_milli)
{
    for (size_t i = 0; i < detail->lacks_count; i++) {
        CLEANUP(buf_fini) struct buf text = {0};
        CLEANUP(resources_fini) struct resources more = {0};
        int64_t milli = detail->lacks[i].milli - (i ? 0 : short_milli);

        if (milli <= 0)
            continue;
        if (!strcmp(detail->lacks[i].name, "ports")) {
            if (milli >= 1000)
                buf_printf(&text, "ports:[%d-%d]", world->port,
                           world->port + (int)(milli / 1000) - 1);
            world->port += (int)(milli / 1000);
        } else {
            buf_printf(&text, "%s:%d.%03d", detail->lacks[i].name, (int)(milli / 1000),
                       (int)(milli % 1000));
        }
        assert_int_equal(resources_parse(&more, buf_text(&text), NULL), 0);
        assert_int_equal(resources_add(free, &more, NULL), 0);
    }
}

/* What explain would say of the agent if that were free on it. */
static enum obstacle suppose_free(const struct world *world, const struct pair *pair,
                                  struct resources *free, struct obstacle_detail *ret_detail)
{
    struct agent *agent = (struct agent *)pair->agent;
    enum obstacle obstacle;

    resources_swap(&agent->free, free);
    obstacle = obstacle_find(world->cluster->master, agent, pair->subscription, ret_detail);
    resources_swap(&agent->free, free);
    return obstacle;
}

static bool has_several_needs(const struct pair *pair)
{
    return pair->subscription->needs && pair->subscription->needs->count > 1;
}

static bool is_same_lack(const struct obstacle_detail *a, const struct obstacle_detail *b)
{
    const char *for_a = strstr(a->lack, " for "), *for_b = strstr(b->lack, " for ");

    return for_a && for_b && !strcmp(for_a, for_b);
}

/* The agent comes back with just that more, and with what runs there. */
static void add_for_real(struct world *world, const struct pair *pair, enum obstacle obstacle,
                         const struct obstacle_detail *detail, struct tally *tally)
{
    CLEANUP(resources_fini) struct resources total = {0};
    CLEANUP(buf_fini) struct buf text = {0};
    struct obstacle_detail then = {0};

    resources_copy(&total, &pair->agent->total);
    add_lacks(world, &total, detail, 0);
    resources_print(&total, &text);
    for (size_t i = 0; i < AGENTS; i++) {
        struct node *node = &world->agents[i];

        if (!node->id || strcmp(node->id, pair->agent->id) != 0)
            continue;
        world_agent_comes(world, node, buf_text(&text));
        if (!node->session)
            return;
        if (obstacle_find(world->cluster->master, pair->agent, pair->subscription, &then) ==
                obstacle &&
            is_same_lack(detail, &then))
            fail_pair(world, pair, then.lack, (int)obstacle);
        tally->added++;
    }
}

static void probe_lack(struct world *world, const struct pair *pair, enum obstacle obstacle,
                       const struct obstacle_detail *detail, struct tally *tally)
{
    CLEANUP(resources_fini) struct resources enough = {0}, too_little = {0};
    struct obstacle_detail then = {0}, still = {0};
    enum obstacle with, without;

    if (!detail->lacks_count)
        fail_pair(world, pair, "nothing is named as missing", (int)obstacle);
    resources_copy(&enough, &pair->agent->free);
    add_lacks(world, &enough, detail, 0);
    with = suppose_free(world, pair, &enough, &then);
    if (with == obstacle && is_same_lack(detail, &then))
        fail_pair(world, pair, then.lack, (int)with);
    if (with < obstacle && with != OBSTACLE_NONE && with != OBSTACLE_QUOTA)
        fail_pair(world, pair, "more on the agent is a worse obstacle", (int)with);
    resources_copy(&too_little, &pair->agent->free);
    add_lacks(world, &too_little, detail, 1);
    without = suppose_free(world, pair, &too_little, &still);
    /* Of several needs, or least offers, another one may come first; that one still lacks it. */
    if (without != obstacle && obstacle == OBSTACLE_LACKS && has_several_needs(pair))
        return;
    /* Nor does a quota let through what is added. */
    if (without != obstacle && without != OBSTACLE_QUOTA)
        fail_pair(world, pair, "a thousandth less is enough, too", (int)without);
    if (without == obstacle && is_same_lack(detail, &still) &&
        (still.lacks_count != 1 ||
         still.lacks[0].milli != (strcmp(still.lacks[0].name, "ports") ? 1 : 1000)))
        fail_pair(world, pair, still.lack, (int)without);
    tally->lacks++;
    if (chance(world, 10))
        add_for_real(world, pair, obstacle, detail, tally);
}

static const struct msg_kept_role *policy_of_role(const struct world *world, const char *role)
{
    struct policy *policy;

    HASH_FIND_STR(world->cluster->master->policies, role, policy);
    assert_non_null(policy);
    return policy->record;
}

/* The limit that is named, higher by so much; explained before anything is allocated. */
static enum obstacle raise_limit(struct world *world, const struct pair *pair,
                                 const struct allocator_cut_reason *cut, int64_t by_milli,
                                 struct obstacle_detail *ret_detail)
{
    const struct msg_kept_role *policy = policy_of_role(world, cut->role);
    struct resource_info limits[8];
    struct msg_operator_set_quota call = {.role = arena_strdup(world->cluster->arena, cut->role),
                                          .force = true,
                                          .limits = limits,
                                          .limits_count = policy->limits_count};

    assert_true(policy->limits_count <= ARRAY_SIZE(limits));
    memcpy(limits, policy->limits, policy->limits_count * sizeof(limits[0]));
    call.guarantees = policy->guarantees;
    call.guarantees_count = policy->guarantees_count;
    for (size_t i = 0; i < call.limits_count; i++)
        if (!strcmp(limits[i].name, cut->scalar))
            limits[i].scalar += by_milli;
    assert_int_equal(
        cluster_operator(world->cluster, (struct message){.type = MSG_OPERATOR_SET_QUOTA,
                                                          .operator_set_quota = &call})
            .code,
        200);
    *ret_detail = (struct obstacle_detail){0};
    return obstacle_find(world->cluster->master, pair->agent, pair->subscription, ret_detail);
}

static bool is_same_cut(const struct allocator_cut_reason *a, const struct allocator_cut_reason *b)
{
    return b->scalar && !strcmp(a->scalar, b->scalar) && a->wanted_milli == b->wanted_milli &&
           !a->role == !b->role && (!a->role || !strcmp(a->role, b->role));
}

static void probe_limit(struct world *world, const struct pair *pair,
                        const struct allocator_cut_reason *named, struct tally *tally)
{
    struct allocator_cut_reason cut = *named;
    struct obstacle_detail detail;
    enum obstacle obstacle;

    cut.role = arena_strdup(world->cluster->arena, cut.role);
    cut.scalar = arena_strdup(world->cluster->arena, cut.scalar);
    obstacle = raise_limit(world, pair, &cut, cut.missing_milli - 1, &detail);
    /* Another limit may be the tighter one by now. */
    if (obstacle != OBSTACLE_QUOTA && has_several_needs(pair))
        return;
    if (obstacle != OBSTACLE_QUOTA)
        fail_pair(world, pair, "a limit a thousandth lower is enough, too", (int)obstacle);
    if (is_same_cut(&cut, &detail.cut) && detail.cut.missing_milli != 1)
        fail_pair(world, pair, detail.quota, (int)obstacle);
    if (!is_same_cut(&cut, &detail.cut))
        return;
    obstacle = raise_limit(world, pair, &cut, 1, &detail);
    if (obstacle == OBSTACLE_QUOTA && is_same_cut(&cut, &detail.cut))
        fail_pair(world, pair, detail.quota, (int)obstacle);
    tally->limits++;
}

/* What is held back for others, with so much more free somewhere. */
static void probe_headroom(struct world *world, const struct pair *pair,
                           const struct allocator_cut_reason *named, struct tally *tally)
{
    struct allocator *allocator = world->cluster->master->allocator;

    for (int is_enough = 0; is_enough < 2; is_enough++) {
        CLEANUP(resources_fini) struct resources more = {0};
        struct obstacle_detail detail = {0};
        enum obstacle obstacle;
        int64_t milli = named->missing_milli - 1 + is_enough;

        assert_int_equal(resources_add_scalar(&more, named->scalar, NULL, milli, NULL), 0);
        allocator_free_add(allocator, &more);
        obstacle = obstacle_find(world->cluster->master, pair->agent, pair->subscription, &detail);
        allocator_free_remove(allocator, &more);
        if (is_enough && obstacle == OBSTACLE_QUOTA && is_same_cut(named, &detail.cut))
            fail_pair(world, pair, detail.quota, (int)obstacle);
        /* Of several needs, another one may come first. */
        if (!is_enough && has_several_needs(pair))
            continue;
        if (!is_enough && (obstacle != OBSTACLE_QUOTA || !is_same_cut(named, &detail.cut) ||
                           detail.cut.missing_milli != 1))
            fail_pair(world, pair, "a thousandth less is enough, too", (int)obstacle);
    }
    tally->headrooms++;
}

static void probe_quota(struct world *world, const struct pair *pair,
                        const struct obstacle_detail *detail, struct tally *tally)
{
    if (!detail->cut.scalar)
        fail_pair(world, pair, "no rule is named that keeps it", OBSTACLE_QUOTA);
    if (detail->cut.missing_milli <= 0)
        fail_pair(world, pair, "nothing is named as missing", OBSTACLE_QUOTA);
    if (detail->cut.role)
        probe_limit(world, pair, &detail->cut, tally);
    else
        probe_headroom(world, pair, &detail->cut, tally);
}

static struct node node_of(const struct world *world, const struct pair *pair)
{
    for (size_t i = 0; i < FRAMEWORKS; i++)
        if (world->frameworks[i].id &&
            !strcmp(world->frameworks[i].id, pair->subscription->framework->id))
            return world->frameworks[i];
    fail_msg("unknown framework");
    return (struct node){0};
}

static void probe_filter(struct world *world, const struct pair *pair,
                         const struct obstacle_detail *detail, struct tally *tally)
{
    struct master *master = world->cluster->master;
    enum obstacle obstacle;

    if (detail->filter_us <= 0)
        fail_pair(world, pair, "a filter without an end", OBSTACLE_FILTER);
    cluster_framework_says(world->cluster, node_of(world, pair).session,
                           MESSAGE(REVIVE, revive, .roles = NULL));
    obstacle = obstacle_find(master, pair->agent, pair->subscription, NULL);
    if (obstacle != OBSTACLE_NONE)
        fail_pair(world, pair, "revived, and something else stands in the way", (int)obstacle);
    tally->filters++;
}

static void probe_constraint(struct world *world, const struct pair *pair, struct tally *tally)
{
    enum obstacle obstacle;

    world_state_needs(world, node_of(world, pair),
                      arena_strdup(world->cluster->arena, pair->subscription->role), true);
    obstacle = obstacle_find(world->cluster->master, pair->agent, pair->subscription, NULL);
    /* What is offered already may meet them. */
    if (!subscription_wants(world->cluster->master, pair->subscription))
        return;
    if (obstacle == OBSTACLE_CONSTRAINT)
        fail_pair(world, pair, "without constraints", (int)obstacle);
    tally->constraints++;
}

/* What a person is told: whether more offers are made at all, and of the agent asked about. */
static void probe_text(const struct world *world, const struct pair *pair)
{
    const struct master *master = world->cluster->master;
    const struct msg_operator_explain call = {.framework = pair->subscription->framework->id,
                                              .role = pair->subscription->role,
                                              .agent_id = pair->agent->id};
    CLEANUP(buf_fini) struct buf text = {0};
    bool wants = subscription_wants(master, pair->subscription);

    assert_int_equal(explain(master, &call, &text), 200);
    if (!strstr(buf_text(&text), "no more are made") != wants ||
        !strstr(buf_text(&text), "1 of 1 agents") == wants)
        fail_pair(world, pair, buf_text(&text), (int)pair->before);
}

/* What is shown to others, and what only a gang may have, is no sum that more could be added to. */
static bool is_exact(const struct pair *pair)
{
    const struct needs *needs = pair->subscription->needs;

    for (size_t i = 0; needs && i < needs->count; i++)
        if (needs->items[i].info->gang)
            return false;
    return !pair->agent->shown && !pair->subscription->is_optimistic &&
           !pair->subscription->framework->takes_revocable;
}

/* One that is named, of somebody: take it away. */
static void probe(struct world *world, struct tally *tally)
{
    static struct pairs pairs;
    struct obstacle_detail detail = {0};
    struct pair any = {any_subscription(world), world->cluster->master->agents, OBSTACLE_NONE};
    const struct pair *pair;

    if (any.subscription && any.agent)
        probe_text(world, &any);
    look(world, &pairs);
    if (!pairs.count)
        return;
    pair = &pairs.items[below(world, pairs.count)];
    probe_text(world, pair);
    if (!is_exact(pair))
        return;
    switch (obstacle_find(world->cluster->master, pair->agent, pair->subscription, &detail)) {
    case OBSTACLE_LACKS:
    case OBSTACLE_TOO_SMALL:
        probe_lack(world, pair, pair->before, &detail, tally);
        break;
    case OBSTACLE_QUOTA:
        probe_quota(world, pair, &detail, tally);
        break;
    case OBSTACLE_FILTER:
        probe_filter(world, pair, &detail, tally);
        break;
    case OBSTACLE_CONSTRAINT:
        probe_constraint(world, pair, tally);
        break;
    default:
        break;
    }
}

/* --- all --------------------------------------------------------------------------- */

static void run(uint64_t seed, bool is_rich, struct tally *tally)
{
    CLUSTER((&(struct master_settings){.id = "M",
                                       .epoch = CLUSTER_EPOCH,
                                       .seed = seed,
                                       .offer_timeout_ms = -1,
                                       .offer_batch_ms = BATCH_MS,
                                       .offers_max = seed % 4 ? 0 : 2,
                                       .min_allocatable = "cpus:0.01;mem:24",
                                       .allocator = seed % 3 ? "drf" : "random"}));
    struct world world = {.cluster = cluster,
                          .rng = {.state = seed},
                          .seed = seed,
                          .is_rich = is_rich,
                          .port = 40000};

    for (int event = 0; event < EVENTS; event++) {
        world_act(&world);
        allocate_and_compare(&world, tally);
        probe(&world, tally);
        allocate_and_compare(&world, tally);
    }
}

static void explain_agrees_with_what_the_allocator_then_does(void **state)
{
    struct tally tally = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        run(seed, false, &tally);
    print_message("%zu allocations, %zu offers; taken away: %zu lacks (%zu for real), %zu limits, "
                  "%zu headrooms, "
                  "%zu filters, %zu constraints\n",
                  tally.allocations, tally.offers, tally.lacks, tally.added, tally.limits,
                  tally.headrooms, tally.filters, tally.constraints);
    /* It has looked at each of them. */
    assert_true(tally.offers > 500 && tally.lacks > 100 && tally.added > 50 && tally.limits > 100 &&
                tally.headrooms > 20 && tally.filters > 50 && tally.constraints > 10);
}

static void explain_agrees_where_gangs_windows_and_optimistic_roles_are(void **state)
{
    struct tally tally = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        run(seed, true, &tally);
    print_message("%zu allocations, %zu offers, %zu of them revocable; %zu wait for a gang's turn, "
                  "%zu for time, %zu look at what others do\n",
                  tally.allocations, tally.offers, tally.revocable, tally.gangs, tally.times,
                  tally.shown);
    assert_true(tally.offers > 500 && tally.revocable > 20 && tally.gangs > 100 &&
                tally.times > 100 && tally.shown > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(explain_agrees_with_what_the_allocator_then_does),
        cmocka_unit_test(explain_agrees_where_gangs_windows_and_optimistic_roles_are),
    };

#ifdef PROFFER_MUTANTS
    mutant_chosen = (enum mutant)(getenv("MUTANT") ? atoi(getenv("MUTANT")) : 0);
#endif
    return cmocka_run_group_tests(tests, NULL, NULL);
}
