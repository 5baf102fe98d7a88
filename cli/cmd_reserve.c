/* proffer reservation, volume: what agents have for whom, and what operators make of it. */
#include "cli/cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/units.h"
#include "cli/find_agent.h"
#include "cli/http.h"
#include "cli/list.h"

static const char exits[] =
    "Exit: 0 done, 1 refused or failed, 2 usage, 3 not found, 5 unreachable.";

/* Of GET /PLACE, of one agent and role if they are given. */
static int show(const struct list_options *options, const struct list_view *view, const char *place,
                const char *agent_name, const char *role)
{
    CLEANUP(free_p) char *path = NULL;
    CLEANUP(free_p) char *agent_text = NULL, *role_text = NULL;
    int code = list_options_check(options);
    json_t *agent = NULL, *answer;

    if (!code && agent_name)
        agent = find_agent(options->http, agent_name, &code);
    if (code)
        return code;
    agent_text = agent ? http_escape(field(agent, "id")) : NULL;
    json_decref(agent);
    role_text = role ? http_escape(role) : NULL;
    path = mem_printf("/%s?%s%s%s%s", place, agent_text ? "agent_id=" : "",
                      agent_text ? agent_text : "", role_text ? "&role=" : "",
                      role_text ? role_text : "");
    answer = http_get(options->http, path, &code);
    if (answer)
        code = list_show(options, view, json_incref(json_object_get(answer, place)));
    json_decref(answer);
    return code;
}

/* The agent's id and the role are in it; the rest is the caller's. NULL: *ret_exit. */
static json_t *call_of(const char *http, const char *agent_name, const char *role, int *ret_exit)
{
    json_t *agent = find_agent(http, agent_name, ret_exit), *call;

    if (!agent)
        return NULL;
    call = json_pack("{s:s, s:s}", "agent_id", field(agent, "id"), "role", role);
    json_decref(agent);
    if (!call)
        *ret_exit = cli_fail(EXIT_USAGE, "the role must be valid UTF-8");
    return call;
}

static void set_text(json_t *call, const char *name, const char *text)
{
    if (text)
        json_object_set_new(call, name, json_string(text));
}

/* --- reservation --------------------------------------------------------------------------------- */

struct reservation_options {
    struct list_options list;
    const char *agent, *role, *principal;
    struct option_strings labels;
    bool instead;
};

static void reservation_row(struct table *table, const json_t *item, bool wide)
{
    table_cell(table, "%s", short_id(field(item, "agent_id"), wide));
    table_cell(table, "%s", field(item, "hostname"));
    table_cell(table, "%s", field(item, "role"));
    table_cell(table, "%s", json_is_true(json_object_get(item, "dynamic")) ? "dynamic" : "static");
    table_cell(table, "%s", *field(item, "principal") ? field(item, "principal") : "-");
    table_cell(table, "%s", field(item, wide ? "exactly" : "amounts"));
    table_cell(table, "%s", *field(item, "used_amounts") ? field(item, "used_amounts") : "-");
}

/* "k=v" each. */
static json_t *labels_of(const struct option_strings *strings, int *ret_exit)
{
    json_t *labels = json_array();

    for (size_t i = 0; i < strings->count; i++) {
        const char *text = strings->items[i], *equals = strchr(text, '=');
        json_t *label = equals && equals > text
                            ? json_pack("{s:s%, s:s}", "key", text, (size_t)(equals - text),
                                        "value", equals + 1)
                            : NULL;

        if (!label) {
            *ret_exit = cli_fail(EXIT_USAGE, "--label %s: must be NAME=VALUE", text);
            break;
        }
        json_array_append_new(labels, label);
    }
    return labels;
}

static int change_reservation(const struct reservation_options *options, const char *path,
                              char **words)
{
    int code = EXIT_OK;
    json_t *labels = labels_of(&options->labels, &code), *call;

    call = code ? NULL : call_of(options->list.http, words[0], words[1], &code);
    if (!call) {
        json_decref(labels);
        return code;
    }
    set_text(call, "resources", words[2]);
    set_text(call, "principal", options->principal);
    json_object_set_new(call, "labels", labels);
    if (options->instead)
        json_object_set_new(call, "instead", json_true());
    return http_post(options->list.http, path, call);
}

static int reservation(const struct reservation_options *options, int count, char **words)
{
    static const char *const columns[] = {"AGENT",     "HOST",     "ROLE", "KIND",
                                          "PRINCIPAL", "RESERVED", "USED", NULL};
    static const struct list_view view = {columns, "role", reservation_row};

    if (!count)
        return show(&options->list, &view, "reservations", options->agent, options->role);
    if (count == 4 && !strcmp(words[0], "add"))
        return change_reservation(options, "/reservations", words + 1);
    if ((count == 3 || count == 4) && !strcmp(words[0], "remove"))
        return change_reservation(options, "/reservations/remove", words + 1);
    return cli_fail(EXIT_USAGE, "expected nothing, add AGENT ROLE RESOURCES or remove AGENT ROLE "
                                "[RESOURCES] (try proffer reservation --help)");
}

int cmd_reservation(int argc, char **argv)
{
    static struct reservation_options options = {.list = LIST_DEFAULTS};
    const struct option_def defs[] = {
        LIST_OPTIONS(options.list),
        {OPTION_STRING, "agent", 'a', "AGENT", "show those of this agent", &options.agent, 0, 0,
         true},
        {OPTION_STRING, "role", 'r', "ROLE", "show those for this role", &options.role, 0, 0, true},
        {OPTION_STRING, "principal", '\0', "NAME",
         "add: who makes it; remove: only what that one has made", &options.principal, 0, 0, true},
        {OPTION_STRINGS, "label", 'l', "NAME=VALUE",
         "add: a label of it; remove: only what has it; may be repeated", &options.labels, 0, 0,
         true},
        {OPTION_FLAG, "instead", '\0', NULL,
         "add: in place of the reservation that they have, not within it", &options.instead, 0, 0,
         true},
        {.name = NULL}};
    const struct command_def def = {
        .name = "proffer reservation",
        .synopsis = "[OPTION...] [add AGENT ROLE RESOURCES |\n"
                    "           remove AGENT ROLE [RESOURCES]]",
        .summary =
            "Show what is reserved on agents, and for whom; reserve something, as cpus:2;mem:512,\n"
            "or, of what is reserved for a role already, cpus(ads):2; end that for some or all.\n"
            "Ends when the agent has written it down. Offers that are in the way are taken back.",
        .footer = exits,
        .options = defs};
    int operand, code = cli_options(&def, argc, argv, &operand);

    if (code < 0)
        code = reservation(&options, argc - operand, argv + operand);
    options_fini_strings(&options.labels);
    return code;
}

/* --- volume -------------------------------------------------------------------------------------- */

struct volume_options {
    struct list_options list;
    const char *agent, *role, *principal;
    bool shared;
};

static void volume_row(struct table *table, const json_t *item, bool wide)
{
    const json_t *users = json_object_get(item, "used_by");

    table_cell(table, "%s", field(item, "id"));
    table_cell(table, "%s", field(item, "role"));
    table_cell(table, "%s", short_id(field(item, "agent_id"), wide));
    table_cell(table, "%s", field(item, "hostname"));
    table_cell(table, "%.12g", number(item, "mib"));
    table_cell(table, "%s", json_is_true(json_object_get(item, "shared")) ? "yes" : "no");
    if (json_array_size(users) == 1)
        table_cell(table, "%s", field(json_array_get(users, 0), "task_id"));
    else if (json_array_size(users))
        table_cell(table, "%zu tasks", json_array_size(users));
    else
        table_cell(table, "-");
}

static int change_volume(const struct volume_options *options, const char *path, int count,
                         char **words)
{
    int64_t mib = 0;
    struct err err;
    json_t *call;
    int code;

    if (count == 4 && units_parse_int(words[3], 1, INT64_MAX, &mib, &err) < 0)
        return cli_fail(EXIT_USAGE, "size in MiB: %s", err.text);
    call = call_of(options->list.http, words[0], words[1], &code);
    if (!call)
        return code;
    set_text(call, "volume_id", words[2]);
    set_text(call, "principal", options->principal);
    if (mib)
        json_object_set_new(call, "mib", json_integer((json_int_t)mib));
    if (options->shared)
        json_object_set_new(call, "shared", json_true());
    return http_post(options->list.http, path, call);
}

static int volume(const struct volume_options *options, int count, char **words)
{
    static const char *const columns[] = {"VOLUME", "ROLE",   "AGENT",   "HOST",
                                          ">MIB",   "SHARED", "USED BY", NULL};
    static const struct list_view view = {columns, "id", volume_row};
    static const struct {
        const char *word, *path;
        int count;
    } verbs[] = {{"create", "/volumes/create", 4},
                 {"destroy", "/volumes/destroy", 3},
                 {"grow", "/volumes/grow", 4},
                 {"shrink", "/volumes/shrink", 4}};

    if (!count)
        return show(&options->list, &view, "volumes", options->agent, options->role);
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
        if (!strcmp(words[0], verbs[i].word) && count - 1 == verbs[i].count)
            return change_volume(options, verbs[i].path, count - 1, words + 1);
    return cli_fail(EXIT_USAGE,
                    "expected nothing, create AGENT ROLE ID MIB, destroy AGENT ROLE ID, grow or "
                    "shrink AGENT ROLE ID MIB (try proffer volume --help)");
}

int cmd_volume(int argc, char **argv)
{
    static struct volume_options options = {.list = LIST_DEFAULTS};
    const struct option_def defs[] = {
        LIST_OPTIONS(options.list),
        {OPTION_STRING, "agent", 'a', "AGENT", "show those of this agent", &options.agent, 0, 0,
         true},
        {OPTION_STRING, "role", 'r', "ROLE", "show those of this role", &options.role, 0, 0, true},
        {OPTION_STRING, "principal", '\0', "NAME", "create: who makes it", &options.principal, 0, 0,
         true},
        {OPTION_FLAG, "shared", '\0', NULL, "create: many tasks may have it at once",
         &options.shared, 0, 0, true},
        {.name = NULL}};
    const struct command_def def = {
        .name = "proffer volume",
        .synopsis = "[OPTION...] [create AGENT ROLE ID MIB |\n"
                    "           destroy AGENT ROLE ID | grow AGENT ROLE ID MIB |\n"
                    "           shrink AGENT ROLE ID MIB]",
        .summary =
            "Show volumes and who uses them; make one of disk that is reserved for the role;\n"
            "destroy it, with what is in it; make it larger or smaller by so much.\n"
            "Ends when the agent has written it down.",
        .footer = exits,
        .options = defs};
    int operand, code = cli_options(&def, argc, argv, &operand);

    return code >= 0 ? code : volume(&options, argc - operand, argv + operand);
}
