/* tests/unit/test_master_optimistic_random.c - frameworks of both kinds of roles accept, decline and are
 * late, with needs and without, under quotas that change: the books are checked after each event. */
#include "tests/unit/master_fixture.h"

#include "base/rng.h"

static void set_offers(struct cluster *cluster, const char *role, enum offer_mode offers)
{
    cluster_operator(
        cluster, MESSAGE(OPERATOR_SET_OFFERS, operator_set_offers, .role = role, .offers = offers));
}

#define ACTORS 6

struct party {
    struct cluster *cluster;
    struct rng rng;
    struct node agents[3], actors[ACTORS];
    size_t tasks;
};

/* Mostly of what it believes to have, which may be gone. */
static void act(struct party *party, struct node actor)
{
    static const char *const wishes[] = {"cpus:0.5;mem:32", "cpus:2;mem:100",
                                         "cpus:1;mem:64;ports:[1-1]", "cpus:4;mem:200"};
    struct cluster *cluster = party->cluster;
    const struct offer_info *offer = cluster_offer(cluster, actor);
    struct task_info tasks[2];

    if (!offer)
        return;
    if (rng_below(&party->rng, 3) == 0) {
        cluster_decline(cluster, actor, offer->id, (int64_t)rng_below(&party->rng, 3000));
        return;
    }
    for (size_t i = 0; i < 2; i++)
        tasks[i] = cluster_task(cluster, arena_printf(cluster->arena, "t%zu", party->tasks++),
                                offer->agent_id, wishes[rng_below(&party->rng, 4)]);
    cluster_accept(cluster, actor, offer->id, tasks, 2, (int64_t)rng_below(&party->rng, 2000));
}

/* Some say what they need, now and then several units together. */
static void state_need(struct party *party, struct node actor, const char *role_name)
{
    struct need_info need = {.name = "n",
                             .count = (int64_t)rng_below(&party->rng, 5),
                             .gang = rng_below(&party->rng, 2)};
    struct role_needs role = {.role = role_name, .needs = &need};

    need.gang = need.gang && need.count;
    need.minimum = cluster_resources(party->cluster, "cpus:1;mem:50", &need.minimum_count);
    role.needs_count = rng_below(&party->rng, 3) > 0;
    cluster_framework_says(party->cluster, actor.session,
                           MESSAGE(NEEDS, needs, .roles = &role, .roles_count = 1));
}

static void end_some(struct party *party)
{
    struct cluster *cluster = party->cluster;

    for (size_t i = cluster->sent_count; i-- > 0;) {
        const struct message *message = &cluster->sent[i].message;

        for (size_t j = 0; j < 3 && message->type == MSG_RUN_TASK; j++)
            if (cluster->sent[i].session == party->agents[j].session && rng_below(&party->rng, 2)) {
                cluster_status(cluster, party->agents[j], message->run_task->framework->id,
                               message->run_task->task->task_id, TASK_FINISHED, 0);
                return;
            }
    }
}

static void rule(struct party *party)
{
    static const char *const roles[] = {"ads", "web", "*"};
    static const char *const amounts[] = {"cpus:3", "cpus:6;mem:200", "cpus:0"};
    const char *role = roles[rng_below(&party->rng, 3)];
    struct msg_operator_set_quota call = {.role = role, .force = true};

    if (rng_below(&party->rng, 3) == 0) {
        set_offers(party->cluster, role, (enum offer_mode)rng_below(&party->rng, 3));
        return;
    }
    if (rng_below(&party->rng, 2))
        call.limits = cluster_resources(party->cluster, amounts[rng_below(&party->rng, 3)],
                                        &call.limits_count);
    else if (rng_below(&party->rng, 2))
        call.guarantees = cluster_resources(party->cluster, amounts[rng_below(&party->rng, 3)],
                                            &call.guarantees_count);
    cluster_operator(party->cluster,
                     (struct message){.type = MSG_OPERATOR_SET_QUOTA, .body = &call});
}

static void books_balance_whatever_is_accepted(void **state)
{
    static const char *const roles[ACTORS] = {"ads", "ads", "ads/eu", "web", "web", "*"};

    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        CLUSTER(NULL);
        struct party party = {.cluster = cluster, .rng = {.state = seed}};

        set_offers(cluster, "ads", OFFERS_OPTIMISTIC);
        for (size_t i = 0; i < 3; i++)
            party.agents[i] = cluster_agent(cluster, "cpus:6;mem:600;ports:[1-9]");
        for (size_t i = 0; i < ACTORS; i++)
            party.actors[i] = cluster_framework(cluster, roles[i]);
        for (int step = 0; step < 150; step++) {
            act(&party, party.actors[rng_below(&party.rng, ACTORS)]);
            if (rng_below(&party.rng, 3) == 0)
                end_some(&party);
            if (rng_below(&party.rng, 10) == 0) {
                size_t who = rng_below(&party.rng, ACTORS);

                state_need(&party, party.actors[who], roles[who]);
            }
            if (rng_below(&party.rng, 12) == 0)
                rule(&party);
            cluster_pass(cluster, (int64_t)rng_below(&party.rng, 800));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(books_balance_whatever_is_accepted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
