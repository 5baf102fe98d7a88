/* cli/find_task.h - which task is meant, and where its sandbox is. */
#ifndef PROFFER_CLI_FIND_TASK_H
#define PROFFER_CLI_FIND_TASK_H

#include <stdbool.h>

struct found_task {
    char *id, *framework_id, *agent_id, *state;
    char *agent_address; /* "" before it ran */
    char *sandbox;       /* "" before it ran */
    bool ended;
};

/* The task whose id or name is `wanted`, or the only one whose id begins so; the latest when a name
 * was used again. Of one framework, or of all when `framework` is NULL. 0 or an exit code, the
 * reason told. */
int find_task(const char *http, const char *framework, const char *wanted,
              struct found_task *ret_task);
/* Its agent may have been started anew since, on another port: the address as the master knows it now. What
 * the master does not say stays. */
void find_task_agent(const char *http, struct found_task *task);
void found_task_fini(struct found_task *task);

#endif
