/* proffer logs: what a task wrote, read from its agent; -f until it ends. */
#include "cli/cli.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "cli/find_task.h"
#include "cli/http.h"
#include "cli/list.h"

#define PIECE_BYTES 1048576
#define WAIT_MS     20000 /* the agent answers earlier when there is something */

struct logs_options {
    const char *http;
    const char *framework;
    bool follow;
    bool errors;
    int64_t tail; /* bytes from the end; negative: all */
};

/* One piece of the file into *out. 0 or an exit code. With `wait` the agent holds the answer back
 * until there is something new, or until WAIT_MS have passed. */
static int read_piece(const struct found_task *task, const char *file, int64_t offset, bool wait,
                      struct buf *out)
{
    CLEANUP(free_p) char *path = mem_printf("%s/%s", task->sandbox, file);
    CLEANUP(free_p) char *escaped = http_escape(path);
    CLEANUP(free_p)
    char *query = mem_printf("/files/download?path=%s&offset=%lld&length=%d&wait_ms=%d", escaped,
                             (long long)offset, PIECE_BYTES, wait ? WAIT_MS : 0);
    long status = 0;
    int code = http_read(task->agent_address, query, out, &status);

    if (code || status == 200 || status == 206)
        return code;
    if (status == 416) {
        out->size = 0;
        return 0;
    }
    return cli_fail(status == 404 ? EXIT_NOT_FOUND : EXIT_FAILED,
                    "the agent at %s answers %ld for %s: is the sandbox gone?", task->agent_address,
                    status, path);
}

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

static bool is_ended(const struct logs_options *options, const struct found_task *task)
{
    CLEANUP(found_task_fini) struct found_task now = {0};

    return find_task(options->http, task->framework_id, task->id, &now) != 0 || now.ended;
}

static int show(const struct logs_options *options, const struct found_task *task)
{
    const char *file = options->errors ? "stderr" : "stdout";
    int64_t offset = 0;
    bool ended = !options->follow || task->ended;

    if (options->tail >= 0) {
        int64_t size = file_size(task, file);

        if (size < 0)
            return EXIT_FAILED;
        offset = size > options->tail ? size - options->tail : 0;
    }
    for (;;) {
        CLEANUP(buf_fini) struct buf piece = {0};
        int code = read_piece(task, file, offset, !ended, &piece);

        if (code)
            return code;
        if (piece.size)
            fwrite(piece.data, 1, piece.size, stdout);
        fflush(stdout);
        if (ferror(stdout))
            return EXIT_FAILED;
        offset += (int64_t)piece.size;
        if (piece.size == 0 && ended)
            return EXIT_OK;
        if (piece.size == 0)
            ended = is_ended(options, task);
    }
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
    return show(&options, &task);
}
