/* cli/cli.h - the `proffer` command: one function a sub-command, one table of them (main.c).
 *
 * Data goes to stdout, everything else to stderr. Single-threaded; a sub-command may keep static
 * options.
 */
#ifndef PROFFER_CLI_CLI_H
#define PROFFER_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "base/options.h"

enum exit_code {
    EXIT_OK = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_NOT_FOUND = 3,
    EXIT_DENIED = 4,
    EXIT_UNREACHABLE = 5,
    EXIT_RUN_FAILED = 125, /* `run` itself failed; below it is the task's own code */
};

struct command {
    const char *name;
    int (*run)(int argc,
               char **argv); /* argv[0] is the sub-command's name; answers the exit code */
    const char *summary;
};

int cmd_status(int argc, char **argv);
int cmd_agents(int argc, char **argv);
int cmd_frameworks(int argc, char **argv);
int cmd_tasks(int argc, char **argv);
int cmd_offers(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_logs(int argc, char **argv);
int cmd_kill(int argc, char **argv);
int cmd_drain(int argc, char **argv);
int cmd_deactivate(int argc, char **argv);
int cmd_reactivate(int argc, char **argv);
int cmd_gone(int argc, char **argv);
int cmd_maintenance(int argc, char **argv);
int cmd_quota(int argc, char **argv);
int cmd_weight(int argc, char **argv);
int cmd_priority(int argc, char **argv);
int cmd_role(int argc, char **argv);
int cmd_reservation(int argc, char **argv);
int cmd_volume(int argc, char **argv);
int cmd_why(int argc, char **argv);
int cmd_local(int argc, char **argv);

/* "proffer: text" on stderr; answers `code`. */
int cli_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The synopsis of a sub-command that has no operands: they are refused. */
#define CLI_OPTIONS_ONLY "[OPTION...]"
/* Parse a sub-command's flags. -1 to go on with the operands from *ret_operand, else the exit code. */
int cli_options(const struct command_def *def, int argc, char **argv, int *ret_operand);

#define CLI_HTTP_DEFAULT   "127.0.0.1:5055"
#define CLI_MASTER_DEFAULT "127.0.0.1:5050"

/* --- how lists are shown (list.c)
 * --------------------------------------------------------------------- */

struct list_options {
    const char *http;
    const char *format; /* table, wide, json, name */
    bool no_headers;
};
#define LIST_OPTIONS(options)                                                                      \
    {OPTION_STRING, "http", '\0', "HOST:PORT", "the master's HTTP", &(options).http, 0, 0, false}, \
        {OPTION_STRING,     "output", 'o', "FORMAT", "table, wide, json or name",                  \
         &(options).format, 0,        0,   true},                                                  \
    {                                                                                              \
        OPTION_FLAG, "no-headers", '\0', NULL, "leave the first line out", &(options).no_headers,  \
            0, 0, true                                                                             \
    }

#define LIST_DEFAULTS                                                                              \
    {                                                                                              \
        .http = CLI_HTTP_DEFAULT, .format = "table"                                                \
    }

/* 0 or EXIT_USAGE. */
int list_options_check(const struct list_options *options);

#endif
