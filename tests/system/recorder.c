/* tests/system/recorder.c - a framework that launches tasks once and writes down every update.
 *
 *     recorder NAME COUNT RESOURCES COMMAND [FAILOVER_SECONDS]      the master is $PROFFER_MASTER
 *
 * Tasks are t1..tCOUNT; none is ever launched again, whatever is heard. A line "TASK STATE REASON
 * AGENT" for each update, "session FRAMEWORK" and "cut" for the connection. Ends when each task has
 * ended: 0 when all finished. Killed, its tasks go on for the failover time (30 s).
 */
#include <proffer/proffer.h>

#include <stdio.h>
#include <stdlib.h>

struct recorder {
    size_t wanted, launched, ended, bad;
    bool *has_ended; /* of each task */
    const char *resources, *command;
};

static void on_registered(struct proffer_scheduler *scheduler, const char *framework_id,
                          const char *master_id, bool again, void *user)
{
    (void)scheduler, (void)master_id, (void)again, (void)user;
    printf("session %s\n", framework_id);
}

static void on_disconnected(struct proffer_scheduler *scheduler, const char *reason, void *user)
{
    (void)scheduler, (void)user;
    printf("cut %s\n", reason);
}

static void on_offers(struct proffer_scheduler *scheduler,
                      const struct proffer_offer *const *offers, size_t count, void *user)
{
    struct recorder *recorder = user;
    struct proffer_fit *fit = proffer_fit_new(scheduler, offers, count);

    while (recorder->launched < recorder->wanted) {
        char id[32];
        struct proffer_task task = {
            .id = id, .resources = recorder->resources, .command = recorder->command};

        snprintf(id, sizeof(id), "t%zu", recorder->launched + 1);
        if (proffer_fit_launch(fit, &task, NULL) < 0)
            break;
        recorder->launched++;
    }
    proffer_fit_finish(&fit, 1.0);
    if (recorder->launched == recorder->wanted)
        proffer_suppress(scheduler, NULL);
}

static void on_update(struct proffer_scheduler *scheduler, const struct proffer_status *status,
                      void *user)
{
    struct recorder *recorder = user;
    size_t number = strtoul(status->task_id + 1, NULL, 10);

    printf("%s %s %s %s\n", status->task_id, proffer_task_state_name(status->state),
           *status->reason ? status->reason : "-", *status->agent_id ? status->agent_id : "-");
    if (!proffer_task_state_is_terminal(status->state) || number < 1 || number > recorder->wanted ||
        recorder->has_ended[number - 1])
        return;
    recorder->has_ended[number - 1] = true;
    recorder->bad += status->state != PROFFER_TASK_FINISHED;
    if (++recorder->ended == recorder->wanted)
        proffer_scheduler_stop(scheduler, true);
}

static void on_error(struct proffer_scheduler *scheduler, const char *message, void *user)
{
    (void)scheduler, (void)user;
    printf("error %s\n", message);
}

int main(int argc, char **argv)
{
    static const struct proffer_callbacks callbacks = {.registered = on_registered,
                                                       .offers = on_offers,
                                                       .update = on_update,
                                                       .error = on_error,
                                                       .disconnected = on_disconnected};
    struct proffer_scheduler_options options = {.failover_timeout = 30};
    struct recorder recorder = {0};
    struct proffer_scheduler *scheduler;
    struct proffer_err err;
    int r;

    if (argc < 5 || argc > 6)
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    options.name = argv[1];
    recorder.wanted = strtoul(argv[2], NULL, 10);
    recorder.has_ended = calloc(recorder.wanted + 1, sizeof(bool));
    recorder.resources = argv[3];
    recorder.command = argv[4];
    if (argc == 6)
        options.failover_timeout = strtod(argv[5], NULL);
    if (proffer_scheduler_new(&options, &callbacks, &recorder, &scheduler, &err) < 0) {
        fprintf(stderr, "recorder: %s\n", err.text);
        return 1;
    }
    r = proffer_scheduler_run(scheduler);
    proffer_scheduler_destroy(&scheduler);
    free(recorder.has_ended);
    return r < 0 || recorder.bad ? 1 : 0;
}
