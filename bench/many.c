/* bench/many.c - what a hundred thousand tasks cost a real master: an agent and a framework made of
 * the link alone, in one process, run COUNT tasks to RUNNING and then to FINISHED.
 *
 *     many COUNT MASTER_PID
 *
 * Prints master_bytes_per_task (resident, all of them running, the view's replica included),
 * master_bytes_per_finished_task, and master_task_rate (whole lives a second, through sockets).
 */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "proto/link.h"

#define TASKS_A_CALL 500

struct many {
    struct link_client *agent, *framework;
    size_t count, launched, running, finished;
    char agent_id[256];
    bool finishing;
    uint64_t uuid; /* of updates: counted up */
};

static void check(int r, const struct err *err)
{
    if (r < 0) {
        fprintf(stderr, "many: %s\n", err->text);
        exit(1);
    }
}

static void send_message(struct link_client *client, struct message message)
{
    struct err err = {""};

    message.epoch = 0;
    check(link_client_send(client, &message, &err), &err);
}

/* The master's epoch goes back in what the agent sends. */
static uint64_t epoch;

static void send_as_agent(struct many *many, struct message message)
{
    struct err err = {""};

    message.epoch = epoch;
    check(link_client_send(many->agent, &message, &err), &err);
}

static void update(struct many *many, const char *framework_id, const char *task_id,
                   enum task_state state)
{
    uint64_t uuid[2] = {++many->uuid, 0};
    const struct task_status status = {
        .task_id = task_id,
        .state = state,
        .source = SOURCE_AGENT,
        .agent_id = many->agent_id,
        .uuid = {uuid, sizeof(uuid)},
        .timestamp_us = clock_now().wall_us,
    };

    send_as_agent(many, MESSAGE(STATUS_UPDATE, status_update, .framework_id = framework_id,
                                .status = &status, .latest_state = state));
}

/* --- the agent ----------------------------------------------------------------------------------
 */

static void agent_open(void *owner, const struct msg_welcome *welcome)
{
    static const struct resource_info resources[] = {
        {.name = "cpus", .kind = VALUE_SCALAR, .scalar = INT64_C(1000000000)},
        {.name = "mem", .kind = VALUE_SCALAR, .scalar = INT64_C(100000000000)}};
    static const struct agent_info info = {
        .hostname = "many", .address = "127.0.0.1:1", .resources = resources, .resources_count = 2};

    (void)welcome;
    send_as_agent(owner, MESSAGE(REGISTER_AGENT, register_agent, .agent = &info));
}

static void agent_message(void *owner, const struct message *message)
{
    struct many *many = owner;

    epoch = message->epoch;
    if (message->type == MSG_AGENT_REGISTERED)
        snprintf(many->agent_id, sizeof(many->agent_id), "%s", message->agent_registered->agent_id);
    else if (message->type == MSG_RUN_TASK)
        update(many, message->run_task->framework->id, message->run_task->task->task_id,
               TASK_RUNNING);
    else if (message->type == MSG_KILL_TASK)
        update(many, message->kill_task->framework_id, message->kill_task->task_id, TASK_KILLED);
}

/* --- the framework -------------------------------------------------------------------------------
 */

static void framework_open(void *owner, const struct msg_welcome *welcome)
{
    static const struct framework_info info = {.name = "many"};
    struct many *many = owner;

    (void)welcome;
    send_message(many->framework, MESSAGE(SUBSCRIBE, subscribe, .framework = &info));
}

static void accept_offer(struct many *many, const struct offer_info *offer)
{
    static const struct resource_info resources[] = {
        {.name = "cpus", .kind = VALUE_SCALAR, .scalar = 100},
        {.name = "mem", .kind = VALUE_SCALAR, .scalar = 32000}};
    static const struct command_info command = {.value = "true"};
    static const struct filters none = {.refuse_ms = 0};
    struct task_info tasks[TASKS_A_CALL];
    char ids[TASKS_A_CALL][32];
    size_t count = 0;
    struct operation_info operation = {.kind = OPERATION_LAUNCH, .tasks = tasks};

    for (; count < TASKS_A_CALL && many->launched < many->count; count++) {
        snprintf(ids[count], sizeof(ids[count]), "task-%zu", many->launched++);
        tasks[count] = (struct task_info){.task_id = ids[count],
                                          .name = "one of many",
                                          .agent_id = offer->agent_id,
                                          .resources = resources,
                                          .resources_count = 2,
                                          .command = &command};
    }
    operation.tasks_count = count;
    send_message(many->framework,
                 MESSAGE(ACCEPT, accept, .offer_ids = &offer->id, .offer_ids_count = 1,
                         .operations = &operation, .operations_count = 1, .filters = &none));
}

static void framework_message(void *owner, const struct message *message)
{
    struct many *many = owner;
    const struct task_status *status;

    if (message->type == MSG_OFFERS && many->launched < many->count)
        accept_offer(many, message->offers->offers);
    if (message->type != MSG_UPDATE)
        return;
    status = message->update->status;
    if (status->uuid.size)
        send_message(many->framework,
                     MESSAGE(ACKNOWLEDGE, acknowledge, .agent_id = status->agent_id,
                             .task_id = status->task_id, .uuid = status->uuid));
    if (status->state == TASK_RUNNING)
        many->running++;
    else if (status->state == TASK_KILLED)
        many->finished++;
    else
        check(-1, &(struct err){.text = "a task ended in another state"});
}

static void on_close(void *owner, const char *reason, bool final)
{
    (void)owner;
    (void) final;
    fprintf(stderr, "many: the master closed a session: %s\n", reason);
    exit(1);
}

static void on_trouble(void *owner, const char *reason)
{
    on_close(owner, reason, true);
}

/* --- the run
 * --------------------------------------------------------------------------------------- */

static int64_t resident_bytes(const char *pid)
{
    char path[64], line[256];
    int64_t kb = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%s/status", pid);
    file = fopen(path, "re");
    while (file && fgets(line, sizeof(line), file))
        if (!strncmp(line, "VmRSS:", 6))
            kb = strtoll(line + 6, NULL, 10);
    if (file)
        fclose(file);
    return kb * 1024;
}

static void turn(struct many *many)
{
    struct pollfd fds[] = {{link_client_fd(many->agent), POLLIN, 0},
                           {link_client_fd(many->framework), POLLIN, 0}};
    int64_t now = clock_now().mono_us, next = link_client_next_deadline_us(many->agent);

    if (link_client_next_deadline_us(many->framework) < next)
        next = link_client_next_deadline_us(many->framework);
    poll(fds, 2, next > now ? (int)((next - now) / 1000) + 1 : 0);
    now = clock_now().mono_us;
    link_client_run(many->agent, now, 1000);
    link_client_run(many->framework, now, 1000);
}

static struct link_client *connect_as(struct link_context *context, struct many *many,
                                      enum peer_kind kind, const struct link_client_events *events)
{
    const struct link_client_settings settings = {
        .address = getenv("PROFFER_MASTER"), .kind = kind, .seed = 1, .queue_max_bytes = 1 << 30};
    struct link_client *client;
    struct err err = {""};

    (void)many;
    check(link_client_new(context, &settings, events, &client, &err), &err);
    return client;
}

static void kill_all(struct many *many)
{
    char id[32];

    for (size_t i = 0; i < many->count; i++) {
        snprintf(id, sizeof(id), "task-%zu", i);
        send_message(many->framework, MESSAGE(KILL, kill, .task_id = id));
        if (i % TASKS_A_CALL == 0)
            turn(many);
    }
}

int main(int argc, char **argv)
{
    struct many many = {0};
    struct link_client_events agent_events = {&many, agent_open, agent_message, on_close,
                                              on_trouble};
    struct link_client_events framework_events = {&many, framework_open, framework_message,
                                                  on_close, on_trouble};
    struct link_context *context;
    int64_t empty, full, from, to;
    struct err err = {""};

    if (argc != 3 || !getenv("PROFFER_MASTER"))
        return 2;
    many.count = strtoul(argv[1], NULL, 10);
    empty = resident_bytes(argv[2]);
    check(link_context_new(&context, &err), &err);
    many.agent = connect_as(context, &many, PEER_AGENT, &agent_events);
    many.framework = connect_as(context, &many, PEER_FRAMEWORK, &framework_events);
    from = clock_now().mono_us;
    while (many.running < many.count)
        turn(&many);
    full = resident_bytes(argv[2]);
    printf("master_bytes_per_task %" PRId64 " bytes\n", (full - empty) / (int64_t)many.count);
    kill_all(&many);
    while (many.finished < many.count)
        turn(&many);
    to = clock_now().mono_us;
    printf("master_bytes_per_finished_task %" PRId64 " bytes\n",
           (resident_bytes(argv[2]) - empty) / (int64_t)many.count);
    printf("master_task_rate %.0f tasks/s\n",
           (double)many.count / ((double)(to - from) / US_PER_S));
    link_client_destroy(&many.agent, 0);
    link_client_destroy(&many.framework, 0);
    link_context_destroy(&context);
    return 0;
}
