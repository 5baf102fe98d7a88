/* proffer maintenance: times at which agents are taken down. */
#include "cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/units.h"
#include "base/printable.h"
#include "cli/find_agent.h"
#include "cli/http.h"
#include "cli/list.h"

struct maintenance_options {
    struct list_options list;
    const char *id, *start, *reason;
    int64_t for_ms, grace_ms;
    bool replace, force;
};

/* --- times --------------------------------------------------------------------------------------- */

/* "Z", "+02:00" or nothing, which is UTC. */
static int read_zone(const char *text, int64_t *ret_s)
{
    unsigned hours, minutes;
    char sign, more;

    *ret_s = 0;
    if (!*text || !strcmp(text, "Z") || !strcmp(text, " UTC"))
        return 0;
    if (sscanf(text, "%c%2u:%2u%c", &sign, &hours, &minutes, &more) != 3 ||
        (sign != '+' && sign != '-') || hours > 14 || minutes > 59)
        return -EINVAL;
    *ret_s = ((int64_t)hours * 3600 + minutes * 60) * (sign == '+' ? 1 : -1);
    return 0;
}

/* "2026-11-29T22:00Z", "2026-11-29 22:00:00+01:00", "+2h", "now"; 0 is now. */
static int read_start(const char *text, int64_t *ret_us, struct err *err)
{
    static const char *const forms[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M",
                                        "%Y-%m-%d %H:%M"};
    int64_t ms, zone_s;

    *ret_us = 0;
    if (!text || !strcmp(text, "now"))
        return 0;
    if (*text == '+') {
        int r = units_parse_duration_ms(text + 1, &ms, err);

        *ret_us = clock_now().wall_us + ms * US_PER_MS;
        return r;
    }
    for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
        struct tm tm = {0};
        const char *end = strptime(text, forms[i], &tm);

        if (!end || read_zone(end, &zone_s) < 0)
            continue;
        *ret_us = ((int64_t)timegm(&tm) - zone_s) * US_PER_S;
        return 0;
    }
    return err_set(err, -EINVAL,
                   "%.64s: expected a time as 2026-11-29T22:00 (UTC), 2026-11-29T22:00+01:00, "
                   "+2h, or now",
                   text);
}

/* --- schedule ------------------------------------------------------------------------------------- */

static const char *make_id(char ret_id[16])
{
    uint32_t number;

    if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
        number = (uint32_t)clock_now().mono_us;
    snprintf(ret_id, 16, "w-%08" PRIx32, number);
    return ret_id;
}

/* The id that is meant by `word`, or `word` as it is: a host's name, or what nobody is called yet. NULL:
 * several are meant, which is told. */
static const char *whole_name(const json_t *agents, const char *word, bool *ret_is_known)
{
    const char *found = word;
    const json_t *agent;
    size_t count = 0, i;

    *ret_is_known = true;
    json_array_foreach(agents, i, agent)
    {
        if (!strcmp(field(agent, "hostname"), word) || !strcmp(field(agent, "id"), word))
            return word;
        if (id_matches(field(agent, "id"), word)) {
            found = field(agent, "id");
            count++;
        }
    }
    *ret_is_known = count > 0;
    if (count < 2)
        return found;
    cli_fail(EXIT_FAILED, "%zu agents are meant by \"%s\": say more of the id", count, word);
    return NULL;
}

/* Array of texts; NULL with *ret_exit. Who is not there yet is told of. */
static json_t *whole_names(const char *http, char **words, int *ret_exit)
{
    json_t *answer = http_get(http, "/slaves", ret_exit), *names = json_array();
    const json_t *agents = json_object_get(answer, "slaves");

    for (; !*ret_exit && *words; words++) {
        bool is_known;
        const char *name = whole_name(agents, *words, &is_known);

        if (!name)
            *ret_exit = EXIT_FAILED;
        else if (!is_known)
            cli_fail(0, "no agent that is registered now is called %s", name);
        json_array_append_new(names, json_string(name ? name : ""));
    }
    json_decref(answer);
    if (!*ret_exit)
        return names;
    json_decref(names);
    return NULL;
}

/* `names` is consumed. */
static json_t *schedule_call(const struct maintenance_options *options, const char *id,
                             json_t *names, int64_t start_us)
{
    json_t *call = json_pack("{s:s, s:o, s:s}", "id", id, "agents", names, "reason",
                             options->reason ? options->reason : "");

    if (call && start_us)
        json_object_set_new(call, "start_us", json_integer(start_us));
    if (call && options->for_ms > 0)
        json_object_set_new(call, "duration_ms", json_integer(options->for_ms));
    if (call && options->grace_ms >= 0) /* 0 would mean: not given */
        json_object_set_new(call, "max_grace_ms",
                            json_integer(options->grace_ms ? options->grace_ms : 1));
    if (call && options->replace)
        json_object_set_new(call, "replace", json_true());
    if (call && options->force)
        json_object_set_new(call, "force", json_true());
    return call;
}

static int schedule(const struct maintenance_options *options, char **words)
{
    char made[16];
    const char *id = options->id ? options->id : make_id(made);
    int64_t start_us;
    struct err err;
    json_t *names, *call;
    int code;

    if (!*words)
        return cli_fail(EXIT_USAGE, "which agents? (proffer maintenance schedule AGENT...)");
    if (read_start(options->start, &start_us, &err) < 0)
        return cli_fail(EXIT_USAGE, "--start: %s", err.text);
    names = whole_names(options->list.http, words, &code);
    if (!names)
        return code;
    call = schedule_call(options, id, names, start_us);
    if (!call)
        return cli_fail(EXIT_USAGE, "names and reason must be valid UTF-8");
    code = http_post(options->list.http, "/maintenance", call);
    if (!code)
        print_line(stdout, "%s", id);
    return code;
}

/* --- cancel, start, stop ---------------------------------------------------------------------------- */

static int order(const char *http, const char *what, const char *id, bool force)
{
    CLEANUP(free_p) char *path = mem_printf("/maintenance/%s", what);
    json_t *call = json_pack("{s:s}", "id", id);

    if (call && force)
        json_object_set_new(call, "force", json_true());
    return call ? http_post(http, path, call)
                : cli_fail(EXIT_USAGE, "the window's id must be valid UTF-8");
}

/* `force` is of start alone. */
static int order_each(const char *http, const char *what, char **ids, bool force)
{
    int result = EXIT_OK;

    if (!*ids)
        return cli_fail(EXIT_USAGE, "which window? (proffer maintenance %s WINDOW)", what);
    for (; *ids; ids++) {
        int code = order(http, what, *ids, force);

        result = code ? code : result;
    }
    return result;
}

/* Of its agents some, as the window names them. */
static int stop(const char *http, char **words)
{
    json_t *names, *call;
    int code;

    if (!*words)
        return cli_fail(EXIT_USAGE, "which window? (proffer maintenance stop WINDOW [AGENT...])");
    names = whole_names(http, words + 1, &code);
    if (!names)
        return code;
    call = json_pack("{s:s, s:o}", "id", *words, "agents", names);
    return call ? http_post(http, "/maintenance/stop", call)
                : cli_fail(EXIT_USAGE, "names must be valid UTF-8");
}

/* --- list --------------------------------------------------------------------------------------------- */

static void print_time(struct table *table, double since_s)
{
    time_t seconds = (time_t)since_s;
    char text[32] = "-";
    struct tm tm;

    if (seconds && gmtime_r(&seconds, &tm))
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
    table_cell(table, "%s", text);
}

static void print_duration(struct table *table, double seconds)
{
    CLEANUP(buf_fini) struct buf text = {0};

    if (seconds > 0)
        units_print_duration((int64_t)(seconds * 1000 + 0.5), &text);
    table_cell(table, "%s", seconds > 0 ? buf_text(&text) : "open");
}

static size_t count_answers(const json_t *window, const char *answer)
{
    const json_t *machine, *given;
    size_t count = 0, i, j;

    json_array_foreach(json_object_get(window, "machines"), i, machine)
    {
        json_array_foreach(json_object_get(machine, "answers"), j, given)
        {
            count += !strcmp(field(given, "answer"), answer);
        }
    }
    return count;
}

static void window_row(struct table *table, const json_t *window, bool wide)
{
    (void)wide;
    table_cell(table, "%s", field(window, "id"));
    table_cell(table, "%s", field(window, "state"));
    print_time(table, number(window, "start"));
    print_duration(table, number(window, "duration"));
    table_cell(table, "%zu", json_array_size(json_object_get(window, "agents")));
    table_cell(table, "%.0f", number(window, "tasks"));
    table_cell(table, "%zu yes, %zu no, %zu open, %zu not asked", count_answers(window, "ACCEPTED"),
               count_answers(window, "DECLINED"), count_answers(window, "ASKED"),
               count_answers(window, "NOT_ASKED"));
    table_cell(table, "%s", *field(window, "reason") ? field(window, "reason") : "-");
}

static void add_row(json_t *rows, const json_t *machine, const json_t *answer)
{
    json_t *row = json_copy((json_t *)machine);

    json_object_del(row, "answers");
    if (answer)
        json_object_set(row, "answer", (json_t *)answer);
    json_array_append_new(rows, row);
}

/* One row for each agent and each framework that was asked about it. */
static json_t *machine_rows(const json_t *window)
{
    json_t *rows = json_array(), *machine, *answer;
    size_t i, j;

    json_array_foreach(json_object_get(window, "machines"), i, machine)
    {
        json_t *answers = json_object_get(machine, "answers");

        if (!json_array_size(answers))
            add_row(rows, machine, NULL);
        json_array_foreach(answers, j, answer)
        {
            add_row(rows, machine, answer);
        }
    }
    return rows;
}

static void machine_row(struct table *table, const json_t *row, bool wide)
{
    const json_t *answer = json_object_get(row, "answer");

    table_cell(table, "%s", short_id(field(row, "agent_id"), wide));
    table_cell(table, "%s", field(row, "hostname"));
    table_cell(table, "%s%s", field(row, "state"),
               json_is_true(json_object_get(row, "connected")) ? "" : ", away");
    table_cell(table, "%.0f", number(row, "tasks"));
    table_cell(table, "%s",
               !answer                           ? "-"
               : *field(answer, "name") && !wide ? field(answer, "name")
                                                 : field(answer, "framework_id"));
    table_cell(table, "%s", answer ? field(answer, "answer") : "-");
    table_cell(table, "%.0f", answer ? number(answer, "tasks") : 0);
}

static json_t *find_window(const json_t *windows, const char *id)
{
    json_t *window;
    size_t i;

    json_array_foreach(windows, i, window)
    {
        if (!strcmp(field(window, "id"), id))
            return window;
    }
    return NULL;
}

/* All windows, or the agents of one. */
static int list(const struct list_options *options, const char *id)
{
    static const char *const columns[] = {"WINDOW", "STATE",   "START",  "DURATION", ">AGENTS",
                                          ">TASKS", "ANSWERS", "REASON", NULL};
    static const char *const machine_columns[] = {"AGENT",     "HOST",   "STATE",    ">TASKS",
                                                  "FRAMEWORK", "ANSWER", ">OF THEM", NULL};
    static const struct list_view view = {columns, "id", window_row};
    static const struct list_view machines = {machine_columns, "agent_id", machine_row};
    int code = list_options_check(options);
    json_t *answer = code ? NULL : http_get(options->http, "/maintenance", &code), *window;

    if (answer && !id)
        code = list_show(options, &view, json_incref(json_object_get(answer, "windows")));
    else if (answer && (window = find_window(json_object_get(answer, "windows"), id)))
        code = list_show(options, &machines, machine_rows(window));
    else if (answer)
        code = cli_fail(EXIT_NOT_FOUND, "there is no maintenance window %s", id);
    json_decref(answer);
    return code;
}

/* --- the command ------------------------------------------------------------------------------------ */

static int run(const struct maintenance_options *options, int count, char **words)
{
    const char *what = count ? words[0] : "list";

    if (!strcmp(what, "list") && count <= 2)
        return list(&options->list, count == 2 ? words[1] : NULL);
    if (!strcmp(what, "schedule"))
        return schedule(options, words + 1);
    if (!strcmp(what, "cancel"))
        return order_each(options->list.http, what, words + 1, false);
    if (!strcmp(what, "start"))
        return order_each(options->list.http, what, words + 1, options->force);
    if (!strcmp(what, "stop"))
        return stop(options->list.http, words + 1);
    return cli_fail(EXIT_USAGE, "expected list, schedule AGENT..., cancel WINDOW, start WINDOW or "
                                "stop WINDOW [AGENT...] (try proffer maintenance --help)");
}

int cmd_maintenance(int argc, char **argv)
{
    static struct maintenance_options options = {.list = LIST_DEFAULTS, .grace_ms = -1};
    const struct option_def defs[] = {
        LIST_OPTIONS(options.list),
        {OPTION_STRING, "id", '\0', "WINDOW", "what the window is called (default: made)",
         &options.id, 0, 0, true},
        {OPTION_STRING, "start", '\0', "TIME",
         "2026-11-29T22:00 (UTC), 2026-11-29T22:00+01:00, +2h, or now (default)", &options.start, 0,
         0, true},
        {OPTION_DURATION, "for", '\0', "TIME", "how long it lasts (default: until it is stopped)",
         &options.for_ms, 1, INT64_MAX / 1000, true},
        {OPTION_STRING, "reason", '\0', "TEXT", "for frameworks and people", &options.reason, 0, 0,
         true},
        {OPTION_DURATION, "grace", 'g', "TIME",
         "when it begins a task has at most so long to end (default: its own)", &options.grace_ms,
         0, INT64_MAX / 1000, true},
        {OPTION_FLAG, "replace", '\0', NULL, "the window of that id, as a whole", &options.replace,
         0, 0, true},
        {OPTION_FLAG, "force", '\0', NULL, "schedule, start: however many are down at once",
         &options.force, 0, 0, true},
        {.name = NULL}};
    const struct command_def def = {
        .name = "proffer maintenance",
        .synopsis = "[OPTION...] [list [WINDOW] | schedule AGENT... |\n"
                    "           cancel WINDOW... | start WINDOW... | stop WINDOW [AGENT...]]",
        .summary =
            "Say when agents are taken down: frameworks are told and asked to leave before;\n"
            "when the window begins what still runs there is ended; when it is over, or is\n"
            "stopped, the agents are in use again. Without words: the windows there are.",
        .footer = "AGENT is a host's name, an id or the end of one; it need not be known yet.\n"
                  "Exit: 0 done, 1 refused or failed, 2 usage, 3 no such window, 5 unreachable.",
        .options = defs};
    int operand, code = cli_options(&def, argc, argv, &operand);

    return code >= 0 ? code : run(&options, argc - operand, argv + operand);
}
