/* proffer logs: what a task wrote, read from its agent; -f until it ends. */
#include "cli/cli.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <proffer/proffer.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/find_task.h"
#include "cli/http.h"
#include "cli/list.h"

#define REST_MS     500  /* before an agent is asked again that had nothing */
#define PATIENCE_MS 2000 /* with an agent that is away, before its address is asked for */
#define AWAY_MS     (20 * 1000)

struct logs_options {
    const char *http;
    const char *framework;
    bool follow;
    bool errors;
    int64_t tail; /* bytes from the end; negative: all */
};

static int64_t file_size(const struct found_task *task, const char *file)
{
    CLEANUP(free_p) char *path = mem_printf("%s/%s", task->sandbox, file);
    CLEANUP(free_p) char *escaped = http_escape(path);
    CLEANUP(free_p) char *query = mem_printf("/files/read?path=%s&offset=-1", escaped);
    int code;
    json_t *answer = http_get(task->agent_address, query, &code);
    int64_t size = answer ? (int64_t)number(answer, "offset") : -1;

    json_decref(answer);
    return size;
}

/* What is on its way from the sandbox to stdout. */
struct follower {
    const struct logs_options *options;
    struct found_task *task;
    struct proffer_fetcher *fetcher;
    const char *file;
    struct proffer_log_place place;
    int64_t shown;
    bool ended;            /* nothing more is written */
    int64_t away_since_us; /* the agent does not answer; 0: it does */

    bool is_fetched; /* then these tell how that went */
    int error;
    int64_t bytes;
    char message[sizeof(((struct proffer_err *)NULL)->text)];
};

static void on_fetched(void *user, int error, const char *message, int64_t bytes)
{
    struct follower *self = user;

    self->is_fetched = true;
    self->error = error;
    self->bytes = bytes;
    self->shown += bytes;
    if (self->place.has_gap)
        cli_fail(0,
                 "%s of the task, behind byte %lld: some of it is lost, as the agent keeps so many "
                 "files only (--log-files)",
                 self->file, (long long)(self->shown - bytes));
    snprintf(self->message, sizeof(self->message), "%s", message);
}

/* While the task goes on the agent holds its answer back until there is something. */
static int fetch_piece(struct follower *self)
{
    struct pollfd fd = {proffer_fetcher_fd(self->fetcher), POLLIN, 0};
    struct proffer_err err;

    self->is_fetched = false;
    if (proffer_fetcher_follow_log(self->fetcher, self->task->agent_address, self->task->sandbox,
                                   self->file, &self->place, !self->ended, STDOUT_FILENO,
                                   on_fetched, self, &err) < 0)
        return cli_fail(EXIT_FAILED, "%s", err.text);
    while (!self->is_fetched) {
        poll(&fd, 1, -1);
        proffer_fetcher_dispatch(self->fetcher);
    }
    return 0;
}

/* The task as the master knows it now, and where its agent is. */
static void look_again(struct follower *self)
{
    CLEANUP(found_task_fini) struct found_task now = {0};

    if (find_task(self->options->http, self->task->framework_id, self->task->id, &now) != 0) {
        self->ended = true; /* for all that can be known */
        return;
    }
    self->ended = now.ended || !self->options->follow;
    find_task_agent(self->options->http, &now);
    free(self->task->agent_address);
    self->task->agent_address = TAKE(now.agent_address);
}

static bool is_away(int error)
{
    return error == -EHOSTUNREACH || error == -ECONNRESET || error == -ETIMEDOUT;
}

static int give_up(const struct follower *self)
{
    int code = EXIT_FAILED;

    if (is_away(self->error))
        code = EXIT_UNREACHABLE;
    else if (self->error == -ENOENT)
        code = EXIT_NOT_FOUND;
    return cli_fail(code, "%s of the task, from byte %lld on: %s (agent %s)%s", self->file,
                    (long long)self->shown, self->message, self->task->agent_address,
                    code == EXIT_NOT_FOUND ? ": is the sandbox gone?" : "");
}

/* It may be about to come back, maybe on another port. Of a task that has ended nothing gets lost by giving
 * up. */
static int on_away(struct follower *self)
{
    bool is_first = !self->away_since_us;
    int64_t now_us = clock_now().mono_us;

    if (is_first)
        self->away_since_us = now_us;
    if (self->ended && !is_first &&
        now_us - self->away_since_us >= (self->options->follow ? AWAY_MS : 0) * US_PER_MS)
        return give_up(self);
    if (is_first && self->options->follow)
        cli_fail(0, "the agent at %s: %s; trying again", self->task->agent_address, self->message);
    look_again(self);
    return EXIT_OK;
}

/* It has nothing more, and may know before the master that the task has ended. */
static void on_nothing(struct follower *self, int64_t asked_us)
{
    look_again(self);
    if (!self->ended && clock_now().mono_us - asked_us < REST_MS * US_PER_MS)
        poll(NULL, 0, REST_MS);
}

static int show(struct follower *self)
{
    for (;;) {
        int64_t asked_us = clock_now().mono_us;
        bool was_ended = self->ended;
        int code = fetch_piece(self);

        if (code)
            return code;
        if (self->bytes)
            self->away_since_us = 0;
        if (is_away(self->error))
            code = on_away(self);
        else if (self->error < 0)
            return give_up(self);
        else if (self->bytes == 0 && was_ended)
            return EXIT_OK;
        else if (self->bytes == 0)
            on_nothing(self, asked_us);
        if (code)
            return code;
    }
}

static int follow(const struct logs_options *options, struct found_task *task)
{
    CLEANUP(proffer_fetcher_destroy) struct proffer_fetcher *fetcher = NULL;
    struct follower self = {
        .options = options,
        .task = task,
        .file = options->errors ? "stderr" : "stdout",
        .ended = !options->follow || task->ended,
    };
    struct proffer_err err;

    if (options->tail >= 0) {
        int64_t size = file_size(task, self.file);

        if (size < 0)
            return EXIT_FAILED;
        self.place.offset = size > options->tail ? size - options->tail : 0;
    }
    if (proffer_fetcher_new(1, &fetcher, &err) < 0 ||
        proffer_fetcher_set_patience(fetcher, options->follow ? PATIENCE_MS : 0, &err) < 0)
        return cli_fail(EXIT_FAILED, "%s", err.text);
    self.fetcher = fetcher;
    return show(&self);
}

int cmd_logs(int argc, char **argv)
{
    static struct logs_options options = {.http = CLI_HTTP_DEFAULT, .tail = -1};
    const struct option_def defs[] = {
        {OPTION_STRING, "http", '\0', "HOST:PORT", "the master's HTTP", &options.http, 0, 0, false},
        {OPTION_STRING, "framework", '\0', "ID", "whose task", &options.framework, 0, 0, true},
        {OPTION_FLAG, "follow", 'f', NULL, "go on until the task ends", &options.follow, 0, 0,
         true},
        {OPTION_FLAG, "stderr", 'e', NULL, "what it wrote to stderr", &options.errors, 0, 0, true},
        {OPTION_BYTES, "tail", 't', "BYTES", "only the end", &options.tail, 0, INT64_MAX, true},
        {.name = NULL}};
    const struct command_def def = {
        .name = "proffer logs",
        .synopsis = "[OPTION...] TASK",
        .summary = "Show what a task wrote to stdout (or stderr).",
        .footer = "Exit: 0 ok, 1 failed, 2 usage, 3 no such task or file, 5 unreachable.",
        .options = defs};
    CLEANUP(found_task_fini) struct found_task task = {0};
    int operand, code = cli_options(&def, argc, argv, &operand);

    if (code >= 0)
        return code;
    if (operand != argc - 1)
        return cli_fail(EXIT_USAGE, "which task? (proffer logs [-f] TASK)");
    code = find_task(options.http, options.framework, argv[operand], &task);
    if (code)
        return code;
    if (!*task.sandbox)
        return cli_fail(EXIT_NOT_FOUND, "task \"%s\" has not run yet (%s)", task.id, task.state);
    return follow(&options, &task);
}
