/* proffer agents, frameworks, tasks, offers: what the master's /state holds, as lists. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/units.h"
#include "cli/find_agent.h"
#include "cli/http.h"
#include "cli/list.h"

static const char list_footer[] = "Exit: 0 ok, 2 usage, 5 no answer from the master.";

/* Fetch `path` and show its array `key`. */
static int show_endpoint(const struct list_options *options, const struct list_view *view,
                         const char *path, const char *key)
{
    int code = list_options_check(options);
    json_t *answer, *array;

    if (code)
        return code;
    answer = http_get(options->http, path, &code);
    if (!answer)
        return code;
    array = json_incref(json_object_get(answer, key));
    json_decref(answer);
    if (!json_is_array(array)) {
        json_decref(array);
        return cli_fail(EXIT_FAILED, "the answer of %s%s has no \"%s\"", options->http, path, key);
    }
    return list_show(options, view, array);
}

/* --- agents -------------------------------------------------------------------------------------
 */

static void agent_row(struct table *table, const json_t *agent, bool wide)
{
    const json_t *total = json_object_get(agent, "resources");
    const json_t *used = json_object_get(agent, "used_resources");
    const char *pid = field(agent, "pid"), *at = strchr(pid, '@');

    table_cell(table, "%s", short_id(field(agent, "id"), wide));
    table_cell(table, "%s", field(agent, "hostname"));
    table_cell(table, "%s", at ? at + 1 : pid);
    table_cell(table, "%s", agent_state_name(agent));
    print_used(table, used, total, "cpus");
    print_used(table, used, total, "mem");
    print_used(table, used, total, "disk");
    print_age(table, number(agent, "registered_time"));
}

int cmd_agents(int argc, char **argv)
{
    static struct list_options options = LIST_DEFAULTS;
    static const char *const columns[] = {
        "ID", "HOST", "ADDRESS", "STATE", ">CPUS USED", ">MEM USED", ">DISK USED", ">AGE", NULL};
    static const struct list_view view = {columns, "id", agent_row};
    const struct option_def defs[] = {LIST_OPTIONS(options), {.name = NULL}};
    const struct command_def def = {.name = "proffer agents",
                                    .synopsis = CLI_OPTIONS_ONLY,
                                    .summary = "List the agents and how much of each is used.",
                                    .footer = list_footer,
                                    .options = defs};
    int operand, code = cli_options(&def, argc, argv, &operand);

    return code >= 0 ? code : show_endpoint(&options, &view, "/slaves", "slaves");
}

/* --- frameworks ----------------------------------------------------------------------------------
 */

static void framework_row(struct table *table, const json_t *framework, bool wide)
{
    const json_t *used = json_object_get(framework, "used_resources");
    bool active = json_is_true(json_object_get(framework, "active"));
    bool connected = json_is_true(json_object_get(framework, "connected"));
    const char *state = active ? "active" : "inactive";

    if (number(framework, "unregistered_time") > 0)
        state = "completed";
    else if (!connected)
        state = "disconnected";

    table_cell(table, "%s", short_id(field(framework, "id"), wide));
    table_cell(table, "%s", field(framework, "name"));
    table_cell(table, "%s", state);
    table_cell(table, "%s", field(framework, "user"));
    table_cell(table, "%zu", json_array_size(json_object_get(framework, "tasks")));
    table_cell(table, "%.12g", number(used, "cpus"));
    table_cell(table, "%.12g", number(used, "mem"));
    print_age(table, number(framework, "registered_time"));
}

int cmd_frameworks(int argc, char **argv)
{
    static struct list_options options = LIST_DEFAULTS;
    static bool completed;
    static const char *const columns[] = {"ID",    "NAME", "STATE", "USER", ">TASKS",
                                          ">CPUS", ">MEM", ">AGE",  NULL};
    static const struct list_view view = {columns, "id", framework_row};
    const struct option_def defs[] = {
        LIST_OPTIONS(options),
        {OPTION_FLAG, "completed", '\0', NULL, "those that have ended", &completed, 0, 0, true},
        {.name = NULL}};
    const struct command_def def = {.name = "proffer frameworks",
                                    .synopsis = CLI_OPTIONS_ONLY,
                                    .summary = "List the frameworks and what they use.",
                                    .footer = list_footer,
                                    .options = defs};
    int operand, code = cli_options(&def, argc, argv, &operand);

    return code >= 0 ? code
                     : show_endpoint(&options, &view, "/frameworks",
                                     completed ? "completed_frameworks" : "frameworks");
}

/* --- tasks ---------------------------------------------------------------------------------------
 */

static bool is_terminal(const char *state)
{
    static const char *const terminal[] = {"TASK_FINISHED",        "TASK_FAILED",  "TASK_KILLED",
                                           "TASK_ERROR",           "TASK_DROPPED", "TASK_GONE",
                                           "TASK_GONE_BY_OPERATOR"};

    for (size_t i = 0; i < ARRAY_SIZE(terminal); i++)
        if (!strcmp(state, terminal[i]))
            return true;
    return false;
}

static double last_change(const json_t *task)
{
    const json_t *statuses = json_object_get(task, "statuses");
    size_t count = json_array_size(statuses);

    return count ? number(json_array_get(statuses, count - 1), "timestamp") : 0;
}

/* Of one whose health is known. */
static const char *health(const json_t *task)
{
    const json_t *statuses = json_object_get(task, "statuses");
    size_t count = json_array_size(statuses);
    const json_t *healthy =
        count ? json_object_get(json_array_get(statuses, count - 1), "healthy") : NULL;

    if (!healthy || is_terminal(field(task, "state")))
        return "";
    return json_is_true(healthy) ? " (healthy)" : " (unhealthy)";
}

/* With what it is in its group, if it is in one. */
static void print_name(struct table *table, const json_t *task)
{
    const json_t *group = json_object_get(task, "group");
    const char *part = field(group, "part");

    if (group)
        table_cell(table, "%s (%s of %s)", field(task, "name"),
                   !strcmp(part, "INIT")      ? "init"
                   : !strcmp(part, "SIDECAR") ? "sidecar"
                                              : "main",
                   field(group, "id"));
    else
        table_cell(table, "%s", field(task, "name"));
}

/* " (gives way in 25s)", of one that has notice. */
static void print_notice(const json_t *task, struct buf *out)
{
    double left = number(json_object_get(task, "preemption"), "deadline") - (double)time(NULL);

    if (!json_object_get(task, "preemption"))
        return;
    buf_puts(out, " (gives way ");
    if (left >= 1) {
        buf_puts(out, "in ");
        units_print_duration((int64_t)left * 1000, out);
    } else {
        buf_puts(out, "now");
    }
    buf_puts(out, ")");
}

static void task_row(struct table *table, const json_t *task, bool wide)
{
    const json_t *resources = json_object_get(task, "resources");
    const char *state = field(task, "state");
    CLEANUP(buf_fini) struct buf notice = {0};

    print_notice(task, &notice);
    table_cell(table, "%s", field(task, "id"));
    print_name(table, task);
    table_cell(table, "%s%s%s", !wide && !strncmp(state, "TASK_", 5) ? state + 5 : state,
               health(task), buf_text(&notice));
    table_cell(table, "%s", short_id(field(task, "framework_id"), wide));
    table_cell(table, "%s", short_id(field(task, "slave_id"), wide));
    table_cell(table, "%.12g", number(resources, "cpus"));
    table_cell(table, "%.12g", number(resources, "mem"));
    print_age(table, last_change(task));
}

static json_t *select_tasks(const json_t *tasks, bool all, const char *framework)
{
    json_t *selected = json_array(), *task;
    size_t i;

    json_array_foreach(tasks, i, task)
    {
        if (!all && is_terminal(field(task, "state")))
            continue;
        if (framework && !id_matches(field(task, "framework_id"), framework))
            continue;
        json_array_append(selected, task);
    }
    return selected;
}

int cmd_tasks(int argc, char **argv)
{
    static struct list_options options = LIST_DEFAULTS;
    static bool all;
    static const char *framework;
    static const char *const columns[] = {"ID",    "NAME", "STATE",  "FRAMEWORK", "AGENT",
                                          ">CPUS", ">MEM", ">SINCE", NULL};
    static const struct list_view view = {columns, "id", task_row};
    const struct option_def defs[] = {
        LIST_OPTIONS(options),
        {OPTION_FLAG, "all", 'a', NULL, "also those that have ended", &all, 0, 0, true},
        {OPTION_STRING, "framework", 'f', "ID", "of one framework", &framework, 0, 0, true},
        {.name = NULL}};
    const struct command_def def = {.name = "proffer tasks",
                                    .synopsis = CLI_OPTIONS_ONLY,
                                    .summary = "List the tasks that have not ended.",
                                    .footer = list_footer,
                                    .options = defs};
    int operand, code = cli_options(&def, argc, argv, &operand);
    json_t *answer, *tasks;

    if (code >= 0 || (code = list_options_check(&options)))
        return code;
    answer = http_get(options.http, "/tasks?limit=1000000000&order=asc", &code);
    if (!answer)
        return code;
    tasks = select_tasks(json_object_get(answer, "tasks"), all, framework);
    json_decref(answer);
    return list_show(&options, &view, tasks);
}

/* --- offers
 * --------------------------------------------------------------------------------------- */

static void offer_row(struct table *table, const json_t *offer, bool wide)
{
    const json_t *resources = json_object_get(offer, "resources");

    table_cell(table, "%s", short_id(field(offer, "id"), wide));
    table_cell(table, "%s", short_id(field(offer, "framework_id"), wide));
    table_cell(table, "%s", short_id(field(offer, "slave_id"), wide));
    table_cell(table, "%s", field(json_object_get(offer, "allocation_info"), "role"));
    table_cell(table, "%.12g", number(resources, "cpus"));
    table_cell(table, "%.12g", number(resources, "mem"));
    table_cell(table, "%s", field(resources, "ports"));
}

int cmd_offers(int argc, char **argv)
{
    static struct list_options options = LIST_DEFAULTS;
    static const char *const columns[] = {"ID",    "FRAMEWORK", "AGENT", "ROLE",
                                          ">CPUS", ">MEM",      "PORTS", NULL};
    static const struct list_view view = {columns, "id", offer_row};
    const struct option_def defs[] = {LIST_OPTIONS(options), {.name = NULL}};
    const struct command_def def = {
        .name = "proffer offers",
        .synopsis = CLI_OPTIONS_ONLY,
        .summary = "List the offers that frameworks hold and have not answered.",
        .footer = list_footer,
        .options = defs};
    int operand, code = cli_options(&def, argc, argv, &operand);

    return code >= 0 ? code : show_endpoint(&options, &view, "/offers", "offers");
}
