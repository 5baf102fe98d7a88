/* proffer-agent: offers what this machine has to a master and runs the tasks that it sends. */
#include <stdio.h>

#include "agent/flags.h"
#include "agent/shell.h"
#include "base/log.h"
#include "base/options.h"
#include "base/table.h"

#define EXIT_FAILED 1
#define EXIT_USAGE  2

int main(int argc, char **argv)
{
    struct agent_flags flags;
    struct err err;
    int rc = agent_flags_parse(&flags, argc, argv, &err);

    if (rc > 0)
        return 0;
    if (rc < 0) {
        fprintf(stderr, "proffer-agent: %s\n", err.text);
        return EXIT_USAGE;
    }
    log_open("proffer-agent", flags.level);
    table_randomize();
    rc = agent_shell_run(&flags, argv, &err);
    if (rc < 0) {
        log_error("%s", err.text);
        rc = EXIT_FAILED;
    }
    agent_flags_fini(&flags);
    return rc;
}
