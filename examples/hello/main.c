/* hello - a whole scheduler: runs N tasks that say hello, tells what becomes of each, goes away.
 *
 *     hello [N]        the master is $PROFFER_MASTER, or 127.0.0.1:5050
 */
#include <proffer/proffer.h>

#include <stdio.h>
#include <stdlib.h>

struct hello {
    int wanted, launched, ended, failed;
};

static void on_offers(struct proffer_scheduler *scheduler,
                      const struct proffer_offer *const *offers, size_t count, void *user)
{
    struct hello *hello = user;
    struct proffer_fit *fit = proffer_fit_new(scheduler, offers, count);

    while (hello->launched < hello->wanted) {
        char id[32], command[64];
        struct proffer_task task = {.id = id, .resources = "cpus:0.1;mem:32", .command = command};

        snprintf(id, sizeof(id), "hello.%d", hello->launched + 1);
        snprintf(command, sizeof(command), "echo hello from task %d", hello->launched + 1);
        if (proffer_fit_launch(fit, &task, NULL) < 0)
            break; /* no room left: the next offers take the rest */
        hello->launched++;
    }
    proffer_fit_finish(&fit, PROFFER_REFUSE_DEFAULT);
}

static void on_update(struct proffer_scheduler *scheduler, const struct proffer_status *status,
                      void *user)
{
    struct hello *hello = user;

    proffer_print_line(stdout, "%s %s %s", status->task_id, proffer_task_state_name(status->state),
                       status->message);
    if (!proffer_task_state_is_terminal(status->state))
        return;
    hello->failed += status->state != PROFFER_TASK_FINISHED;
    if (++hello->ended == hello->wanted)
        proffer_scheduler_stop(scheduler, true);
}

static void on_error(struct proffer_scheduler *scheduler, const char *message, void *user)
{
    (void)scheduler, (void)user;
    proffer_print_line(stderr, "hello: %s", message);
}

int main(int argc, char **argv)
{
    struct hello hello = {.wanted = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 5};
    struct proffer_scheduler_options options = {.name = "hello", .ends_with_session = true};
    struct proffer_callbacks callbacks = {
        .offers = on_offers, .update = on_update, .error = on_error};
    struct proffer_scheduler *scheduler;
    struct proffer_err err;
    int rc;

    if (hello.wanted < 1) {
        fprintf(stderr, "usage: hello [N]\n");
        return 2;
    }
    rc = proffer_scheduler_new(&options, &callbacks, &hello, &scheduler, &err);
    if (rc < 0) {
        proffer_print_line(stderr, "hello: %s", err.text);
        return EXIT_FAILURE;
    }
    rc = proffer_scheduler_run(scheduler);
    proffer_scheduler_destroy(&scheduler);
    return rc < 0 || hello.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
