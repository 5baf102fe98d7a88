/* proffer kill: end tasks, through the master. */
#include "cli/cli.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "base/printable.h"
#include "cli/find_task.h"
#include "cli/http.h"

static int kill_one(const char *http, const char *framework, const char *wanted, int64_t grace_ms)
{
    CLEANUP(found_task_fini) struct found_task task = {0};
    int code = find_task(http, framework, wanted, &task);
    json_t *call;

    if (code)
        return code;
    if (task.ended)
        return cli_fail(EXIT_FAILED, "task \"%s\" has ended already (%s)", task.id, task.state);
    call = json_pack("{s:s, s:s}", "task_id", task.id, "framework_id", task.framework_id);
    if (grace_ms >= 0)
        json_object_set_new(call, "kill_policy",
                            json_pack("{s:I}", "grace_ms", (json_int_t)grace_ms));
    code = http_post(http, "/kill", call);
    if (code == 0)
        print_line(stdout, "%s", task.id);
    return code;
}

int cmd_kill(int argc, char **argv)
{
    static const char *http = CLI_HTTP_DEFAULT, *framework;
    static int64_t grace_ms = -1;
    const struct option_def defs[] = {
        {OPTION_STRING, "http", '\0', "HOST:PORT", "the master's HTTP", &http, 0, 0, false},
        {OPTION_STRING, "framework", 'f', "ID", "whose task", &framework, 0, 0, true},
        {OPTION_DURATION, "grace", 'g', "TIME",
         "between SIGTERM and SIGKILL (default: the task's own)", &grace_ms, 0, 86400000, true},
        {.name = NULL}};
    const struct command_def def = {
        .name = "proffer kill",
        .synopsis = "[OPTION...] TASK...",
        .summary = "End tasks by id or name: SIGTERM, then after a grace everything in them.",
        .footer = "Exit: 0 all were told, 1 failed, 2 usage, 3 no such task, 5 unreachable.",
        .options = defs};
    int operand, result = EXIT_OK, code = cli_options(&def, argc, argv, &operand);

    if (code >= 0)
        return code;
    if (operand == argc)
        return cli_fail(EXIT_USAGE, "which task? (proffer kill TASK...)");
    for (int i = operand; i < argc; i++) {
        code = kill_one(http, framework, argv[i], grace_ms);
        result = code ? code : result;
    }
    return result;
}
