/* tests/unit/test_master_random.c - thousands of random events, sensible ones and broken ones, with all
 * books checked after each.
 *
 * A few agents, frameworks, roles and task ids, so that they meet often. What goes wrong is found again
 * by its seed.
 */
#include "tests/unit/master_fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "proto/resources_info.h"

#define SEEDS  12
#define EVENTS 1500

#define AGENTS     5
#define FRAMEWORKS 4
#define TASKS      12

struct world {
    struct cluster *cluster;
    struct rng rng;
    struct node agents[AGENTS]; /* session 0: away; id "": never seen */
    struct node frameworks[FRAMEWORKS];
    struct buf frame; /* the last one that was said */
    enum peer_kind frame_kind;
    uint64_t frame_session;
};

static size_t below(struct world *world, size_t bound)
{
    return (size_t)rng_below(&world->rng, bound);
}

static bool chance(struct world *world, unsigned percent)
{
    return below(world, 100) < percent;
}

#define PICK(world, array) ((array)[below((world), ARRAY_SIZE(array))])

static const char *const roles[] = {"*", "a", "b", "a/c"};
static const char *const texts[] = {
    "cpus:1;mem:64",       "cpus:0.5",           "cpus:4;mem:256", "mem:32", "cpus:100",
    "ports:[31000-31003]", "cpus(a):1;mem(a):8", "disk:1"};
static const char *const totals[] = {"cpus:4;mem:256;ports:[31000-31009]",
                                     "cpus:8;mem:512;cpus(a):2;mem(a):64;disk:100", "cpus:1;mem:64",
                                     "gpus:2;cpus:2;mem(b):128;odd:1"};
static const enum task_state states[] = {TASK_STAGING, TASK_STARTING, TASK_RUNNING,
                                         TASK_RUNNING, TASK_KILLING,  TASK_FINISHED,
                                         TASK_FAILED,  TASK_KILLED,   TASK_UNREACHABLE};

static const char *task_id(struct world *world)
{
    return arena_printf(world->cluster->arena, "t%zu", below(world, TASKS));
}

static struct node *any_agent(struct world *world)
{
    return &PICK(world, world->agents);
}

static struct node *any_framework(struct world *world)
{
    return &PICK(world, world->frameworks);
}

static const char *any_agent_id(struct world *world)
{
    return chance(world, 10) ? "nowhere" : any_agent(world)->id;
}

/* What is said is kept as bytes too, for act_broken to damage. */
static void say(struct world *world, const struct node *node, enum peer_kind kind,
                struct message message)
{
    uint64_t session = node->session;

    if (!session)
        return;
    message.epoch = kind == PEER_AGENT ? CLUSTER_EPOCH - chance(world, 3) : 0;
    buf_consume(&world->frame, world->frame.size);
    assert_int_equal(message_encode(&message, &world->frame, NULL), 0);
    world->frame_kind = kind;
    world->frame_session = session;
    if (kind == PEER_AGENT)
        cluster_agent_says(world->cluster, session, message);
    else
        cluster_framework_says(world->cluster, session, message);
}

/* --- agents ----------------------------------------------------------------- */

static struct agent_task *reports(struct world *world, size_t count)
{
    struct agent_task *tasks = arena_array(world->cluster->arena, count + 1, sizeof(*tasks));

    for (size_t i = 0; i < count; i++) {
        const char *framework_id = any_framework(world)->id;

        tasks[i] = cluster_report(world->cluster, *framework_id ? framework_id : "OLD-0001",
                                  task_id(world), PICK(world, texts), PICK(world, states));
        tasks[i].role = PICK(world, roles);
        tasks[i].acknowledged = chance(world, 10);
    }
    return tasks;
}

static void act_agent_comes(struct world *world)
{
    struct node *agent = any_agent(world);
    size_t count = chance(world, 60) ? below(world, 4) : 0;
    const struct message *answer;

    *agent = cluster_agent_back(world->cluster, agent->id, PICK(world, totals),
                                reports(world, count), count);
    answer = cluster_last(world->cluster, agent->session, MSG_AGENT_REGISTERED);
    if (answer)
        agent->id = answer->agent_registered->agent_id;
    else
        *agent = (struct node){.id = agent->id};
}

static void act_agent_repeats(struct world *world)
{
    struct node *agent = any_agent(world);
    const struct agent_info info = {.id = chance(world, 50) ? agent->id : "", .hostname = "h"};

    say(world, agent, PEER_AGENT,
        MESSAGE(REGISTER_AGENT, register_agent, .agent = &info,
                .last_epoch = chance(world, 5) * 9));
}

static void act_agent_goes(struct world *world)
{
    struct node *agent = any_agent(world);

    if (agent->session && chance(world, 80))
        cluster_close(world->cluster, agent->session);
    else
        say(world, agent, PEER_AGENT, MESSAGE(UNREGISTER, unregister, .reason = "bye"));
    agent->session = 0;
}

/* Mostly about a task that the agent was given. */
static void act_status(struct world *world)
{
    struct node *agent = any_agent(world);
    const struct message *run = cluster_last(world->cluster, agent->session, MSG_RUN_TASK);
    const char *framework_id = any_framework(world)->id, *id = task_id(world);

    if (!agent->session)
        return;
    if (run && chance(world, 70)) {
        framework_id = run->run_task->framework->id;
        id = chance(world, 80) ? run->run_task->task->task_id : id;
    }
    if (chance(world, 15))
        world->cluster->uuids--;
    cluster_status(world->cluster, *agent, *framework_id ? framework_id : "x", id,
                   PICK(world, states), chance(world, 30) ? PICK(world, states) : 0);
}

/* --- frameworks ------------------------------------------------------------- */

static void act_framework_comes(struct world *world)
{
    struct node *framework = any_framework(world);
    const char *id = chance(world, 80) ? framework->id : "";
    const char *named[] = {PICK(world, roles), PICK(world, roles)};
    struct framework_info info = {.id = id,
                                  .name = "random",
                                  .roles = named,
                                  .roles_count = below(world, 3),
                                  .failover_timeout_ms = (int64_t)below(world, 200) * SECOND,
                                  .ends_with_session = chance(world, 5)};
    struct node again = cluster_subscribe(world->cluster, info);

    if (*again.id)
        *framework = again;
    else if (cluster_last(world->cluster, again.session, MSG_ERROR) && chance(world, 50))
        *framework = (struct node){.id = ""};
}

static void act_framework_changes_roles(struct world *world)
{
    const char *named[] = {PICK(world, roles), PICK(world, roles)};
    const struct framework_info info = {
        .name = "random", .roles = named, .roles_count = below(world, 3)};

    say(world, any_framework(world), PEER_FRAMEWORK,
        MESSAGE(SUBSCRIBE, subscribe, .framework = &info, .suppressed_roles = named,
                .suppressed_roles_count = below(world, 2)));
}

static void act_framework_goes(struct world *world)
{
    struct node *framework = any_framework(world);

    if (framework->session && chance(world, 90))
        cluster_close(world->cluster, framework->session);
    else
        say(world, framework, PEER_FRAMEWORK, MESSAGE(TEARDOWN, teardown, .reason = ""));
    framework->session = 0;
}

static const char *any_offer(struct world *world, const struct node *framework)
{
    const struct offer_info *offer = cluster_offer(world->cluster, *framework);

    if (offer && chance(world, 80))
        return offer->id;
    return arena_printf(world->cluster->arena, "M-O%zu", below(world, 300));
}

static void act_accept(struct world *world)
{
    struct node *framework = any_framework(world);
    const struct offer_info *offer = cluster_offer(world->cluster, *framework);
    const char *ids[] = {any_offer(world, framework), any_offer(world, framework)};
    const struct filters filters = {.refuse_ms = (int64_t)below(world, 9) * SECOND - SECOND};
    struct operation_info launch = {.kind = OPERATION_LAUNCH, .tasks_count = below(world, 4)};
    struct task_info tasks[4];

    for (size_t i = 0; i < launch.tasks_count; i++)
        tasks[i] = cluster_task(world->cluster, task_id(world),
                                offer && chance(world, 95) ? offer->agent_id : "nowhere",
                                PICK(world, texts));
    launch.tasks = tasks;
    say(world, framework, PEER_FRAMEWORK,
        MESSAGE(ACCEPT, accept, .offer_ids = ids, .offer_ids_count = 1 + chance(world, 20),
                .operations = &launch, .operations_count = 1,
                .filters = chance(world, 80) ? &filters : NULL));
}

static void act_decline(struct world *world)
{
    struct node *framework = any_framework(world);
    const char *ids[] = {any_offer(world, framework), any_offer(world, framework)};
    const struct filters filters = {.refuse_ms = (int64_t)below(world, 60) * SECOND};

    say(world, framework, PEER_FRAMEWORK,
        MESSAGE(DECLINE, decline, .offer_ids = ids, .offer_ids_count = 2, .filters = &filters));
}

static void act_revive_or_suppress(struct world *world)
{
    const char *role = PICK(world, roles);

    if (chance(world, 60))
        say(world, any_framework(world), PEER_FRAMEWORK,
            MESSAGE(REVIVE, revive, .roles = &role, .roles_count = below(world, 2)));
    else
        say(world, any_framework(world), PEER_FRAMEWORK,
            MESSAGE(SUPPRESS, suppress, .roles = &role, .roles_count = below(world, 2)));
}

static struct need_info any_need(struct world *world, const char *name)
{
    static const char *const sizes[] = {"cpus:1;mem:64", "cpus:0.5", "mem:32;ports:2", "gpus:1"};
    struct need_info need = {.name = name, .count = (int64_t)below(world, 4)};

    need.minimum = cluster_resources(world->cluster, PICK(world, sizes), &need.minimum_count);
    need.wanted = cluster_resources(world->cluster, PICK(world, texts), &need.wanted_count);
    if (chance(world, 20)) {
        struct constraint_info *constraint =
            arena_array(world->cluster->arena, 1, sizeof(*constraint));

        constraint->attribute = "hostname";
        constraint->kind = chance(world, 50) ? CONSTRAINT_MATCHES : CONSTRAINT_NOT_EQUALS;
        constraint->value = "h*";
        need.constraints = constraint;
        need.constraints_count = 1;
    }
    return need;
}

static void act_needs(struct world *world)
{
    const struct need_info needs[] = {any_need(world, "x"), any_need(world, "y")};
    const struct role_needs role = {
        .role = PICK(world, roles), .needs = needs, .needs_count = below(world, 3)};

    say(world, any_framework(world), PEER_FRAMEWORK,
        MESSAGE(NEEDS, needs, .roles = &role, .roles_count = 1));
}

static void act_kill(struct world *world)
{
    const struct kill_policy policy = {.grace_ms = 5};

    say(world, any_framework(world), PEER_FRAMEWORK,
        MESSAGE(KILL, kill, .task_id = task_id(world), .agent_id = any_agent_id(world),
                .kill_policy = chance(world, 50) ? &policy : NULL));
}

static void act_acknowledge(struct world *world)
{
    struct node *framework = any_framework(world);
    const char *id = task_id(world);
    const struct task_status *status = cluster_update(world->cluster, *framework, id);

    if (status && status->uuid.size)
        say(world, framework, PEER_FRAMEWORK,
            MESSAGE(ACKNOWLEDGE, acknowledge, .agent_id = status->agent_id, .task_id = id,
                    .uuid = status->uuid));
}

static void act_reconcile(struct world *world)
{
    const struct task_ref refs[] = {{task_id(world), any_agent_id(world)},
                                    {task_id(world), any_agent_id(world)}};

    say(world, any_framework(world), PEER_FRAMEWORK,
        MESSAGE(RECONCILE, reconcile, .tasks = refs, .tasks_count = below(world, 3)));
}

static void act_message(struct world *world)
{
    const char *id = any_framework(world)->id, *agent_id = any_agent_id(world);

    say(world, any_framework(world), PEER_FRAMEWORK,
        MESSAGE(MESSAGE_TO_EXECUTOR, message_to_executor, .agent_id = *agent_id ? agent_id : "x",
                .task_id = task_id(world)));
    say(world, any_agent(world), PEER_AGENT,
        MESSAGE(MESSAGE_TO_FRAMEWORK, message_to_framework, .framework_id = *id ? id : "x",
                .task_id = task_id(world)));
}

/* --- others ----------------------------------------------------------------- */

static void act_operator(struct world *world)
{
    const char *id = any_framework(world)->id;

    if (chance(world, 85))
        cluster_operator(world->cluster, MESSAGE(OPERATOR_KILL, operator_kill,
                                                 .framework_id = chance(world, 50) ? id : "",
                                                 .task_id = task_id(world)));
    else
        cluster_operator(world->cluster,
                         MESSAGE(OPERATOR_TEARDOWN, operator_teardown, .framework_id = id));
}

/* Sensible ones and others. */
static void act_policy(struct world *world)
{
    const struct resource_info amounts[] = {
        {.name = chance(world, 90) ? "cpus" : "odd",
         .kind = VALUE_SCALAR,
         .scalar = (int64_t)below(world, 12) * 1000},
        {.name = "mem", .kind = VALUE_SCALAR, .scalar = (int64_t)below(world, 700) * 1000},
        {.name = "ports", .kind = VALUE_RANGES},
    };
    const char *role = PICK(world, roles);
    size_t both = chance(world, 3) ? 3 : 2;

    if (chance(world, 30))
        cluster_operator(world->cluster,
                         MESSAGE(OPERATOR_SET_WEIGHT, operator_set_weight, .role = role,
                                 .weight_milli = (int64_t)below(world, 5000)));
    else
        cluster_operator(world->cluster,
                         MESSAGE(OPERATOR_SET_QUOTA, operator_set_quota, .role = role,
                                 .force = chance(world, 70), .guarantees = amounts,
                                 .guarantees_count = below(world, both), .limits = amounts,
                                 .limits_count = below(world, both)));
}

static void act_time(struct world *world)
{
    static const int64_t steps[] = {1,           20,          SECOND,       6 * SECOND,
                                    40 * SECOND, 80 * SECOND, 3600 * SECOND};

    cluster_pass(world->cluster, PICK(world, steps));
}

/* The last frame again, with a few bytes changed; what still is a message is said. */
static void act_broken(struct world *world)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(1 << 20);
    struct message message;

    if (world->frame.size < 8)
        return;
    for (size_t i = 0; i < 1 + below(world, 3); i++)
        world->frame.data[8 + below(world, world->frame.size - 7) - 1] = (char)below(world, 256);
    if (message_decode(world->frame.data, world->frame.size, arena, &message, NULL) < 0)
        return;
    if (world->frame_kind == PEER_AGENT)
        cluster_agent_says(world->cluster, world->frame_session, message);
    else
        cluster_framework_says(world->cluster, world->frame_session, message);
}

static const struct {
    void (*act)(struct world *);
    unsigned weight;
} acts[] = {
    {act_agent_comes, 6},     {act_agent_repeats, 1},
    {act_agent_goes, 3},      {act_status, 20},
    {act_framework_comes, 6}, {act_framework_changes_roles, 2},
    {act_framework_goes, 2},  {act_accept, 20},
    {act_decline, 6},         {act_revive_or_suppress, 4},
    {act_needs, 3},           {act_kill, 4},
    {act_acknowledge, 12},    {act_reconcile, 3},
    {act_message, 2},         {act_operator, 1},
    {act_policy, 2},          {act_time, 8},
    {act_broken, 15},
};

static void act(struct world *world)
{
    size_t sum = 0, pick;

    for (size_t i = 0; i < ARRAY_SIZE(acts); i++)
        sum += acts[i].weight;
    pick = below(world, sum);
    for (size_t i = 0; i < ARRAY_SIZE(acts); i++) {
        if (pick < acts[i].weight) {
            acts[i].act(world);
            return;
        }
        pick -= acts[i].weight;
    }
}

/* Sessions that the master ended say nothing more. */
static void notice_closed(struct world *world)
{
    for (size_t i = 0; i < AGENTS; i++)
        if (cluster_is_closed(world->cluster, world->agents[i].session))
            world->agents[i].session = 0;
    for (size_t i = 0; i < FRAMEWORKS; i++)
        if (cluster_is_closed(world->cluster, world->frameworks[i].session))
            world->frameworks[i].session = 0;
}

/* Who only reads the changes has the same numbers. */
static void check_published(struct cluster *cluster)
{
    int64_t tasks = 0;
    static const char *const gauges[] = {"master/tasks_staging", "master/tasks_starting",
                                         "master/tasks_running", "master/tasks_killing",
                                         "master/tasks_unreachable"};

    assert_int_equal(cluster_count(cluster, 0, MSG_CHANGE_OFFER) -
                         cluster_count(cluster, 0, MSG_CHANGE_OFFER_REMOVED),
                     cluster_counter(cluster, "master/outstanding_offers"));
    for (size_t i = 0; i < ARRAY_SIZE(gauges); i++)
        tasks += cluster_counter(cluster, gauges[i]);
    /* Ended and not yet acknowledged ones are still published. */
    assert_true((int64_t)(cluster_count(cluster, 0, MSG_CHANGE_TASK) -
                          cluster_count(cluster, 0, MSG_CHANGE_TASK_REMOVED)) >= tasks);
}

static void run(uint64_t seed)
{
    CLUSTER((&(struct master_settings){.seed = seed,
                                       .offer_batch_ms = (int64_t)(seed % 3),
                                       .offers_max = seed % 5 ? 0 : 2,
                                       .allocator = seed % 4 ? "drf" : "random"}));
    struct world world = {.cluster = cluster, .rng = {.state = seed}};

    for (size_t i = 0; i < AGENTS; i++)
        world.agents[i].id = "";
    for (size_t i = 0; i < FRAMEWORKS; i++)
        world.frameworks[i].id = "";
    for (int event = 0; event < EVENTS; event++) {
        act(&world);
        notice_closed(&world);
    }
    check_published(cluster);
    buf_fini(&world.frame);
}

static void books_balance_whatever_happens(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        print_message("seed %d\n", (int)seed);
        run(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(books_balance_whatever_happens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
