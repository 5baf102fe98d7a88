/* tests/system/boxer.c - a framework that runs tasks in Docker containers, with all that a container can be asked for, and
 * changes their limits while they run.
 *
 *     boxer IMAGE         the master is $PROFFER_MASTER
 *
 * Lines are read from standard input, one a command, and answered on standard output:
 *
 *     box ID OPTION,... COMMAND...     NAME=VALUE, or a NAME alone; '-' is none, '+' in a value is a space
 *     limits ID LIMITS PIDS            of one that runs; LIMITS '-' is none
 *     kill ID
 *
 *     ID STATE message                 each update
 *     ID limits ok|ERROR
 */
#include <proffer/proffer.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BOXES_MAX 64

struct box {
    char id[64], options[512], command[512];
    bool is_launched;
};

struct boxer {
    const char *image;
    struct box boxes[BOXES_MAX];
    size_t count;
};

/* A task out of a box's options; all texts are cut out of the copy. */
struct wish {
    char text[512];
    struct proffer_task task;
    struct proffer_docker docker;
    struct proffer_docker_device devices[2];
    struct proffer_docker_volume volumes[2];
    const char *cap_add[2], *cap_drop[2];
    struct proffer_check health;
};

static const char *after_colon(char *text)
{
    char *colon = strchr(text, ':');

    if (colon)
        *colon = '\0';
    return colon ? colon + 1 : "";
}

static void take_option(struct wish *self, const char *name, char *value)
{
    struct proffer_docker *docker = &self->docker;

    if (!strcmp(name, "resources"))
        self->task.resources = value;
    else if (!strcmp(name, "cores"))
        self->task.cores = value;
    else if (!strcmp(name, "grace"))
        self->task.kill_grace_ms = atoi(value);
    else if (!strcmp(name, "isolation"))
        self->task.isolation = value;
    else if (!strcmp(name, "device"))
        self->devices[0].host_path = value;
    else if (!strcmp(name, "volume")) {
        self->volumes[0].container_path = after_colon(value);
        self->volumes[0].name = value;
    } else if (!strcmp(name, "cap_add"))
        self->cap_add[0] = value;
    else if (!strcmp(name, "cap_drop"))
        self->cap_drop[0] = value;
    else if (!strcmp(name, "signal"))
        docker->stop_signal = value;
    else if (!strcmp(name, "user"))
        docker->user = value;
    else if (!strcmp(name, "native"))
        self->task.docker = NULL;
    else if (!strcmp(name, "failures"))
        self->health.failures = atoi(value);
    else if (!strcmp(name, "init"))
        docker->init = true;
    else if (!strcmp(name, "read_only"))
        docker->read_only = true;
    else if (!strcmp(name, "privileged"))
        docker->privileged = true;
    else if (!strcmp(name, "health")) {
        self->health.command = value;
        self->task.health_check = &self->health;
    } else if (!strcmp(name, "timeout"))
        self->health.timeout_ms = atoi(value);
    else if (strcmp(name, "-"))
        fprintf(stderr, "boxer: no option '%s'\n", name);
}

static void read_wish(const struct boxer *boxer, const struct box *box, struct wish *self)
{
    char *rest = self->text, *option;

    memset(self, 0, sizeof(*self));
    snprintf(self->text, sizeof(self->text), "%s", box->options);
    self->docker = (struct proffer_docker){.image = boxer->image,
                                           .devices = self->devices,
                                           .volumes = self->volumes,
                                           .cap_add = self->cap_add,
                                           .cap_drop = self->cap_drop};
    self->health = (struct proffer_check){.interval_ms = 200, .failures = 2};
    self->task = (struct proffer_task){.id = box->id,
                                       .resources = "cpus:0.2;mem:32",
                                       .command = box->command,
                                       .docker = &self->docker};
    while ((option = strsep(&rest, ","))) {
        char *value = strchr(option, '=');

        if (value)
            *value++ = '\0';
        for (char *at = value; at && *at; at++)
            if (*at == '+')
                *at = ' ';
        take_option(self, option, value ? value : option);
    }
}

static void on_offers(struct proffer_scheduler *scheduler,
                      const struct proffer_offer *const *offers, size_t count, void *user)
{
    struct boxer *self = user;
    struct proffer_fit *fit = proffer_fit_new(scheduler, offers, count);

    for (size_t i = 0; i < self->count; i++) {
        struct box *box = &self->boxes[i];
        struct proffer_err err = {{0}};
        struct wish wish;

        if (box->is_launched)
            continue;
        read_wish(self, box, &wish);
        box->is_launched = proffer_fit_launch(fit, &wish.task, &err) >= 0;
        if (!box->is_launched)
            fprintf(stderr, "boxer: %s: %s\n", box->id, err.text);
    }
    proffer_fit_finish(&fit, 0.2);
}

static void on_update(struct proffer_scheduler *scheduler, const struct proffer_status *status,
                      void *user)
{
    (void)scheduler;
    (void)user;
    printf("%s %s %s\n", status->task_id, proffer_task_state_name(status->state), status->message);
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

static void take(struct proffer_scheduler *scheduler, struct boxer *self, const char *line)
{
    struct box *box = &self->boxes[self->count];
    char id[64], limits[128];
    long pids = 0;
    struct proffer_err err;

    if (sscanf(line, "limits %63s %127s %ld", id, limits, &pids) == 3) {
        if (proffer_change_limits(scheduler, id, strcmp(limits, "-") ? limits : NULL, pids, &err) <
            0)
            printf("%s limits %s\n", id, err.text);
        fflush(stdout);
    } else if (sscanf(line, "kill %63s", id) == 1) {
        proffer_kill(scheduler, id, -1);
    } else if (self->count < BOXES_MAX &&
               sscanf(line, "box %63s %511s %511[^\n]", box->id, box->options, box->command) >= 2) {
        self->count++;
        proffer_revive(scheduler, NULL);
    } else {
        fprintf(stderr, "boxer: %s\n", line);
    }
}

/* 0: end of input. */
static int read_commands(struct proffer_scheduler *scheduler, struct boxer *self)
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

int main(int argc, char **argv)
{
    static const struct proffer_callbacks callbacks = {
        .offers = on_offers, .update = on_update, .limits_changed = on_limits};
    const struct proffer_scheduler_options options = {.name = "boxer"};
    static struct boxer self;
    struct proffer_scheduler *scheduler;
    struct proffer_err err;

    self.image = argc > 1 ? argv[1] : "";
    if (proffer_scheduler_new(&options, &callbacks, &self, &scheduler, &err) < 0) {
        fprintf(stderr, "boxer: %s\n", err.text);
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
