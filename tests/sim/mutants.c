/* tests/sim/mutants.c - would the simulator find a real bug? Each deliberate one of base/mutant.h is
 * let loose in a process of its own, over seeds until something is violated. TAP. Arguments: the names
 * of those to try, else all.
 *
 * How long is looked for it is counted in events of the simulated worlds, so that what is caught once is
 * caught on any machine, however busy it is.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mutant.h"
#include "tests/sim/sim.h"

#define EVENTS_MAX         3000000 /* of bad times of a kind: about 800 seeds */
#define CONTEST_EVENTS_MAX 6000000 /* of contests of a kind; their events are many, and cheap */
#define ENDLESS_S          1800 /* of processor time: a bug that makes a core go round for ever */
#define EXIT_CAUGHT        42

enum mutant mutant_chosen;

/* What a child tells, whatever becomes of it. */
struct report {
    const char *world; /* static */
    uint64_t seed;
    char text[160];
};

static uint64_t events_max(const struct sim_world *world)
{
    return world->is_calm ? CONTEST_EVENTS_MAX : EVENTS_MAX;
}

/* The seed in that world, if enough has not happened there. False: it has. */
static bool try(const struct sim_world *world, uint64_t *events, struct report *report)
{
    struct sim *sim;

    if (*events >= events_max(world))
        return false;
    report->world = world->name;
    sim = sim_new(report->seed, &world->plan);
    snprintf(report->text, sizeof(report->text), "an assertion");
    if (!sim_run(sim)) {
        snprintf(report->text, sizeof(report->text), "%s", sim_failure(sim));
        _exit(EXIT_CAUGHT);
    }
    *events += sim_events(sim);
    sim_destroy(&sim);
    return true;
}

static void hunt(enum mutant mutant, struct report *report)
{
    const struct rlimit endless = {ENDLESS_S, ENDLESS_S};
    uint64_t events[SIM_WORLDS] = {0};
    bool goes_on = true;

    mutant_chosen = mutant;
    if (setrlimit(RLIMIT_CPU, &endless) < 0)
        _exit(1);
    for (report->seed = 0; goes_on;) {
        report->seed++;
        goes_on = false;
        for (size_t i = 0; i < SIM_WORLDS; i++)
            goes_on = try(&sim_worlds[i], &events[i], report) || goes_on;
    }
    _exit(EXIT_SUCCESS);
}

static int run(enum mutant mutant, struct report *report)
{
    pid_t child;
    int status;

    fflush(stdout);
    child = fork();
    if (child < 0)
        return -errno;
    if (child == 0) {
        if (!freopen("/dev/null", "w", stderr))
            _exit(1);
        hunt(mutant, report);
    }
    if (waitpid(child, &status, 0) < 0)
        return -errno;
    return status;
}

static bool is_caught(int status)
{
    if (WIFSIGNALED(status))
        return WTERMSIG(status) == SIGABRT || WTERMSIG(status) == SIGSEGV;
    return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_CAUGHT;
}

/* All, or those that are named. */
static bool is_wanted(const char *name, int count, char **names)
{
    for (int i = 0; i < count; i++)
        if (!strcmp(names[i], name))
            return true;
    return !count;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name, *help;
    } mutants[MUTANT_MAX] = {
#define MUTANT_TEXT(name_, help_) [MUTANT_##name_] = {#name_, help_},
        MUTANT_LIST(MUTANT_TEXT)
#undef MUTANT_TEXT
    };
    struct report *report =
        mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    bool is_sound = true;
    int escaped = 0;

    if (report == MAP_FAILED)
        return 1;
    for (int mutant = MUTANT_NONE; mutant < MUTANT_MAX; mutant++) {
        bool caught;

        /* What catches a sound core, too, catches nothing. */
        if (mutant == MUTANT_NONE) {
            is_sound = argc > 1 || !is_caught(run(MUTANT_NONE, report));
            if (!is_sound)
                printf("not ok 0 - without a bug, seed %" PRIu64 " of %s is violated: %s\n",
                       report->seed, report->world, report->text);
            continue;
        }

        if (!is_wanted(mutants[mutant].name, argc - 1, argv + 1)) {
            printf("ok %d - mutant %s # skip: not asked for\n", mutant, mutants[mutant].name);
            continue;
        }
        caught = is_caught(run((enum mutant)mutant, report));

        escaped += !caught;
        if (caught)
            printf("ok %d - mutant %s caught at seed %" PRIu64 " of %s: %s\n", mutant,
                   mutants[mutant].name, report->seed, report->world, report->text);
        else
            printf("not ok %d - mutant %s escaped, in %" PRIu64 " seeds: %s\n", mutant,
                   mutants[mutant].name, report->seed - 1, mutants[mutant].help);
    }
    printf("1..%d\n", MUTANT_MAX - 1);
    return escaped > 0 || !is_sound;
}
