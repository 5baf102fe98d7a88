/* tests/unit/test_master_gathering.c - needs that are gangs: who gathers, how long it may hold what it
 * has, and that nobody waits for ever. */
#include "tests/unit/master_fixture.h"

#include <inttypes.h>
#include <string.h>

#include "base/rng.h"
#include "proto/resources_info.h"

#define HOLD (30 * SECOND) /* the master's default */
#define HOUR (3600 * SECOND)

static void state_gang(struct cluster *cluster, struct node framework, const char *minimum,
                       int64_t count, int64_t hold_ms)
{
    struct need_info need = {.name = "g", .count = count, .gang = true, .hold_ms = hold_ms};
    const struct role_needs role = {.role = "*", .needs = &need, .needs_count = 1};

    need.minimum = cluster_resources(cluster, minimum, &need.minimum_count);
    cluster_framework_says(cluster, framework.session,
                           MESSAGE(NEEDS, needs, .roles = &role, .roles_count = 1));
}

static struct node gang_of(struct cluster *cluster, const char *minimum, int64_t count)
{
    struct node framework = {.session = cluster_session(cluster)};
    const struct framework_info self = {.name = "gang"};
    struct need_info need = {.name = "g", .count = count, .gang = true};
    const struct role_needs role = {.role = "*", .needs = &need, .needs_count = 1};

    need.minimum = cluster_resources(cluster, minimum, &need.minimum_count);
    cluster_framework_says(
        cluster, framework.session,
        MESSAGE(SUBSCRIBE, subscribe, .framework = &self, .needs = &role, .needs_count = 1));
    framework.id =
        cluster_last(cluster, framework.session, MSG_SUBSCRIBED)->subscribed->framework_id;
    return framework;
}

static size_t rescinded(struct cluster *cluster, struct node framework)
{
    return cluster_count(cluster, framework.session, MSG_RESCIND);
}

static void agents(struct cluster *cluster, int count)
{
    for (int i = 0; i < count; i++)
        cluster_agent(cluster, "cpus:1;mem:100");
}

/* --- holding ---------------------------------------------------------------------- */

static void gang_that_the_cluster_is_too_small_for_is_offered_nothing(void **state)
{
    CLUSTER(NULL);
    struct node gang = gang_of(cluster, "cpus:1;mem:100", 3);

    (void)state;
    agents(cluster, 2);
    cluster_pass(cluster, 5 * SECOND);
    assert_int_equal(cluster_offers_count(cluster, gang), 0);
    agents(cluster, 1);
    cluster_pass(cluster, SECOND);
    assert_int_equal(cluster_offers_count(cluster, gang), 3);
    assert_int_equal(rescinded(cluster, gang), 0);
}

static void what_is_in_another_region_does_not_count(void **state)
{
    static const struct domain_info far = {.region = "eu", .zone = "a"};
    const struct master_settings settings = {
        .id = "M", .epoch = CLUSTER_EPOCH, .region = "us", .zone = "a"};
    CLUSTER(&settings);
    struct node gang = gang_of(cluster, "cpus:1;mem:100", 2);
    struct agent_info info = {.hostname = "h", .domain = &far};

    (void)state;
    info.resources = cluster_resources(cluster, "cpus:1;mem:100", &info.resources_count);
    cluster_agent_says(cluster, cluster_session(cluster),
                       MESSAGE(REGISTER_AGENT, register_agent, .agent = &info));
    agents(cluster, 1);
    cluster_pass(cluster, SECOND);
    assert_int_equal(cluster_offers_count(cluster, gang), 0);
    agents(cluster, 1);
    cluster_pass(cluster, SECOND);
    assert_int_equal(cluster_offers_count(cluster, gang), 2);
}

static struct node hog_of(struct cluster *cluster, int count)
{
    struct node hog = cluster_framework(cluster, NULL);

    agents(cluster, count);
    for (int i = 0; i < count; i++) {
        const char *id = arena_printf(cluster->arena, "M-O%d", i);
        struct task_info task =
            cluster_task(cluster, arena_printf(cluster->arena, "h%d", i),
                         arena_printf(cluster->arena, "M-S%d", i), "cpus:1;mem:100");

        cluster_accept(cluster, hog, id, &task, 1, HOUR);
    }
    cluster_framework_says(cluster, hog.session, MESSAGE(SUPPRESS, suppress, .roles = NULL));
    return hog;
}

static void what_is_gathered_is_held_and_then_taken_back_all_at_once(void **state)
{
    CLUSTER((&(struct master_settings){.offer_timeout_ms = SECOND}));
    struct node hog = hog_of(cluster, 1), gang;
    size_t offers;

    (void)state;
    (void)hog;
    gang = gang_of(cluster, "cpus:1;mem:100", 3);
    agents(cluster, 2);
    cluster_pass(cluster, HOLD - 1 - SECOND);
    offers = cluster_offers_count(cluster, gang);
    assert_int_equal(offers, 2);
    assert_int_equal(rescinded(cluster, gang), 0);
    cluster_pass(cluster, 1 + 2 * SECOND);
    assert_int_equal(rescinded(cluster, gang), 2);
    assert_string_equal(cluster_last(cluster, gang.session, MSG_RESCIND)->rescind->reason,
                        "the gang was not whole within its hold");
    /* It is held off: once as long as it may hold, then twice as long. */
    cluster_pass(cluster, HOLD - 2 * SECOND);
    assert_int_equal(cluster_offers_count(cluster, gang), offers);
    cluster_pass(cluster, 3 * SECOND);
    assert_int_equal(cluster_offers_count(cluster, gang), offers + 2);
    cluster_pass(cluster, HOLD);
    assert_int_equal(rescinded(cluster, gang), 4);
    cluster_pass(cluster, 2 * HOLD - 3 * SECOND);
    assert_int_equal(cluster_offers_count(cluster, gang), offers + 2);
    cluster_pass(cluster, 4 * SECOND);
    assert_int_equal(cluster_offers_count(cluster, gang), offers + 4);
}

static void framework_may_hold_for_less_and_not_for_more(void **state)
{
    CLUSTER((&(struct master_settings){.gang_hold_ms = 10 * SECOND}));
    struct node gang = cluster_framework(cluster, NULL);

    (void)state;
    state_gang(cluster, gang, "cpus:1;mem:100", 1, HOUR);
    agents(cluster, 1);
    cluster_pass(cluster, 9 * SECOND);
    assert_int_equal(cluster_offers_count(cluster, gang), 1);
    assert_int_equal(rescinded(cluster, gang), 0);
    cluster_pass(cluster, 2 * SECOND);
    assert_int_equal(rescinded(cluster, gang), 1);
    assert_string_equal(cluster_last(cluster, gang.session, MSG_RESCIND)->rescind->reason,
                        "the gang was not answered within its hold");
    state_gang(cluster, gang, "cpus:1;mem:100", 1, 2 * SECOND);
    cluster_pass(cluster, 11 * SECOND);
    assert_int_equal(cluster_offers_count(cluster, gang), 2);
    cluster_pass(cluster, 2 * SECOND);
    assert_int_equal(rescinded(cluster, gang), 2);
}

/* --- turns ------------------------------------------------------------------------ */

static void two_gangs_that_need_everything_come_one_after_the_other(void **state)
{
    CLUSTER(NULL);
    struct node a = gang_of(cluster, "cpus:1;mem:100", 4),
                b = gang_of(cluster, "cpus:1;mem:100", 4);
    struct node first, second;

    (void)state;
    agents(cluster, 4);
    cluster_pass(cluster, 2 * SECOND);
    first = cluster_offers_count(cluster, a) ? a : b;
    second = first.session == a.session ? b : a;
    assert_int_equal(cluster_offers_count(cluster, first), 4);
    assert_int_equal(cluster_offers_count(cluster, second), 0);
    cluster_pass(cluster, HOLD);
    assert_int_equal(rescinded(cluster, first), 4);
    cluster_pass(cluster, 2 * SECOND);
    assert_int_equal(cluster_offers_count(cluster, second), 4);
}

static void gang_that_is_whole_lets_the_next_one_gather(void **state)
{
    CLUSTER(NULL);
    struct node a = gang_of(cluster, "cpus:1;mem:100", 2),
                b = gang_of(cluster, "cpus:1;mem:100", 2);

    (void)state;
    agents(cluster, 4);
    cluster_pass(cluster, 2 * SECOND);
    assert_int_equal(cluster_offers_count(cluster, a), 2);
    assert_int_equal(cluster_offers_count(cluster, b), 2);
}

static void gang_that_is_broken_while_another_gathers_lets_go(void **state)
{
    CLUSTER(NULL);
    struct node a = gang_of(cluster, "cpus:1;mem:100", 2), b;

    (void)state;
    agents(cluster, 2);
    cluster_pass(cluster, 2 * SECOND);
    assert_int_equal(cluster_offers_count(cluster, a), 2);
    b = gang_of(cluster, "cpus:1;mem:100", 2);
    cluster_pass(cluster, 2 * SECOND);
    assert_int_equal(cluster_offers_count(cluster, b), 0);
    cluster_decline(cluster, a, cluster_offer(cluster, a)->id, HOUR);
    assert_int_equal(rescinded(cluster, a), 1);
    assert_int_equal(cluster_offers_count(cluster, b), 2);
}

/* A limit takes one of its offers back within an allocation; another agent, which it did not need before, has
 * what is reserved for its role. */
static void gang_that_a_limit_breaks_gathers_what_lies_idle(void **state)
{
    CLUSTER(NULL);
    struct node framework = {.session = cluster_session(cluster)}, idle;
    const char *ads = "ads";
    const struct framework_info self = {.name = "gang", .roles = &ads, .roles_count = 1};
    struct need_info need = {.name = "g", .count = 2, .gang = true};
    const struct role_needs role = {.role = ads, .needs = &need, .needs_count = 1};
    struct msg_operator_set_quota quota = {.role = ads, .force = true};

    (void)state;
    need.minimum = cluster_resources(cluster, "cpus:1", &need.minimum_count);
    cluster_framework_says(
        cluster, framework.session,
        MESSAGE(SUBSCRIBE, subscribe, .framework = &self, .needs = &role, .needs_count = 1));
    cluster_agent(cluster, "cpus(ads):1;mem:100");
    cluster_agent(cluster, "cpus:1;mem:100");
    cluster_pass(cluster, 2 * SECOND);
    assert_int_equal(cluster_offers_count(cluster, framework), 2);
    idle = cluster_agent(cluster, "cpus(ads):1;mem:100");
    quota.limits = cluster_resources(cluster, "cpus:2", &quota.limits_count);
    cluster_operator(cluster, (struct message){.type = MSG_OPERATOR_SET_QUOTA, .body = &quota});
    cluster_pass(cluster, SECOND);
    assert_int_equal(rescinded(cluster, framework), 1);
    assert_int_equal(cluster_offers_count(cluster, framework), 3);
    assert_string_equal(cluster_offer(cluster, framework)->agent_id, idle.id);
}

static void needs_stated_anew_end_the_hold(void **state)
{
    CLUSTER(NULL);
    struct node gang = gang_of(cluster, "cpus:1;mem:100", 2);

    (void)state;
    agents(cluster, 2);
    cluster_pass(cluster, 2 * SECOND);
    state_gang(cluster, gang, "cpus:1;mem:100", 1, 0);
    assert_int_equal(rescinded(cluster, gang), 2);
    assert_int_equal(cluster_offers_count(cluster, gang), 3);
}

static void gang_without_a_count_is_refused(void **state)
{
    CLUSTER(NULL);
    struct node gang = cluster_framework(cluster, NULL);

    (void)state;
    state_gang(cluster, gang, "cpus:1", 0, 0);
    agents(cluster, 2);
    /* It is as if it had not been said. */
    assert_string_equal(cluster_offer(cluster, gang)->need, "");
    assert_int_equal(cluster_counter(cluster, "master/dropped_messages"), 1);
}

/* --- random instances --------------------------------------------------------------- */

#define GANGS_MAX  4
#define AGENTS_MAX 6
#define TASK_MS    (3 * SECOND)
#define STEP_MS    500
#define RUN_MS     (60 * SECOND)
#define SEEDS      30
/* Each other gang once: what it lacks is there when the tasks of the last one have ended. */
#define BOUND_MS (GANGS_MAX * (TASK_MS + 2 * STEP_MS))

struct runner {
    struct node node;
    int64_t count;
    unsigned wins, tasks;
    int64_t ends_ms;                       /* its tasks end then; 0: it has none */
    const char *agent_ids[AGENTS_MAX * 4]; /* of its tasks */
    int64_t waiting_since_ms;
};

struct instance {
    struct cluster *cluster;
    struct runner runners[GANGS_MAX];
    struct node agents[AGENTS_MAX];
    size_t runners_count, agents_count, seen;
    int64_t now_ms, longest_ms;
};

static bool is_over(const struct cluster *cluster, const char *offer_id)
{
    for (size_t i = 0; i < cluster->sent_count; i++) {
        const struct message *message = &cluster->sent[i].message;

        if (!cluster->sent[i].session && message->type == MSG_CHANGE_OFFER_REMOVED &&
            !strcmp(message->change_offer_removed->offer_id, offer_id))
            return true;
    }
    return false;
}

/* What it holds now; how many units these are. */
static int64_t held(const struct instance *self, const struct runner *runner,
                    const struct offer_info **ret_offers, size_t *ret_count)
{
    const struct cluster *cluster = self->cluster;
    int64_t units = 0;

    *ret_count = 0;
    for (size_t i = 0; i < cluster->sent_count; i++) {
        const struct message *message = &cluster->sent[i].message;
        const struct offer_info *offer;

        if (cluster->sent[i].session || message->type != MSG_CHANGE_OFFER)
            continue;
        offer = message->change_offer->offer;
        if (strcmp(offer->framework_id, runner->node.id) != 0 || is_over(cluster, offer->id))
            continue;
        assert_true(*ret_count < AGENTS_MAX * 4);
        ret_offers[(*ret_count)++] = offer;
        units += offer->units;
    }
    return units;
}

static void launch(struct instance *self, struct runner *runner, const struct offer_info **offers,
                   size_t count)
{
    struct operation_info launches[AGENTS_MAX * 4];
    struct task_info tasks[AGENTS_MAX * 4];
    struct gang_part parts[AGENTS_MAX * 4];

    runner->tasks = 0;
    for (size_t i = 0; i < count; i++) {
        tasks[i] = cluster_task(self->cluster,
                                arena_printf(self->cluster->arena, "t%u-%zu", runner->wins, i),
                                offers[i]->agent_id, "cpus:1");
        tasks[i].resources = offers[i]->resources;
        tasks[i].resources_count = offers[i]->resources_count;
        runner->agent_ids[runner->tasks++] = offers[i]->agent_id;
        launches[i] =
            (struct operation_info){.kind = OPERATION_LAUNCH, .tasks = &tasks[i], .tasks_count = 1};
        parts[i] = (struct gang_part){&offers[i]->id, 1, &launches[i], 1};
    }
    cluster_framework_says(self->cluster, runner->node.session,
                           MESSAGE(ACCEPT_GANG, accept_gang, .parts = parts, .parts_count = count));
    assert_int_equal(cluster_updates_count(self->cluster, runner->node, tasks[0].task_id), 0);
    runner->ends_ms = self->now_ms + TASK_MS;
    if (self->now_ms - runner->waiting_since_ms > self->longest_ms)
        self->longest_ms = self->now_ms - runner->waiting_since_ms;
}

static void end_tasks(struct instance *self, struct runner *runner)
{
    for (size_t i = 0; i < runner->tasks; i++)
        for (size_t j = 0; j < self->agents_count; j++)
            if (!strcmp(self->agents[j].id, runner->agent_ids[i]))
                cluster_status(self->cluster, self->agents[j], runner->node.id,
                               arena_printf(self->cluster->arena, "t%u-%zu", runner->wins, i),
                               TASK_FINISHED, 0);
    runner->wins++;
    runner->ends_ms = 0;
    runner->waiting_since_ms = self->now_ms;
    state_gang(self->cluster, runner->node, "cpus:1", runner->count, 0);
}

static void take_step(struct instance *self)
{
    for (size_t i = 0; i < self->runners_count; i++) {
        const struct offer_info *offers[AGENTS_MAX * 4];
        struct runner *runner = &self->runners[i];
        size_t count;

        if (runner->ends_ms && runner->ends_ms <= self->now_ms)
            end_tasks(self, runner);
        if (!runner->ends_ms && held(self, runner, offers, &count) == runner->count)
            launch(self, runner, offers, count);
    }
    cluster_pass(self->cluster, STEP_MS);
    self->now_ms += STEP_MS;
}

/* Each of the gangs fits into the cluster, most do not beside another. */
static void run_instance(uint64_t seed)
{
    CLUSTER(NULL);
    struct rng rng = {.state = seed};
    struct instance self = {.cluster = cluster};
    int64_t units = 0;

    self.agents_count = 1 + rng_next(&rng) % AGENTS_MAX;
    self.runners_count = 2 + rng_next(&rng) % (GANGS_MAX - 1);
    for (size_t i = 0; i < self.agents_count; i++) {
        int64_t cpus = 1 + (int64_t)(rng_next(&rng) % 4);

        self.agents[i] =
            cluster_agent(cluster, arena_printf(cluster->arena, "cpus:%" PRId64, cpus));
        units += cpus;
    }
    for (size_t i = 0; i < self.runners_count; i++) {
        self.runners[i].count = 1 + (int64_t)(rng_next(&rng) % (uint64_t)units);
        self.runners[i].node = gang_of(cluster, "cpus:1", self.runners[i].count);
    }
    while (self.now_ms < RUN_MS)
        take_step(&self);
    for (size_t i = 0; i < self.runners_count; i++) {
        const struct runner *runner = &self.runners[i];
        int64_t waits_ms = runner->ends_ms ? 0 : self.now_ms - runner->waiting_since_ms;

        if (!runner->wins || waits_ms > BOUND_MS || self.longest_ms > BOUND_MS)
            fail_msg("seed %" PRIu64 ": gang %zu of %zu has run %u times, waits for %" PRId64
                     " ms, one waited for %" PRId64 " ms",
                     seed, i, self.runners_count, runner->wins, waits_ms, self.longest_ms);
        assert_int_equal(rescinded(cluster, runner->node), 0);
    }
}

static void gangs_that_compete_all_run_again_and_again(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        run_instance(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gang_that_the_cluster_is_too_small_for_is_offered_nothing),
        cmocka_unit_test(what_is_in_another_region_does_not_count),
        cmocka_unit_test(what_is_gathered_is_held_and_then_taken_back_all_at_once),
        cmocka_unit_test(framework_may_hold_for_less_and_not_for_more),
        cmocka_unit_test(two_gangs_that_need_everything_come_one_after_the_other),
        cmocka_unit_test(gang_that_is_whole_lets_the_next_one_gather),
        cmocka_unit_test(gang_that_is_broken_while_another_gathers_lets_go),
        cmocka_unit_test(gang_that_a_limit_breaks_gathers_what_lies_idle),
        cmocka_unit_test(needs_stated_anew_end_the_hold),
        cmocka_unit_test(gang_without_a_count_is_refused),
        cmocka_unit_test(gangs_that_compete_all_run_again_and_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
