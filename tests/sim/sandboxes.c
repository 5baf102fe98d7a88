/* tests/sim/sandboxes.c - what tasks leave on an agent's disk, and who removes it when.
 *
 * Held here: a sandbox goes only when its container has ended and it is as old as the rule of the day wants
 * (a disk that fills and empties changes it), and it goes in time when the agent is there.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "tests/sim/world.h"

#define HEADROOM_MILLI 100
/* Looks at the disk, a collection that takes long, and then another one. */
#define SLACK_US ((int64_t)20 * US_PER_S)

struct sandbox {
    UT_hash_handle hh;
    int64_t since_us; /* its change time; true time */
    int64_t alive_us; /* when its container was last seen alive */
    char id[];
};

static int64_t wall_offset_us(const struct sim_agent *self)
{
    return process_now(&self->process).wall_us - self->process.sim->now_us;
}

static int64_t rule_us(const struct sim_agent *self)
{
    int64_t left = 1000 - HEADROOM_MILLI - self->disk_used;

    return left > 0 ? self->process.sim->timing.gc_delay_ms * US_PER_MS / 1000 * left : 0;
}

/* It fills slowly and is emptied at once. */
int sandboxes_disk_used(void *agent, struct err *err)
{
    struct sim_agent *self = agent;
    struct sim *sim = self->process.sim;

    (void)err;
    if (sim_chance(sim, 20))
        self->disk_used = sim_between(sim, 0, 1000);
    return (int)self->disk_used;
}

static struct sandbox *find(const struct sim_agent *self, const char *id)
{
    struct sandbox *sandbox;

    HASH_FIND_STR(self->sandboxes, id, sandbox);
    return sandbox;
}

static bool is_alive(const struct sim_agent *self, const char *id)
{
    const struct container *container;

    DL_FOREACH (self->containers, container)
        if (!strcmp(container->id, id) && container->state != CONTAINER_ENDED)
            return true;
    return false;
}

/* Its end may be held back until that of the group's holder, which on a full disk does not come. */
static bool is_held_back(const struct sim_agent *self, const char *id)
{
    const struct container *container;

    DL_FOREACH (self->containers, container)
        if (!strcmp(container->id, id))
            return *container->holder && is_alive(self, container->holder);
    return false;
}

void sandboxes_on_launch(struct sim_agent *self, const char *container_id)
{
    size_t size = strlen(container_id) + 1;
    struct sandbox *sandbox = mem_calloc(1, sizeof(*sandbox) + size);

    memcpy(sandbox->id, container_id, size);
    sandbox->since_us = self->process.sim->now_us;
    HASH_ADD_STR(self->sandboxes, id, sandbox);
}

void sandboxes_on_forget(struct sim_agent *self, const struct msg_forget_container *order)
{
    struct sandbox *sandbox = *order->sandbox ? find(self, order->container_id) : NULL;

    if (sandbox)
        sandbox->since_us = self->process.sim->now_us;
}

static void remove_old(struct sim_agent *self, struct msg_sandboxes_collected *ret)
{
    struct sandbox *sandbox, *next;
    int64_t oldest_us = 0;

    HASH_ITER (hh, self->sandboxes, sandbox, next) {
        bool is_old = sandbox->since_us < self->collected_before_us;

        if (is_old && !is_alive(self, sandbox->id)) {
            HASH_DEL(self->sandboxes, sandbox);
            free(sandbox);
            ret->removed++;
            continue;
        }
        ret->left++;
        if (!is_old && (!oldest_us || sandbox->since_us < oldest_us))
            oldest_us = sandbox->since_us;
    }
    ret->oldest_us = oldest_us ? oldest_us + wall_offset_us(self) : 0;
}

static void on_collected(void *owner, struct deadline *deadline)
{
    struct sim_agent *self = CONTAINER_OF(deadline, struct sim_agent, collection);
    struct sim *sim = owner;
    struct msg_sandboxes_collected answer = {.error = ""};

    if (!sim_event_begins(sim))
        return;
    remove_old(self, &answer);
    if (self->core)
        agent_hears_container(self, &(struct message){.type = MSG_SANDBOXES_COLLECTED,
                                                      .sandboxes_collected = &answer});
    sim_event_ends(sim);
}

void sandboxes_on_collect(struct sim_agent *self, const struct msg_collect_sandboxes *order)
{
    struct sim *sim = self->process.sim;
    int64_t before_us = order->ended_before_us - wall_offset_us(self);

    if (deadline_is_set(&self->collection))
        sim_fail(sim, "%s collects sandboxes twice at once", self->process.name);
    if (before_us > sim->now_us - rule_us(self))
        sim_fail(sim,
                 "%s removes sandboxes of tasks that ended %lld ms ago, and the rule says %lld",
                 self->process.name, (long long)((sim->now_us - before_us) / US_PER_MS),
                 (long long)(rule_us(self) / US_PER_MS));
    self->collected_before_us = before_us;
    self->collection.due = on_collected;
    sim_after(sim, &self->collection, sim_between(sim, 1000, 3000000));
}

void sandboxes_lose_agent(struct sim_agent *self)
{
    deadline_cancel(&self->process.sim->queue, &self->collection);
}

void sandboxes_check(struct sim_agent *self)
{
    struct sim *sim = self->process.sim;
    struct sandbox *sandbox, *next;
    int64_t patience_us =
        (sim->timing.gc_delay_ms + 2 * sim->timing.disk_watch_ms) * US_PER_MS + SLACK_US;

    HASH_ITER (hh, self->sandboxes, sandbox, next) {
        int64_t since_us;

        if (is_alive(self, sandbox->id) || is_held_back(self, sandbox->id))
            sandbox->alive_us = sim->now_us;
        since_us = sandbox->since_us > sandbox->alive_us ? sandbox->since_us : sandbox->alive_us;
        if (sim->now_us - self->begun_us > patience_us && sim->now_us - since_us > patience_us)
            sim_fail(sim, "%s keeps the sandbox %s for %lld s", self->process.name, sandbox->id,
                     (long long)((sim->now_us - since_us) / US_PER_S));
    }
}

void sandboxes_fini(struct sim_agent *self)
{
    struct sandbox *sandbox, *next;

    sandboxes_lose_agent(self);
    HASH_ITER (hh, self->sandboxes, sandbox, next) {
        HASH_DEL(self->sandboxes, sandbox);
        free(sandbox);
    }
}
