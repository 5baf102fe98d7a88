/* conductor - a framework for the system tests that does what it is told on stdin, and prints what it hears.
 *
 *     executor ID RESOURCES ISOLATION COMMAND...   a task that is an executor; ISOLATION: JSON, or -
 *     task ID RESOURCES EXECUTOR DATA...           a task for it
 *     kill ID GRACE_MS                             negative: its own
 *     say ID TEXT...                               a message to the executor of a task
 *     quit                                         tear down
 *
 * Launches wait for offers. "ID STATE REASON | MESSAGE | DATA" an update, "ID says: TEXT" a message.
 */
#include <proffer/proffer.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORDS_MAX 6

struct launch {
    struct launch *next;
    char *words[WORDS_MAX]; /* owned, in `line` */
    char *line;
};

struct conductor {
    struct proffer_scheduler *scheduler;
    struct launch *launches;
    char agent_id[300];
    char input[65536];
    size_t used;
    bool is_registered;
};

static const struct proffer_executor_rules rules = {
    .registration_timeout_ms = 4000, .shutdown_grace_ms = 3000, .recovery_timeout_ms = 60000};

static int place(struct proffer_fit *fit, char *const words[])
{
    struct proffer_task task = {.id = words[1], .resources = words[2]};
    struct proffer_err err;
    int rc;

    if (!strcmp(words[0], "executor")) {
        task.executor = &rules;
        task.isolation = strcmp(words[3], "-") ? words[3] : NULL;
        task.command = words[4];
    } else {
        task.executor_id = words[3];
        task.data = words[4];
        task.data_size = strlen(words[4]);
    }
    rc = proffer_fit_launch(fit, &task, &err);
    if (rc < 0 && rc != -ENOSPC)
        printf("%s REFUSED %s\n", task.id, err.text);
    return rc;
}

static void on_offers(struct proffer_scheduler *scheduler,
                      const struct proffer_offer *const *offers, size_t count, void *user)
{
    struct conductor *self = user;
    struct proffer_fit *fit = proffer_fit_new(scheduler, offers, count);
    struct launch **at = &self->launches;

    while (*at) {
        struct launch *launch = *at;

        if (place(fit, launch->words) == -ENOSPC) {
            at = &launch->next;
            continue;
        }
        *at = launch->next;
        free(launch->line);
        free(launch);
    }
    proffer_fit_finish(&fit, self->launches ? 0 : 3600);
}

static void on_registered(struct proffer_scheduler *scheduler, const char *framework_id,
                          const char *master_id, bool again, void *user)
{
    (void)scheduler, (void)framework_id, (void)master_id, (void)again;
    ((struct conductor *)user)->is_registered = true;
}

static void on_update(struct proffer_scheduler *scheduler, const struct proffer_status *status,
                      void *user)
{
    struct conductor *self = user;

    (void)scheduler;
    if (*status->agent_id)
        snprintf(self->agent_id, sizeof(self->agent_id), "%s", status->agent_id);
    printf("%s %s %s | %s | %.*s\n", status->task_id, proffer_task_state_name(status->state),
           *status->reason ? status->reason : "-", status->message, (int)status->data_size,
           status->data ? (const char *)status->data : "");
}

static void on_message(struct proffer_scheduler *scheduler, const char *agent_id,
                       const char *task_id, const void *data, size_t size, void *user)
{
    (void)scheduler, (void)agent_id, (void)user;
    printf("%s says: %.*s\n", task_id, (int)size, (const char *)data);
}

static void on_error(struct proffer_scheduler *scheduler, const char *message, void *user)
{
    (void)scheduler, (void)user;
    printf("ERROR %s\n", message);
}

static int words_of(const char *name)
{
    return !strcmp(name, "executor") || !strcmp(name, "task") ? 5 : 3;
}

static void queue(struct conductor *self, struct launch *launch)
{
    struct launch **at = &self->launches;

    while (*at)
        at = &(*at)->next;
    *at = launch;
    proffer_revive(self->scheduler, NULL);
}

static void obey(struct conductor *self, const char *text)
{
    struct launch *launch = calloc(1, sizeof(*launch));
    char *rest;
    int count;

    if (!launch || !(launch->line = rest = strdup(text)))
        abort();
    count = words_of(strncmp(rest, "executor ", 9) == 0 ? "executor"
                     : strncmp(rest, "task ", 5) == 0   ? "task"
                                                        : "");
    for (int i = 0; i < count; i++)
        launch->words[i] = i < count - 1 ? strsep(&rest, " ") : rest;
    if (!strcmp(launch->words[0], "executor") || !strcmp(launch->words[0], "task")) {
        if (launch->words[4]) {
            queue(self, launch);
            return;
        }
    } else if (!strcmp(launch->words[0], "kill")) {
        proffer_kill(self->scheduler, launch->words[1], strtol(launch->words[2], NULL, 10));
    } else if (!strcmp(launch->words[0], "say")) {
        proffer_message(self->scheduler, self->agent_id, launch->words[1], launch->words[2],
                        strlen(launch->words[2]));
    } else if (!strcmp(launch->words[0], "quit")) {
        proffer_scheduler_stop(self->scheduler, true);
    }
    free(launch->line);
    free(launch);
}

static void read_orders(struct conductor *self)
{
    ssize_t size =
        read(STDIN_FILENO, self->input + self->used, sizeof(self->input) - 1 - self->used);
    char *line = self->input, *end;

    if (size <= 0) {
        proffer_scheduler_stop(self->scheduler, true);
        return;
    }
    self->used += (size_t)size;
    self->input[self->used] = '\0';
    while ((end = strchr(line, '\n'))) {
        *end = '\0';
        obey(self, line);
        line = end + 1;
    }
    self->used -= (size_t)(line - self->input);
    memmove(self->input, line, self->used);
}

int main(void)
{
    static struct conductor self;
    const struct proffer_scheduler_options options = {
        .name = "conductor", .offers_max = 4, .user = getenv("CONDUCTOR_USER")};
    const struct proffer_callbacks callbacks = {.registered = on_registered,
                                                .offers = on_offers,
                                                .update = on_update,
                                                .message = on_message,
                                                .error = on_error};
    struct proffer_err err;
    int rc = proffer_scheduler_new(&options, &callbacks, &self, &self.scheduler, &err);

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (rc < 0) {
        fprintf(stderr, "conductor: %s\n", err.text);
        return EXIT_FAILURE;
    }
    do {
        struct pollfd fds[] = {{.fd = proffer_scheduler_fd(self.scheduler), .events = POLLIN},
                               {.fd = STDIN_FILENO, .events = POLLIN}};

        /* A call needs a session. */
        poll(fds, self.is_registered ? 2 : 1, -1);
        if (fds[1].revents)
            read_orders(&self);
        rc = proffer_scheduler_dispatch(self.scheduler);
    } while (rc > 0);
    proffer_scheduler_destroy(&self.scheduler);
    return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
