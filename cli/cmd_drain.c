/* proffer drain, deactivate, reactivate, gone: take agents out of use, or back into it. */
#include "cli/cli.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/printable.h"
#include "cli/find_agent.h"
#include "cli/http.h"
#include "cli/list.h"

#define LOOK_MS 250

static const char exits[] = "Exit: 0 done, 1 failed, 2 usage, 3 no such agent, 5 unreachable.";

/* The whole ids of those that are named; of each that is not there it is told, and *ret_exit says so. */
static json_t *find_ids(const char *http, char **names, int *ret_exit)
{
    json_t *ids = json_array();

    *ret_exit = EXIT_OK;
    for (; *names; names++) {
        int code;
        json_t *agent = find_agent(http, *names, &code);

        if (agent)
            json_array_append(ids, json_object_get(agent, "id"));
        else
            *ret_exit = code;
        json_decref(agent);
    }
    return ids;
}

/* Say it of each; `call` has all but the id. Prints the id when it is done. */
static int post_each(const char *http, const char *path, const json_t *ids, const json_t *call)
{
    int result = EXIT_OK;
    json_t *id;
    size_t i;

    json_array_foreach(ids, i, id)
    {
        json_t *body = json_copy((json_t *)call);
        int code;

        json_object_set(body, "agent_id", id);
        code = http_post(http, path, body);
        if (code == 0)
            print_line(stdout, "%s", json_string_value(id));
        result = code ? code : result;
    }
    return result;
}

/* `call` is consumed. */
static int find_and_post(const char *http, const char *path, char **names, json_t *call)
{
    int code, result;
    json_t *ids = find_ids(http, names, &code);

    result = post_each(http, path, ids, call);
    json_decref(ids);
    json_decref(call);
    return result ? result : code;
}

static json_t *call_with_reason(const char *reason)
{
    json_t *call = json_object();

    if (reason)
        json_object_set_new(call, "reason", json_string(reason));
    return call;
}

static int no_agent(const char *command)
{
    return cli_fail(EXIT_USAGE, "which agent? (proffer %s AGENT...)", command);
}

/* --- drain --------------------------------------------------------------------------------------- */

static const json_t *agent_in(const json_t *answer, const char *id)
{
    const json_t *agent;
    size_t i;

    json_array_foreach(json_object_get(answer, "slaves"), i, agent)
    {
        if (!strcmp(field(agent, "id"), id))
            return agent;
    }
    return NULL;
}

/* Until it is drained, or, when that was asked for, no longer there. */
static int await_drained(const char *http, const char *id, bool gone)
{
    for (;;) {
        int code;
        json_t *answer = http_get(http, "/slaves", &code);
        const json_t *agent;
        const char *state;

        if (!answer)
            return code;
        agent = agent_in(answer, id);
        state = agent ? agent_state_name(agent) : "gone";
        if (!agent && !gone)
            code = cli_fail(EXIT_FAILED, "agent %s has left before it was drained", id);
        else if (agent && strcmp(state, "draining") != 0 && strcmp(state, "drained") != 0)
            code = cli_fail(EXIT_FAILED, "agent %s is %s: its drain was ended", id, state);
        else
            code = !agent || (!gone && !strcmp(state, "drained")) ? EXIT_OK : -1;
        json_decref(answer);
        if (code >= 0)
            return code;
        poll(NULL, 0, LOOK_MS);
    }
}

static int drain(const char *http, char **names, const json_t *call, bool wait)
{
    bool gone = json_is_true(json_object_get(call, "mark_gone"));
    int code, result;
    json_t *ids = find_ids(http, names, &code), *id;
    size_t i;

    result = post_each(http, "/agents/drain", ids, call);
    result = result ? result : code;
    json_array_foreach(ids, i, id)
    {
        if (result == EXIT_OK && wait)
            result = await_drained(http, json_string_value(id), gone);
    }
    json_decref(ids);
    return result;
}

int cmd_drain(int argc, char **argv)
{
    static const char *http = CLI_HTTP_DEFAULT, *reason;
    static int64_t grace_ms = -1;
    static bool gone, wait;
    const struct option_def defs[] = {
        {OPTION_STRING, "http", '\0', "HOST:PORT", "the master's HTTP", &http, 0, 0, false},
        {OPTION_DURATION, "grace", 'g', "TIME",
         "a task has at most so long to end (default: its own)", &grace_ms, 0, INT64_MAX / 1000,
         true},
        {OPTION_FLAG, "gone", '\0', NULL, "it will not come back: mark it gone when it is empty",
         &gone, 0, 0, true},
        {OPTION_STRING, "reason", '\0', "TEXT", "for the master's log", &reason, 0, 0, true},
        {OPTION_FLAG, "wait", 'w', NULL, "until nothing runs there any more", &wait, 0, 0, true},
        {.name = NULL}};
    const struct command_def def = {
        .name = "proffer drain",
        .synopsis = "[OPTION...] AGENT...",
        .summary = "End all tasks of agents, and give them no others, until they are reactivated.",
        .footer = exits,
        .options = defs};
    int operand, code = cli_options(&def, argc, argv, &operand);
    json_t *call;

    if (code >= 0)
        return code;
    if (operand == argc)
        return no_agent("drain");
    call = call_with_reason(reason);
    if (grace_ms >= 0) /* 0 would mean: not given */
        json_object_set_new(call, "max_grace_ms", json_integer(grace_ms ? grace_ms : 1));
    if (gone)
        json_object_set_new(call, "mark_gone", json_true());
    code = drain(http, argv + operand, call, wait);
    json_decref(call);
    return code;
}

/* --- deactivate, reactivate ------------------------------------------------------------------------ */

int cmd_deactivate(int argc, char **argv)
{
    static const char *http = CLI_HTTP_DEFAULT, *reason;
    const struct option_def defs[] = {
        {OPTION_STRING, "http", '\0', "HOST:PORT", "the master's HTTP", &http, 0, 0, false},
        {OPTION_STRING, "reason", '\0', "TEXT", "for the master's log", &reason, 0, 0, true},
        {.name = NULL}};
    const struct command_def def = {.name = "proffer deactivate",
                                    .synopsis = "[OPTION...] AGENT...",
                                    .summary = "Give agents no new tasks; what runs there goes on.",
                                    .footer = exits,
                                    .options = defs};
    int operand, code = cli_options(&def, argc, argv, &operand);

    if (code >= 0)
        return code;
    if (operand == argc)
        return no_agent("deactivate");
    return find_and_post(http, "/agents/deactivate", argv + operand, call_with_reason(reason));
}

int cmd_reactivate(int argc, char **argv)
{
    static const char *http = CLI_HTTP_DEFAULT;
    const struct option_def defs[] = {
        {OPTION_STRING, "http", '\0', "HOST:PORT", "the master's HTTP", &http, 0, 0, false},
        {.name = NULL}};
    const struct command_def def = {.name = "proffer reactivate",
                                    .synopsis = "[OPTION...] AGENT...",
                                    .summary = "Use agents again that were deactivated or drained.",
                                    .footer = exits,
                                    .options = defs};
    int operand, code = cli_options(&def, argc, argv, &operand);

    if (code >= 0)
        return code;
    if (operand == argc)
        return no_agent("reactivate");
    return find_and_post(http, "/agents/reactivate", argv + operand, json_object());
}

/* --- gone ------------------------------------------------------------------------------------------ */

/* It cannot be undone: a whole id says that it is meant, a part of one or a host's name does not. */
static int check_meant(const char *http, char **names, bool yes)
{
    for (; !yes && *names; names++) {
        int code;
        json_t *agent = find_agent(http, *names, &code);
        bool is_whole = agent && !strcmp(field(agent, "id"), *names);

        if (!agent)
            return code;
        if (!is_whole)
            code = cli_fail(EXIT_USAGE,
                            "agent %s on %s would be gone for ever, its tasks with it: say so "
                            "with --yes, or by its whole id",
                            field(agent, "id"), field(agent, "hostname"));
        json_decref(agent);
        if (!is_whole)
            return code;
    }
    return EXIT_OK;
}

int cmd_gone(int argc, char **argv)
{
    static const char *http = CLI_HTTP_DEFAULT, *reason;
    static bool yes;
    const struct option_def defs[] = {
        {OPTION_STRING, "http", '\0', "HOST:PORT", "the master's HTTP", &http, 0, 0, false},
        {OPTION_STRING, "reason", '\0', "TEXT", "for the master's log", &reason, 0, 0, true},
        {OPTION_FLAG, "yes", 'y', NULL, "it is meant, though the id is not given in full", &yes, 0,
         0, true},
        {.name = NULL}};
    const struct command_def def = {
        .name = "proffer gone",
        .synopsis = "[OPTION...] AGENT...",
        .summary = "Say that agents will never come back: their tasks are told to be over, their\n"
                   "ids are refused for ever, and what still runs there is told to end.",
        .footer = exits,
        .options = defs};
    int operand, code = cli_options(&def, argc, argv, &operand);

    if (code >= 0)
        return code;
    if (operand == argc)
        return no_agent("gone");
    code = check_meant(http, argv + operand, yes);
    if (code)
        return code;
    return find_and_post(http, "/agents/gone", argv + operand, call_with_reason(reason));
}
