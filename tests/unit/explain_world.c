#include "tests/unit/explain_world.h"

#include <stdio.h>
#include <string.h>

#include "master/core/agents.h"
#include "master/core/frameworks.h"

static const char *const roles[] = {"a", "a/b", "a/c", "d", "*"};
static const char *const totals[] = {
    "cpus:4;mem:512;ports:[31000-31003]",         "cpus:8;mem:128",
    "cpus:2;mem:256;cpus(a):1;mem(a):64;disk:10", "cpus:1;mem:64;cpus(d):3;mem(d):100",
    "cpus:0.004;mem:20;cpus(a/b):2;mem(a/b):64",  "cpus{REV}:4;mem{REV}:128;mem:16",
};
static const char *const sizes[] = {"cpus:1;mem:64",  "cpus:0.5",        "cpus:3;mem:100",
                                    "mem:32;ports:2", "cpus:2.25;mem:1", "cpus:1;disk:20",
                                    "gpus:1"};

struct node *world_any_framework(struct world *world)
{
    return &PICK(world, world->frameworks);
}

static struct node *any_agent(struct world *world)
{
    return &PICK(world, world->agents);
}

/* --- what happens --------------------------------------------------------------- */

static void act_framework(struct world *world)
{
    static const char *const capabilities[] = {"REVOCABLE_RESOURCES"};
    struct node *framework = world_any_framework(world);
    const char *named[] = {PICK(world, roles), PICK(world, roles)};
    struct framework_info info = {.id = framework->id ? framework->id : "",
                                  .name = "random",
                                  .roles = named,
                                  .roles_count = 1 + below(world, 2)};

    if (!strcmp(named[0], named[1]))
        info.roles_count = 1;
    if (world->is_rich && chance(world, 40)) {
        info.capabilities = capabilities;
        info.capabilities_count = 1;
    }
    *framework = cluster_subscribe(world->cluster, info);
}

/* With all that it had, and what runs there. */
void world_agent_comes(struct world *world, struct node *agent, const char *total)
{
    const struct agent *known = agent->id ? agent_find(world->cluster->master, agent->id) : NULL;
    struct agent_task reports[64];
    const struct task *task;
    const struct message *answer;
    size_t count = 0;

    for (task = known ? known->tasks : NULL; task && count < 64; task = task->next) {
        CLEANUP(buf_fini) struct buf text = {0};

        resources_print(&task->resources, &text);
        reports[count] =
            cluster_report(world->cluster, task->subscription->framework->id,
                           arena_strdup(world->cluster->arena, task->id),
                           arena_strdup(world->cluster->arena, buf_text(&text)), TASK_RUNNING);
        reports[count++].role = arena_strdup(world->cluster->arena, task->subscription->role);
    }
    *agent = cluster_agent_back(world->cluster, agent->id ? agent->id : "", total, reports, count);
    answer = cluster_last(world->cluster, agent->session, MSG_AGENT_REGISTERED);
    if (answer)
        agent->id = answer->agent_registered->agent_id;
    else
        agent->session = 0;
}

static void act_agent(struct world *world)
{
    struct node *agent = any_agent(world);

    if (agent->session && chance(world, 60)) {
        cluster_close(world->cluster, agent->session);
        agent->session = 0;
        return;
    }
    world_agent_comes(world, agent, totals[agent - world->agents]);
}

static void act_operator(struct world *world)
{
    const struct node *agent = any_agent(world);

    if (!agent->id)
        return;
    if (chance(world, 50))
        cluster_operator(world->cluster, MESSAGE(OPERATOR_DEACTIVATE_AGENT,
                                                 operator_deactivate_agent, .agent_id = agent->id));
    else
        cluster_operator(world->cluster, MESSAGE(OPERATOR_REACTIVATE_AGENT,
                                                 operator_reactivate_agent, .agent_id = agent->id));
}

static void set_quota(struct world *world, const char *role, int64_t guarantee_milli,
                      int64_t limit_milli)
{
    const struct resource_info guarantees[] = {
        {.name = "cpus", .kind = VALUE_SCALAR, .scalar = guarantee_milli},
        {.name = "mem", .kind = VALUE_SCALAR, .scalar = guarantee_milli * 16}};
    const struct resource_info limits[] = {
        {.name = "cpus", .kind = VALUE_SCALAR, .scalar = limit_milli},
        {.name = "mem", .kind = VALUE_SCALAR, .scalar = limit_milli * 50}};

    cluster_operator(world->cluster,
                     MESSAGE(OPERATOR_SET_QUOTA, operator_set_quota, .role = role, .force = true,
                             .guarantees = guarantees,
                             .guarantees_count = guarantee_milli ? 1 + below(world, 2) : 0,
                             .limits = limits,
                             .limits_count = limit_milli ? 1 + below(world, 2) : 0));
}

static void act_quota(struct world *world)
{
    set_quota(world, PICK(world, roles), chance(world, 40) ? (int64_t)below(world, 4000) : 0,
              chance(world, 60) ? (int64_t)below(world, 9000) : 0);
}

void world_state_needs(struct world *world, struct node framework, const char *role, bool plain)
{
    static const struct constraint_info constraints[] = {
        {.attribute = "hostname", .kind = CONSTRAINT_EQUALS, .value = "host"},
        {.attribute = "hostname", .kind = CONSTRAINT_NOT_EQUALS, .value = "host"},
        {.attribute = "rack", .kind = CONSTRAINT_NOT_EXISTS, .value = ""}};
    struct need_info needs[2] = {{.name = "x"}, {.name = "y"}};
    const struct role_needs stated = {
        .role = role, .needs = needs, .needs_count = plain ? 1 : below(world, 3)};

    for (size_t i = 0; i < 2; i++) {
        needs[i].count = (int64_t)below(world, 4);
        needs[i].gang = world->is_rich && !plain && needs[i].count && chance(world, 40);
        if (world->is_rich && !plain && chance(world, 40))
            needs[i].min_available_ms = (int64_t)below(world, 60) * SECOND;
        needs[i].minimum =
            cluster_resources(world->cluster, PICK(world, sizes), &needs[i].minimum_count);
        needs[i].wanted =
            cluster_resources(world->cluster, PICK(world, sizes), &needs[i].wanted_count);
        needs[i].constraints = &PICK(world, constraints);
        needs[i].constraints_count = !plain && chance(world, 60);
    }
    cluster_framework_says(world->cluster, framework.session,
                           MESSAGE(NEEDS, needs, .roles = &stated, .roles_count = 1));
}

static void act_needs(struct world *world)
{
    const struct node *framework = world_any_framework(world);
    const struct framework *known =
        framework->session ? framework_find(world->cluster->master, framework->id) : NULL;

    if (known && known->subscriptions)
        world_state_needs(world, *framework, known->subscriptions->role, false);
}

/* An offer that is out, of anybody. */
static const struct offer *any_offer(struct world *world, const struct node *framework)
{
    const struct framework *known =
        framework->session ? framework_find(world->cluster->master, framework->id) : NULL;
    const struct offer *offer = known ? known->offers : NULL;

    for (size_t skip = below(world, 4); offer && offer->framework_next && skip > 0; skip--)
        offer = offer->framework_next;
    return offer;
}

static void act_decline(struct world *world)
{
    const struct node *framework = world_any_framework(world);
    const struct offer *offer = any_offer(world, framework);

    if (offer)
        cluster_decline(world->cluster, *framework, arena_strdup(world->cluster->arena, offer->id),
                        (int64_t)(1 + below(world, 60)) * SECOND);
}

/* A part of it, or all; what is left is refused for a while. */
static void act_accept(struct world *world)
{
    const struct node *framework = world_any_framework(world);
    const struct offer *offer = any_offer(world, framework);
    CLEANUP(buf_fini) struct buf text = {0};
    CLEANUP(resources_fini) struct resources some = {0};
    struct task_info task;
    char id[24];

    if (!offer)
        return;
    resources_copy(&some, &offer->resources);
    for (size_t i = 0; i < some.count; i++)
        if (some.items[i].kind == RESOURCE_SCALAR && chance(world, 50) &&
            some.items[i].milli > 1000)
            resources_cap(&some, i, some.items[i].milli / 2);
    resources_print(&some, &text);
    snprintf(id, sizeof(id), "t%zu", world->tasks++);
    task = cluster_task(world->cluster, arena_strdup(world->cluster->arena, id),
                        arena_strdup(world->cluster->arena, offer->agent->id), buf_text(&text));
    cluster_accept(world->cluster, *framework, arena_strdup(world->cluster->arena, offer->id),
                   &task, 1, (int64_t)(1 + below(world, 30)) * SECOND);
}

static void act_end(struct world *world)
{
    struct node *node = any_agent(world);
    const struct agent *agent = node->session ? agent_find(world->cluster->master, node->id) : NULL;
    const struct task *task = agent ? agent->tasks : NULL;

    if (task)
        cluster_status(world->cluster, *node,
                       arena_strdup(world->cluster->arena, task->subscription->framework->id),
                       arena_strdup(world->cluster->arena, task->id), TASK_FINISHED, 0);
}

static void act_suppress(struct world *world)
{
    const struct node *framework = world_any_framework(world);

    if (!framework->session)
        return;
    if (chance(world, 40))
        cluster_framework_says(world->cluster, framework->session,
                               MESSAGE(SUPPRESS, suppress, .roles = NULL));
    else
        cluster_framework_says(world->cluster, framework->session,
                               MESSAGE(REVIVE, revive, .roles = NULL));
}

static void act_window(struct world *world)
{
    const struct node *agent = any_agent(world);
    const char *id = arena_printf(world->cluster->arena, "w%zu", world->windows);

    if (!world->is_rich || !agent->id)
        return;
    if (chance(world, 30)) {
        cluster_operator(world->cluster, MESSAGE(OPERATOR_CANCEL_MAINTENANCE,
                                                 operator_cancel_maintenance, .id = id));
        cluster_operator(world->cluster,
                         MESSAGE(OPERATOR_STOP_MAINTENANCE, operator_stop_maintenance, .id = id));
        return;
    }
    world->windows = (world->windows + 1) % 8;
    cluster_operator(
        world->cluster,
        MESSAGE(OPERATOR_SCHEDULE_MAINTENANCE, operator_schedule_maintenance,
                .id = arena_printf(world->cluster->arena, "w%zu", world->windows),
                .agents = &agent->id, .agents_count = 1, .force = true,
                .start_us = world->cluster->now.wall_us + (int64_t)below(world, 90) * US_PER_S,
                .duration_ms = (int64_t)(1 + below(world, 60)) * SECOND));
}

static void act_offers(struct world *world)
{
    if (world->is_rich)
        cluster_operator(world->cluster,
                         MESSAGE(OPERATOR_SET_OFFERS, operator_set_offers,
                                 .role = PICK(world, roles), .offers = (int64_t)below(world, 3)));
}

static void act_time(struct world *world)
{
    cluster_pass(world->cluster, (int64_t)below(world, 20) * SECOND);
}

static const struct {
    void (*act)(struct world *);
    unsigned weight;
} acts[] = {
    {act_framework, 5}, {act_agent, 8},    {act_operator, 3}, {act_quota, 5},
    {act_needs, 8},     {act_decline, 14}, {act_accept, 12},  {act_end, 8},
    {act_suppress, 3},  {act_time, 6},     {act_window, 4},   {act_offers, 2},
};

void world_act(struct world *world)
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
