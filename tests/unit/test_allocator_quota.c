/* tests/unit/test_allocator_quota.c - limits, guarantees and headroom, against a model that computes
 * everything from the beginning each time. Both orders. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/rng.h"
#include "master/core/allocator.h"

#define SEEDS   150
#define EVENTS  250
#define ROLES   8
#define CLIENTS 12
#define AGENTS  6
#define SCALARS 2
#define NONE    (-1)

static const char *const orders[] = {"drf", "random"};
static const char *const scalars[SCALARS] = {"cpus", "mem"};
static const char *const role_names[ROLES] = {"a", "a/b", "a/b/c", "a/d", "e", "f/g", "f/h", "*"};

struct client {
    struct allocator_client *client;
    size_t role;
    bool wants;
    int64_t held[AGENTS][SCALARS];
};

struct world {
    struct allocator *allocator;
    struct rng rng;
    struct client clients[CLIENTS];
    int64_t total[AGENTS][SCALARS], free[AGENTS][SCALARS];
    int64_t guarantee[ROLES][SCALARS], limit[ROLES][SCALARS]; /* NONE: none */
};

static size_t below(struct world *world, size_t bound)
{
    return (size_t)rng_below(&world->rng, bound);
}

static struct resources both(const int64_t amounts[SCALARS])
{
    struct resources resources = {0};

    for (size_t k = 0; k < SCALARS; k++)
        assert_int_equal(resources_add_scalar(&resources, scalars[k], NULL, amounts[k], NULL), 0);
    return resources;
}

/* --- the model ----------------------------------------------------------------------- */

/* Is the role in the other one, or the same? */
static bool is_in(const char *role, const char *above)
{
    size_t size = strlen(above);

    return !strncmp(role, above, size) && (role[size] == '\0' || role[size] == '/');
}

static int64_t counted(const struct world *world, size_t role, size_t k)
{
    int64_t sum = 0;

    for (size_t i = 0; i < CLIENTS; i++)
        for (size_t j = 0; j < AGENTS; j++)
            if (is_in(role_names[world->clients[i].role], role_names[role]))
                sum += world->clients[i].held[j][k];
    return sum;
}

/* Is `below` the nearest role with a name of ours in `above`? */
static bool is_child(size_t child, size_t above)
{
    if (child == above || !is_in(role_names[child], role_names[above]))
        return false;
    for (size_t i = 0; i < ROLES; i++)
        if (i != child && i != above && is_in(role_names[child], role_names[i]) &&
            is_in(role_names[i], role_names[above]))
            return false;
    return true;
}

static bool is_top(size_t role)
{
    for (size_t i = 0; i < ROLES; i++)
        if (i != role && is_in(role_names[role], role_names[i]))
            return false;
    return true;
}

static int64_t lack(const struct world *world, size_t role, size_t k)
{
    int64_t below_it = 0, own = 0;

    for (size_t i = 0; i < ROLES; i++)
        if (is_child(i, role))
            below_it += lack(world, i, k);
    if (world->guarantee[role][k] != NONE)
        own = world->guarantee[role][k] - counted(world, role, k);
    return own > below_it ? own : below_it;
}

static int64_t lack_in_all(const struct world *world, size_t k)
{
    int64_t sum = 0;

    for (size_t i = 0; i < ROLES; i++)
        sum += is_top(i) ? lack(world, i, k) : 0;
    return sum;
}

static int64_t free_in_all(const struct world *world, size_t k)
{
    int64_t sum = 0;

    for (size_t i = 0; i < AGENTS; i++)
        sum += world->free[i][k];
    return sum;
}

static int64_t guaranteed(const struct world *world, size_t role, size_t k)
{
    int64_t below_it = 0, own = world->guarantee[role][k];

    for (size_t i = 0; i < ROLES; i++)
        if (is_child(i, role))
            below_it += guaranteed(world, i, k);
    return own > below_it ? own : below_it;
}

static bool is_consistent(const struct world *world)
{
    for (size_t i = 0; i < ROLES; i++)
        for (size_t k = 0; k < SCALARS; k++)
            if (world->limit[i][k] != NONE && guaranteed(world, i, k) > world->limit[i][k])
                return false;
    return true;
}

static void check(struct world *world)
{
    struct err err = {""};

    if (allocator_check(world->allocator, &err) < 0)
        fail_msg("%s", err.text);
}

static void check_limits(const struct world *world)
{
    for (size_t i = 0; i < ROLES; i++)
        for (size_t k = 0; k < SCALARS; k++)
            if (world->limit[i][k] != NONE && counted(world, i, k) > world->limit[i][k])
                fail_msg("role %s has %lld %s, its limit is %lld", role_names[i],
                         (long long)counted(world, i, k), scalars[k],
                         (long long)world->limit[i][k]);
}

/* --- what happens ------------------------------------------------------------------------ */

struct visit {
    struct world *world;
    size_t agent;
    unsigned percent; /* who says yes */
    struct resources available;
};

static enum answer visit_client(void *ctx, void *owner, bool for_guarantee)
{
    struct visit *visit = ctx;
    const struct client *client = owner;
    struct resources available = both(visit->world->free[visit->agent]);

    resources_swap(&visit->available, &available);
    resources_fini(&available);
    allocator_clip(visit->world->allocator, client->client, &visit->available);
    if (resources_are_empty(&visit->available))
        return ANSWER_NOT_THIS_ROLE;
    if (for_guarantee &&
        !allocator_is_guaranteed(visit->world->allocator, client->client, &visit->available))
        return ANSWER_NOT_THIS_ROLE;
    return below(visit->world, 100) < visit->percent ? ANSWER_YES : ANSWER_NO;
}

static void hold(struct world *world, struct client *client, size_t agent,
                 const struct resources *resources, int sign)
{
    for (size_t k = 0; k < SCALARS; k++) {
        int64_t amount = sign * resources_scalar(resources, scalars[k]);

        client->held[agent][k] += amount;
        world->free[agent][k] -= amount;
    }
    if (sign > 0)
        allocator_charge(world->allocator, client->client, resources, CHARGE_FREE);
    else
        allocator_discharge(world->allocator, client->client, resources, CHARGE_FREE);
}

/* What is on the agent is shown to all; sometimes only a part of an offer is kept. */
static bool offer(struct world *world, size_t agent, unsigned percent)
{
    struct visit visit = {.world = world, .agent = agent, .percent = percent};
    struct client *client = allocator_first(world->allocator, visit_client, &visit);
    int64_t before[SCALARS];

    for (size_t k = 0; k < SCALARS; k++)
        before[k] = free_in_all(world, k) - lack_in_all(world, k);
    if (client)
        hold(world, client, agent, &visit.available, 1);
    for (size_t k = 0; k < SCALARS; k++) {
        int64_t now = free_in_all(world, k) - lack_in_all(world, k);

        assert_true(now >= 0 || now >= before[k]);
    }
    resources_fini(&visit.available);
    return client != NULL;
}

static void release(struct world *world, struct client *client, size_t agent)
{
    struct resources held = both(client->held[agent]);

    if (!resources_are_empty(&held))
        hold(world, client, agent, &held, -1);
    resources_fini(&held);
}

static int set_quota(struct world *world, size_t role, const int64_t guarantee[SCALARS],
                     const int64_t limit[SCALARS])
{
    struct quota_amount guarantees[SCALARS], limits[SCALARS];
    struct quota_request request = {
        .role = role_names[role], .guarantees = guarantees, .limits = limits};

    for (size_t k = 0; k < SCALARS; k++) {
        if (guarantee[k] != NONE)
            guarantees[request.guarantees_count++] =
                (struct quota_amount){scalars[k], guarantee[k]};
        if (limit[k] != NONE)
            limits[request.limits_count++] = (struct quota_amount){scalars[k], limit[k]};
    }
    return allocator_set_quota(world->allocator, &request, NULL);
}

/* It is taken exactly when the model finds it consistent. */
static void change_quota(struct world *world, size_t role, const int64_t guarantee[SCALARS],
                         const int64_t limit[SCALARS])
{
    int64_t old[2][SCALARS];

    memcpy(old[0], world->guarantee[role], sizeof(old[0]));
    memcpy(old[1], world->limit[role], sizeof(old[1]));
    memcpy(world->guarantee[role], guarantee, sizeof(old[0]));
    memcpy(world->limit[role], limit, sizeof(old[1]));
    if (is_consistent(world)) {
        assert_int_equal(set_quota(world, role, guarantee, limit), 0);
        return;
    }
    assert_int_equal(set_quota(world, role, guarantee, limit), -EINVAL);
    memcpy(world->guarantee[role], old[0], sizeof(old[0]));
    memcpy(world->limit[role], old[1], sizeof(old[1]));
}

/* Offers of roles beyond their limit go, as the master's core does it. */
static void enforce(struct world *world)
{
    for (size_t i = 0; i < CLIENTS; i++)
        for (size_t j = 0; j < AGENTS; j++) {
            struct client *client = &world->clients[i];
            struct resources held = both(client->held[j]);

            if (allocator_is_beyond_limit(world->allocator, client->client, &held))
                release(world, client, j);
            resources_fini(&held);
        }
    allocator_has_rescinded(world->allocator);
}

static void act_quota(struct world *world)
{
    int64_t guarantee[SCALARS], limit[SCALARS];

    for (size_t k = 0; k < SCALARS; k++) {
        guarantee[k] = below(world, 2) ? NONE : (int64_t)below(world, 9) * 1000;
        limit[k] = below(world, 2) ? NONE : (int64_t)below(world, 30) * 1000;
    }
    change_quota(world, below(world, ROLES), guarantee, limit);
    if (allocator_must_rescind(world->allocator))
        enforce(world);
}

static void act(struct world *world)
{
    size_t what = below(world, 100);
    struct client *client = &world->clients[below(world, CLIENTS)];

    if (what < 8) {
        act_quota(world);
    } else if (what < 40) {
        release(world, client, below(world, AGENTS));
    } else if (what < 50) {
        client->wants = !client->wants;
        allocator_want(world->allocator, client->client, client->wants);
    } else {
        offer(world, below(world, AGENTS), 70);
    }
}

/* --- beginning and end --------------------------------------------------------------------- */

static void begin(struct world *world, uint64_t seed)
{
    const struct allocator_settings settings = {.order = orders[seed % 2], .seed = seed};

    *world = (struct world){.rng = {.state = seed}};
    assert_int_equal(allocator_new(&settings, &world->allocator, NULL), 0);
    for (size_t i = 0; i < ROLES; i++)
        for (size_t k = 0; k < SCALARS; k++)
            world->guarantee[i][k] = world->limit[i][k] = NONE;
    for (size_t i = 0; i < AGENTS; i++) {
        struct resources has;

        for (size_t k = 0; k < SCALARS; k++)
            world->total[i][k] = world->free[i][k] = (int64_t)(1 + below(world, 12)) * 1000;
        has = both(world->total[i]);
        allocator_pool_add(world->allocator, &has);
        allocator_free_add(world->allocator, &has);
        resources_fini(&has);
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        struct client *client = &world->clients[i];

        client->role = i < ROLES ? i : below(world, ROLES);
        client->client = allocator_join(world->allocator, role_names[client->role], client);
    }
}

static void end(struct world *world)
{
    for (size_t i = 0; i < CLIENTS; i++) {
        for (size_t j = 0; j < AGENTS; j++)
            release(world, &world->clients[i], j);
        allocator_leave(world->allocator, &world->clients[i].client);
    }
    check(world);
    allocator_destroy(&world->allocator);
}

/* --- properties ----------------------------------------------------------------------------- */

static void limits_and_headroom_hold_whatever_happens(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct world world;

        begin(&world, seed);
        for (int i = 0; i < EVENTS; i++) {
            act(&world);
            check(&world);
            check_limits(&world);
        }
        end(&world);
    }
}

/* Quotas that the pool can carry. */
static void set_carried_quotas(struct world *world)
{
    int64_t total[SCALARS] = {0};

    for (size_t i = 0; i < AGENTS; i++)
        for (size_t k = 0; k < SCALARS; k++)
            total[k] += world->total[i][k];
    for (size_t role = 0; role < ROLES; role++) {
        int64_t guarantee[SCALARS], limit[SCALARS], old[SCALARS];
        bool is_too_much = false;

        memcpy(old, world->guarantee[role], sizeof(old));
        for (size_t k = 0; k < SCALARS; k++) {
            int64_t sum = 0;

            guarantee[k] = (int64_t)below(world, 9) * 1000;
            limit[k] = below(world, 3) ? NONE : (int64_t)below(world, 20) * 1000;
            world->guarantee[role][k] = guarantee[k];
            for (size_t i = 0; i < ROLES; i++)
                sum += is_top(i) ? guaranteed(world, i, k) : 0;
            is_too_much = is_too_much || sum > total[k];
        }
        memcpy(world->guarantee[role], old, sizeof(old));
        if (!is_too_much)
            change_quota(world, role, guarantee, limit);
    }
    assert_null(allocator_overcommitted(world->allocator));
}

static void offer_everything(struct world *world)
{
    for (size_t i = 0; i < AGENTS; i++)
        while (offer(world, i, 100))
            check(world);
}

/* Some take all they can get; those who come last have what they are guaranteed all the same. */
static void guarantees_are_met_however_greedy_the_others_are(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct world world;

        begin(&world, seed);
        set_carried_quotas(&world);
        for (size_t i = 0; i < CLIENTS; i++)
            if (below(&world, 2))
                allocator_want(world.allocator, world.clients[i].client, true);
        offer_everything(&world);
        for (size_t i = 0; i < CLIENTS; i++)
            allocator_want(world.allocator, world.clients[i].client, true);
        offer_everything(&world);
        check_limits(&world);
        for (size_t i = 0; i < ROLES; i++)
            for (size_t k = 0; k < SCALARS; k++)
                if (counted(&world, i, k) < world.guarantee[i][k])
                    fail_msg("seed %d: role %s has %lld of %lld guaranteed %s", (int)seed,
                             role_names[i], (long long)counted(&world, i, k),
                             (long long)world.guarantee[i][k], scalars[k]);
        end(&world);
    }
}

/* --- what is refused -------------------------------------------------------------------------- */

static void bad_quotas_are_refused_with_a_reason(void **state)
{
    static const struct quota_amount four = {"cpus", 4000}, three = {"cpus", 3000};
    static const struct quota_amount twice[] = {{"cpus", 1}, {"cpus", 2}};
    const struct {
        struct quota_request request;
        const char *words;
    } bad[] = {
        {{.role = "x//y"}, "empty part"},
        {{.role = "x",
          .guarantees = &four,
          .guarantees_count = 1,
          .limits = &three,
          .limits_count = 1},
         "more cpus than its limit"},
        {{.role = "x", .limits = twice, .limits_count = 2}, "given twice"},
        {{.role = "x", .limits = &(struct quota_amount){"cpus", -1}, .limits_count = 1},
         "negative"},
        {{.role = "x", .limits = &(struct quota_amount){"c p", 1}, .limits_count = 1}, "c p"},
        {{.role = "top/x", .guarantees = &four, .guarantees_count = 1}, "role top and those in it"},
    };
    struct world world;

    (void)state;
    begin(&world, 1);
    assert_int_equal(
        allocator_set_quota(
            world.allocator,
            &(struct quota_request){.role = "top", .limits = &three, .limits_count = 1}, NULL),
        0);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct err err = {""};

        assert_int_equal(allocator_set_quota(world.allocator, &bad[i].request, &err), -EINVAL);
        if (!strstr(err.text, bad[i].words))
            fail_msg("\"%s\" does not say \"%s\"", err.text, bad[i].words);
        check(&world);
    }
    end(&world);
}

static void more_guaranteed_than_there_is_is_noticed(void **state)
{
    static const struct quota_amount much = {"mem", 1000000000};
    struct world world;

    (void)state;
    begin(&world, 1);
    assert_null(allocator_overcommitted(world.allocator));
    assert_int_equal(
        allocator_set_quota(
            world.allocator,
            &(struct quota_request){.role = "deep/er", .guarantees = &much, .guarantees_count = 1},
            NULL),
        0);
    assert_string_equal(allocator_overcommitted(world.allocator), "mem");
    end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_and_headroom_hold_whatever_happens),
        cmocka_unit_test(guarantees_are_met_however_greedy_the_others_are),
        cmocka_unit_test(bad_quotas_are_refused_with_a_reason),
        cmocka_unit_test(more_guaranteed_than_there_is_is_noticed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
