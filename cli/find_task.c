#include "cli/find_task.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/find_agent.h"
#include "cli/http.h"
#include "cli/list.h"

void found_task_fini(struct found_task *task)
{
    free(task->id);
    free(task->framework_id);
    free(task->agent_id);
    free(task->state);
    free(task->agent_address);
    free(task->sandbox);
    *task = (struct found_task){0};
}

/* The last status that says where the sandbox is. */
static const json_t *container_of_task(const json_t *task)
{
    const json_t *statuses = json_object_get(task, "statuses");

    for (size_t i = json_array_size(statuses); i > 0; i--) {
        const json_t *status = json_object_get(json_array_get(statuses, i - 1), "container_status");

        if (*field(status, "sandbox"))
            return status;
    }
    return NULL;
}

static bool has_ended(const char *state)
{
    return strcmp(state, "TASK_STAGING") && strcmp(state, "TASK_STARTING") &&
           strcmp(state, "TASK_RUNNING") && strcmp(state, "TASK_KILLING") &&
           strcmp(state, "TASK_UNREACHABLE");
}

static void take(const json_t *task, struct found_task *ret_task)
{
    const json_t *container = container_of_task(task);

    *ret_task = (struct found_task){
        .id = mem_strdup(field(task, "id")),
        .framework_id = mem_strdup(field(task, "framework_id")),
        .agent_id = mem_strdup(field(task, "slave_id")),
        .state = mem_strdup(field(task, "state")),
        .agent_address = mem_strdup(field(container, "agent_address")),
        .sandbox = mem_strdup(field(container, "sandbox")),
        .ended = has_ended(field(task, "state")),
    };
}

static double since(const json_t *task)
{
    const json_t *statuses = json_object_get(task, "statuses");
    size_t count = json_array_size(statuses);

    return count ? number(json_array_get(statuses, count - 1), "timestamp") : 0;
}

int find_task(const char *http, const char *framework, const char *wanted,
              struct found_task *ret_task)
{
    const json_t *task, *exact = NULL, *prefixed = NULL;
    size_t i, prefixed_count = 0;
    int code;
    json_t *answer = http_get(http, "/tasks?limit=1000000000&order=asc", &code);

    if (!answer)
        return code;
    json_array_foreach(json_object_get(answer, "tasks"), i, task)
    {
        if (framework && !id_matches(field(task, "framework_id"), framework))
            continue;
        if (!strcmp(field(task, "id"), wanted) || !strcmp(field(task, "name"), wanted)) {
            if (!exact || since(task) >= since(exact))
                exact = task;
        } else if (!strncmp(field(task, "id"), wanted, strlen(wanted))) {
            prefixed = task;
            prefixed_count++;
        }
    }
    if (exact || prefixed_count == 1)
        take(exact ? exact : prefixed, ret_task);
    else if (prefixed_count > 1)
        code = cli_fail(EXIT_FAILED, "%zu tasks begin with \"%s\": say more of the id",
                        prefixed_count, wanted);
    else
        code = cli_fail(EXIT_NOT_FOUND, "no task \"%s\" (see proffer tasks --all)", wanted);
    json_decref(answer);
    return code;
}

void find_task_agent(const char *http, struct found_task *task)
{
    int code;
    json_t *agent = *task->agent_id ? find_agent(http, task->agent_id, &code) : NULL;

    if (agent && *field(agent, "address")) {
        free(task->agent_address);
        task->agent_address = mem_strdup(field(agent, "address"));
    }
    json_decref(agent);
}
