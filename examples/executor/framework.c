/* framework - launches one pool (pool.c) and N tasks in it, tells what it hears, goes away.
 *
 *     framework POOL [N]        POOL: the program, as the agents have it; the master is $PROFFER_MASTER
 */
#include <proffer/proffer.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POOL_ID "pool"

struct work {
    const char *program;
    int wanted, launched, ended, failed;
    bool has_pool;
};

static bool launch_pool(struct proffer_fit *fit, const struct work *work)
{
    static const struct proffer_executor_rules rules = {.shutdown_grace_ms = 2000};
    const char *const argv[] = {work->program, "4", NULL};
    const struct proffer_task pool = {.id = POOL_ID,
                                      .name = "a pool of four processes",
                                      .resources = "cpus:0.1;mem:32",
                                      .argv = argv,
                                      .executor = &rules};

    return proffer_fit_launch(fit, &pool, NULL) >= 0;
}

static void on_offers(struct proffer_scheduler *scheduler,
                      const struct proffer_offer *const *offers, size_t count, void *user)
{
    struct work *work = user;
    struct proffer_fit *fit = proffer_fit_new(scheduler, offers, count);

    if (!work->has_pool)
        work->has_pool = launch_pool(fit, work);
    while (work->has_pool && work->launched < work->wanted) {
        char id[32], line[128];
        const struct proffer_task task = {
            .id = id,
            .resources = "cpus:0.02;mem:4",
            .executor_id = POOL_ID,
            .data = line,
            .data_size =
                (size_t)snprintf(line, sizeof(line), "echo begin; sleep 0.1; echo the square is %d",
                                 (work->launched + 1) * (work->launched + 1))};

        snprintf(id, sizeof(id), "square.%d", work->launched + 1);
        if (proffer_fit_launch(fit, &task, NULL) < 0)
            break; /* no room beside the pool: the next offers take the rest */
        work->launched++;
    }
    proffer_fit_finish(&fit, PROFFER_REFUSE_DEFAULT);
}

static void on_update(struct proffer_scheduler *scheduler, const struct proffer_status *status,
                      void *user)
{
    struct work *work = user;

    proffer_print_line(stdout, "%s %s %s%s%.*s", status->task_id,
                       proffer_task_state_name(status->state), status->message,
                       status->data_size ? " = " : "", (int)status->data_size,
                       status->data ? (const char *)status->data : "");
    if (!strcmp(status->task_id, POOL_ID)) {
        if (status->state == PROFFER_TASK_RUNNING)
            proffer_message(scheduler, status->agent_id, POOL_ID, "how many", strlen("how many"));
        if (proffer_task_state_is_terminal(status->state))
            proffer_scheduler_stop(scheduler, true);
        return;
    }
    if (!proffer_task_state_is_terminal(status->state))
        return;
    work->failed += status->state != PROFFER_TASK_FINISHED;
    if (++work->ended == work->wanted)
        proffer_kill(scheduler, POOL_ID, -1);
}

static void on_message(struct proffer_scheduler *scheduler, const char *agent_id,
                       const char *task_id, const void *data, size_t size, void *user)
{
    (void)scheduler, (void)agent_id, (void)user;
    proffer_print_line(stdout, "%s says: %.*s", task_id, (int)size, (const char *)data);
}

static void on_error(struct proffer_scheduler *scheduler, const char *message, void *user)
{
    (void)scheduler, (void)user;
    proffer_print_line(stderr, "framework: %s", message);
}

int main(int argc, char **argv)
{
    struct work work = {.program = argc > 1 ? argv[1] : NULL,
                        .wanted = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 20};
    const struct proffer_scheduler_options options = {.name = "squares", .ends_with_session = true};
    const struct proffer_callbacks callbacks = {
        .offers = on_offers, .update = on_update, .message = on_message, .error = on_error};
    struct proffer_scheduler *scheduler;
    struct proffer_err err;
    int rc;

    if (!work.program || work.wanted < 1) {
        fprintf(stderr, "usage: framework POOL [N]\n");
        return 2;
    }
    rc = proffer_scheduler_new(&options, &callbacks, &work, &scheduler, &err);
    if (rc < 0) {
        proffer_print_line(stderr, "framework: %s", err.text);
        return EXIT_FAILURE;
    }
    rc = proffer_scheduler_run(scheduler);
    proffer_scheduler_destroy(&scheduler);
    return rc < 0 || work.failed || work.ended < work.wanted ? EXIT_FAILURE : EXIT_SUCCESS;
}
