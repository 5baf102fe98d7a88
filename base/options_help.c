/* The text of --help: two columns, no line longer than 80. */
#include "base/options.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/units.h"

#define COLUMNS     80
#define HELP_COLUMN 27

/* The words of `text`, with a break and an indent before each that would cross the right edge. */
static void print_wrapped(const char *text, size_t column, size_t indent, struct buf *out)
{
    bool is_first = true;

    while (*text) {
        size_t size = strcspn(text, " \n");

        if (!is_first && column + 1 + size > COLUMNS - 1) {
            buf_printf(out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (!is_first) {
            buf_puts(out, " ");
            column++;
        }
        buf_append(out, text, size);
        column += size;
        text += size;
        text += strspn(text, " \n");
        is_first = false;
    }
    buf_puts(out, "\n");
}

static void print_default(const struct option_def *def, struct buf *out)
{
    CLEANUP(buf_fini) struct buf value = {0};

    /* A number below zero stands for "not given". */
    switch (def->kind) {
    case OPTION_FLAG:
        if (*(const bool *)def->value)
            buf_puts(&value, "on");
        break;
    case OPTION_STRING:
        if (*(const char *const *)def->value)
            buf_puts(&value, *(const char *const *)def->value);
        break;
    case OPTION_INT:
        if (*(const int64_t *)def->value > 0)
            buf_printf(&value, "%" PRId64, *(const int64_t *)def->value);
        break;
    case OPTION_DURATION:
        if (*(const int64_t *)def->value > 0)
            units_print_duration(*(const int64_t *)def->value, &value);
        break;
    case OPTION_BYTES:
        if (*(const int64_t *)def->value > 0)
            units_print_bytes(*(const int64_t *)def->value, &value);
        break;
    case OPTION_STRINGS:
        break;
    }
    if (value.size)
        buf_printf(out, " [%s]", value.data);
}

static void print_option(const struct option_def *def, struct buf *out)
{
    CLEANUP(buf_fini) struct buf left = {0}, right = {0};

    if (def->letter)
        buf_printf(&left, "  -%c, ", def->letter);
    else
        buf_puts(&left, "      ");
    buf_printf(&left, "--%s", def->name);
    if (def->kind != OPTION_FLAG)
        buf_printf(&left, "=%s", def->argument ? def->argument : "VALUE");
    buf_puts(&right, def->help);
    print_default(def, &right);

    buf_puts(out, left.data);
    if (left.size + 1 < HELP_COLUMN)
        buf_printf(out, "%*s", (int)(HELP_COLUMN - left.size), "");
    else
        buf_printf(out, "\n%*s", HELP_COLUMN, "");
    print_wrapped(right.data, HELP_COLUMN, HELP_COLUMN, out);
}

void options_print_help(const struct command_def *command, struct buf *out)
{
    static bool off;
    static const struct option_def common[] = {
        {.name = "help", .letter = 'h', .help = "print this text", .value = &off},
        {.name = "version", .letter = 'V', .help = "print the version", .value = &off},
    };

    buf_printf(out, "Usage: %s %s\n", command->name, command->synopsis);
    if (command->summary)
        print_wrapped(command->summary, 0, 0, out);
    buf_puts(out, "\n");
    for (const struct option_def *def = command->options; def->name; def++)
        if (def->help)
            print_option(def, out);
    for (size_t i = 0; i < ARRAY_SIZE(common); i++)
        print_option(&common[i], out);
    if (command->footer) {
        buf_printf(out, "\n%s", command->footer);
        if (buf_text(out)[out->size - 1] != '\n')
            buf_puts(out, "\n");
    }
}
