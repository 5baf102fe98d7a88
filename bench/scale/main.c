/* bench/scale - launch overhead as a cluster grows: a master that is a real process, agents and frameworks made of the
 * link alone, over real sockets. The experiment of figure 11 of Hindman et al., NSDI 2011.
 *
 *     scale load AGENTS FRAMEWORKS TASK_MS SECONDS MASTER_PID     the master at $PROFFER_MASTER
 *     scale link AGENTS SECONDS                                   beside it: a server that does nothing but answer
 *     scale core AGENTS FRAMEWORKS TASK_MS SECONDS                the master's core alone, on virtual time
 *
 * With $SCALE_NEEDS frameworks say what they need and get sized offers. docs/benchmarks.md says how to read what it prints.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"
#include "bench/scale/core.h"
#include "bench/scale/crowd.h"
#include "bench/scale/echo.h"
#include "bench/scale/report.h"
#include "bench/scale/workers.h"

#define PATIENCE_US  (180 * US_PER_S)
#define SETTLE_US    (10 * US_PER_S)
#define JOB_MS       1000
#define JOBS_MAX     10000
#define JOB_AFTER_US 100000

struct cluster {
    size_t agents;
    pid_t master;
    struct workers workers;
    struct crowd crowd;
    struct load load, job_load;
    struct fake_framework *frameworks; /* owned */
    size_t count;
    /* A framework that comes with one task, and goes; again and again. */
    struct fake_framework job;
    struct deadline next_job;
    size_t jobs;
    uint32_t job_overhead_us[JOBS_MAX];
};

struct used {
    double master, bench, all;
    size_t launched;
    int64_t at_us;
};

/* --- frameworks ------------------------------------------------------------------------------------ */

static void on_open(void *owner, const struct msg_welcome *welcome)
{
    (void)welcome;
    fake_framework_open(owner);
}

static void on_message(void *owner, const struct message *message)
{
    fake_framework_hear(owner, message);
}

static void on_close(void *owner, const char *reason, bool is_final)
{
    (void)owner;
    (void)is_final;
    die(reason);
}

static void on_trouble(void *owner, const char *reason)
{
    (void)owner;
    (void)reason;
}

static void connect_frameworks(struct cluster *self)
{
    int64_t end_us = clock_now().mono_us + PATIENCE_US;
    size_t subscribed = 0;

    self->frameworks = mem_calloc(self->count, sizeof(self->frameworks[0]));
    for (size_t i = 0; i < self->count; i++) {
        struct fake_framework *framework = &self->frameworks[i];
        const struct link_client_events events = {framework, on_open, on_message, on_close,
                                                  on_trouble};

        *framework = (struct fake_framework){.peer = {.carrier = &crowd_carrier},
                                             .load = &self->load,
                                             .number = i,
                                             .launches_max = SIZE_MAX};
        framework->peer.link = crowd_add(&self->crowd, PEER_FRAMEWORK, &events);
    }
    while (subscribed < self->count && clock_now().mono_us < end_us) {
        crowd_turn(&self->crowd, clock_now().mono_us + US_PER_MS);
        subscribed = 0;
        for (size_t i = 0; i < self->count; i++)
            subscribed += self->frameworks[i].is_subscribed;
    }
    if (subscribed < self->count)
        die("frameworks take too long to subscribe");
}

/* --- jobs of one task -------------------------------------------------------------------------------- */

static void on_job_open(void *owner, const struct msg_welcome *welcome)
{
    struct cluster *self = owner;

    (void)welcome;
    self->job.launched = 0;
    self->job.has_finished = false;
    *self->job.id = '\0';
    fake_framework_open(&self->job);
}

static void on_job_message(void *owner, const struct message *message)
{
    struct cluster *self = owner;

    fake_framework_hear(&self->job, message);
    if (!self->job.has_finished)
        return;
    self->job.has_finished = false;
    if (self->jobs < JOBS_MAX)
        self->job_overhead_us[self->jobs++] =
            (uint32_t)(clock_now().mono_us - self->job.asked_us - JOB_MS * US_PER_MS);
    self->job.peer.carrier->say(&self->job.peer, MESSAGE(TEARDOWN, teardown, .reason = "done"));
    deadline_set(&self->crowd.deadlines, &self->next_job, clock_now().mono_us + JOB_AFTER_US);
}

static void on_job_close(void *owner, const char *reason, bool is_final)
{
    const struct cluster *self = owner;

    if (is_final || self->job.launched == 0)
        die(reason);
}

static void on_next_job(void *owner, struct deadline *deadline)
{
    struct cluster *self = CONTAINER_OF(deadline, struct cluster, next_job);

    (void)owner;
    link_client_reconnect(self->job.peer.link, "the next one");
}

static void begin_jobs(struct cluster *self)
{
    const struct link_client_events events = {self, on_job_open, on_job_message, on_job_close,
                                              on_trouble};

    self->job_load = (struct load){.mean_ms = JOB_MS, .is_exact = true};
    self->job = (struct fake_framework){.peer = {.carrier = &crowd_carrier},
                                        .load = &self->job_load,
                                        .number = self->count,
                                        .launches_max = 1};
    self->next_job.due = on_next_job;
    self->job.peer.link = crowd_add(&self->crowd, PEER_FRAMEWORK, &events);
}

/* --- the run ------------------------------------------------------------------------------------------- */

static void run_for(struct cluster *self, int64_t us)
{
    int64_t end_us = clock_now().mono_us + us;

    while (clock_now().mono_us < end_us)
        crowd_turn(&self->crowd, end_us);
}

static void fill(struct cluster *self)
{
    int64_t end_us = clock_now().mono_us + PATIENCE_US;

    workers_connect(&self->workers, getenv("PROFFER_MASTER"));
    while (workers_registered(&self->workers) < self->agents ||
           workers_launched(&self->workers) < self->agents * SLOTS) {
        crowd_turn(&self->crowd, clock_now().mono_us + 10 * US_PER_MS);
        if (clock_now().mono_us < end_us)
            continue;
        fprintf(stderr, "scale: %zu agents, %zu tasks\n", workers_registered(&self->workers),
                workers_launched(&self->workers));
        die("that takes too long");
    }
}

static struct used use(const struct cluster *self)
{
    struct used used = {.master = cpu_seconds(self->master),
                        .bench = cpu_seconds(getpid()),
                        .all = cpu_seconds_of_all(),
                        .launched = workers_launched(&self->workers),
                        .at_us = clock_now().mono_us};

    for (size_t i = 0; i < self->workers.count; i++)
        used.bench += cpu_seconds(self->workers.pids[i]);
    return used;
}

static void tell(const struct cluster *self, const struct used *from, const struct used *to)
{
    double seconds = (double)(to->at_us - from->at_us) / US_PER_S;
    double launches = (double)(to->launched - from->launched);
    double master = to->master - from->master, bench = to->bench - from->bench;
    size_t count;
    uint32_t *gaps = workers_gaps(&self->workers, &count);

    report("overhead_p50_ms", self->agents, quantile_ms(gaps, count, 0.5), "ms");
    report("overhead_p95_ms", self->agents, quantile_ms(gaps, count, 0.95), "ms");
    report("launches_per_s", self->agents, launches / seconds, "tasks/s");
    report("launches_asked_per_s", self->agents,
           (double)self->agents * SLOTS * 1000 / (double)self->load.mean_ms, "tasks/s");
    report("master_cpu_percent", self->agents, master / seconds * 100, "%");
    report("master_cpu_us_per_launch", self->agents, master / launches * 1e6, "us");
    report("master_rss_mb", self->agents, resident_mb(self->master), "MiB");
    report("bench_cpu_percent", self->agents, bench / seconds * 100, "%");
    report("other_cpu_percent", self->agents,
           (to->all - from->all - master - bench) / seconds * 100, "%");
    free(gaps);
}

static int run_load(struct cluster *self, int64_t seconds)
{
    struct used from, to;

    workers_start(&self->workers, self->agents, AGENTS_RUN_TASKS);
    crowd_init(&self->crowd, getenv("PROFFER_MASTER"), self->count + 1);
    self->load.begun = self->agents * SLOTS;
    connect_frameworks(self);
    fill(self);
    run_for(self, SETTLE_US);
    begin_jobs(self);
    from = use(self);
    workers_measure(&self->workers, true);
    run_for(self, seconds * US_PER_S);
    workers_measure(&self->workers, false);
    to = use(self);
    tell(self, &from, &to);
    sort_us(self->job_overhead_us, self->jobs);
    report("job_overhead_p50_ms", self->agents, quantile_ms(self->job_overhead_us, self->jobs, 0.5),
           "ms");
    report("job_overhead_max_ms", self->agents, quantile_ms(self->job_overhead_us, self->jobs, 1),
           "ms");
    return 0;
}

static size_t number(const char *text)
{
    size_t value = strtoul(text, NULL, 10);

    if (!value)
        die("a number above 0 is expected");
    return value;
}

static int run(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    bool has_needs = getenv("SCALE_NEEDS") != NULL;

    if (!strcmp(what, "load") && argc == 7 && getenv("PROFFER_MASTER")) {
        struct cluster *cluster = mem_new(struct cluster);

        cluster->agents = number(argv[2]);
        cluster->count = number(argv[3]);
        cluster->load = (struct load){
            .mean_ms = (int64_t)number(argv[4]), .has_needs = has_needs, .rng.state = 1};
        cluster->master = (pid_t)number(argv[6]);
        return run_load(cluster, (int64_t)number(argv[5]));
    }
    if (!strcmp(what, "link") && argc == 4)
        return run_echo(number(argv[2]), (int64_t)number(argv[3]));
    if (!strcmp(what, "core") && argc == 6)
        return run_core(number(argv[2]), number(argv[3]), (int64_t)number(argv[4]),
                        (int64_t)number(argv[5]), has_needs);
    fprintf(stderr, "usage: scale load AGENTS FRAMEWORKS TASK_MS SECONDS MASTER_PID\n"
                    "       scale link AGENTS SECONDS\n"
                    "       scale core AGENTS FRAMEWORKS TASK_MS SECONDS\n");
    return 2;
}

int main(int argc, char **argv)
{
    int status = run(argc, argv);

    fflush(stdout);
    _exit(status); /* ten thousand sessions need no goodbye; what we started ends with us */
}
