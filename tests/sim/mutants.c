/* tests/sim/mutants.c - would the simulator find a real bug? Each deliberate one of base/mutant.h is
 * let loose in a process of its own, over seeds until something is violated. TAP. Arguments: the names
 * of those to try, else all.
 */
#include <errno.h>
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

#define SEEDS_MAX   400
#define OFFERS_MAX  60 /* of them, as contests of offers, which are longer */
#define PATIENCE_S  120
#define EXIT_CAUGHT 42

enum mutant mutant_chosen;

/* What a child tells, whatever becomes of it. */
struct report {
    uint64_t seed;
    char text[160];
};

/* One world. */
static void try(const struct sim_plan *plan, struct report *report)
{
    struct sim *sim = sim_new(report->seed, plan);

    snprintf(report->text, sizeof(report->text), "an assertion");
    if (!sim_run(sim)) {
        snprintf(report->text, sizeof(report->text), "%s", sim_failure(sim));
        _exit(EXIT_CAUGHT);
    }
    sim_destroy(&sim);
}

static void hunt(enum mutant mutant, struct report *report)
{
    const struct sim_plan bad_time = {0}, gangs = {.contest = SIM_CONTEST_OF_GANGS},
                          offers = {.contest = SIM_CONTEST_OF_OFFERS};
    const struct rlimit patience = {PATIENCE_S, PATIENCE_S};

    mutant_chosen = mutant;
    /* Of its own time: the machine may be busy. */
    if (setrlimit(RLIMIT_CPU, &patience) < 0)
        _exit(1);
    for (report->seed = 1; report->seed <= SEEDS_MAX; report->seed++) {
        try(&bad_time, report);
        if (report->seed <= OFFERS_MAX)
            try(&offers, report);
        try(&gangs, report);
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
    int escaped = 0;

    if (report == MAP_FAILED)
        return 1;
    for (int mutant = MUTANT_NONE + 1; mutant < MUTANT_MAX; mutant++) {
        bool caught;

        if (!is_wanted(mutants[mutant].name, argc - 1, argv + 1)) {
            printf("ok %d - mutant %s # skip: not asked for\n", mutant, mutants[mutant].name);
            continue;
        }
        caught = is_caught(run((enum mutant)mutant, report));

        escaped += !caught;
        if (caught)
            printf("ok %d - mutant %s caught at seed %llu: %s\n", mutant, mutants[mutant].name,
                   (unsigned long long)report->seed, report->text);
        else
            printf("not ok %d - mutant %s escaped: %s\n", mutant, mutants[mutant].name,
                   mutants[mutant].help);
    }
    printf("1..%d\n", MUTANT_MAX - 1);
    return escaped > 0;
}
