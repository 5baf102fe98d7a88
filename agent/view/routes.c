/* What can be asked for, and the answers that the replica has at hand. */
#include "agent/view/front.h"

#include "base/cleanup.h"

static void route_state(void *front, struct http_request *request)
{
    struct front *self = front;
    const struct replica *replica = agent_front_replica(self, request);
    CLEANUP(buf_fini) struct buf body = {0};

    if (!replica)
        return;
    agent_document_state(replica, &self->context, &body);
    http_reply_json(request, &body);
}

static void route_health(void *front, struct http_request *request)
{
    CLEANUP(buf_fini) struct buf body = {0};

    (void)front;
    http_reply(request, 200, "text/plain", &body);
}

static void route_version(void *front, struct http_request *request)
{
    CLEANUP(buf_fini) struct buf body = {0};

    (void)front;
    agent_document_version(&body);
    http_reply_json(request, &body);
}

static void route_flags(void *front, struct http_request *request)
{
    const struct front *self = front;
    CLEANUP(buf_fini) struct buf body = {0};

    agent_document_flags(self->context.flags, &body);
    http_reply_json(request, &body);
}

#define STATE_HELP      "everything about the agent, its frameworks and tasks"
#define STATISTICS_HELP "what running tasks use"
#define CONTAINERS_HELP "what running tasks use, with their containers"
#define BROWSE_HELP     "?path= : list a folder of a sandbox"
#define READ_HELP       "?path=&offset=&length= : part of a file as JSON; offset=-1 tells its size"
#define DOWNLOAD_HELP                                                                              \
    "?path=&offset=&length=&wait_ms= : a file as it is; waits for more when there is none"

const struct http_route agent_routes[] = {
    {"GET", "/state", route_state, STATE_HELP},
    {"GET", "/state.json", route_state, STATE_HELP},
    {"GET", "/slave(1)/state", route_state, STATE_HELP},
    {"GET", "/slave(1)/state.json", route_state, STATE_HELP},
    {"GET", "/health", route_health, "200 while the agent runs"},
    {"GET", "/version", route_version, "which Proffer this is"},
    {"GET", "/flags", route_flags, "what it was started with"},
    {"GET", "/metrics/snapshot", agent_route_metrics, "counters and gauges"},
    {"GET", "/monitor/statistics", agent_route_statistics, STATISTICS_HELP},
    {"GET", "/monitor/statistics.json", agent_route_statistics, STATISTICS_HELP},
    {"GET", "/slave(1)/monitor/statistics", agent_route_statistics, STATISTICS_HELP},
    {"GET", "/slave(1)/monitor/statistics.json", agent_route_statistics, STATISTICS_HELP},
    {"GET", "/containers", agent_route_containers, CONTAINERS_HELP},
    {"GET", "/slave(1)/containers", agent_route_containers, CONTAINERS_HELP},
    {"GET", "/files/browse", agent_route_browse, BROWSE_HELP},
    {"GET", "/files/browse.json", agent_route_browse, BROWSE_HELP},
    {"GET", "/files/read", agent_route_read, READ_HELP},
    {"GET", "/files/read.json", agent_route_read, READ_HELP},
    {"GET", "/files/download", agent_route_download, DOWNLOAD_HELP},
    {"GET", "/files/download.json", agent_route_download, DOWNLOAD_HELP},
    {0},
};
