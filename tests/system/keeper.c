/* tests/system/keeper.c - a framework that reserves, makes volumes and runs tasks on them, step after step.
 *
 *     keeper ROLE STEP...      the master is $PROFFER_MASTER
 *
 *     reserve=RESOURCES  unreserve=RESOURCES  create=ID:MIB  share=ID:MIB (a shared volume)  resize=ID:MIB
 *     destroy=ID  run=RESOURCES=>COMMAND  burst=LIMITS=>COMMAND (on cpus:0.1;mem:32)
 *
 * Each step waits for the end of the one before: of an operation on disk, of a task. A line for each step. Ends
 * with the last one, or with the first that does not end well: then with status 1. Principal: "keeper".
 */
#include <proffer/proffer.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct keeper {
    char **steps;
    size_t count, at;
    bool is_waiting; /* for the end of the step */
    bool has_failed;
    char why[256]; /* the last step did not fit an offer */
};

static void end_step(struct proffer_scheduler *scheduler, struct keeper *self, bool is_well,
                     const char *how)
{
    printf("%s: %s\n", self->steps[self->at], how);
    self->is_waiting = false;
    self->at++;
    self->has_failed = !is_well;
    if (!is_well || self->at == self->count)
        proffer_scheduler_stop(scheduler, true);
    else
        proffer_revive(scheduler, NULL);
}

/* "ID:MIB" */
static double split(char *text)
{
    char *colon = strchr(text, ':');

    if (colon)
        *colon = '\0';
    return colon ? strtod(colon + 1, NULL) : 0;
}

static int launch(struct proffer_fit *fit, const char *id, char *text, bool is_burst,
                  struct proffer_err *err)
{
    char *cut = strstr(text, "=>");
    struct proffer_task task = {.id = id};

    if (!cut)
        return -1;
    *cut = '\0';
    task.command = cut + 2;
    task.resources = is_burst ? "cpus:0.1;mem:32" : text;
    task.limits = is_burst ? text : NULL;
    return proffer_fit_launch(fit, &task, err);
}

static int try_step(struct keeper *self, struct proffer_fit *fit, const char *offer_id,
                    struct proffer_err *err)
{
    char *text = strdup(self->steps[self->at]), *arg = strchr(text, '='), id[32];
    int rc = -1;

    snprintf(id, sizeof(id), "s%zu", self->at);
    if (arg)
        *arg++ = '\0';
    if (!arg)
        snprintf(err->text, sizeof(err->text), "no such step");
    else if (!strcmp(text, "reserve"))
        rc = proffer_fit_reserve(fit, offer_id, arg, NULL, id, err);
    else if (!strcmp(text, "unreserve"))
        rc = proffer_fit_unreserve(fit, offer_id, arg, id, err);
    else if (!strcmp(text, "create") || !strcmp(text, "share")) {
        double size = split(arg);

        rc = proffer_fit_create(fit, offer_id, arg, size, *text == 's', id, err);
    } else if (!strcmp(text, "resize")) {
        double more = split(arg);

        rc = proffer_fit_resize(fit, offer_id, arg, more, id, err);
    } else if (!strcmp(text, "destroy"))
        rc = proffer_fit_destroy_volume(fit, offer_id, arg, id, err);
    else
        rc = launch(fit, id, arg, !strcmp(text, "burst"), err);
    free(text);
    return rc;
}

static void on_offers(struct proffer_scheduler *scheduler,
                      const struct proffer_offer *const *offers, size_t count, void *user)
{
    struct keeper *self = user;
    struct proffer_fit *fit = proffer_fit_new(scheduler, offers, count);

    for (size_t i = 0; i < count && !self->is_waiting && self->at < self->count; i++) {
        struct proffer_err err = {{0}};

        self->is_waiting = try_step(self, fit, proffer_offer_id(offers[i]), &err) >= 0;
        if (!self->is_waiting && strcmp(self->why, err.text) != 0) {
            snprintf(self->why, sizeof(self->why), "%s", err.text);
            fprintf(stderr, "keeper: %s: %s (of %s)\n", self->steps[self->at], err.text,
                    proffer_offer_resources(offers[i]));
        }
    }
    proffer_fit_finish(&fit, 0.2);
}

static void on_operation(struct proffer_scheduler *scheduler,
                         const struct proffer_operation_status *status, void *user)
{
    struct keeper *self = user;
    char text[512];

    if (!self->is_waiting || strtoul(status->operation_id + 1, NULL, 10) != self->at)
        return;
    snprintf(text, sizeof(text), "%s %s", proffer_operation_state_name(status->state),
             status->message);
    end_step(scheduler, self, status->state == PROFFER_OPERATION_FINISHED, text);
}

static void on_update(struct proffer_scheduler *scheduler, const struct proffer_status *status,
                      void *user)
{
    struct keeper *self = user;
    char text[512];

    if (!proffer_task_state_is_terminal(status->state) || !self->is_waiting ||
        strtoul(status->task_id + 1, NULL, 10) != self->at)
        return;
    snprintf(text, sizeof(text), "%s %s", proffer_task_state_name(status->state), status->message);
    end_step(scheduler, self, status->state == PROFFER_TASK_FINISHED, text);
}

int main(int argc, char **argv)
{
    static const struct proffer_callbacks callbacks = {
        .offers = on_offers, .update = on_update, .operation = on_operation};
    const char *roles[] = {argc > 1 ? argv[1] : "", NULL};
    const struct proffer_scheduler_options options = {
        .name = "keeper", .principal = "keeper", .roles = roles};
    struct keeper keeper = {.steps = argv + 2, .count = argc > 2 ? (size_t)argc - 2 : 0};
    struct proffer_scheduler *scheduler;
    struct proffer_err err;
    int r;

    if (argc < 3)
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (proffer_scheduler_new(&options, &callbacks, &keeper, &scheduler, &err) < 0) {
        fprintf(stderr, "keeper: %s\n", err.text);
        return 1;
    }
    r = proffer_scheduler_run(scheduler);
    proffer_scheduler_destroy(&scheduler);
    return r < 0 || keeper.has_failed ? 1 : 0;
}
