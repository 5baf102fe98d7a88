/* tests/sim/faults.c - what goes wrong, at random times, while the bad time lasts; and how it ends. */
#include <stdio.h>
#include <string.h>

#include "tests/sim/mirror.h"
#include "tests/sim/world.h"

#define PAUSE_LEAST_US (50 * (int64_t)US_PER_MS)
#define PAUSE_MOST_US  (8 * (int64_t)US_PER_S)

static struct sim_agent *any_agent(struct sim *sim)
{
    return sim->agents[sim_below(sim, sim->agents_count)];
}

static struct sim_framework *any_framework(struct sim *sim)
{
    return sim->frameworks[sim_below(sim, sim->frameworks_count)];
}

/* Mostly short; now and then longer than anybody's patience. */
static int64_t any_while_us(struct sim *sim)
{
    return sim_between(sim, 0, sim_chance(sim, 75) ? 5000 : 150000) * US_PER_MS;
}

/* --- the faults -------------------------------------------------------------------------------- */

static void cut_agent(struct sim *sim)
{
    peer_cut(&any_agent(sim)->peer, 0);
}

/* What it says first when it is back may be late, and overtaken by what it says next. */
static void overtake_agent(struct sim *sim)
{
    sim->cut_at = MSG_REGISTER_AGENT;
    peer_cut(&any_agent(sim)->peer, 0);
}

static void part_agent(struct sim *sim)
{
    peer_cut(&any_agent(sim)->peer, any_while_us(sim));
}

static void part_framework(struct sim *sim)
{
    struct sim_framework *framework = any_framework(sim);

    if (framework->current)
        peer_cut(&framework->current->peer, sim_chance(sim, 50) ? 0 : any_while_us(sim));
}

static void crash_agent(struct sim *sim)
{
    agent_crash(any_agent(sim), any_while_us(sim));
}

/* What is stubborn has been told to end, too, and has its grace. */
static bool is_busy(const struct sim_agent *agent, bool is_ending_only)
{
    const struct container *container;

    DL_FOREACH (agent->containers, container)
        if (container->state != CONTAINER_ENDED &&
            (container->signal || container->is_signalled ||
             (!is_ending_only && container->state == CONTAINER_STARTING)))
            return true;
    return false;
}

/* While something begins or ends there. */
static void crash_busy_agent(struct sim *sim)
{
    size_t first = sim_below(sim, sim->agents_count);
    bool is_ending_only = sim_chance(sim, 50);

    for (size_t i = 0; i < sim->agents_count; i++) {
        struct sim_agent *agent = sim->agents[(first + i) % sim->agents_count];

        if (agent->core && is_busy(agent, is_ending_only)) {
            agent_crash(agent, sim_between(sim, 0, 2000) * US_PER_MS);
            return;
        }
    }
}

static void stop_agent(struct sim *sim)
{
    if (sim_chance(sim, 30))
        agent_lose_launcher(any_agent(sim));
    else if (sim_chance(sim, 30))
        agent_leave_tasks(any_agent(sim));
    else
        agent_terminate(any_agent(sim));
}

static void crash_host(struct sim *sim)
{
    agent_crash_host(any_agent(sim), any_while_us(sim));
}

static void fill_disk(struct sim *sim)
{
    agent_fill_disk(any_agent(sim), any_while_us(sim));
}

static void lose_shim(struct sim *sim)
{
    container_lose_shim(any_agent(sim));
}

static void crash_framework(struct sim *sim)
{
    framework_crash(any_framework(sim), any_while_us(sim), sim_chance(sim, 25));
}

static void take_over(struct sim *sim)
{
    framework_take_over(any_framework(sim));
}

/* Present, away or gone; it is not always a healthy one that operators are concerned with. */
static const char *any_agent_id(struct sim *sim)
{
    const struct mirror_agent *agent = sim->master ? sim->master->mirror->agents : NULL;

    if (agent)
        for (size_t i = sim_below(sim, HASH_COUNT(agent)); i > 0; i--)
            agent = agent->hh.next;
    return agent ? agent->id : NULL;
}

/* Now and then before it can answer a call, whose record is on disk or not. */
static void crash_master(struct sim *sim)
{
    const char *id = any_agent_id(sim);

    if (id && sim_chance(sim, 15))
        master_is_asked(sim->master,
                        &MESSAGE(OPERATOR_MARK_GONE, operator_mark_gone, .agent_id = id));
    sim_crash_master(sim, any_while_us(sim) / 4 / US_PER_MS);
}

static void replace_master(struct sim *sim)
{
    if (sim->masters && !sim->masters->next)
        sim_replace_master(sim, sim_between(sim, 100, 30000));
}

static void back_up_registry(struct sim *sim)
{
    registry_destroy(&sim->backup);
    sim->backup = registry_clone(sim->disk);
}

static void fill_registry(struct sim *sim)
{
    sim->disk_fails_until_us = sim->now_us + any_while_us(sim);
}

static void slow_registry(struct sim *sim)
{
    sim->disk_write_us = sim_between(sim, 100, sim_chance(sim, 70) ? 5000 : 3000000);
}

/* The session in which such a thing is said next dies of it. */
static void cut_at(struct sim *sim)
{
    static const enum msg_type types[] = {
        MSG_SUBSCRIBE,      MSG_SUBSCRIBED,       MSG_OFFERS,      MSG_ACCEPT,
        MSG_RUN_TASK,       MSG_UPDATE,           MSG_ACKNOWLEDGE, MSG_STATUS_UPDATE,
        MSG_REGISTER_AGENT, MSG_AGENT_REGISTERED, MSG_KILL_TASK,   MSG_ACKNOWLEDGE_UPDATE,
        MSG_RESCIND,        MSG_RECONCILE,        MSG_KILL,        MSG_SHUTDOWN_FRAMEWORK,
    };

    sim->cut_at = SIM_PICK(sim, types);
}

static void slow_down(struct sim *sim)
{
    sim->timing.delay_max_us = sim_between(sim, 1000, sim_chance(sim, 80) ? 100000 : 5000000);
}

static void turn_clocks(struct sim *sim)
{
    int64_t jump_us = sim_between(sim, -3600, 3600) * US_PER_S;

    if (sim->master)
        sim->master->process.wall_offset_us += jump_us;
    any_agent(sim)->process.wall_offset_us -= jump_us;
}

static void echo(struct sim *sim)
{
    agent_hears_echo(any_agent(sim));
}

/* Mostly one that lives; now and then any that ever was. */
static const char *any_task_key(struct sim *sim)
{
    const struct mirror_task *task = sim->master->mirror->tasks;
    const struct fact *fact = sim->facts;

    if (task && sim_chance(sim, 75)) {
        for (size_t i = sim_below(sim, HASH_COUNT(task)); i > 0; i--)
            task = task->hh.next;
        return task->key;
    }
    for (size_t i = sim_below(sim, 64); fact && fact->hh.next && i > 0; i--)
        fact = fact->hh.next;
    return fact ? fact->key : NULL;
}

static void operate(struct sim *sim)
{
    const char *key = sim->master ? any_task_key(sim) : NULL;

    if (key)
        master_is_asked(sim->master,
                        &MESSAGE(OPERATOR_KILL, operator_kill, .task_id = strchr(key, '/') + 1));
}

static void take_out_of_use(struct sim *sim)
{
    const char *id = any_agent_id(sim);
    uint64_t what = sim_below(sim, 16);

    if (!id)
        return;
    if (what == 0)
        master_is_asked(sim->master,
                        &MESSAGE(OPERATOR_MARK_GONE, operator_mark_gone, .agent_id = id));
    else if (what < 5)
        master_is_asked(sim->master, &MESSAGE(OPERATOR_DEACTIVATE_AGENT, operator_deactivate_agent,
                                              .agent_id = id));
    else if (what < 10)
        master_is_asked(sim->master, &MESSAGE(OPERATOR_REACTIVATE_AGENT, operator_reactivate_agent,
                                              .agent_id = id));
    else
        master_is_asked(sim->master,
                        &MESSAGE(OPERATOR_DRAIN_AGENT, operator_drain_agent, .agent_id = id,
                                 .max_grace_ms = sim_between(sim, 0, 5000),
                                 .mark_gone = sim_chance(sim, 15)));
}

static const char *const ruled_roles[] = {"*", "ads", "web", "ads/eu"};

/* A quota or a weight for a role that has frameworks, or for another: that one is kept from them. */
static void rule(struct sim *sim)
{
    /* Roles that have frameworks, and so little that it is often met. */
    bool is_modest = sim_chance(sim, 50);
    const char *role = ruled_roles[sim_below(sim, is_modest ? 2 : ARRAY_SIZE(ruled_roles))];
    const struct resource_info amounts[] = {
        {.name = "cpus",
         .kind = VALUE_SCALAR,
         .scalar = sim_between(sim, 0, is_modest ? 2000 : 12000)},
        {.name = "mem",
         .kind = VALUE_SCALAR,
         .scalar = sim_between(sim, 0, is_modest ? 256000 : 4000000)},
    };

    if (!sim->master)
        return;
    if (sim_chance(sim, 35))
        master_is_asked(sim->master, &MESSAGE(OPERATOR_SET_PRIORITY, operator_set_priority,
                                              .role = role, .priority = sim_between(sim, -3, 6),
                                              .unset = sim_chance(sim, 15)));
    else if (sim_chance(sim, 25))
        master_is_asked(sim->master, &MESSAGE(OPERATOR_SET_OFFERS, operator_set_offers,
                                              .role = role, .offers = sim_below(sim, 3)));
    else if (sim_chance(sim, 20))
        master_is_asked(sim->master,
                        &MESSAGE(OPERATOR_SET_WEIGHT, operator_set_weight, .role = role,
                                 .weight_milli = sim_between(sim, 100, 9000)));
    else
        master_is_asked(sim->master,
                        &MESSAGE(OPERATOR_SET_QUOTA, operator_set_quota, .role = role,
                                 .force = sim_chance(sim, 70), .guarantees = amounts,
                                 .guarantees_count = sim_below(sim, 3), .limits = amounts,
                                 .limits_count = is_modest ? 0 : sim_below(sim, 3)));
}

static void end_rules(struct sim *sim)
{
    for (size_t i = 0; i < ARRAY_SIZE(ruled_roles); i++)
        master_is_asked(sim->master,
                        &MESSAGE(OPERATOR_SET_QUOTA, operator_set_quota, .role = ruled_roles[i]));
}

/* Of the order, of what follows from it, and of its answer some is under way when one of those whom
 * it concerns dies. */
static void take_out_of_use_and_crash(struct sim *sim)
{
    take_out_of_use(sim);
    switch (sim_below(sim, 4)) {
    case 0:
        sim_crash_master(sim, any_while_us(sim) / 4 / US_PER_MS);
        break;
    case 1:
        agent_crash_host(any_agent(sim), any_while_us(sim));
        break;
    default:
        crash_agent(sim);
    }
}

static void maintain(struct sim *sim)
{
    windows_operate(sim);
    if (sim_chance(sim, 25))
        sim_crash_master(sim, any_while_us(sim) / 4 / US_PER_MS);
}

static const struct {
    unsigned weight;
    void (*happens)(struct sim *sim);
} faults[] = {
    {12, cut_agent},
    {6, part_agent},
    {12, part_framework},
    {6, crash_agent},
    {3, stop_agent},
    {6, crash_framework},
    {5, take_over},
    {5, crash_master},
    {3, replace_master},
    {20, cut_at},
    {6, slow_down},
    {3, turn_clocks},
    {8, echo},
    {5, operate},
    {2, crash_host},
    {4, fill_disk},
    {3, lose_shim},
    {2, back_up_registry},
    {3, masters_restore},
    {5, fill_registry},
    {4, slow_registry},
    {12, crash_busy_agent},
    {6, take_out_of_use},
    {4, take_out_of_use_and_crash},
    {4, overtake_agent},
    {16, rule},
    {14, maintain},
    {6, operator_reserves},
};

/* --- the bad time ------------------------------------------------------------------------------ */

static void draw_fault(struct sim *sim)
{
    unsigned sum = 0;
    int64_t rest;

    for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
        sum += faults[i].weight;
    rest = (int64_t)sim_below(sim, sum);
    for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
        rest -= faults[i].weight;
        if (rest < 0) {
            faults[i].happens(sim);
            return;
        }
    }
}

static void on_fault(void *owner, struct deadline *deadline)
{
    struct sim *sim = owner;

    (void)deadline;
    if (!sim_event_begins(sim))
        return;
    draw_fault(sim);
    sim_event_ends(sim);
    sim_after(sim, &sim->fault, sim_between(sim, PAUSE_LEAST_US, PAUSE_MOST_US));
}

void faults_begin(struct sim *sim)
{
    sim->fault.due = on_fault;
    if (sim->plan.calm)
        return;
    sim_after(sim, &sim->fault, PAUSE_MOST_US);
    for (size_t i = 0; i < 2; i++)
        if (sim_chance(sim, 30))
            master_is_asked(sim->master,
                            &MESSAGE(OPERATOR_SET_OFFERS, operator_set_offers,
                                     .role = ruled_roles[i], .offers = OFFERS_OPTIMISTIC));
}

/* Those who only disturb go: some are shown out, some walk off without a word. */
static void end_nuisance(struct sim *sim, struct sim_framework *framework)
{
    if (*framework->id && sim_chance(sim, 50))
        master_is_asked(sim->master, &MESSAGE(OPERATOR_TEARDOWN, operator_teardown,
                                              .framework_id = framework->id));
    framework_leave(framework);
}

void faults_end(struct sim *sim)
{
    deadline_cancel(&sim->queue, &sim->fault);
    sim->cut_at = 0;
    sim->timing.delay_max_us = 10000;
    sim->disk_fails_until_us = 0;
    sim->disk_write_us = 2000;
    if (!sim->master)
        masters_new_reign(sim);
    masters_heed_advice(sim);
    end_rules(sim);
    for (size_t i = 0; i < sim->agents_count; i++) {
        sim->agents[i]->peer.cut_off_until_us = 0;
        agent_empty_disk(sim->agents[i]);
        agent_start_now(sim->agents[i]);
    }
    for (size_t i = 0; i < sim->frameworks_count; i++) {
        struct sim_framework *framework = sim->frameworks[i];

        if (!framework->character->is_good) {
            end_nuisance(sim, framework);
            continue;
        }
        if (framework->current)
            framework->current->peer.cut_off_until_us = 0;
        framework_start_now(framework);
    }
}

void sim_cut_at(struct sim *self, enum msg_type type)
{
    self->cut_at = type;
}
