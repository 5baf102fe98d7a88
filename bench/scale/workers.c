#include "bench/scale/workers.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "bench/scale/crowd.h"
#include "bench/scale/report.h"

#define LINK_FILES 9    /* descriptors of a link, about */
#define EACH_MAX   2000 /* agents of a worker */
#define CONNECTS   50   /* of a worker at a time */

static void *share(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        die("no memory to share");
    return memory;
}

/* --- agents that run tasks ------------------------------------------------------------------------- */

static void on_open(void *owner, const struct msg_welcome *welcome)
{
    (void)welcome;
    fake_agent_open(owner);
}

static void on_message(void *owner, const struct message *message)
{
    fake_agent_hear(owner, message);
}

static void on_close(void *owner, const char *reason, bool is_final)
{
    const struct fake_agent *agent = owner;

    if (is_final || agent->is_registered)
        die(reason);
}

static void on_trouble(void *owner, const char *reason)
{
    (void)owner;
    (void)reason;
}

/* --- agents that echo ------------------------------------------------------------------------------ */

static void echo(struct fake_agent *agent)
{
    static const uint64_t uuid[2] = {1, 1};
    static const struct task_status status = {
        .task_id = "t1", .state = TASK_RUNNING, .uuid = {uuid, sizeof(uuid)}};

    agent->peer.carrier->say(&agent->peer, MESSAGE(STATUS_UPDATE, status_update,
                                                   .framework_id = "f1", .status = &status));
}

static void on_echo_open(void *owner, const struct msg_welcome *welcome)
{
    struct fake_agent *agent = owner;

    (void)welcome;
    agent->is_registered = true;
    atomic_fetch_add(&agent->tally->registered, 1);
}

static void on_echo(void *owner, const struct message *message)
{
    if (message->type == MSG_ACKNOWLEDGE_UPDATE)
        echo(owner);
}

static const struct link_client_events events_of[] = {
    [AGENTS_RUN_TASKS] = {NULL, on_open, on_message, on_close, on_trouble},
    [AGENTS_ECHO] = {NULL, on_echo_open, on_echo, on_close, on_trouble},
};

/* --- a worker -------------------------------------------------------------------------------------- */

_Noreturn static void work(const struct workers *workers, struct tally *tally, size_t from,
                           size_t count, enum agents_do what)
{
    struct fake_agent *agents = mem_calloc(count, sizeof(*agents));
    struct crowd crowd;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (!atomic_load(&workers->meeting->is_set))
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    crowd_init(&crowd, workers->meeting->address, count);
    for (size_t i = 0; i < count; i++) {
        struct link_client_events events = events_of[what];

        fake_agent_init(&agents[i], from + i, &crowd.deadlines, tally);
        agents[i].peer.carrier = &crowd_carrier;
        events.owner = &agents[i];
        agents[i].peer.link = crowd_add(&crowd, PEER_AGENT, &events);
        while (atomic_load(&tally->registered) + CONNECTS < i)
            crowd_turn(&crowd, DEADLINE_NEVER);
    }
    for (;;)
        crowd_turn(&crowd, DEADLINE_NEVER);
}

void workers_start(struct workers *self, size_t agents, enum agents_do what)
{
    struct rlimit limit;
    size_t each;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || agents > limit.rlim_max - 500)
        die("RLIMIT_NOFILE is too low for a master with so many agents");
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    each = limit.rlim_max / LINK_FILES < EACH_MAX ? limit.rlim_max / LINK_FILES : EACH_MAX;
    self->count = (agents + each - 1) / each;
    if (self->count > WORKERS_MAX)
        die("RLIMIT_NOFILE is too low for so many agents");
    self->tallies = share(self->count * sizeof(self->tallies[0]));
    self->meeting = share(sizeof(*self->meeting));
    for (size_t i = 0; i < self->count; i++) {
        size_t from = i * each;

        self->pids[i] = fork();
        if (self->pids[i] == 0)
            work(self, &self->tallies[i], from, agents - from < each ? agents - from : each, what);
        if (self->pids[i] < 0)
            die("fork");
    }
}

void workers_connect(struct workers *self, const char *address)
{
    snprintf(self->meeting->address, sizeof(self->meeting->address), "%s", address);
    atomic_store(&self->meeting->is_set, true);
}

size_t workers_registered(const struct workers *self)
{
    size_t sum = 0;

    for (size_t i = 0; i < self->count; i++)
        sum += atomic_load(&self->tallies[i].registered);
    return sum;
}

size_t workers_launched(const struct workers *self)
{
    size_t sum = 0;

    for (size_t i = 0; i < self->count; i++)
        sum += atomic_load(&self->tallies[i].launched);
    return sum;
}

void workers_measure(struct workers *self, bool is_measuring)
{
    for (size_t i = 0; i < self->count; i++)
        atomic_store(&self->tallies[i].is_measuring, is_measuring);
}

uint32_t *workers_gaps(const struct workers *self, size_t *ret_count)
{
    uint32_t *gaps = mem_calloc(self->count, sizeof(self->tallies[0].gaps_us));
    size_t count = 0;

    for (size_t i = 0; i < self->count; i++) {
        size_t more = atomic_load(&self->tallies[i].gaps_count);

        memcpy(gaps + count, self->tallies[i].gaps_us, more * sizeof(gaps[0]));
        count += more;
    }
    sort_us(gaps, count);
    *ret_count = count;
    return gaps;
}
