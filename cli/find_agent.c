#include "cli/find_agent.h"

#include <string.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/http.h"
#include "cli/list.h"

const char *agent_state_name(const json_t *agent)
{
    const char *drain = field(json_object_get(agent, "drain_info"), "state");

    if (!strcmp(drain, "DRAINING"))
        return "draining";
    if (!strcmp(drain, "DRAINED"))
        return "drained";
    if (json_is_true(json_object_get(agent, "in_maintenance")))
        return "maintenance";
    if (json_is_true(json_object_get(agent, "deactivated")))
        return "deactivated";
    return json_is_true(json_object_get(agent, "active")) ? "active" : "inactive";
}

/* NULL: none, or several, which is told. */
static json_t *select_agent(const json_t *answer, const char *wanted, int *ret_exit)
{
    static const char *const lists[] = {"slaves", "recovered_slaves"};
    json_t *agent, *found = NULL;
    size_t i, count = 0;

    for (size_t list = 0; list < ARRAY_SIZE(lists); list++)
        json_array_foreach(json_object_get(answer, lists[list]), i, agent)
        {
            const char *id = field(agent, "id");

            if (!strcmp(id, wanted))
                return json_incref(agent);
            if (id_matches(id, wanted) || !strcmp(field(agent, "hostname"), wanted)) {
                found = agent;
                count++;
            }
        }
    if (count > 1)
        *ret_exit = cli_fail(EXIT_FAILED, "%zu agents are meant by \"%s\": say more of the id",
                             count, wanted);
    return count == 1 ? json_incref(found) : NULL;
}

json_t *find_agent(const char *http, const char *wanted, int *ret_exit)
{
    json_t *answer = http_get(http, "/slaves", ret_exit), *agent;

    if (!answer)
        return NULL;
    agent = select_agent(answer, wanted, ret_exit);
    json_decref(answer);
    /* Those that are unreachable are in no list; the master knows them by their whole id. */
    return agent || *ret_exit ? agent : json_pack("{s:s}", "id", wanted);
}
