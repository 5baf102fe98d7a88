/* proffer why: why a framework is offered something, or not. */
#include "cli/cli.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/printable.h"
#include "cli/http.h"
#include "cli/list.h"

static int ask(const char *http, const char *framework, const char *role, const char *agent)
{
    CLEANUP(free_p) char *escaped_framework = http_escape(framework);
    CLEANUP(free_p) char *escaped_role = http_escape(role ? role : "");
    CLEANUP(free_p) char *escaped_agent = http_escape(agent ? agent : "");
    CLEANUP(free_p)
    char *path = mem_printf("/explain?framework=%s&role=%s&agent=%s", escaped_framework,
                            escaped_role, escaped_agent);
    int code;
    json_t *answer = http_get(http, path, &code);

    if (!answer)
        return code;
    print_lines(stdout, field(answer, "message"));
    json_decref(answer);
    return EXIT_OK;
}

int cmd_why(int argc, char **argv)
{
    static const char *http = CLI_HTTP_DEFAULT, *role, *agent;
    const struct option_def defs[] = {
        {OPTION_STRING, "http", '\0', "HOST:PORT", "the master's HTTP", &http, 0, 0, false},
        {OPTION_STRING, "role", 'r', "ROLE", "in this role only", &role, 0, 0, true},
        {OPTION_STRING, "agent", 'a', "ID", "of this agent only", &agent, 0, 0, true},
        {.name = NULL}};
    const struct command_def def = {
        .name = "proffer why",
        .synopsis = "[OPTION...] FRAMEWORK",
        .summary = "Why a framework is offered something, or nothing: each rule with counts.",
        .footer = "FRAMEWORK is an id, or a name that only one has.\n"
                  "Exit: 0 told, 1 failed, 2 usage, 3 no such framework or agent, 5 unreachable.",
        .options = defs};
    int operand, code = cli_options(&def, argc, argv, &operand);

    if (code >= 0)
        return code;
    if (operand + 1 != argc)
        return cli_fail(EXIT_USAGE, "which framework? (proffer why FRAMEWORK)");
    return ask(http, argv[operand], role, agent);
}
