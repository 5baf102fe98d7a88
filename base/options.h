/* base/options.h - command lines: getopt_long driven by one table, which also writes --help.
 *
 * Order of precedence: the flag, then the environment variable (PROFFER_ + the name in capitals,
 * '-' as
 * '_'; an empty one counts as unset), then the default. An unknown flag names the nearest known
 * one. -h, --help, -V and --version are always there. Main thread only: getopt keeps global state.
 */
#ifndef PROFFER_BASE_OPTIONS_H
#define PROFFER_BASE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define OPTIONS_MAX 64 /* a table's length */

enum option_kind {
    OPTION_FLAG,     /* bool *      : --name, --no-name */
    OPTION_STRING,   /* const char ** */
    OPTION_INT,      /* int64_t *   : min..max */
    OPTION_DURATION, /* int64_t *, ms */
    OPTION_BYTES,    /* int64_t * */
    OPTION_STRINGS,  /* struct option_strings * : may be given more than once */
};

struct option_strings {
    const char **items; /* owned, not the texts: they are argv's or the environment's */
    size_t count;
};

struct option_def {
    enum option_kind kind;
    const char *name;     /* without "--"; NULL ends the table */
    char letter;          /* '\0': none */
    const char *argument; /* how --help names the value: "ADDR" */
    const char
        *help;   /* --help adds the default when there is one; NULL: it is in the man page only */
    void *value; /* holds the default when parsing starts */
    int64_t min, max; /* of a number, duration or size; both 0: not negative */
    bool no_environment;
};

struct command_def {
    const char *name;     /* "proffer-master" */
    const char *synopsis; /* "[OPTION...]" */
    const char *summary;  /* one or two lines under the usage line */
    const char *footer;   /* examples, exit codes; may be NULL */
    const struct option_def *options;
    bool stop_at_operand; /* leave what follows the first operand alone ("run CMD -x") */
};

#define OPTIONS_HELP    1 /* --help was asked for and printed to stdout */
#define OPTIONS_VERSION 2 /* the same for --version */

/* What --help prints: at most 80 columns. */
void options_print_help(const struct command_def *command, struct buf *out);

/* 0 and the index of the first operand, OPTIONS_HELP, OPTIONS_VERSION, or -EINVAL with a text for
 * the user. Operands may stand between options unless stop_at_operand. */
int options_parse(const struct command_def *command, int argc, char **argv, int *ret_operand,
                  struct err *err);
/* Free the array; safe after a failure and on a zeroed struct. */
void options_fini_strings(struct option_strings *strings);

#endif
