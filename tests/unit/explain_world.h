/* tests/unit/explain_world.h - a random cluster for test_master_explain_random.c: who is there, and what happens to it. */
#ifndef PROFFER_TESTS_UNIT_EXPLAIN_WORLD_H
#define PROFFER_TESTS_UNIT_EXPLAIN_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"
#include "tests/unit/master_fixture.h"

#define AGENTS     6
#define FRAMEWORKS 4

struct world {
    struct cluster *cluster;
    struct rng rng;
    uint64_t seed;
    struct node agents[AGENTS]; /* id NULL: not there yet; session 0: away */
    struct node frameworks[FRAMEWORKS];
    size_t tasks;
    bool is_rich; /* with gangs, windows, optimistic roles, revocable resources */
    size_t windows;
    int port; /* the next one that no agent has */
};

static inline size_t below(struct world *world, size_t bound)
{
    return (size_t)rng_below(&world->rng, bound);
}

static inline bool chance(struct world *world, unsigned percent)
{
    return below(world, 100) < percent;
}

#define PICK(world, array) ((array)[below((world), ARRAY_SIZE(array))])

struct node *world_any_framework(struct world *world);
/* With all that it had, and what runs there. */
void world_agent_comes(struct world *world, struct node *agent, const char *total);
/* `plain`: one need without a constraint. */
void world_state_needs(struct world *world, struct node framework, const char *role, bool plain);
/* Anything, to anybody. */
void world_act(struct world *world);

#endif
