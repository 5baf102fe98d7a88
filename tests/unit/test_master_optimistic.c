/* tests/unit/test_master_optimistic.c - the same resources shown to several frameworks: the first accept
 * has them, the others are told what they have lost, and an accept that comes too late exactly why. */
#include "tests/unit/master_fixture.h"

#include <inttypes.h>
#include <string.h>

#include "base/resources.h"
#include "proto/resources_info.h"

#define HOUR (3600 * SECOND)

static struct msg_operator_reply set_offers(struct cluster *cluster, const char *role,
                                            enum offer_mode offers)
{
    return cluster_operator(cluster, MESSAGE(OPERATOR_SET_OFFERS, operator_set_offers, .role = role,
                                             .offers = offers, .asked_by = "ops"));
}

static void make_optimistic(struct cluster *cluster, const char *role)
{
    assert_int_equal(set_offers(cluster, role, OFFERS_OPTIMISTIC).code, 200);
}

static void set_limit(struct cluster *cluster, const char *role, const char *limit)
{
    struct msg_operator_set_quota call = {.role = role, .force = true};

    call.limits = cluster_resources(cluster, limit, &call.limits_count);
    assert_int_equal(
        cluster_operator(cluster, (struct message){.type = MSG_OPERATOR_SET_QUOTA, .body = &call})
            .code,
        200);
}

static void set_guarantee(struct cluster *cluster, const char *role, const char *guarantee)
{
    struct msg_operator_set_quota call = {.role = role, .force = true};

    call.guarantees = cluster_resources(cluster, guarantee, &call.guarantees_count);
    assert_int_equal(
        cluster_operator(cluster, (struct message){.type = MSG_OPERATOR_SET_QUOTA, .body = &call})
            .code,
        200);
}

static const char *offered(struct cluster *cluster, struct node framework)
{
    const struct offer_info *offer = cluster_offer(cluster, framework);

    return offer ? cluster_offered(cluster, offer) : "nothing";
}

static void take(struct cluster *cluster, struct node framework, const char *offer_id,
                 struct node agent, const char *task_id, const char *resources)
{
    const struct task_info task = cluster_task(cluster, task_id, agent.id, resources);

    cluster_accept(cluster, framework, offer_id, &task, 1, HOUR);
}

static const struct msg_offer_reduced *reduced(const struct cluster *cluster, struct node framework)
{
    const struct message *message = cluster_last(cluster, framework.session, MSG_OFFER_REDUCED);

    return message ? message->offer_reduced : NULL;
}

static const struct msg_rescind *rescinded(const struct cluster *cluster, struct node framework)
{
    const struct message *message = cluster_last(cluster, framework.session, MSG_RESCIND);

    return message ? message->rescind : NULL;
}

#define assert_in(text, part)                                                                      \
    do {                                                                                           \
        if (!strstr((text), (part)))                                                               \
            fail_msg("\"%s\" is not in \"%s\"", (part), (text));                                   \
    } while (0)

static struct node in_role(struct cluster *cluster, const char *role, const char *name,
                           const char *principal)
{
    const struct framework_info info = {
        .name = name, .principal = principal, .roles = &role, .roles_count = 1};

    return cluster_subscribe(cluster, info);
}

/* Two frameworks of one optimistic role are shown all of an agent. */
static void two_look_at_one(struct cluster *cluster, struct node *ret_f, struct node *ret_g,
                            struct node *ret_agent)
{
    make_optimistic(cluster, "ads");
    *ret_f = cluster_framework(cluster, "ads");
    *ret_g = cluster_framework(cluster, "ads");
    *ret_agent = cluster_agent(cluster, "cpus:4;mem:400");
}

/* --- showing --------------------------------------------------------------------------- */

static void what_is_free_is_shown_to_all_of_an_optimistic_role(void **state)
{
    CLUSTER(NULL);
    struct node f, g, h;

    (void)state;
    make_optimistic(cluster, "ads");
    f = cluster_framework(cluster, "ads");
    g = cluster_framework(cluster, "ads");
    h = cluster_framework(cluster, "ads/eu");
    cluster_agent(cluster, "cpus:4;mem:400");
    assert_string_equal(offered(cluster, f), "cpus:4;mem:400");
    assert_string_equal(offered(cluster, g), "cpus:4;mem:400");
    assert_string_equal(offered(cluster, h), "cpus:4;mem:400");
    assert_true(cluster_offer(cluster, f)->optimistic);
    assert_int_equal(cluster_counter(cluster, "master/optimistic/offers_made"), 3);
}

static void newcomer_is_shown_what_the_others_look_at(void **state)
{
    CLUSTER(NULL);
    struct node f;

    (void)state;
    make_optimistic(cluster, "ads");
    cluster_framework(cluster, "ads");
    cluster_agent(cluster, "cpus:4;mem:400");
    cluster_pass(cluster, SECOND);
    f = cluster_framework(cluster, "ads");
    cluster_pass(cluster, 0);
    assert_string_equal(offered(cluster, f), "cpus:4;mem:400");
}

static void exclusive_role_is_offered_what_nobody_looks_at(void **state)
{
    CLUSTER(NULL);
    struct node shown, alone;

    (void)state;
    make_optimistic(cluster, "ads");
    shown = cluster_framework(cluster, "ads");
    cluster_agent(cluster, "cpus:4;mem:400");
    alone = cluster_framework(cluster, "web");
    cluster_pass(cluster, SECOND);
    assert_string_equal(offered(cluster, alone), "nothing");
    cluster_decline(cluster, shown, cluster_offer(cluster, shown)->id, HOUR);
    cluster_pass(cluster, 0);
    assert_string_equal(offered(cluster, alone), "cpus:4;mem:400");
    assert_false(cluster_offer(cluster, alone)->optimistic);
}

static void exclusive_offer_is_shown_to_nobody(void **state)
{
    CLUSTER(NULL);
    struct node f;

    (void)state;
    make_optimistic(cluster, "ads");
    cluster_framework(cluster, "web");
    cluster_agent(cluster, "cpus:4;mem:400");
    f = cluster_framework(cluster, "ads");
    cluster_pass(cluster, SECOND);
    assert_string_equal(offered(cluster, f), "nothing");
}

/* Else those who are shown something one after the other would keep it from the exclusive one for ever. */
static void nobody_more_is_shown_what_an_exclusive_role_waits_for(void **state)
{
    CLUSTER(NULL);
    struct node f, g, alone, late;

    (void)state;
    make_optimistic(cluster, "ads");
    f = cluster_framework(cluster, "ads");
    g = cluster_framework(cluster, "ads");
    cluster_agent(cluster, "cpus:4;mem:400");
    alone = cluster_framework(cluster, "web");
    cluster_pass(cluster, SECOND);
    late = cluster_framework(cluster, "ads");
    cluster_decline(cluster, f, cluster_offer(cluster, f)->id, SECOND);
    cluster_pass(cluster, 5 * SECOND);
    assert_string_equal(offered(cluster, late), "nothing");
    assert_int_equal(cluster_offers_count(cluster, f), 1);
    cluster_decline(cluster, g, cluster_offer(cluster, g)->id, SECOND);
    cluster_pass(cluster, 0);
    assert_string_equal(offered(cluster, alone), "cpus:4;mem:400");
}

static void one_who_never_answers_keeps_nothing_from_an_exclusive_role_for_ever(void **state)
{
    CLUSTER((&(struct master_settings){.offer_timeout_ms = -1}));
    struct node shown, alone;

    (void)state;
    make_optimistic(cluster, "ads");
    shown = cluster_framework(cluster, "ads");
    cluster_agent(cluster, "cpus:4;mem:400");
    cluster_pass(cluster, HOUR);
    assert_int_equal(cluster_count(cluster, shown.session, MSG_RESCIND), 0);
    alone = cluster_framework(cluster, "web");
    cluster_pass(cluster, 29 * SECOND);
    assert_string_equal(offered(cluster, alone), "nothing");
    cluster_pass(cluster, 2 * SECOND);
    assert_int_equal(cluster_count(cluster, shown.session, MSG_RESCIND), 1);
    assert_string_equal(offered(cluster, alone), "cpus:4;mem:400");
}

/* Its own timeout is no way out either. */
static void long_timeout_of_its_own_keeps_nothing_from_an_exclusive_role(void **state)
{
    CLUSTER((&(struct master_settings){.offer_timeout_ms = -1}));
    const char *role = "ads";
    const struct framework_info info = {.name = "slow", .roles = &role, .roles_count = 1};
    uint64_t session = cluster_session(cluster);
    struct node alone;

    (void)state;
    make_optimistic(cluster, "ads");
    cluster_framework_says(
        cluster, session,
        MESSAGE(SUBSCRIBE, subscribe, .framework = &info, .offer_timeout_ms = HOUR));
    cluster_agent(cluster, "cpus:4;mem:400");
    alone = cluster_framework(cluster, "web");
    cluster_pass(cluster, 31 * SECOND);
    assert_string_equal(offered(cluster, alone), "cpus:4;mem:400");
}

static void no_more_are_shown_it_than_the_operator_says(void **state)
{
    CLUSTER((&(struct master_settings){.optimistic_offers_max = 2}));
    struct node f[3];

    (void)state;
    make_optimistic(cluster, "ads");
    for (size_t i = 0; i < 3; i++)
        f[i] = cluster_framework(cluster, "ads");
    cluster_agent(cluster, "cpus:4;mem:400");
    cluster_pass(cluster, SECOND);
    assert_string_equal(offered(cluster, f[2]), "nothing");
    cluster_decline(cluster, f[0], cluster_offer(cluster, f[0])->id, HOUR);
    cluster_pass(cluster, 0);
    assert_string_equal(offered(cluster, f[2]), "cpus:4;mem:400");
}

/* Whoever only looks at much has used nothing. */
static void shares_count_what_is_used(void **state)
{
    CLUSTER((&(struct master_settings){.optimistic_offers_max = 1}));
    struct node looks, uses, agent;

    (void)state;
    make_optimistic(cluster, "ads");
    make_optimistic(cluster, "web");
    uses = cluster_framework(cluster, "ads");
    agent = cluster_agent(cluster, "cpus:1;mem:100");
    take(cluster, uses, cluster_offer(cluster, uses)->id, agent, "t1", "cpus:1;mem:100");
    looks = cluster_framework(cluster, "web");
    for (int i = 0; i < 3; i++)
        cluster_agent(cluster, "cpus:4;mem:400");
    assert_int_equal(cluster_offers_count(cluster, looks), 3);
    assert_int_equal(cluster_offers_count(cluster, uses), 1);
}

/* --- the first accept -------------------------------------------------------------------- */

static void first_accept_has_it_and_the_others_are_told_at_once(void **state)
{
    CLUSTER(NULL);
    struct node f, g, agent;

    (void)state;
    make_optimistic(cluster, "ads");
    make_optimistic(cluster, "web");
    f = cluster_framework(cluster, "ads");
    g = cluster_framework(cluster, "web");
    agent = cluster_agent(cluster, "cpus:4;mem:400");
    take(cluster, f, cluster_offer(cluster, f)->id, agent, "t1", "cpus:3.5;mem:100");
    assert_non_null(reduced(cluster, g));
    assert_string_equal(reduced(cluster, g)->offer_id, cluster_offer(cluster, g)->id);
    assert_int_equal(reduced(cluster, g)->lost_count, 2);
    assert_int_equal(reduced(cluster, g)->lost[0].scalar, 3500);
    assert_int_equal(reduced(cluster, g)->left[0].scalar, 500);
    assert_in(reduced(cluster, g)->reason,
              "3.5 cpus, 100 mem were taken by an earlier accept in role ads, 0.5 cpus, 300 mem "
              "left");
    assert_in(reduced(cluster, g)->reason, agent.id);
    assert_null(rescinded(cluster, g));
    assert_int_equal(cluster_counter(cluster, "master/optimistic/offers_won"), 1);
    assert_int_equal(cluster_counter(cluster, "master/optimistic/offers_reduced"), 1);
}

static void offer_of_which_too_little_is_left_is_taken_back_with_the_reason(void **state)
{
    CLUSTER(NULL);
    struct node f, g, agent;

    (void)state;
    two_look_at_one(cluster, &f, &g, &agent);
    take(cluster, f, cluster_offer(cluster, f)->id, agent, "t1", "cpus:4;mem:400");
    assert_int_equal(reduced(cluster, g)->left_count, 0);
    assert_string_equal(rescinded(cluster, g)->offer_id, cluster_offer(cluster, g)->id);
    assert_in(rescinded(cluster, g)->reason,
              "4 cpus, 400 mem were taken by an earlier accept in role ads, nothing is left");
    assert_int_equal(cluster_counter(cluster, "master/optimistic/offers_taken"), 1);
}

static void only_the_same_principal_hears_the_name_of_who_was_first(void **state)
{
    CLUSTER(NULL);
    struct node f, same, other, agent;

    (void)state;
    make_optimistic(cluster, "ads");
    f = in_role(cluster, "ads", "quick", "alice");
    same = in_role(cluster, "ads", "slow", "alice");
    other = in_role(cluster, "ads", "slow too", "bob");
    agent = cluster_agent(cluster, "cpus:4;mem:400");
    take(cluster, f, cluster_offer(cluster, f)->id, agent, "t1", "cpus:1;mem:100");
    assert_in(reduced(cluster, same)->reason, "of framework quick in role ads");
    assert_null(strstr(reduced(cluster, other)->reason, "quick"));
}

static void what_still_fits_of_a_late_accept_is_launched(void **state)
{
    CLUSTER(NULL);
    struct task_info tasks[2];
    struct node f, g, agent;

    (void)state;
    two_look_at_one(cluster, &f, &g, &agent);
    tasks[0] = cluster_task(cluster, "big", agent.id, "cpus:2.5;mem:100");
    tasks[1] = cluster_task(cluster, "small", agent.id, "cpus:0.5;mem:100");
    take(cluster, f, cluster_offer(cluster, f)->id, agent, "t1", "cpus:2;mem:100");
    /* It had decided before it was told. */
    cluster_accept(cluster, g, cluster_offer(cluster, g)->id, tasks, 2, HOUR);
    assert_update(cluster, g, "big", TASK_DROPPED, REASON_OFFER_CONFLICT);
    assert_in(cluster_update(cluster, g, "big")->message,
              "2 cpus were taken by an earlier accept in role ads, 2 cpus left");
    assert_null(cluster_update(cluster, g, "small"));
    assert_int_equal(cluster_count(cluster, agent.session, MSG_RUN_TASK), 2);
    assert_int_equal(cluster_counter(cluster, "master/optimistic/tasks_conflicting"), 1);
    assert_int_equal(cluster_counter(cluster, "master/optimistic/offers_lost"), 1);
}

static void task_that_asks_for_more_than_was_ever_offered_is_an_error(void **state)
{
    CLUSTER(NULL);
    struct node f, g, agent;

    (void)state;
    two_look_at_one(cluster, &f, &g, &agent);
    take(cluster, f, cluster_offer(cluster, f)->id, agent, "t1", "cpus:2;mem:100");
    take(cluster, g, cluster_offer(cluster, g)->id, agent, "t2", "cpus:5;mem:100");
    assert_update(cluster, g, "t2", TASK_ERROR, REASON_TASK_INVALID);
}

static void accept_of_an_offer_that_is_gone_is_told_who_was_first(void **state)
{
    CLUSTER(NULL);
    struct node f, g, stranger, agent;
    const char *id;

    (void)state;
    make_optimistic(cluster, "ads");
    f = cluster_framework(cluster, "ads");
    g = cluster_framework(cluster, "ads");
    stranger = cluster_framework(cluster, "web");
    agent = cluster_agent(cluster, "cpus:4;mem:400");
    id = cluster_offer(cluster, g)->id;
    take(cluster, f, cluster_offer(cluster, f)->id, agent, "t1", "cpus:4;mem:390");
    take(cluster, g, id, agent, "t2", "cpus:1;mem:100");
    assert_update(cluster, g, "t2", TASK_DROPPED, REASON_OFFER_CONFLICT);
    assert_in(cluster_update(cluster, g, "t2")->message,
              "4 cpus, 390 mem were taken by an earlier accept in role ads, 10 mem left");
    /* It was not theirs. */
    take(cluster, stranger, id, agent, "t3", "cpus:1;mem:100");
    assert_update(cluster, stranger, "t3", TASK_DROPPED, REASON_INVALID_OFFERS);
}

static void what_the_winner_leaves_is_shown_again(void **state)
{
    CLUSTER(NULL);
    struct node f, g, agent;

    (void)state;
    two_look_at_one(cluster, &f, &g, &agent);
    cluster_decline(cluster, g, cluster_offer(cluster, g)->id, 0);
    take(cluster, f, cluster_offer(cluster, f)->id, agent, "t1", "cpus:1;mem:100");
    cluster_pass(cluster, SECOND);
    assert_string_equal(offered(cluster, g), "cpus:3;mem:300");
}

static void needs_count_units_that_others_took_as_open(void **state)
{
    CLUSTER(NULL);
    struct need_info need = {.name = "n", .count = 3};
    const struct role_needs role = {.role = "ads", .needs = &need, .needs_count = 1};
    struct node f, g, agent;

    (void)state;
    need.minimum = cluster_resources(cluster, "cpus:1;mem:100", &need.minimum_count);
    make_optimistic(cluster, "ads");
    f = cluster_framework(cluster, "ads");
    g = cluster_framework(cluster, "ads");
    cluster_framework_says(cluster, g.session,
                           MESSAGE(NEEDS, needs, .roles = &role, .roles_count = 1));
    agent = cluster_agent(cluster, "cpus:4;mem:400");
    assert_int_equal(cluster_offer(cluster, g)->units, 3);
    take(cluster, f, cluster_offer(cluster, f)->id, agent, "t1", "cpus:2;mem:200");
    assert_int_equal(reduced(cluster, g)->units, 2);
    cluster_agent(cluster, "cpus:4;mem:400");
    cluster_pass(cluster, 0);
    assert_int_equal(cluster_offer(cluster, g)->units, 1);
}

/* --- quotas ------------------------------------------------------------------------------ */

static void limit_holds_at_the_accept_too(void **state)
{
    CLUSTER(NULL);
    struct node f, g, agents[2];

    (void)state;
    make_optimistic(cluster, "ads");
    set_limit(cluster, "ads", "cpus:2");
    f = cluster_framework(cluster, "ads");
    g = cluster_framework(cluster, "ads");
    agents[0] = cluster_agent(cluster, "cpus:4;mem:400");
    agents[1] = cluster_agent(cluster, "cpus:4;mem:400");
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(cluster_offers_count(cluster, f), 2);
        assert_string_equal(offered(cluster, f), "cpus:2;mem:400");
    }
    /* Each on another agent, both before they are told anything. */
    take(cluster, f, cluster_offer(cluster, f)->id, agents[1], "t1", "cpus:1.5;mem:100");
    for (size_t i = 0; i < cluster->sent_count; i++) {
        const struct message *message = &cluster->sent[i].message;

        if (cluster->sent[i].session != g.session || message->type != MSG_OFFERS)
            continue;
        take(cluster, g, message->offers->offers[0].id, agents[0], "t2", "cpus:1;mem:100");
        break;
    }
    assert_update(cluster, g, "t2", TASK_DROPPED, REASON_OFFER_CONFLICT);
    assert_in(cluster_update(cluster, g, "t2")->message,
              "role ads has 0.5 cpus left of its limit, 0.5 cpus left");
}

/* Both accept before the next allocation: what the second cannot have is needed still. */
static void units_that_a_limit_keeps_at_the_accept_are_open_again(void **state)
{
    CLUSTER((&(struct master_settings){.offer_batch_ms = SECOND}));
    struct need_info need = {.name = "n", .count = 2};
    const struct role_needs role = {.role = "ads", .needs = &need, .needs_count = 1};
    struct node f, g, agent;

    (void)state;
    need.minimum = cluster_resources(cluster, "cpus:1;mem:100", &need.minimum_count);
    make_optimistic(cluster, "ads");
    set_limit(cluster, "ads", "cpus:2");
    f = cluster_framework(cluster, "ads");
    g = cluster_framework(cluster, "ads");
    cluster_framework_says(cluster, g.session,
                           MESSAGE(NEEDS, needs, .roles = &role, .roles_count = 1));
    agent = cluster_agent(cluster, "cpus:4;mem:400");
    cluster_pass(cluster, 2 * SECOND);
    assert_int_equal(cluster_offer(cluster, g)->units, 2);
    take(cluster, f, cluster_offer(cluster, f)->id, agent, "t1", "cpus:1;mem:100");
    take(cluster, g, cluster_offer(cluster, g)->id, agent, "t2", "cpus:1;mem:100");
    cluster_forget(cluster);
    cluster_status(cluster, agent, f.id, "t1", TASK_FINISHED, 0);
    cluster_pass(cluster, 2 * SECOND);
    assert_non_null(cluster_offer(cluster, g));
    assert_int_equal(cluster_offer(cluster, g)->units, 1);
}

static void what_a_limit_leaves_no_room_for_is_shown_no_longer(void **state)
{
    CLUSTER(NULL);
    struct node f, g, agent;

    (void)state;
    make_optimistic(cluster, "ads");
    set_limit(cluster, "ads", "cpus:2");
    f = cluster_framework(cluster, "ads");
    agent = cluster_agent(cluster, "cpus:4;mem:400");
    g = cluster_framework(cluster, "ads");
    cluster_pass(cluster, 0);
    assert_string_equal(offered(cluster, g), "cpus:2;mem:400");
    take(cluster, f, cluster_offer(cluster, f)->id, agent, "t1", "cpus:2;mem:100");
    cluster_pass(cluster, SECOND);
    /* Of cpus none is left to the role; the rest may still be had. */
    assert_int_equal(reduced(cluster, g)->left_count, 1);
    assert_string_equal(reduced(cluster, g)->left[0].name, "mem");
}

static void guarantee_holds_at_the_accept_too(void **state)
{
    CLUSTER(NULL);
    struct node f, g, agents[2];
    const char *first;

    (void)state;
    make_optimistic(cluster, "ads");
    set_guarantee(cluster, "web", "cpus:4;mem:400");
    f = cluster_framework(cluster, "ads");
    g = cluster_framework(cluster, "ads");
    agents[0] = cluster_agent(cluster, "cpus:3;mem:400");
    agents[1] = cluster_agent(cluster, "cpus:3;mem:400");
    cluster_pass(cluster, 0);
    first = cluster_offer(cluster, g)->id;
    assert_int_equal(cluster_offers_count(cluster, f), cluster_offers_count(cluster, g));
    (void)agents;
    take(cluster, f, cluster_offer(cluster, f)->id,
         (struct node){.id = cluster_offer(cluster, f)->agent_id}, "t1", "cpus:2;mem:100");
    take(cluster, g, first, (struct node){.id = cluster_offer(cluster, g)->agent_id}, "t2",
         "cpus:2;mem:100");
    assert_update(cluster, g, "t2", TASK_DROPPED, REASON_OFFER_CONFLICT);
}

/* --- gangs --------------------------------------------------------------------------------- */

static void accept_gang(struct cluster *cluster, struct node framework,
                        const struct offer_info *const *offers, const char *resources)
{
    struct operation_info launches[2];
    struct task_info tasks[2];
    struct gang_part parts[2];

    for (size_t i = 0; i < 2; i++) {
        tasks[i] = cluster_task(cluster, i ? "part-1" : "part-0", offers[i]->agent_id, resources);
        launches[i] =
            (struct operation_info){.kind = OPERATION_LAUNCH, .tasks = &tasks[i], .tasks_count = 1};
        parts[i] = (struct gang_part){&offers[i]->id, 1, &launches[i], 1};
    }
    cluster_framework_says(cluster, framework.session,
                           MESSAGE(ACCEPT_GANG, accept_gang, .parts = parts, .parts_count = 2));
}

/* Its first two. */
static void find_offers(const struct cluster *cluster, struct node framework,
                        const struct offer_info **ret_offers)
{
    size_t count = 0;

    for (size_t i = 0; i < cluster->sent_count; i++) {
        const struct message *message = &cluster->sent[i].message;

        if (cluster->sent[i].session != framework.session || message->type != MSG_OFFERS)
            continue;
        for (size_t j = 0; j < message->offers->offers_count && count < 2; j++)
            ret_offers[count++] = &message->offers->offers[j];
    }
    assert_int_equal(count, 2);
}

static void gang_of_which_one_part_was_taken_is_not_launched_at_all(void **state)
{
    CLUSTER(NULL);
    const struct offer_info *mine[2];
    struct node f, g, agents[2];

    (void)state;
    make_optimistic(cluster, "ads");
    f = cluster_framework(cluster, "ads");
    g = cluster_framework(cluster, "ads");
    agents[0] = cluster_agent(cluster, "cpus:4;mem:400");
    agents[1] = cluster_agent(cluster, "cpus:4;mem:400");
    find_offers(cluster, g, mine);
    take(cluster, f, cluster_offer(cluster, f)->id, agents[1], "t1", "cpus:3;mem:100");
    accept_gang(cluster, g, mine, "cpus:2;mem:100");
    assert_update(cluster, g, "part-0", TASK_DROPPED, REASON_OFFER_CONFLICT);
    assert_update(cluster, g, "part-1", TASK_DROPPED, REASON_OFFER_CONFLICT);
    assert_int_equal(cluster_count(cluster, agents[0].session, MSG_RUN_TASK), 0);
    assert_int_equal(cluster_count(cluster, agents[1].session, MSG_RUN_TASK), 1);
}

static void gang_whose_parts_fit_a_limit_only_one_by_one_is_not_launched(void **state)
{
    CLUSTER(NULL);
    const struct offer_info *mine[2];
    struct node f;

    (void)state;
    make_optimistic(cluster, "ads");
    set_limit(cluster, "ads", "cpus:3");
    f = cluster_framework(cluster, "ads");
    cluster_agent(cluster, "cpus:4;mem:400");
    cluster_agent(cluster, "cpus:4;mem:400");
    find_offers(cluster, f, mine);
    accept_gang(cluster, f, mine, "cpus:2;mem:100");
    assert_update(cluster, f, "part-0", TASK_DROPPED, REASON_OFFER_CONFLICT);
    assert_update(cluster, f, "part-1", TASK_DROPPED, REASON_OFFER_CONFLICT);
    accept_gang(cluster, f, mine, "cpus:1;mem:100");
    assert_update(cluster, f, "part-1", TASK_DROPPED, REASON_INVALID_OFFERS);
}

static void gang_is_launched_of_what_others_look_at_too(void **state)
{
    CLUSTER(NULL);
    const struct offer_info *mine[2];
    struct node f, g, agents[2];

    (void)state;
    make_optimistic(cluster, "ads");
    f = cluster_framework(cluster, "ads");
    g = cluster_framework(cluster, "ads");
    agents[0] = cluster_agent(cluster, "cpus:4;mem:400");
    agents[1] = cluster_agent(cluster, "cpus:4;mem:400");
    find_offers(cluster, f, mine);
    accept_gang(cluster, f, mine, "cpus:4;mem:300");
    assert_int_equal(cluster_count(cluster, agents[0].session, MSG_RUN_TASK), 1);
    assert_int_equal(cluster_count(cluster, agents[1].session, MSG_RUN_TASK), 1);
    assert_int_equal(cluster_count(cluster, g.session, MSG_RESCIND) +
                         cluster_count(cluster, g.session, MSG_OFFER_REDUCED),
                     2);
}

static void what_a_gang_gathers_is_shown_to_nobody_else(void **state)
{
    CLUSTER(NULL);
    struct need_info need = {.name = "g", .count = 2, .gang = true};
    const struct role_needs role = {.role = "ads", .needs = &need, .needs_count = 1};
    struct node f, g;

    (void)state;
    need.minimum = cluster_resources(cluster, "cpus:4;mem:400", &need.minimum_count);
    make_optimistic(cluster, "ads");
    f = cluster_framework(cluster, "ads");
    cluster_framework_says(cluster, f.session,
                           MESSAGE(NEEDS, needs, .roles = &role, .roles_count = 1));
    cluster_agent(cluster, "cpus:4;mem:400");
    cluster_agent(cluster, "cpus:4;mem:400");
    cluster_pass(cluster, SECOND);
    assert_int_equal(cluster_offers_count(cluster, f), 2);
    assert_false(cluster_offer(cluster, f)->optimistic);
    g = cluster_framework(cluster, "ads");
    cluster_pass(cluster, SECOND);
    assert_string_equal(offered(cluster, g), "nothing");
}

/* --- operators ------------------------------------------------------------------------------- */

static void role_that_changes_its_kind_is_offered_anew(void **state)
{
    CLUSTER(NULL);
    struct node f, g;

    (void)state;
    f = cluster_framework(cluster, "ads");
    cluster_agent(cluster, "cpus:4;mem:400");
    g = cluster_framework(cluster, "ads");
    assert_string_equal(offered(cluster, g), "nothing");
    make_optimistic(cluster, "ads");
    cluster_pass(cluster, 0);
    assert_in(rescinded(cluster, f)->reason, "optimistic from now on");
    assert_string_equal(offered(cluster, g), "cpus:4;mem:400");
    assert_true(cluster_offer(cluster, f)->optimistic);
    assert_int_equal(set_offers(cluster, "ads", 0).code, 200);
    cluster_pass(cluster, 0);
    assert_in(rescinded(cluster, g)->reason, "exclusive from now on");
    assert_null(cluster_record(cluster, MSG_KEPT_ROLE)->kept_role->weight_milli ? "" : NULL);
}

static void role_below_may_be_otherwise(void **state)
{
    CLUSTER(NULL);
    struct node f;

    (void)state;
    make_optimistic(cluster, "ads");
    assert_int_equal(set_offers(cluster, "ads/eu", OFFERS_EXCLUSIVE).code, 200);
    f = cluster_framework(cluster, "ads/eu/db");
    cluster_agent(cluster, "cpus:4;mem:400");
    assert_false(cluster_offer(cluster, f)->optimistic);
}

static void nothing_is_set_that_the_registry_has_not(void **state)
{
    CLUSTER(NULL);
    struct node f;

    (void)state;
    cluster->store_fails = "disk full";
    assert_int_equal(set_offers(cluster, "ads", OFFERS_OPTIMISTIC).code, 503);
    cluster->store_fails = NULL;
    cluster_pass(cluster, 60 * SECOND);
    f = cluster_framework(cluster, "ads");
    cluster_agent(cluster, "cpus:4;mem:400");
    assert_false(cluster_offer(cluster, f)->optimistic);
    assert_int_equal(set_offers(cluster, "ads/", OFFERS_OPTIMISTIC).code, 400);
    assert_int_equal(set_offers(cluster, "ads", 7).code, 400);
}

static void next_master_knows_which_roles_are_optimistic(void **state)
{
    CLUSTER(NULL);
    struct node f;

    (void)state;
    make_optimistic(cluster, "ads");
    assert_int_equal(cluster_operator(cluster, MESSAGE(OPERATOR_SET_WEIGHT, operator_set_weight,
                                                       .role = "ads", .weight_milli = 2000))
                         .code,
                     200);
    cluster_restart(cluster, NULL);
    f = cluster_framework(cluster, "ads");
    cluster_agent(cluster, "cpus:4;mem:400");
    cluster_pass(cluster, 0);
    assert_true(cluster_offer(cluster, f)->optimistic);
}

static void setting_several_roles_leaves_their_kind(void **state)
{
    static const struct role_policy weights[] = {{.role = "ads", .weight_milli = 2000},
                                                 {.role = "web", .weight_milli = 3000}};
    CLUSTER(NULL);
    struct node f;

    (void)state;
    make_optimistic(cluster, "ads");
    assert_int_equal(cluster_operator(cluster, MESSAGE(OPERATOR_SET_ROLES, operator_set_roles,
                                                       .roles = weights, .roles_count = 2))
                         .code,
                     200);
    cluster_restart(cluster, NULL);
    f = cluster_framework(cluster, "ads");
    cluster_agent(cluster, "cpus:4;mem:400");
    cluster_pass(cluster, 0);
    assert_true(cluster_offer(cluster, f)->optimistic);
}

static void explain_says_who_looks_at_it(void **state)
{
    CLUSTER(NULL);
    struct msg_operator_reply reply;
    struct node alone;

    (void)state;
    make_optimistic(cluster, "ads");
    cluster_framework(cluster, "ads");
    cluster_agent(cluster, "cpus:4;mem:400");
    alone = cluster_framework(cluster, "web");
    cluster_pass(cluster, 0);
    reply = cluster_operator(cluster,
                             MESSAGE(OPERATOR_EXPLAIN, operator_explain, .framework = alone.id));
    assert_int_equal(reply.code, 200);
    assert_in(reply.message,
              "1 of 1 agents: shown to it already, or to others who have to answer first");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_free_is_shown_to_all_of_an_optimistic_role),
        cmocka_unit_test(newcomer_is_shown_what_the_others_look_at),
        cmocka_unit_test(exclusive_role_is_offered_what_nobody_looks_at),
        cmocka_unit_test(exclusive_offer_is_shown_to_nobody),
        cmocka_unit_test(nobody_more_is_shown_what_an_exclusive_role_waits_for),
        cmocka_unit_test(long_timeout_of_its_own_keeps_nothing_from_an_exclusive_role),
        cmocka_unit_test(one_who_never_answers_keeps_nothing_from_an_exclusive_role_for_ever),
        cmocka_unit_test(no_more_are_shown_it_than_the_operator_says),
        cmocka_unit_test(shares_count_what_is_used),
        cmocka_unit_test(first_accept_has_it_and_the_others_are_told_at_once),
        cmocka_unit_test(offer_of_which_too_little_is_left_is_taken_back_with_the_reason),
        cmocka_unit_test(only_the_same_principal_hears_the_name_of_who_was_first),
        cmocka_unit_test(what_still_fits_of_a_late_accept_is_launched),
        cmocka_unit_test(task_that_asks_for_more_than_was_ever_offered_is_an_error),
        cmocka_unit_test(accept_of_an_offer_that_is_gone_is_told_who_was_first),
        cmocka_unit_test(what_the_winner_leaves_is_shown_again),
        cmocka_unit_test(needs_count_units_that_others_took_as_open),
        cmocka_unit_test(limit_holds_at_the_accept_too),
        cmocka_unit_test(units_that_a_limit_keeps_at_the_accept_are_open_again),
        cmocka_unit_test(what_a_limit_leaves_no_room_for_is_shown_no_longer),
        cmocka_unit_test(guarantee_holds_at_the_accept_too),
        cmocka_unit_test(gang_of_which_one_part_was_taken_is_not_launched_at_all),
        cmocka_unit_test(gang_whose_parts_fit_a_limit_only_one_by_one_is_not_launched),
        cmocka_unit_test(gang_is_launched_of_what_others_look_at_too),
        cmocka_unit_test(what_a_gang_gathers_is_shown_to_nobody_else),
        cmocka_unit_test(role_that_changes_its_kind_is_offered_anew),
        cmocka_unit_test(role_below_may_be_otherwise),
        cmocka_unit_test(nothing_is_set_that_the_registry_has_not),
        cmocka_unit_test(next_master_knows_which_roles_are_optimistic),
        cmocka_unit_test(setting_several_roles_leaves_their_kind),
        cmocka_unit_test(explain_says_who_looks_at_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
