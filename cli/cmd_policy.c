/* proffer quota, weight, priority, role: what operators set for roles. */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/units.h"
#include "cli/http.h"
#include "cli/list.h"

static const char exits[] = "Exit: 0 done, 1 refused or failed, 2 usage, 5 unreachable.";

static int compare_names(const void *a, const void *b)
{
    return strcmp(field(*(json_t *const *)a, "name"), field(*(json_t *const *)b, "name"));
}

/* Those of /roles for which `is_shown` holds, by name. */
static json_t *get_roles(const char *http, bool (*is_shown)(const json_t *role), int *ret_exit)
{
    json_t *answer = http_get(http, "/roles", ret_exit), *roles = json_object_get(answer, "roles");
    size_t size = json_array_size(roles), count = 0;
    CLEANUP(free_p) json_t **items = mem_calloc(size, sizeof(json_t *));
    json_t *shown = json_array(), *role;
    size_t i;

    json_array_foreach(roles, i, role)
    {
        if (is_shown(role))
            items[count++] = role;
    }
    qsort(items, count, sizeof(*items), compare_names);
    for (i = 0; i < count; i++)
        json_array_append(shown, items[i]);
    json_decref(answer);
    return shown;
}

static int show(const struct list_options *options, const struct list_view *view,
                bool (*is_shown)(const json_t *role))
{
    int code = list_options_check(options);
    json_t *roles;

    if (code)
        return code;
    roles = get_roles(options->http, is_shown, &code);
    if (!code)
        return list_show(options, view, roles);
    json_decref(roles);
    return code;
}

/* DELETE /PLACE?role=ROLE */
static int remove_of(const char *http, const char *place, const char *role)
{
    CLEANUP(free_p) char *escaped = http_escape(role);
    CLEANUP(free_p) char *path = mem_printf("/%s?role=%s", place, escaped);

    return http_delete(http, path);
}

/* --- quota --------------------------------------------------------------------------------------- */

static const json_t *quota_of(const json_t *role, const char *part)
{
    return json_object_get(json_object_get(role, "quota"), part);
}

static bool has_quota(const json_t *role)
{
    return json_object_size(quota_of(role, "guarantee")) ||
           json_object_size(quota_of(role, "limit"));
}

static void print_amounts(struct table *table, const json_t *amounts)
{
    CLEANUP(buf_fini) struct buf text = {0};
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)amounts, name, value)
        buf_printf(&text, "%s%s:%.12g", text.size ? ";" : "", name, json_number_value(value));
    table_cell(table, "%s", text.size ? buf_text(&text) : "-");
}

/* Of what has a guarantee or a limit. */
static void print_consumed(struct table *table, const json_t *role)
{
    const json_t *consumed = quota_of(role, "consumed");
    json_t *named = json_object();
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)consumed, name, value)
    {
        if (json_object_get(quota_of(role, "guarantee"), name) ||
            json_object_get(quota_of(role, "limit"), name))
            json_object_set(named, name, value);
    }
    print_amounts(table, named);
    json_decref(named);
}

static void quota_row(struct table *table, const json_t *role, bool wide)
{
    (void)wide;
    table_cell(table, "%s", field(role, "name"));
    print_amounts(table, quota_of(role, "guarantee"));
    print_amounts(table, quota_of(role, "limit"));
    print_consumed(table, role);
}

struct quota_options {
    struct list_options list;
    const char *guarantee, *limit;
    bool force;
};

static int set_quota(const struct quota_options *options, const char *role)
{
    json_t *call;

    if (!*options->guarantee && !*options->limit)
        return cli_fail(EXIT_USAGE,
                        "what is it guaranteed, or limited to? (--guarantee 'cpus:4;mem:1024'"
                        " --limit cpus:8; to nothing: proffer quota remove %s)",
                        role);
    call = json_pack("{s:s, s:s, s:s, s:b}", "role", role, "guarantees", options->guarantee,
                     "limits", options->limit, "force", options->force);
    if (!call)
        return cli_fail(EXIT_USAGE, "role and amounts must be valid UTF-8");
    return http_post(options->list.http, "/quota", call);
}

/* Several roles, as POST /quota takes them: all or none. */
static int apply_quotas(const char *http, const char *path)
{
    bool is_stdin = !strcmp(path, "-");
    FILE *file = is_stdin ? stdin : fopen(path, "re");
    json_error_t error;
    json_t *call;

    if (!file)
        return cli_fail(EXIT_FAILED, "%s: %s", path, strerror(errno));
    call = json_loadf(file, JSON_REJECT_DUPLICATES, &error);
    if (!is_stdin)
        fclose(file);
    if (!call)
        return cli_fail(EXIT_FAILED, "%s: line %d, column %d: %s", path, error.line, error.column,
                        error.text);
    return http_post(http, "/quota", call);
}

static int quota(const struct quota_options *options, int count, char **words)
{
    static const char *const columns[] = {"ROLE", "GUARANTEE", "LIMIT", "USED", NULL};
    static const struct list_view view = {columns, "name", quota_row};

    if (!count)
        return show(&options->list, &view, has_quota);
    if (count == 2 && !strcmp(words[0], "set"))
        return set_quota(options, words[1]);
    if (count == 2 && !strcmp(words[0], "remove"))
        return remove_of(options->list.http, "quota", words[1]);
    if (count == 2 && !strcmp(words[0], "apply"))
        return apply_quotas(options->list.http, words[1]);
    return cli_fail(EXIT_USAGE, "expected nothing, set ROLE, remove ROLE or apply FILE (try "
                                "proffer quota --help)");
}

int cmd_quota(int argc, char **argv)
{
    static struct quota_options options = {.list = LIST_DEFAULTS, .guarantee = "", .limit = ""};
    const struct option_def defs[] = {
        LIST_OPTIONS(options.list),
        {OPTION_STRING, "guarantee", 'g', "AMOUNTS", "what it can always have: cpus:4;mem:1024",
         &options.guarantee, 0, 0, true},
        {OPTION_STRING, "limit", 'l', "AMOUNTS", "what it never gets more of", &options.limit, 0, 0,
         true},
        {OPTION_FLAG, "force", '\0', NULL, "even if more is guaranteed in all than the agents have",
         &options.force, 0, 0, true},
        {.name = NULL}};
    const struct command_def def = {
        .name = "proffer quota",
        .synopsis = "[OPTION...] [set ROLE | remove ROLE | apply FILE]",
        .summary = "Show what roles are guaranteed and limited to; set it for one, as a whole;\n"
                   "remove it; set it for several by a file (-: stdin), for all or for none:\n"
                   "[{\"role\":\"ads\",\"guarantees\":{\"cpus\":4},\"limits\":\"cpus:8\"},...]",
        .footer = exits,
        .options = defs};
    int operand, code = cli_options(&def, argc, argv, &operand);

    return code >= 0 ? code : quota(&options, argc - operand, argv + operand);
}

/* --- weight -------------------------------------------------------------------------------------- */

static bool is_role(const json_t *role)
{
    (void)role;
    return true;
}

static void weight_row(struct table *table, const json_t *role, bool wide)
{
    (void)wide;
    table_cell(table, "%s", field(role, "name"));
    table_cell(table, "%.12g", number(role, "weight"));
    table_cell(table, "%zu", json_array_size(json_object_get(role, "frameworks")));
}

/* ROLE N, once or more often: all or none. */
static int set_weights(const char *http, int count, char **words)
{
    json_t *call = json_array();

    for (int i = 0; i < count; i += 2) {
        struct err err;
        int64_t milli;
        json_t *one;

        if (units_parse_milli(words[i + 1], &milli, &err) < 0) {
            json_decref(call);
            return cli_fail(EXIT_USAGE, "weight of %s: %s", words[i], err.text);
        }
        one = json_pack("{s:s, s:f}", "role", words[i], "weight", (double)milli / 1000);
        if (!one) {
            json_decref(call);
            return cli_fail(EXIT_USAGE, "the role must be valid UTF-8");
        }
        json_array_append_new(call, one);
    }
    return http_post(http, "/weights", call);
}

static int weight(const struct list_options *options, int count, char **words)
{
    static const char *const columns[] = {"ROLE", ">WEIGHT", ">FRAMEWORKS", NULL};
    static const struct list_view view = {columns, "name", weight_row};

    if (!count)
        return show(options, &view, is_role);
    if (count >= 3 && count % 2 && !strcmp(words[0], "set"))
        return set_weights(options->http, count - 1, words + 1);
    if (count == 2 && !strcmp(words[0], "remove"))
        return remove_of(options->http, "weights", words[1]);
    return cli_fail(EXIT_USAGE,
                    "expected nothing, set ROLE N... or remove ROLE (try proffer weight --help)");
}

int cmd_weight(int argc, char **argv)
{
    static struct list_options options = LIST_DEFAULTS;
    const struct option_def defs[] = {LIST_OPTIONS(options), {.name = NULL}};
    const struct command_def def = {
        .name = "proffer weight",
        .synopsis = "[OPTION...] [set ROLE N... | remove ROLE]",
        .summary = "Show the weights of roles; set some, all or none: a role is due N times as\n"
                   "much as its siblings of weight 1; or remove one: 1 again.",
        .footer = exits,
        .options = defs};
    int operand, code = cli_options(&def, argc, argv, &operand);

    return code >= 0 ? code : weight(&options, argc - operand, argv + operand);
}

/* --- role ---------------------------------------------------------------------------------------- */

struct role_options {
    struct list_options list;
    const char *offers;
};

static void role_row(struct table *table, const json_t *role, bool wide)
{
    (void)wide;
    table_cell(table, "%s", field(role, "name"));
    table_cell(table, "%s", field(role, "offers"));
    table_cell(table, "%zu", json_array_size(json_object_get(role, "frameworks")));
}

static int set_role(const struct role_options *options, const char *role)
{
    json_t *call;

    if (!options->offers)
        return cli_fail(EXIT_USAGE, "how is it offered what is free? (--offers optimistic, or "
                                    "--offers exclusive)");
    if (strcmp(options->offers, "optimistic") != 0 && strcmp(options->offers, "exclusive") != 0)
        return cli_fail(EXIT_USAGE, "--offers %s: expected exclusive or optimistic",
                        options->offers);
    call = json_pack("{s:s, s:s}", "role", role, "offers", options->offers);
    if (!call)
        return cli_fail(EXIT_USAGE, "the role must be valid UTF-8");
    return http_post(options->list.http, "/roles/offers", call);
}

static int role(const struct role_options *options, int count, char **words)
{
    static const char *const columns[] = {"ROLE", "OFFERS", ">FRAMEWORKS", NULL};
    static const struct list_view view = {columns, "name", role_row};

    if (!count)
        return show(&options->list, &view, is_role);
    if (count == 2 && !strcmp(words[0], "set"))
        return set_role(options, words[1]);
    if (count == 2 && !strcmp(words[0], "remove"))
        return remove_of(options->list.http, "roles/offers", words[1]);
    return cli_fail(EXIT_USAGE,
                    "expected nothing, set ROLE or remove ROLE (try proffer role --help)");
}

int cmd_role(int argc, char **argv)
{
    static struct role_options options = {.list = LIST_DEFAULTS};
    const struct option_def defs[] = {
        LIST_OPTIONS(options.list),
        {OPTION_STRING, "offers", 'f', "KIND",
         "exclusive, or optimistic: the same is shown to several, the first accept has it",
         &options.offers, 0, 0, true},
        {.name = NULL}};
    const struct command_def def = {
        .name = "proffer role",
        .synopsis = "[OPTION...] [set ROLE | remove ROLE]",
        .summary = "Show how roles are offered what is free; set it for one and the roles in it;\n"
                   "remove it: as the role above it again, exclusive at the top.",
        .footer = exits,
        .options = defs};
    int operand, code = cli_options(&def, argc, argv, &operand);

    return code >= 0 ? code : role(&options, argc - operand, argv + operand);
}

/* --- priority ------------------------------------------------------------------------------------ */

/* Of a role that has none of its own, that of the one above counts. */
static void priority_row(struct table *table, const json_t *role, bool wide)
{
    (void)wide;
    table_cell(table, "%s", field(role, "name"));
    table_cell(table, "%.12g", number(role, "priority"));
    table_cell(table, "%s", json_is_true(json_object_get(role, "has_priority")) ? "yes" : "no");
    table_cell(table, "%zu", json_array_size(json_object_get(role, "frameworks")));
}

/* ROLE N, once or more often: all or none. */
static int set_priorities(const char *http, int count, char **words)
{
    json_t *call = json_array();

    for (int i = 0; i < count; i += 2) {
        struct err err;
        int64_t priority;
        json_t *one;

        if (units_parse_int(words[i + 1], INT32_MIN, INT32_MAX, &priority, &err) < 0) {
            json_decref(call);
            return cli_fail(EXIT_USAGE, "priority of %s: %s", words[i], err.text);
        }
        one = json_pack("{s:s, s:I}", "role", words[i], "priority", (json_int_t)priority);
        if (!one) {
            json_decref(call);
            return cli_fail(EXIT_USAGE, "the role must be valid UTF-8");
        }
        json_array_append_new(call, one);
    }
    return http_post(http, "/priorities", call);
}

static int priority(const struct list_options *options, int count, char **words)
{
    static const char *const columns[] = {"ROLE", ">PRIORITY", "OWN", ">FRAMEWORKS", NULL};
    static const struct list_view view = {columns, "name", priority_row};

    if (!count)
        return show(options, &view, is_role);
    if (count >= 3 && count % 2 && !strcmp(words[0], "set"))
        return set_priorities(options->http, count - 1, words + 1);
    if (count == 2 && !strcmp(words[0], "remove"))
        return remove_of(options->http, "priorities", words[1]);
    return cli_fail(EXIT_USAGE,
                    "expected nothing, set ROLE N... or remove ROLE (try proffer priority --help)");
}

int cmd_priority(int argc, char **argv)
{
    static struct list_options options = LIST_DEFAULTS;
    const struct option_def defs[] = {LIST_OPTIONS(options), {.name = NULL}};
    const struct command_def def = {
        .name = "proffer priority",
        .synopsis = "[OPTION...] [set ROLE N... | remove ROLE]",
        .summary =
            "Show the priorities of roles; set some, all or none: tasks of roles with less give\n"
            "way to what they need, if the master runs with --preemption; or remove one: that of\n"
            "the role above counts again, at the top 0. Negative ones stand behind `--`.",
        .footer = exits,
        .options = defs};
    int operand, code = cli_options(&def, argc, argv, &operand);

    return code >= 0 ? code : priority(&options, argc - operand, argv + operand);
}
