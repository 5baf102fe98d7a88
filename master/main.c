/* proffer-master: one process that decides who is offered what. */
#include <stdio.h>
#include <sys/resource.h>

#include "base/log.h"
#include "base/options.h"
#include "base/table.h"
#include "master/flags.h"
#include "master/shell.h"

#define EXIT_FAILED 1
#define EXIT_USAGE  2

/* Each agent, framework and reader is a descriptor; what the soft limit is for, select(2), is not
 * used. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        log_warning("the limit of open files stays low: RLIMIT_NOFILE cannot be raised");
}

int main(int argc, char **argv)
{
    struct master_flags flags;
    struct err err;
    int r;

    r = master_flags_parse(&flags, argc, argv, &err);
    if (r == OPTIONS_HELP || r == OPTIONS_VERSION)
        return 0;
    if (r < 0) {
        fprintf(stderr, "proffer-master: %s\n", err.text);
        return EXIT_USAGE;
    }
    log_open("proffer-master", flags.level);
    table_randomize();
    raise_descriptor_limit();
    r = shell_run(&flags, &err);
    master_flags_fini(&flags);
    if (r < 0)
        log_error("%s", err.text);
    return r < 0 ? EXIT_FAILED : 0;
}
