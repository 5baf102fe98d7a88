/* proffer: the operator's and the user's command. */
#include "cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/version.h"
#include "base/printable.h"

static const struct command commands[] = {
    {"status", cmd_status, "how the cluster is"},
    {"agents", cmd_agents, "list agents and what they have"},
    {"frameworks", cmd_frameworks, "list frameworks and what they use"},
    {"tasks", cmd_tasks, "list tasks"},
    {"offers", cmd_offers, "list offers that are out"},
    {"run", cmd_run, "run one command as a task, show its output, exit as it does"},
    {"logs", cmd_logs, "show what a task wrote"},
    {"kill", cmd_kill, "end tasks"},
    {"drain", cmd_drain, "end all tasks of agents, and give them no others"},
    {"deactivate", cmd_deactivate, "give agents no new tasks"},
    {"reactivate", cmd_reactivate, "use agents again"},
    {"gone", cmd_gone, "say that agents will never come back"},
    {"maintenance", cmd_maintenance, "when agents are taken down, and who has left them"},
    {"quota", cmd_quota, "what roles are guaranteed, and their limits"},
    {"weight", cmd_weight, "how much of the whole a role is due"},
    {"priority", cmd_priority, "whose tasks give way to whose"},
    {"role", cmd_role, "how a role is offered what is free: alone, or with others"},
    {"reservation", cmd_reservation, "what is reserved on agents, and for whom"},
    {"volume", cmd_volume, "volumes on agents, and who uses them"},
    {"why", cmd_why, "why a framework is offered something, or nothing"},
    {"local", cmd_local, "a cluster on this machine, for trying out"},
};

int cli_fail(int code, const char *format, ...)
{
    va_list args;

    fputs("proffer: ", stderr);
    va_start(args, format);
    print_line_args(stderr, format, args);
    va_end(args);
    return code;
}

int cli_options(const struct command_def *def, int argc, char **argv, int *ret_operand)
{
    struct err err;
    int r = options_parse(def, argc, argv, ret_operand, &err);

    if (r == OPTIONS_HELP || r == OPTIONS_VERSION)
        return EXIT_OK;
    if (r < 0 && strstr(err.text, "--help"))
        return cli_fail(EXIT_USAGE, "%s", err.text);
    if (r < 0)
        return cli_fail(EXIT_USAGE, "%s (try %s --help)", err.text, def->name);
    if (*ret_operand < argc && !strcmp(def->synopsis, CLI_OPTIONS_ONLY))
        return cli_fail(EXIT_USAGE, "%s takes options only, and no \"%s\" (try %s --help)",
                        def->name, argv[*ret_operand], def->name);
    return -1;
}

static void print_help(FILE *out)
{
    fputs("Usage: proffer COMMAND [OPTION...]: look at a Proffer cluster and use it.\n\n", out);
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        fprintf(out, "  %-12s %s\n", commands[i].name, commands[i].summary);
    fputs("\n"
          "proffer COMMAND --help tells more. Lists take -o table, wide, json or name.\n"
          "The master is found by --http (PROFFER_HTTP, default " CLI_HTTP_DEFAULT ") and\n"
          "--master (PROFFER_MASTER, default " CLI_MASTER_DEFAULT ").\n"
          "\n"
          "Exit: 0 ok, 1 failed, 2 usage, 3 not found, 4 denied, 5 unreachable;\n"
          "run: the task's own code, 128+N for signal N, 125 when proffer failed.\n",
          out);
}

/* How many single-character changes lie between two words, when few; for "did you mean". */
static bool is_near(const char *a, const char *b)
{
    size_t prefix = 0, size_a = strlen(a), size_b = strlen(b), suffix = 0;

    while (a[prefix] && a[prefix] == b[prefix])
        prefix++;
    while (suffix < size_a - prefix && suffix < size_b - prefix &&
           a[size_a - 1 - suffix] == b[size_b - 1 - suffix])
        suffix++;
    return size_a - prefix - suffix <= 2 && size_b - prefix - suffix <= 2 && prefix + suffix > 0;
}

static int unknown(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        if (is_near(name, commands[i].name))
            return cli_fail(EXIT_USAGE, "no command \"%s\"; did you mean \"%s\"?", name,
                            commands[i].name);
    return cli_fail(EXIT_USAGE, "no command \"%s\" (try proffer --help)", name);
}

/* What was printed and did not arrive makes a success a failure. */
static int check_output(int code)
{
    bool failed = ferror(stdout);

    if ((fflush(stdout) == 0 && !failed) || code != EXIT_OK)
        return code;
    return cli_fail(EXIT_FAILED, "standard output: %s", strerror(errno));
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : NULL;

    if (!name) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help")) {
        print_help(stdout);
        return EXIT_OK;
    }
    if (!strcmp(name, "--version") || !strcmp(name, "-V") || !strcmp(name, "version")) {
        printf("proffer %s\n", PROFFER_VERSION);
        return EXIT_OK;
    }
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        if (!strcmp(name, commands[i].name))
            return check_output(commands[i].run(argc - 1, argv + 1));
    return unknown(name);
}
