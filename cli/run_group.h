/* cli/run_group.h - proffer run --group FILE: tasks as one; their states are shown as they come. */
#ifndef PROFFER_CLI_RUN_GROUP_H
#define PROFFER_CLI_RUN_GROUP_H

#include <stdint.h>

#include <proffer/scheduler.h>

/* The exit code: 0 when all mains have finished, else that of the first that has not. */
int run_group(const struct proffer_scheduler_options *options, const char *file, int64_t wait_ms);

#endif
