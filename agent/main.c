/* proffer-agent: offers what this machine has to a master and runs the tasks that it sends. */
#include <stdio.h>

#include "agent/agent_user.h"
#include "agent/flags.h"
#include "agent/keeper.h"
#include "agent/shell.h"
#include "agent/task_users.h"
#include "base/log.h"
#include "base/options.h"
#include "base/table.h"

#define EXIT_FAILED 1
#define EXIT_USAGE  2

int main(int argc, char **argv)
{
    struct agent_flags flags;
    struct agent_user user;
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
    rc = agent_user_choose(flags.agent_user, &user, &err);
    if (rc == 0)
        rc = task_users_check(&flags, &user, &err);
    if (rc == 0)
        agent_user_warn(&user, flags.task_users);
    if (rc == 0)
        rc = user.is_split ? keeper_run(&flags, &user, &err)
                           : agent_shell_run(&flags, argv, NULL, &err);
    if (rc < 0) {
        log_error("%s", err.text);
        rc = EXIT_FAILED;
    }
    agent_flags_fini(&flags);
    return rc;
}
