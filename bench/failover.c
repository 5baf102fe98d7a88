/* bench/failover.c - a master that dies with a whole cluster behind it: AGENTS agents with TASKS tasks each, made of
 * the link alone, over real sockets, some in each of several processes.
 *
 *     failover AGENTS TASKS MASTER [ARGUMENT...]      the master is $PROFFER_MASTER
 *
 * Starts the master, fills the cluster, kills the master (SIGKILL) and starts it again with the same arguments. Prints
 * master_failover_ms (from the kill to the first new offer), and master_failover_all_ms (until every agent with all
 * its tasks is registered and the framework has been offered what is free on each).
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "proto/link.h"

#define TASKS_MAX    100
#define EVENTS_MAX   512
#define WORKERS_MAX  64
#define WORKER_FILES 9  /* of a client, about */
#define CONNECTS     50 /* at a time, of a worker, while the cluster is filled */
#define PATIENCE_US  (120 * US_PER_S)
#define SCAN_US      2000

struct peer {
    struct link_client *link;
    struct cluster *cluster;
    size_t number;
    char id[256];
    size_t launched;
    bool is_registered;
};

/* Of one process: the framework, or a worker with its part of the agents. */
struct cluster {
    struct peer *peers; /* agents[0..count-1], or the framework */
    size_t count;
    int epoll;
    int64_t scan_us;
    uint64_t epoch, uuid;
    char framework_id[256]; /* of what runs here */
    size_t *registered;     /* shared: by this worker */
    /* The framework's. */
    size_t tasks, running, offered;
    bool *is_offered; /* by agent */
    int64_t first_offer_us;
    bool is_filling;
};

static void die(const char *what)
{
    fprintf(stderr, "failover: %s\n", what);
    exit(1);
}

static void say(struct peer *peer, struct message message)
{
    struct err err = {""};

    if (link_client_send(peer->link, &message, &err) < 0)
        die(err.text);
}

static void task_name(char *ret_name, size_t size, size_t agent, size_t task)
{
    snprintf(ret_name, size, "task-%zu-%zu", agent, task);
}

static const struct resource_info agent_resources[] = {
    {.name = "cpus", .kind = VALUE_SCALAR, .scalar = 64000},
    {.name = "mem", .kind = VALUE_SCALAR, .scalar = 64000000}};
static const struct resource_info task_resources[] = {
    {.name = "cpus", .kind = VALUE_SCALAR, .scalar = 100},
    {.name = "mem", .kind = VALUE_SCALAR, .scalar = 32000}};
static const struct command_info command = {.value = "true"};

/* --- agents ------------------------------------------------------------------------------------ */

static void agent_register(struct peer *agent)
{
    struct cluster *cluster = agent->cluster;
    char names[TASKS_MAX][64], hostname[32];
    struct agent_info info = {.id = agent->id,
                              .address = "127.0.0.1:1",
                              .hostname = hostname,
                              .resources = agent_resources,
                              .resources_count = 2};
    struct framework_info framework = {.id = cluster->framework_id, .name = "failover"};
    struct task_info tasks[TASKS_MAX];
    struct task_status statuses[TASKS_MAX];
    struct agent_task reports[TASKS_MAX];
    struct message message;

    snprintf(hostname, sizeof(hostname), "host-%zu", agent->number);
    for (size_t i = 0; i < agent->launched; i++) {
        task_name(names[i], sizeof(names[i]), agent->number, i);
        tasks[i] = (struct task_info){.task_id = names[i],
                                      .name = "one of many",
                                      .agent_id = agent->id,
                                      .resources = task_resources,
                                      .resources_count = 2,
                                      .command = &command};
        statuses[i] = (struct task_status){.task_id = names[i],
                                           .state = TASK_RUNNING,
                                           .source = SOURCE_AGENT,
                                           .agent_id = agent->id,
                                           .timestamp_us = clock_now().wall_us};
        reports[i] = (struct agent_task){.framework_id = cluster->framework_id,
                                         .role = "*",
                                         .task = &tasks[i],
                                         .state = TASK_RUNNING,
                                         .status = &statuses[i]};
    }
    message =
        MESSAGE(REGISTER_AGENT, register_agent, .agent = &info, .tasks = reports,
                .tasks_count = agent->launched, .frameworks = &framework,
                .frameworks_count = agent->launched != 0, .last_epoch = (int64_t)cluster->epoch);
    message.epoch = 0;
    say(agent, message);
}

static void on_agent_open(void *owner, const struct msg_welcome *welcome)
{
    (void)welcome;
    agent_register(owner);
}

static void run_task(struct peer *agent, const struct msg_run_task *run)
{
    uint64_t uuid[2] = {++agent->cluster->uuid, 0};
    const struct task_status status = {.task_id = run->task->task_id,
                                       .state = TASK_RUNNING,
                                       .source = SOURCE_AGENT,
                                       .agent_id = agent->id,
                                       .uuid = {uuid, sizeof(uuid)},
                                       .timestamp_us = clock_now().wall_us};
    struct message message =
        MESSAGE(STATUS_UPDATE, status_update, .framework_id = run->framework->id, .status = &status,
                .latest_state = TASK_RUNNING);

    agent->launched++;
    snprintf(agent->cluster->framework_id, sizeof(agent->cluster->framework_id), "%s",
             run->framework->id);
    message.epoch = agent->cluster->epoch;
    say(agent, message);
}

static void on_agent_message(void *owner, const struct message *message)
{
    struct peer *agent = owner;

    if (message->epoch > agent->cluster->epoch)
        agent->cluster->epoch = message->epoch;
    if (message->type == MSG_RUN_TASK) {
        run_task(agent, message->run_task);
    } else if (message->type == MSG_AGENT_REGISTERED && !agent->is_registered) {
        snprintf(agent->id, sizeof(agent->id), "%s", message->agent_registered->agent_id);
        agent->is_registered = true;
        ++*agent->cluster->registered;
    } else if (message->type == MSG_KILL_TASK || message->type == MSG_SHUTDOWN_FRAMEWORK) {
        die("the master wants a task to end");
    }
}

static void on_agent_close(void *owner, const char *reason, bool is_final)
{
    struct peer *agent = owner;

    if (is_final)
        die(reason);
    *agent->cluster->registered -= agent->is_registered;
    agent->is_registered = false;
}

/* --- the framework ------------------------------------------------------------------------------- */

static void on_framework_open(void *owner, const struct msg_welcome *welcome)
{
    struct peer *peer = owner;
    const struct framework_info info = {.name = "failover", .id = peer->id};

    (void)welcome;
    say(peer, MESSAGE(SUBSCRIBE, subscribe, .framework = &info));
}

/* All that an agent is to run at once, and nothing of it is offered again. */
static void fill(struct cluster *cluster, size_t agent, const struct offer_info *offer)
{
    static const struct filters never = {.refuse_ms = 3600000};
    struct task_info tasks[TASKS_MAX];
    char names[TASKS_MAX][64];
    struct operation_info operation = {
        .kind = OPERATION_LAUNCH, .tasks = tasks, .tasks_count = cluster->tasks};

    for (size_t i = 0; i < cluster->tasks; i++) {
        task_name(names[i], sizeof(names[i]), agent, i);
        tasks[i] = (struct task_info){.task_id = names[i],
                                      .name = "one of many",
                                      .agent_id = offer->agent_id,
                                      .resources = task_resources,
                                      .resources_count = 2,
                                      .command = &command};
    }
    say(cluster->peers,
        MESSAGE(ACCEPT, accept, .offer_ids = &offer->id, .offer_ids_count = 1,
                .operations = &operation, .operations_count = 1, .filters = &never));
}

static void on_offers(struct cluster *cluster, const struct msg_offers *offers)
{
    if (!cluster->first_offer_us)
        cluster->first_offer_us = clock_now().mono_us;
    for (size_t i = 0; i < offers->offers_count; i++) {
        const struct offer_info *offer = &offers->offers[i];
        size_t agent = strtoul(offer->hostname + strlen("host-"), NULL, 10);

        if (cluster->is_offered[agent])
            continue;
        cluster->is_offered[agent] = true;
        cluster->offered++;
        if (cluster->is_filling)
            fill(cluster, agent, offer);
    }
}

static void on_framework_message(void *owner, const struct message *message)
{
    struct peer *peer = owner;
    const struct task_status *status;

    if (message->type == MSG_SUBSCRIBED)
        snprintf(peer->id, sizeof(peer->id), "%s", message->subscribed->framework_id);
    else if (message->type == MSG_OFFERS)
        on_offers(peer->cluster, message->offers);
    if (message->type != MSG_UPDATE)
        return;
    status = message->update->status;
    if (status->uuid.size)
        say(peer, MESSAGE(ACKNOWLEDGE, acknowledge, .agent_id = status->agent_id,
                          .task_id = status->task_id, .uuid = status->uuid));
    if (status->state != TASK_RUNNING)
        die("a task is in another state than RUNNING");
    peer->cluster->running += peer->cluster->is_filling;
}

static void on_framework_close(void *owner, const char *reason, bool is_final)
{
    (void)owner;
    if (is_final)
        die(reason);
}

static void on_trouble(void *owner, const char *reason)
{
    (void)owner;
    (void)reason;
}

/* --- the loop ---------------------------------------------------------------------------------- */

/* What is readable, and now and then what is due. */
static void turn(struct cluster *cluster)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(cluster->epoll, events, EVENTS_MAX, SCAN_US / 1000);
    int64_t now = clock_now().mono_us;

    for (int i = 0; i < count; i++)
        link_client_run(cluster->peers[events[i].data.u64].link, now, 1000);
    if (now - cluster->scan_us < SCAN_US)
        return;
    cluster->scan_us = now;
    for (size_t i = 0; i < cluster->count && cluster->peers[i].link; i++)
        if (link_client_next_deadline_us(cluster->peers[i].link) <= now)
            link_client_run(cluster->peers[i].link, now, 1000);
}

static struct link_context *begin(struct cluster *cluster, size_t count)
{
    struct link_context *context;
    struct err err = {""};

    cluster->count = count;
    cluster->peers = mem_calloc(count, sizeof(*cluster->peers));
    cluster->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (link_context_new(&context, &err) < 0)
        die(err.text);
    return context;
}

static void add(struct cluster *cluster, struct link_context *context, size_t index,
                enum peer_kind kind, const struct link_client_events *events)
{
    struct peer *peer = &cluster->peers[index];
    const struct link_client_settings settings = {
        .address = getenv("PROFFER_MASTER"), .kind = kind, .seed = peer->number + 1};
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = index};
    struct err err = {""};

    peer->cluster = cluster;
    if (link_client_new(context, &settings, events, &peer->link, &err) < 0)
        die(err.text);
    if (epoll_ctl(cluster->epoll, EPOLL_CTL_ADD, link_client_fd(peer->link), &event) < 0)
        die("epoll");
}

/* A process with agents `from` to `to`, until its parent ends. */
static void work(size_t *registered, size_t from, size_t to)
{
    struct cluster cluster = {.registered = registered};
    struct link_context *context;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    context = begin(&cluster, to - from);
    for (size_t i = 0; i < cluster.count; i++) {
        struct link_client_events events = {&cluster.peers[i], on_agent_open, on_agent_message,
                                            on_agent_close, on_trouble};

        cluster.peers[i].number = from + i;
        add(&cluster, context, i, PEER_AGENT, &events);
        while (*registered + CONNECTS < i)
            turn(&cluster);
    }
    for (;;)
        turn(&cluster);
}

/* --- the run ------------------------------------------------------------------------------------- */

struct workers {
    size_t count, agents;
    size_t *registered; /* shared with them */
};

static void start_workers(struct workers *workers, size_t agents)
{
    struct rlimit limit;
    size_t each;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || agents > limit.rlim_max - 100)
        die("more agents than RLIMIT_NOFILE lets a master have");
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    each = limit.rlim_max / WORKER_FILES < 2000 ? limit.rlim_max / WORKER_FILES : 2000;
    workers->agents = agents;
    workers->count = (agents + each - 1) / each;
    if (workers->count > WORKERS_MAX)
        die("RLIMIT_NOFILE is too low for so many agents");
    workers->registered = mmap(NULL, sizeof(size_t) * WORKERS_MAX, PROT_READ | PROT_WRITE,
                               MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (size_t i = 0; i < workers->count; i++)
        if (fork() == 0)
            work(&workers->registered[i], i * each,
                 agents < (i + 1) * each ? agents : (i + 1) * each);
}

static bool all_registered(const struct workers *workers)
{
    size_t sum = 0;

    for (size_t i = 0; i < workers->count; i++)
        sum += ((volatile size_t *)workers->registered)[i];
    return sum == workers->agents;
}

/* Until the framework has been offered so many agents, and has heard of so many tasks. */
static void run_until(struct cluster *cluster, const struct workers *workers, size_t offered,
                      size_t running)
{
    int64_t end_us = clock_now().mono_us + PATIENCE_US;

    while (cluster->offered < offered || cluster->running < running ||
           (offered > 1 && !all_registered(workers))) {
        turn(cluster);
        if (clock_now().mono_us < end_us)
            continue;
        fprintf(stderr, "failover: %zu offered, %zu running\n", cluster->offered, cluster->running);
        die("that takes too long");
    }
}

static pid_t start_master(char **arguments)
{
    pid_t pid = fork();

    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execvp(arguments[0], arguments);
        _exit(127);
    }
    if (pid < 0)
        die("fork");
    return pid;
}

static void measure(struct cluster *cluster, const struct workers *workers, pid_t master,
                    char **arguments)
{
    int64_t from = clock_now().mono_us;

    kill(master, SIGKILL);
    waitpid(master, NULL, 0);
    start_master(arguments);
    run_until(cluster, workers, 1, 0);
    printf("master_failover_ms %" PRId64 " ms\n", (cluster->first_offer_us - from) / US_PER_MS);
    run_until(cluster, workers, workers->agents, 0);
    printf("master_failover_all_ms %" PRId64 " ms\n", (clock_now().mono_us - from) / US_PER_MS);
}

int main(int argc, char **argv)
{
    struct cluster cluster = {.is_filling = true};
    struct workers workers;
    struct link_context *context;
    struct link_client_events events;
    pid_t master;

    if (argc < 4 || !getenv("PROFFER_MASTER"))
        return 2;
    cluster.tasks = strtoul(argv[2], NULL, 10);
    if (cluster.tasks > TASKS_MAX)
        return 2;
    master = start_master(argv + 3);
    start_workers(&workers, strtoul(argv[1], NULL, 10));
    cluster.is_offered = mem_calloc(workers.agents, sizeof(bool));
    context = begin(&cluster, 1);
    events = (struct link_client_events){cluster.peers, on_framework_open, on_framework_message,
                                         on_framework_close, on_trouble};
    add(&cluster, context, 0, PEER_FRAMEWORK, &events);
    run_until(&cluster, &workers, workers.agents, workers.agents * cluster.tasks);
    cluster.is_filling = false;
    cluster.offered = 0;
    cluster.first_offer_us = 0;
    memset(cluster.is_offered, 0, workers.agents * sizeof(bool));
    measure(&cluster, &workers, master, argv + 3);
    fflush(stdout);
    _exit(0); /* ten thousand sessions need no goodbye; what we started ends with us */
}
