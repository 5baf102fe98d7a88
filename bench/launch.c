/* bench/launch.c - a framework that measures: how many tasks a second, how long from accept to
 * RUNNING.
 *
 *     launch rate COUNT RESOURCES COMMAND      prints "RATE per_s" and "TASK_CPU_MS cpu_ms"
 *     launch latency COUNT RESOURCES COMMAND   one task at a time; prints a line "MS" for each
 *
 * With an IMAGE behind these, in Docker containers of it without a network.
 *
 * Uses the SDK as any framework does; the master is $PROFFER_MASTER.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <proffer/proffer.h>

struct bench {
    size_t count, launched, finished;
    bool one_at_a_time;
    const char *resources, *command;
    struct proffer_docker docker; /* image NULL: natively */
    double began, accepted, cpu_us;
    bool failed;
};

static double seconds(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void on_offers(struct proffer_scheduler *scheduler,
                      const struct proffer_offer *const *offers, size_t count, void *user)
{
    struct bench *bench = user;
    struct proffer_fit *fit = proffer_fit_new(scheduler, offers, count);
    size_t limit = bench->one_at_a_time ? bench->finished + 1 : bench->count;

    if (bench->began == 0)
        bench->began = seconds();
    while (bench->launched < bench->count && bench->launched < limit) {
        char id[32];
        struct proffer_task task = {
            .id = id,
            .resources = bench->resources,
            .command = bench->command,
            .docker = bench->docker.image ? &bench->docker : NULL,
        };
        struct proffer_err err;

        snprintf(id, sizeof(id), "t%zu", bench->launched);
        if (proffer_fit_launch(fit, &task, &err) < 0)
            break;
        bench->launched++;
    }
    bench->accepted = seconds();
    proffer_fit_finish(&fit, 0);
    if (bench->launched == bench->count || bench->one_at_a_time)
        proffer_suppress(scheduler, NULL);
}

static void on_update(struct proffer_scheduler *scheduler, const struct proffer_status *status,
                      void *user)
{
    struct bench *bench = user;

    if (status->state == PROFFER_TASK_RUNNING && bench->one_at_a_time)
        printf("%.3f\n", (seconds() - bench->accepted) * 1e3);
    if (!proffer_task_state_is_terminal(status->state))
        return;
    if (status->state != PROFFER_TASK_FINISHED) {
        fprintf(stderr, "launch: %s: %s %s\n", status->task_id,
                proffer_task_state_name(status->state), status->message);
        bench->failed = true;
    }
    bench->cpu_us += (double)(status->cpu_user_us + status->cpu_system_us);
    if (++bench->finished == bench->count)
        proffer_scheduler_stop(scheduler, true);
    else if (bench->one_at_a_time)
        proffer_revive(scheduler, NULL);
}

int main(int argc, char **argv)
{
    static const struct proffer_callbacks callbacks = {.offers = on_offers, .update = on_update};
    struct proffer_scheduler_options options = {.name = "bench", .ends_with_session = true};
    struct proffer_scheduler *scheduler;
    struct proffer_err err;
    struct bench bench = {0};
    double took;

    if (argc != 5 && argc != 6)
        return 2;
    bench.one_at_a_time = !strcmp(argv[1], "latency");
    bench.count = strtoul(argv[2], NULL, 10);
    bench.resources = argv[3];
    bench.command = argv[4];
    bench.docker = (struct proffer_docker){.image = argc == 6 ? argv[5] : NULL, .network = "none"};
    if (proffer_scheduler_new(&options, &callbacks, &bench, &scheduler, &err) < 0) {
        fprintf(stderr, "launch: %s\n", err.text);
        return 1;
    }
    if (proffer_scheduler_run(scheduler) < 0)
        bench.failed = true;
    took = seconds() - bench.began;
    proffer_scheduler_destroy(&scheduler);
    if (!bench.one_at_a_time)
        printf("%.1f per_s\n%.4f cpu_ms\n", (double)bench.count / took,
               bench.cpu_us / 1e3 / (double)bench.count);
    return bench.failed ? 1 : 0;
}
