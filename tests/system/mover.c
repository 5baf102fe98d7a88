/* tests/system/mover.c - a framework that keeps tasks running and answers inverse offers.
 *
 *     mover COUNT (leave | stay SECONDS)      the master is $PROFFER_MASTER
 *
 * It keeps COUNT tasks running, and starts none on an agent whose maintenance is near. Asked to leave, it says
 * yes and kills its tasks there, to begin anew elsewhere; or it says no, for so many seconds each time.
 * Lines: "session FRAMEWORK", "TASK STATE REASON AGENT", "offered HOST REASON" of an offer with maintenance,
 * "asked HOST REASON", "rescinded". Ends by SIGTERM, with its tasks.
 */
#include <proffer/proffer.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TASKS_MAX 16

struct mover {
    size_t wanted, launched;
    bool leaves;
    double stay_seconds;
    struct {
        char id[32], agent_id[300]; /* "": it does not run */
    } tasks[TASKS_MAX];
};

static struct proffer_scheduler *stopped_by_signal;

static void on_signal(int number)
{
    (void)number;
    proffer_scheduler_stop(stopped_by_signal, true);
}

static void on_registered(struct proffer_scheduler *scheduler, const char *framework_id,
                          const char *master_id, bool again, void *user)
{
    (void)scheduler, (void)master_id, (void)again, (void)user;
    printf("session %s\n", framework_id);
}

static bool launch(struct mover *mover, struct proffer_fit *fit)
{
    for (size_t i = 0; i < mover->wanted; i++) {
        struct proffer_task task = {.resources = "cpus:1;mem:32", .command = "exec sleep 6663"};

        if (*mover->tasks[i].id)
            continue;
        snprintf(mover->tasks[i].id, sizeof(mover->tasks[i].id), "t%zu", mover->launched + 1);
        task.id = mover->tasks[i].id;
        if (proffer_fit_launch(fit, &task, NULL) < 0) {
            mover->tasks[i].id[0] = '\0';
            return false;
        }
        mover->launched++;
        return true;
    }
    return false;
}

static void on_offers(struct proffer_scheduler *scheduler,
                      const struct proffer_offer *const *offers, size_t count, void *user)
{
    const struct proffer_offer **good = calloc(count, sizeof(struct proffer_offer *));
    struct mover *mover = user;
    struct proffer_fit *fit;
    size_t good_count = 0;

    for (size_t i = 0; i < count; i++) {
        struct proffer_unavailability unavailability;

        if (!proffer_offer_unavailability(offers[i], &unavailability)) {
            good[good_count++] = offers[i];
            continue;
        }
        printf("offered %s %s\n", proffer_offer_hostname(offers[i]), unavailability.reason);
        proffer_decline(scheduler, proffer_offer_id(offers[i]), 3600);
    }
    fit = proffer_fit_new(scheduler, good, good_count);
    while (launch(mover, fit))
        ;
    proffer_fit_finish(&fit, 0.5);
    free(good);
}

static void on_update(struct proffer_scheduler *scheduler, const struct proffer_status *status,
                      void *user)
{
    struct mover *mover = user;

    (void)scheduler;
    printf("%s %s %s %s\n", status->task_id, proffer_task_state_name(status->state),
           *status->reason ? status->reason : "-", *status->agent_id ? status->agent_id : "-");
    for (size_t i = 0; i < mover->wanted; i++) {
        if (strcmp(mover->tasks[i].id, status->task_id) != 0)
            continue;
        snprintf(mover->tasks[i].agent_id, sizeof(mover->tasks[i].agent_id), "%s",
                 status->agent_id);
        if (proffer_task_state_is_terminal(status->state))
            mover->tasks[i].id[0] = '\0';
    }
}

static void on_inverse_offers(struct proffer_scheduler *scheduler,
                              const struct proffer_inverse_offer *offers, size_t count, void *user)
{
    struct mover *mover = user;

    for (size_t i = 0; i < count; i++) {
        printf("asked %s %s\n", offers[i].hostname, offers[i].unavailability.reason);
        if (!mover->leaves) {
            proffer_decline_inverse(scheduler, offers[i].id, mover->stay_seconds);
            continue;
        }
        proffer_accept_inverse(scheduler, offers[i].id);
        for (size_t j = 0; j < mover->wanted; j++)
            if (*mover->tasks[j].id && !strcmp(mover->tasks[j].agent_id, offers[i].agent_id))
                proffer_kill(scheduler, mover->tasks[j].id, -1);
    }
}

static void on_inverse_rescinded(struct proffer_scheduler *scheduler, const char *id, void *user)
{
    (void)scheduler, (void)id, (void)user;
    printf("rescinded\n");
}

int main(int argc, char **argv)
{
    static const struct proffer_callbacks callbacks = {.registered = on_registered,
                                                       .offers = on_offers,
                                                       .update = on_update,
                                                       .inverse_offers = on_inverse_offers,
                                                       .inverse_rescinded = on_inverse_rescinded};
    const struct proffer_scheduler_options options = {.name = "mover", .failover_timeout = 30};
    struct mover mover = {0};
    struct proffer_err err;
    int r;

    if (argc < 3)
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    mover.wanted = strtoul(argv[1], NULL, 10);
    if (mover.wanted > TASKS_MAX)
        return 2;
    mover.leaves = !strcmp(argv[2], "leave");
    mover.stay_seconds = argc > 3 ? strtod(argv[3], NULL) : 1;
    if (proffer_scheduler_new(&options, &callbacks, &mover, &stopped_by_signal, &err) < 0) {
        fprintf(stderr, "mover: %s\n", err.text);
        return 1;
    }
    signal(SIGTERM, on_signal);
    r = proffer_scheduler_run(stopped_by_signal);
    proffer_scheduler_destroy(&stopped_by_signal);
    return r < 0;
}
