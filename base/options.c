#include "base/options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/units.h"
#include "base/version.h"

#define NAME_MAX_BYTES 48
/* getopt_long's answers: beyond any letter. An option is CODE_OPTION plus twice its index, its
 * --no- form one more. */
#define CODE_HELP    1000
#define CODE_VERSION 1001
#define CODE_OPTION  1002

#define NEGATION "no-"

struct parse {
    const struct command_def *command;
    size_t count; /* options in the table */
    struct option longs[2 * OPTIONS_MAX + 3];
    char names[OPTIONS_MAX][NAME_MAX_BYTES]; /* "no-" forms */
    char shorts[2 * OPTIONS_MAX + 8];
    bool seen[OPTIONS_MAX];
    int argc;
    char **argv;
    struct err *err; /* borrowed */
};

/* --- getopt's tables -------------------------------------------------------------------------- */

static void add_long(struct parse *parse, size_t *count, const char *name, int has_arg, int code)
{
    parse->longs[(*count)++] = (struct option){name, has_arg, NULL, code};
}

static void build_tables(struct parse *parse)
{
    size_t longs = 0, shorts = 0;

    /* '+' stops at the first operand; ':' tells a missing value from an unknown option. */
    if (parse->command->stop_at_operand)
        parse->shorts[shorts++] = '+';
    memcpy(parse->shorts + shorts, ":hV", 3);
    shorts += 3;
    for (const struct option_def *def = parse->command->options; def->name; def++) {
        int code = CODE_OPTION + 2 * (int)parse->count;
        bool is_flag = def->kind == OPTION_FLAG;

        BUG_ON(parse->count == OPTIONS_MAX || strlen(def->name) >= NAME_MAX_BYTES - 4);
        add_long(parse, &longs, def->name, is_flag ? no_argument : required_argument, code);
        if (is_flag) {
            char *negated = parse->names[parse->count];

            snprintf(negated, NAME_MAX_BYTES, NEGATION "%s", def->name);
            add_long(parse, &longs, negated, no_argument, code + 1);
        }
        if (def->letter) {
            parse->shorts[shorts++] = def->letter;
            if (!is_flag)
                parse->shorts[shorts++] = ':';
        }
        parse->count++;
    }
    add_long(parse, &longs, "help", no_argument, CODE_HELP);
    add_long(parse, &longs, "version", no_argument, CODE_VERSION);
}

/* --- values ----------------------------------------------------------------------------------- */

static int parse_flag(const char *text, bool *ret_flag, struct err *err)
{
    static const char *const words[] = {"0", "1", "false", "true", "no", "yes", "off", "on"};

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (!strcasecmp(text, words[i])) {
            *ret_flag = i % 2;
            return 0;
        }
    }
    return err_set(err, -EINVAL, "\"%.64s\" is neither true nor false", text);
}

static int out_of_range(const struct option_def *def, const char *text, bool is_low, int64_t bound,
                        struct err *err)
{
    CLEANUP(buf_fini) struct buf most = {0};

    if (def->kind == OPTION_DURATION)
        units_print_duration(bound, &most);
    else
        units_print_bytes(bound, &most);
    return err_set(err, -ERANGE, "%.64s is too %s, at %s %s is possible", text,
                   is_low ? "little" : "much", is_low ? "least" : "most", buf_text(&most));
}

static int parse_number(const struct option_def *def, const char *text, struct err *err)
{
    int64_t max = def->min || def->max ? def->max : INT64_MAX, value;
    int rc;

    if (def->kind == OPTION_INT)
        rc = units_parse_int(text, def->min, max, &value, err);
    else if (def->kind == OPTION_DURATION)
        rc = units_parse_duration_ms(text, &value, err);
    else
        rc = units_parse_bytes(text, &value, err);
    if (rc < 0)
        return rc;
    if (value < def->min)
        return out_of_range(def, text, true, def->min, err);
    if (value > max)
        return out_of_range(def, text, false, max, err);
    *(int64_t *)def->value = value;
    return 0;
}

static void append_string(struct option_strings *strings, const char *text)
{
    strings->items = mem_resize(strings->items, strings->count + 1, sizeof(strings->items[0]));
    strings->items[strings->count++] = text;
}

static int set_value(const struct option_def *def, const char *text, struct err *err)
{
    switch (def->kind) {
    case OPTION_FLAG:
        return parse_flag(text, def->value, err);
    case OPTION_STRING:
        *(const char **)def->value = text;
        return 0;
    case OPTION_STRINGS:
        append_string(def->value, text);
        return 0;
    case OPTION_INT:
    case OPTION_DURATION:
    case OPTION_BYTES:
        break;
    }
    return parse_number(def, text, err);
}

void options_fini_strings(struct option_strings *strings)
{
    free(strings->items);
    *strings = (struct option_strings){0};
}

/* --- did you mean ----------------------------------------------------------------------------- */

/* Insertions, deletions and replacements that lead from a to b (Levenshtein), at most
 * NAME_MAX_BYTES. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[NAME_MAX_BYTES + 1], size_b = strlen(b);

    if (strlen(a) > NAME_MAX_BYTES || size_b > NAME_MAX_BYTES)
        return NAME_MAX_BYTES;
    for (size_t j = 0; j <= size_b; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= size_b; j++) {
            size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
            size_t shifted = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;

            diagonal = row[j];
            row[j] = replaced < shifted ? replaced : shifted;
        }
    }
    return row[size_b];
}

static const char *nearest_option(const struct parse *parse, const char *name)
{
    size_t least = strlen(name) / 3 + 2; /* farther than that is another word */
    const char *nearest = NULL;

    for (const struct option *option = parse->longs; option->name; option++) {
        size_t distance = edit_distance(name, option->name);

        if (distance < least) {
            least = distance;
            nearest = option->name;
        }
    }
    return nearest;
}

/* getopt took `given` as the beginning of several options. */
static bool is_ambiguous(const struct parse *parse, const char *given, struct err *err)
{
    CLEANUP(buf_fini) struct buf names = {0};
    size_t size = strlen(given), count = 0;

    for (const struct option *option = parse->longs; option->name; option++) {
        if (strncmp(option->name, given, size) != 0)
            continue;
        buf_printf(&names, "%s--%s", count++ ? ", " : "", option->name);
    }
    if (count < 2)
        return false;
    err_set(err, -EINVAL, "--%.64s could be %s", given, buf_text(&names));
    return true;
}

static int refuse_unknown(const struct parse *parse)
{
    const char *argument = parse->argv[optind - 1], *nearest, *command = parse->command->name;
    char name[NAME_MAX_BYTES + 1];

    if (optopt >= CODE_HELP)
        return err_set(parse->err, -EINVAL, "%.64s: this option takes no value", argument);
    if (optopt)
        return err_set(parse->err, -EINVAL, "unknown option -%c; see %s --help", optopt, command);
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(argument + 2, "="), argument + 2);
    if (is_ambiguous(parse, name, parse->err))
        return -EINVAL;
    nearest = nearest_option(parse, name);
    if (nearest)
        return err_set(parse->err, -EINVAL, "unknown option --%s; did you mean --%s?", name,
                       nearest);
    return err_set(parse->err, -EINVAL, "unknown option --%s; see %s --help", name, command);
}

/* --- parsing ---------------------------------------------------------------------------------- */

static int next_option(struct parse *parse)
{
    return getopt_long(parse->argc, parse->argv, parse->shorts, parse->longs, NULL);
}

/* Zero makes glibc start afresh, and read the leading '+' anew. */
static void rewind_options(void)
{
    optind = 0;
    opterr = 0;
}

static void print_version(const struct command_def *command)
{
    printf("%s %s%s%s%s\n", command->name, PROFFER_VERSION, *version_git_sha ? " (" : "",
           version_git_sha, *version_git_sha ? ")" : "");
}

/* Before any value is set, so that --help shows the defaults. */
static int answer_questions(struct parse *parse)
{
    int code;

    rewind_options();
    while ((code = next_option(parse)) != -1) {
        if (code == 'h' || code == CODE_HELP) {
            CLEANUP(buf_fini) struct buf text = {0};

            options_print_help(parse->command, &text);
            fputs(buf_text(&text), stdout);
            return OPTIONS_HELP;
        }
        if (code == 'V' || code == CODE_VERSION) {
            print_version(parse->command);
            return OPTIONS_VERSION;
        }
    }
    return 0;
}

static size_t index_of_letter(const struct parse *parse, int letter)
{
    size_t i = 0;

    while (parse->command->options[i].letter != letter)
        i++;
    return i;
}

static int take_option(struct parse *parse, int code)
{
    bool is_long = code >= CODE_OPTION, is_negated = is_long && (code - CODE_OPTION) % 2;
    size_t i = is_long ? (size_t)(code - CODE_OPTION) / 2 : index_of_letter(parse, code);
    const struct option_def *def = &parse->command->options[i];
    int rc;

    parse->seen[i] = true;
    if (def->kind == OPTION_FLAG) {
        *(bool *)def->value = !is_negated;
        return 0;
    }
    rc = set_value(def, optarg, parse->err);
    return rc < 0 ? err_wrap(parse->err, -EINVAL, "--%s", def->name) : 0;
}

static int take_arguments(struct parse *parse)
{
    int code;

    rewind_options();
    while ((code = next_option(parse)) != -1) {
        int rc;

        if (code == '?')
            return refuse_unknown(parse);
        if (code == ':')
            return err_set(parse->err, -EINVAL, "%.64s needs a value; see %s --help",
                           parse->argv[optind - 1], parse->command->name);
        rc = take_option(parse, code);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int take_environment(struct parse *parse)
{
    for (size_t i = 0; i < parse->count; i++) {
        const struct option_def *def = &parse->command->options[i];
        char variable[sizeof("PROFFER_") + NAME_MAX_BYTES];
        const char *text;
        int rc;

        if (parse->seen[i] || def->no_environment)
            continue;
        snprintf(variable, sizeof(variable), "PROFFER_%s", def->name);
        for (char *c = variable; *c; c++)
            *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
        text = getenv(variable);
        if (!text || !*text)
            continue;
        rc = set_value(def, text, parse->err);
        if (rc < 0)
            return err_wrap(parse->err, -EINVAL, "environment variable %s", variable);
    }
    return 0;
}

int options_parse(const struct command_def *command, int argc, char **argv, int *ret_operand,
                  struct err *err)
{
    struct parse parse = {.command = command, .argc = argc, .argv = argv, .err = err};
    int rc;

    build_tables(&parse);
    rc = answer_questions(&parse);
    if (rc == 0)
        rc = take_arguments(&parse);
    if (rc == 0) {
        int operand = optind;

        rc = take_environment(&parse);
        if (rc == 0)
            *ret_operand = operand;
    }
    return rc;
}
