/* tests/sim/main.c - the simulator's command line: seeds in, TAP out. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/options.h"
#include "tests/sim/sim.h"

#define SEEDS_PER_LINE 50

struct request {
    int64_t seed, seeds, from, events;
    bool trace;
    const char *world_name;
    const struct sim_world *world;
};

/* NULL: there is none of that name. */
static const struct sim_world *find_world(const char *name)
{
    for (size_t i = 0; i < SIM_WORLDS; i++)
        if (!strcmp(sim_worlds[i].name, name))
            return &sim_worlds[i];
    return NULL;
}

static const struct sim *running; /* for the handler of SIGABRT */
static int64_t running_seed;

static void tell_how_again(int64_t seed, const struct request *request)
{
    dprintf(STDOUT_FILENO, "# again: build/tests/sim --seed %" PRId64 " --trace", seed);
    if (request->events)
        dprintf(STDOUT_FILENO, " --events %" PRId64, request->events);
    if (request->world != sim_worlds)
        dprintf(STDOUT_FILENO, " --world %s", request->world->name);
    dprintf(STDOUT_FILENO, "\n");
}

/* A BUG_ON of a core: the process is lost, what led to it is not. */
static void on_abort(int number)
{
    (void)number;
    dprintf(STDOUT_FILENO, "not ok - seed %" PRId64 ": a core has aborted\n", running_seed);
    if (running)
        sim_print_trace(running, STDOUT_FILENO);
    dprintf(STDOUT_FILENO, "# again: build/tests/sim --seed %" PRId64 " --trace\n", running_seed);
    _exit(1);
}

/* Events handled; 0: violated. */
static uint64_t run_seed(int64_t seed, const struct request *request)
{
    struct sim_plan plan = request->world->plan;
    struct sim *sim;
    uint64_t events;

    plan.bad_events = (uint64_t)request->events;
    plan.tell = request->trace;
    sim = sim_new((uint64_t)seed, &plan);
    running = sim;
    running_seed = seed;
    events = sim_run(sim) ? sim_events(sim) : 0;
    if (!events) {
        printf("not ok - seed %" PRId64 ": %s\n", seed, sim_failure(sim));
        fflush(stdout);
        if (!request->trace)
            sim_print_trace(sim, STDOUT_FILENO);
        tell_how_again(seed, request);
    }
    running = NULL;
    sim_destroy(&sim);
    return events;
}

static int run_seeds(const struct request *request)
{
    int64_t end = request->from + request->seeds;
    int64_t began_us = clock_now().mono_us, took_us;
    uint64_t all = 0, line = 0;
    int lines = 0;

    for (int64_t seed = request->from; seed < end; seed++) {
        uint64_t events = run_seed(seed, request);

        if (!events)
            return 1;
        line += events;
        if ((seed + 1 - request->from) % SEEDS_PER_LINE && seed + 1 < end)
            continue;
        all += line;
        printf("ok %d - seeds to %" PRId64 ": %" PRIu64 " events, %" PRIu64 " so far\n", ++lines,
               seed, line, all);
        fflush(stdout);
        line = 0;
    }
    took_us = clock_now().mono_us - began_us + 1;
    printf("1..%d\n# %" PRIu64 " events in %.1f s: sim_events_per_s %.0f\n", lines, all,
           (double)took_us / US_PER_S, (double)all * US_PER_S / (double)took_us);
    return 0;
}

int main(int argc, char **argv)
{
    struct request request = {.seed = -1, .seeds = 100, .from = 1, .world_name = "any"};
    const struct option_def options[] = {
        {OPTION_INT, "seed", 0, "N", "run this one", &request.seed, -1, INT64_MAX, true},
        {OPTION_INT, "seeds", 0, "N", "run so many", &request.seeds, 1, INT64_MAX / 2, true},
        {OPTION_INT, "from", 0, "N", "the first of them", &request.from, 0, INT64_MAX / 2, true},
        {OPTION_INT, "events", 0, "N", "length of each bad time; 0: 3000", &request.events, 0,
         INT64_MAX, true},
        {OPTION_STRING, "world", 0, "NAME",
         "any, claimers, gangs; calm ones where frameworks compete: contest-offers, contest-gangs",
         &request.world_name, 0, 0, true},
        {OPTION_FLAG, "trace", 0, NULL, "tell each event on stderr", &request.trace, 0, 0, true},
        {0},
    };
    const struct command_def command = {
        .name = "sim",
        .synopsis = "[OPTION...]",
        .summary = "A whole cluster on virtual time, in a world where everything goes wrong.",
        .options = options};
    struct err err;
    int operand;
    int r = options_parse(&command, argc, argv, &operand, &err);

    if (r > 0)
        return 0;
    if (r < 0) {
        fprintf(stderr, "sim: %s\n", err.text);
        return 2;
    }
    request.world = find_world(request.world_name);
    if (!request.world) {
        fprintf(stderr, "sim: there is no world %s (try --help)\n", request.world_name);
        return 2;
    }
    signal(SIGABRT, on_abort);
    if (request.seed >= 0) {
        request.from = request.seed;
        request.seeds = 1;
    }
    return run_seeds(&request);
}
