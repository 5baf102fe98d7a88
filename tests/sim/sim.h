/* tests/sim/sim.h - a whole cluster in one process, on virtual time, in a seeded world.
 *
 * The real cores of master, agents and SDK drivers; sessions as proto/link.h gives them, containers
 * that are models, frameworks good, bad and mad. One seed is one run: the same seed gives the same
 * events. What must always hold is checked while it runs; the first violation ends it, as text.
 *
 * A run has a bad time (faults at random), then heals, and must settle within SIM_SETTLE_S virtual
 * seconds: all good frameworks done, all parties of one mind. Then everybody leaves, within the
 * same time, and nothing may be left over. A scenario of scenarios.c instead starts with `calm`,
 * where nothing goes wrong but what the test does.
 */
#ifndef PROFFER_TESTS_SIM_SIM_H
#define PROFFER_TESTS_SIM_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/schema.h"

#define SIM_SETTLE_S 1800 /* from the last fault until everything is in order */

enum sim_character {
    SIM_BATCH,    /* has jobs that it wants done */
    SIM_SERVICE,  /* wants so many instances to be running */
    SIM_DECLINER, /* wants nothing of what it is offered */
    SIM_HOLDER,   /* never answers an offer */
    SIM_HOG,      /* takes everything, asks for more */
    SIM_KEEPER,   /* reserves, makes volumes, runs its jobs on them, and undoes it all */
    SIM_GANG,     /* gathers offers and takes them as one */
    SIM_CLAIMER,  /* says what it needs, and has others give way */
    SIM_VANDAL,   /* says what it knows to be wrong */
    SIM_MADMAN,   /* says anything that is well-formed */
    SIM_GATHERER, /* gathers one gang after the other, for contests */
    SIM_WANTER,   /* wants offers and uses none, likewise */
    SIM_CHARACTER_MAX,
};

#define SIM_FRAMEWORKS_MAX 8

/* What frameworks compete for, in a calm world of two hours (contest.c). */
enum sim_contest {
    SIM_NO_CONTEST,
    SIM_CONTEST_OF_GANGS,
    SIM_CONTEST_OF_OFFERS,
};

struct sim_plan {
    enum sim_contest contest;
    bool calm;           /* no faults, no jobs but those the test asks for */
    uint64_t bad_events; /* how long the bad time is; 0: 3000 */
    size_t agents;       /* 0: drawn */
    enum sim_character frameworks[SIM_FRAMEWORKS_MAX];
    size_t frameworks_count; /* 0: drawn */
    bool tell;               /* write the trace to stderr as it comes */
};

/* Worlds that are looked at again and again: one where everything is drawn, and those full of what is rare then. */
struct sim_world {
    const char *name;
    struct sim_plan plan;
    bool is_calm; /* a contest: its events are many, and cheap */
};
#define SIM_WORLDS 5
extern const struct sim_world sim_worlds[SIM_WORLDS];

struct sim;

struct sim *sim_new(uint64_t seed, const struct sim_plan *plan);
void sim_destroy(struct sim **self_p);

/* From beginning to end. False: something was violated. */
bool sim_run(struct sim *self);
/* Until the condition holds. False: not within `ms`, which is a violation too, or one came. */
bool sim_run_until(struct sim *self, bool (*is_so)(struct sim *self), int64_t ms);
void sim_pass(struct sim *self, int64_t ms);
/* "": none so far. */
const char *sim_failure(const struct sim *self);
/* The last events, one a line, oldest first. */
void sim_print_trace(const struct sim *self, int fd);
uint64_t sim_events(const struct sim *self);

/* --- what a scenario does ---------------------------------------------------------------------- */
/* Agents and frameworks by their number. */

/* Framework 0 is to launch a task. `command`: see containers.c, "run 500 0". It has no retry. */
void sim_launch(struct sim *self, const char *task_id, const char *command);
void sim_kill(struct sim *self, const char *task_id);
/* The wire of a session breaks; what is under way is lost; each side notices within a while. */
void sim_cut_agent(struct sim *self, size_t agent, int64_t for_ms);
void sim_cut_framework(struct sim *self, size_t framework, int64_t for_ms);
/* The same for whichever session the next message of that type is said in; it is lost. */
void sim_cut_at(struct sim *self, enum msg_type type);
/* SIGKILL; they begin anew after a while. */
void sim_crash_master(struct sim *self, int64_t for_ms);
void sim_crash_agent(struct sim *self, size_t agent, int64_t for_ms);
/* Its disk loses what was not synced, nothing that ran is left. */
void sim_crash_host(struct sim *self, size_t agent, int64_t for_ms);
void sim_fill_disk(struct sim *self, size_t agent, int64_t for_ms);
/* Of a task that runs there. */
void sim_lose_shim(struct sim *self, size_t agent);
void sim_crash_framework(struct sim *self, size_t framework, int64_t for_ms);
/* A new master begins while the old one lives on for those that it has. */
void sim_replace_master(struct sim *self, int64_t overlap_ms);
/* It asks for its teardown and is gone. */
void sim_tear_down(struct sim *self, size_t framework);

/* --- what it sees ------------------------------------------------------------------------------ */

bool sim_all_are_registered(struct sim *self);
/* All that framework 0 was asked to launch has ended, and nobody remembers it. */
bool sim_all_tasks_forgotten(struct sim *self);
/* The last that framework 0 was told; 0: nothing. */
enum task_state sim_seen(struct sim *self, const char *task_id);
/* How many updates of its agent told it so; what its driver asks by itself does not count. */
size_t sim_updates_seen(struct sim *self, const char *task_id, enum task_state state);
bool sim_is_contained(struct sim *self, const char *task_id);

#endif
