/* tests/unit/test_allocator.c - the allocator against an exact water filling, and by itself: random trees
 * of roles, random clients, both orders under the same tests. */
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

#define SEEDS        200
#define NODES_MAX    64
#define NEVER_ENOUGH 1000000
#define EPSILON      1e-9

static double least_of(double a, double b)
{
    return a < b ? a : b;
}

static double most_of(double a, double b)
{
    return a < b ? b : a;
}

/* --- a model of the tree ------------------------------------------------------------- */

struct member { /* a role or a client */
    size_t parent;
    bool is_role;
    char name[64]; /* of a role */
    double weight;
    int64_t demand, held; /* tasks of one cpu each; of a role: the sum of its members */
    struct allocator_client *client;
};

struct model {
    struct allocator *allocator;
    struct rng rng;
    struct member members[NODES_MAX]; /* 0 is the root; parents before their members */
    size_t count;
    size_t asked;
};

static size_t below(struct model *model, size_t bound)
{
    return (size_t)rng_below(&model->rng, bound);
}

static void model_begin(struct model *model, const char *order, uint64_t seed)
{
    const struct allocator_settings settings = {.order = order, .seed = seed};

    *model = (struct model){.rng = {.state = seed}, .count = 1};
    model->members[0] = (struct member){.is_role = true, .weight = 1};
    assert_int_equal(allocator_new(&settings, &model->allocator, NULL), 0);
}

static void check(struct model *model)
{
    struct err err = {""};

    if (allocator_check(model->allocator, &err) < 0)
        fail_msg("%s", err.text);
}

static struct resources parse(const char *text)
{
    struct resources resources = {0};
    struct err err = {""};

    if (resources_parse(&resources, text, &err) < 0)
        fail_msg("%s: %s", text, err.text);
    return resources;
}

static void model_pool(struct model *model, const char *text)
{
    CLEANUP(resources_fini) struct resources pool = parse(text);

    allocator_pool_add(model->allocator, &pool);
    allocator_free_add(model->allocator, &pool);
}

static size_t model_role(struct model *model, size_t parent, double weight)
{
    size_t number = model->count++;
    struct member *role = &model->members[number];
    char name[sizeof(role->name)];

    *role = (struct member){.parent = parent, .is_role = true, .weight = weight};
    snprintf(name, sizeof(name), "%.40s%sr%zu", model->members[parent].name, parent ? "/" : "",
             number);
    memcpy(role->name, name, sizeof(name));
    assert_int_equal(
        allocator_set_weight(model->allocator, role->name, (int64_t)(weight * 1000), NULL), 0);
    return number;
}

static size_t model_client(struct model *model, size_t parent, int64_t demand)
{
    size_t number = model->count++;
    struct member *client = &model->members[number];

    *client = (struct member){.parent = parent, .weight = 1, .demand = demand};
    client->client =
        allocator_join(model->allocator, parent ? model->members[parent].name : "*", client);
    allocator_want(model->allocator, client->client, demand > 0);
    for (size_t i = parent;; i = model->members[i].parent) {
        model->members[i].demand += demand;
        if (!i)
            break;
    }
    return number;
}

/* Three levels, one to three clients in each role, some of whom never have enough. */
static void model_grow(struct model *model)
{
    static const double weights[] = {0.5, 1, 1, 2, 3.5};
    size_t roles = 2 + below(model, 9);

    for (size_t i = 0; i < roles; i++)
        model_role(model, below(model, 2) ? 0 : below(model, model->count),
                   weights[below(model, 5)]);
    for (size_t i = 1; i <= roles; i++)
        for (size_t j = below(model, 3) + 1; j > 0; j--)
            model_client(model, i, below(model, 2) ? NEVER_ENOUGH : (int64_t)below(model, 40));
}

static void model_end(struct model *model)
{
    for (size_t i = 0; i < model->count; i++) {
        struct member *member = &model->members[i];
        CLEANUP(resources_fini) struct resources held = {0};

        if (member->is_role)
            continue;
        if (member->held) {
            assert_int_equal(resources_add_scalar(&held, "cpus", NULL, member->held * 1000, NULL),
                             0);
            allocator_discharge(model->allocator, member->client, &held, CHARGE_FREE);
        }
        allocator_leave(model->allocator, &member->client);
        check(model);
    }
    allocator_destroy(&model->allocator);
}

/* --- filling ---------------------------------------------------------------------------- */

static enum answer takes_if_wanted(void *ctx, void *owner, bool for_guarantee)
{
    const struct member *client = owner;
    struct model *model = ctx;

    (void)for_guarantee;
    model->asked++;
    return client->held < client->demand ? ANSWER_YES : ANSWER_NO;
}

static bool fill_one(struct model *model)
{
    CLEANUP(resources_fini) struct resources task = parse("cpus:1");
    struct member *client = allocator_first(model->allocator, takes_if_wanted, model);

    if (!client)
        return false;
    allocator_charge(model->allocator, client->client, &task, CHARGE_FREE);
    client->held++;
    for (size_t i = client->parent;; i = model->members[i].parent) {
        model->members[i].held++;
        if (!i)
            break;
    }
    if (client->held == client->demand)
        allocator_want(model->allocator, client->client, false);
    return true;
}

/* The level to which water stands in vessels of the members' widths and heights, for this much of it;
 * exact: by bisection to far below one task. */
static double water_level(const struct model *model, size_t role)
{
    double low = 0, high = NEVER_ENOUGH * 4;

    for (int i = 0; i < 200; i++) {
        double middle = (low + high) / 2, sum = 0;

        for (size_t j = 1; j < model->count; j++)
            if (model->members[j].parent == role)
                sum +=
                    least_of((double)model->members[j].demand, middle * model->members[j].weight);
        if (sum < (double)model->members[role].held)
            low = middle;
        else
            high = middle;
    }
    return high;
}

/* What each member of a role has is what the oracle gives it, within one task. */
static void compare_with_oracle(const struct model *model, size_t role)
{
    double level = water_level(model, role), least = 4;
    int64_t sum = 0;

    for (size_t i = 1; i < model->count; i++)
        if (model->members[i].parent == role)
            least = least_of(least, model->members[i].weight);
    for (size_t i = 1; i < model->count; i++) {
        const struct member *member = &model->members[i];
        double exact = least_of((double)member->demand, level * member->weight);

        if (member->parent != role)
            continue;
        sum += member->held;
        if ((double)member->held > exact + 1 + EPSILON ||
            (double)member->held / member->weight < exact / member->weight - 1 / least - EPSILON)
            fail_msg("member %zu of %s has %lld, the oracle says %.3f", i,
                     model->members[role].name, (long long)member->held, exact);
    }
    assert_int_equal(sum, model->members[role].held);
}

static void shares_are_what_water_filling_says_at_each_level(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct model model;
        int64_t pool;

        model_begin(&model, "drf", seed);
        model_grow(&model);
        model_pool(&model, "cpus:3000;mem:1000000");
        pool = 50 + (int64_t)below(&model, 1500);
        for (int64_t i = 0; i < pool; i++)
            if (!fill_one(&model))
                break;
        check(&model);
        assert_int_equal(model.members[0].held,
                         pool < model.members[0].demand ? pool : model.members[0].demand);
        for (size_t i = 0; i < model.count; i++)
            if (model.members[i].is_role)
                compare_with_oracle(&model, i);
        model_end(&model);
    }
}

/* --- several resources --------------------------------------------------------------------- */

#define DEMANDERS 8

struct demander {
    struct allocator_client *client;
    struct resources task, held;
    double task_share, share;
};

static enum answer takes_always(void *ctx, void *owner, bool for_guarantee)
{
    (void)ctx;
    (void)owner;
    return for_guarantee ? ANSWER_NO : ANSWER_YES;
}

/* Whoever is ahead is so by no more than its last task: also when one wants processors and the other
 * memory. */
static void dominant_shares_of_different_demands_are_within_one_task(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct demander demanders[DEMANDERS] = {0};
        struct model model;
        double cpus_left = 100, mem_left = 400000;

        model_begin(&model, "drf", seed);
        model_pool(&model, "cpus:100;mem:400000");
        for (size_t i = 0; i < DEMANDERS; i++) {
            size_t cpus = 1 + below(&model, 8), mem = 1 + below(&model, 20000);
            char text[64];

            snprintf(text, sizeof(text), "cpus:0.%zu;mem:%zu", cpus, mem);
            demanders[i].task = parse(text);
            demanders[i].task_share = most_of((double)cpus / 1000, (double)mem / 400000);
            demanders[i].client = allocator_join(model.allocator, "a", &demanders[i]);
            allocator_want(model.allocator, demanders[i].client, true);
        }
        while (cpus_left > 0.8 && mem_left > 20000) {
            struct demander *chosen = allocator_first(model.allocator, takes_always, NULL);

            allocator_charge(model.allocator, chosen->client, &chosen->task, CHARGE_FREE);
            assert_int_equal(resources_add(&chosen->held, &chosen->task, NULL), 0);
            chosen->share += chosen->task_share;
            cpus_left -= (double)resources_scalar(&chosen->task, "cpus") / 1000;
            mem_left -= (double)resources_scalar(&chosen->task, "mem") / 1000;
        }
        for (size_t i = 0; i < DEMANDERS; i++)
            for (size_t j = 0; j < DEMANDERS; j++)
                assert_true(demanders[i].share - demanders[i].task_share <=
                            demanders[j].share + EPSILON);
        for (size_t i = 0; i < DEMANDERS; i++) {
            allocator_discharge(model.allocator, demanders[i].client, &demanders[i].held,
                                CHARGE_FREE);
            allocator_leave(model.allocator, &demanders[i].client);
            resources_fini(&demanders[i].task);
            resources_fini(&demanders[i].held);
        }
        model_end(&model);
    }
}

static void excluded_scalars_do_not_count_in_shares(void **state)
{
    const struct allocator_settings settings = {.excluded = "gpus,odd"};
    CLEANUP(resources_fini) struct resources pool = parse("cpus:10;gpus:2");
    CLEANUP(resources_fini) struct resources gpus = parse("cpus:1;gpus:2");
    CLEANUP(resources_fini) struct resources cpus = parse("cpus:2");
    struct allocator *allocator;
    struct allocator_client *a, *b;

    (void)state;
    assert_int_equal(allocator_new(&settings, &allocator, NULL), 0);
    allocator_pool_add(allocator, &pool);
    a = allocator_join(allocator, "*", &a);
    b = allocator_join(allocator, "*", &b);
    allocator_want(allocator, a, true);
    allocator_want(allocator, b, true);
    allocator_charge(allocator, a, &gpus, 0);
    allocator_charge(allocator, b, &cpus, 0);
    assert_ptr_equal(allocator_first(allocator, takes_always, NULL), &a);
    allocator_discharge(allocator, a, &gpus, 0);
    allocator_discharge(allocator, b, &cpus, 0);
    allocator_leave(allocator, &a);
    allocator_leave(allocator, &b);
    allocator_destroy(&allocator);
}

/* --- both orders ---------------------------------------------------------------------------- */

static const char *const orders[] = {"drf", "random"};

static enum answer counts_and_declines(void *ctx, void *owner, bool for_guarantee)
{
    struct member *client = owner;

    (void)ctx;
    (void)for_guarantee;
    client->held++;
    return ANSWER_NO;
}

static void each_client_that_wants_offers_is_asked_once(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct model model;

        model_begin(&model, orders[seed % 2], seed);
        model_grow(&model);
        model_pool(&model, "cpus:10");
        for (int i = 1; i <= 3; i++) {
            assert_null(allocator_first(model.allocator, counts_and_declines, NULL));
            for (size_t j = 0; j < model.count; j++)
                if (!model.members[j].is_role)
                    assert_int_equal(model.members[j].held, model.members[j].demand ? i : 0);
        }
        for (size_t j = 0; j < model.count; j++)
            model.members[j].held = 0;
        model_end(&model);
    }
}

/* Whatever is given is what clients want and have, neither more nor less. */
static void nothing_is_lost_or_given_twice(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct model model;
        int64_t filled = 0;

        model_begin(&model, orders[seed % 2], seed);
        model_grow(&model);
        model_pool(&model, "cpus:700");
        for (; filled < 700 && fill_one(&model); filled++)
            check(&model);
        assert_int_equal(filled, model.members[0].demand < 700 ? model.members[0].demand : 700);
        model_end(&model);
    }
}

/* The bound: of clients that hold nothing and always decline, in one role each is asked first once in
 * as many offers as there are such clients. By chance it takes longer, but not much. */
static void nobody_starves(void **state)
{
    CLEANUP(resources_fini) struct resources offer = parse("cpus:1");

    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct model model;
        size_t clients = 2 + (size_t)seed * 3, bound;

        model_begin(&model, orders[seed % 2], seed);
        model_pool(&model, "cpus:10");
        for (size_t i = 0; i < clients && model.count < NODES_MAX; i++)
            model_client(&model, 0, NEVER_ENOUGH);
        clients = model.count - 1;
        bound = seed % 2 ? clients * 20 : clients;
        for (size_t i = 0; i < bound; i++) {
            struct member *client = allocator_first(model.allocator, takes_always, NULL);

            allocator_charge(model.allocator, client->client, &offer, CHARGE_FREE | CHARGE_OFFER);
            allocator_discharge(model.allocator, client->client, &offer,
                                CHARGE_FREE | CHARGE_OFFER);
            client->held++;
        }
        for (size_t i = 1; i < model.count; i++) {
            assert_true(model.members[i].held > 0);
            if (bound == clients)
                assert_int_equal(model.members[i].held, 1);
            model.members[i].held = 0;
        }
        model_end(&model);
    }
}

static void chance_follows_weights(void **state)
{
    struct model model;
    size_t light, middle, heavy, light_wins = 0, heavy_wins = 0;

    (void)state;
    model_begin(&model, "random", 7);
    light = model_role(&model, 0, 1);
    middle = model_role(&model, 0, 2);
    heavy = model_role(&model, 0, 500);
    model_client(&model, light, NEVER_ENOUGH);
    model_client(&model, middle, NEVER_ENOUGH);
    for (int i = 0; i < 30000; i++) {
        const struct member *chosen = allocator_first(model.allocator, takes_always, NULL);

        light_wins += chosen->parent == light;
    }
    assert_in_range(light_wins, 9700, 10300);
    model_client(&model, heavy, NEVER_ENOUGH);
    for (int i = 0; i < 30000; i++) {
        const struct member *chosen = allocator_first(model.allocator, takes_always, NULL);

        heavy_wins += chosen->parent == heavy;
    }
    assert_in_range(heavy_wins, 29700, 29950);
    model_end(&model);
}

static void same_seed_gives_the_same_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct model a, b;

        model_begin(&a, orders[i], 3);
        model_begin(&b, orders[i], 3);
        model_grow(&a);
        model_grow(&b);
        model_pool(&a, "cpus:300");
        model_pool(&b, "cpus:300");
        while (a.members[0].held < 300 && fill_one(&a))
            assert_true(fill_one(&b));
        for (size_t j = 0; j < a.count; j++)
            assert_int_equal(a.members[j].held, b.members[j].held);
        model_end(&a);
        model_end(&b);
    }
}

/* --- what is refused --------------------------------------------------------------------------- */

static void assert_refused(const struct allocator_settings *settings, const char *words)
{
    struct allocator *allocator = NULL;
    struct err err = {""};

    assert_int_equal(allocator_new(settings, &allocator, &err), -EINVAL);
    assert_non_null(strstr(err.text, words));
    assert_null(allocator);
}

static void bad_settings_are_refused_with_a_reason(void **state)
{
    CLEANUP(allocator_destroy) struct allocator *allocator = NULL;
    struct err err = {""};

    (void)state;
    assert_refused(&(struct allocator_settings){.order = "fair"}, "expected drf or random");
    assert_refused(&(struct allocator_settings){.excluded = "gpus,,x"}, "fair_sharing_excluded");
    assert_int_equal(allocator_new(&(struct allocator_settings){0}, &allocator, NULL), 0);
    assert_string_equal(allocator_order_name(allocator), "drf");
    assert_int_equal(allocator_set_weight(allocator, "a", 0, &err), -EINVAL);
    assert_non_null(strstr(err.text, "above 0"));
    assert_int_equal(allocator_set_weight(allocator, "a//b", 1000, &err), -EINVAL);
    assert_int_equal(allocator_set_weight(allocator, "a", WEIGHT_MAX_MILLI + 1, &err), -EINVAL);
    assert_int_equal(allocator_check(allocator, &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_are_what_water_filling_says_at_each_level),
        cmocka_unit_test(dominant_shares_of_different_demands_are_within_one_task),
        cmocka_unit_test(excluded_scalars_do_not_count_in_shares),
        cmocka_unit_test(each_client_that_wants_offers_is_asked_once),
        cmocka_unit_test(nothing_is_lost_or_given_twice),
        cmocka_unit_test(nobody_starves),
        cmocka_unit_test(chance_follows_weights),
        cmocka_unit_test(same_seed_gives_the_same_order),
        cmocka_unit_test(bad_settings_are_refused_with_a_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
