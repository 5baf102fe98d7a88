/* tests/system/limiter.c - a framework that runs tasks where it says, and changes their limits while they run.
 *
 *     limiter             the master is $PROFFER_MASTER
 *
 * Lines are read from standard input, one a command, and answered on standard output:
 *
 *     run ID RESOURCES CORES LIMITS COMMAND...    CORES as in proffer_task, '_' for a space; '-' is none
 *     limits ID LIMITS PIDS                       of one that runs; LIMITS '-' is none
 *     kill ID
 *
 *     ID STATE cpus=C mems=M exclusive=0|1 gpus=G,G message    each update
 *     ID limits ok|ERROR
 */
#include <proffer/proffer.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define JOBS_MAX 64

struct job {
    char id[64], resources[128], cores[32], limits[128], command[512];
    bool is_launched;
};

struct limiter {
    struct job jobs[JOBS_MAX];
    size_t count;
};

static const char *none(const char *text)
{
    return strcmp(text, "-") ? text : NULL;
}

static void on_offers(struct proffer_scheduler *scheduler,
                      const struct proffer_offer *const *offers, size_t count, void *user)
{
    struct limiter *self = user;
    struct proffer_fit *fit = proffer_fit_new(scheduler, offers, count);

    for (size_t i = 0; i < self->count; i++) {
        struct job *job = &self->jobs[i];
        const struct proffer_task task = {
            .id = job->id,
            .resources = job->resources,
            .cores = none(job->cores),
            .limits = none(job->limits),
            .command = job->command,
            .kill_grace_ms = -1,
        };
        struct proffer_err err = {{0}};

        if (job->is_launched)
            continue;
        job->is_launched = proffer_fit_launch(fit, &task, &err) >= 0;
        if (!job->is_launched)
            fprintf(stderr, "limiter: %s: %s\n", job->id, err.text);
    }
    proffer_fit_finish(&fit, 0.2);
}

static void on_update(struct proffer_scheduler *scheduler, const struct proffer_status *status,
                      void *user)
{
    (void)scheduler;
    (void)user;
    printf("%s %s cpus=%s mems=%s exclusive=%d gpus=", status->task_id,
           proffer_task_state_name(status->state), status->cpus, status->mems, status->exclusive);
    for (size_t i = 0; i < status->gpu_count; i++)
        printf("%s%s", i ? "," : "", status->gpus[i]);
    printf(" %s\n", status->message);
    fflush(stdout);
}

static void on_limits(struct proffer_scheduler *scheduler, const char *task_id, const char *error,
                      void *user)
{
    (void)scheduler;
    (void)user;
    printf("%s limits %s\n", task_id, error ? error : "ok");
    fflush(stdout);
}

static void run(struct proffer_scheduler *scheduler, struct limiter *self, const char *line)
{
    struct job *job = &self->jobs[self->count];

    if (self->count == JOBS_MAX ||
        sscanf(line, "%*s %63s %127s %31s %127s %511[^\n]", job->id, job->resources, job->cores,
               job->limits, job->command) != 5) {
        fprintf(stderr, "limiter: %s", line);
        return;
    }
    for (char *at = job->cores; *at; at++)
        if (*at == '_')
            *at = ' ';
    self->count++;
    proffer_revive(scheduler, NULL);
}

static void take(struct proffer_scheduler *scheduler, struct limiter *self, const char *line)
{
    char id[64], limits[128];
    long pids = 0;
    struct proffer_err err;

    if (!strncmp(line, "run ", 4))
        run(scheduler, self, line);
    else if (sscanf(line, "limits %63s %127s %ld", id, limits, &pids) == 3) {
        if (proffer_change_limits(scheduler, id, none(limits), pids, &err) < 0) {
            printf("%s limits %s\n", id, err.text);
            fflush(stdout);
        }
    } else if (sscanf(line, "kill %63s", id) == 1)
        proffer_kill(scheduler, id, 0);
}

/* 0: end of input. */
static int read_commands(struct proffer_scheduler *scheduler, struct limiter *self)
{
    static char text[4096];
    static size_t size;
    ssize_t got = read(0, text + size, sizeof(text) - 1 - size);
    char *line = text, *end;

    if (got <= 0)
        return 0;
    size += (size_t)got;
    text[size] = '\0';
    while ((end = strchr(line, '\n'))) {
        *end = '\0';
        take(scheduler, self, line);
        line = end + 1;
    }
    size = strlen(line);
    memmove(text, line, size + 1);
    return 1;
}

int main(void)
{
    static const struct proffer_callbacks callbacks = {
        .offers = on_offers, .update = on_update, .limits_changed = on_limits};
    const struct proffer_scheduler_options options = {.name = "limiter"};
    static struct limiter self;
    struct proffer_scheduler *scheduler;
    struct proffer_err err;

    if (proffer_scheduler_new(&options, &callbacks, &self, &scheduler, &err) < 0) {
        fprintf(stderr, "limiter: %s\n", err.text);
        return 1;
    }
    for (;;) {
        struct pollfd fds[] = {{0, POLLIN, 0}, {proffer_scheduler_fd(scheduler), POLLIN, 0}};

        if (poll(fds, 2, -1) < 0)
            continue;
        if (fds[1].revents && proffer_scheduler_dispatch(scheduler) <= 0)
            break;
        if (fds[0].revents && !read_commands(scheduler, &self))
            break;
    }
    proffer_scheduler_destroy(&scheduler);
    return 0;
}
