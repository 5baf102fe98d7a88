/* Sandboxes of tasks that have ended: how long they stay.
 *
 * The rule is that of Mesos (docs/configuration/agent.md, --gc_delay): a sandbox is kept for
 * `delay * max(0, 1 - headroom - used)`, where `used` is how full its disk is. What the launcher finds on
 * disk is all that is known of them: their number has no bound in here, and a new agent needs no record.
 */
#include "agent/core/state.h"
#include "base/mutant.h"

#define WHOLE_MILLI 1000
/* What could not be removed is tried again after so long. */
#define AGAIN_US ((int64_t)3600 * US_PER_S)

int64_t garbage_age_us(const struct agent *self)
{
    int64_t left_milli = WHOLE_MILLI - self->garbage.headroom_milli - self->garbage.used_milli;

    return left_milli > 0 ? self->garbage.delay_us / WHOLE_MILLI * left_milli : 0;
}

static void publish(struct agent *self)
{
    struct garbage *garbage = &self->garbage;

    garbage->told_kept = garbage->kept;
    agent_publish(self,
                  MESSAGE(CHANGE_SANDBOXES, change_sandboxes, .kept = garbage->kept,
                          .removed = (int64_t)self->counters.sandboxes_removed,
                          .removed_bytes = (int64_t)self->counters.sandboxes_bytes,
                          .failed = garbage->failed, .max_age_ms = garbage_age_us(self) / US_PER_MS,
                          .disk_used = garbage->used_milli, .problem = garbage->problem));
}

/* One that cannot be read counts as empty: then age alone decides. What is new is told here, not at each launch. */
static void look_at_disk(struct agent *self)
{
    struct garbage *garbage = &self->garbage;
    struct err err;
    int used = self->env.disk_used(self->env.ctx, &err);

    if (used < 0 && !garbage->is_blind)
        agent_log(self, LOG_LEVEL_WARNING, "how full the disk of sandboxes is cannot be seen: %s",
                  err.text);
    garbage->is_blind = used < 0;
    if (used < 0)
        used = 0;
    if (used == garbage->used_milli && garbage->kept == garbage->told_kept)
        return;
    garbage->used_milli = used;
    publish(self);
}

/* By the clock that never jumps: should the other one be set back, the launcher finds sandboxes from the
 * future, and begins their age anew. */
static bool is_due(const struct agent *self, int64_t age_us)
{
    const struct garbage *garbage = &self->garbage;

    if (garbage->is_collecting)
        return false;
    return garbage->oldest_us < self->now.mono_us - age_us ||
           (garbage->failed && garbage->again_us <= self->now.mono_us);
}

/* Of all that lives, whoever holds it. */
static const char *const *list_live(struct agent *self, size_t *ret_count)
{
    size_t max = HASH_CNT(by_container, self->containers) + groups_count(self);
    const char **ids;

    arena_reset(self->scratch);
    ids = arena_array(self->scratch, max, sizeof(*ids));
    *ret_count = 0;
    for (const struct task *task = self->containers; task; task = task->by_container.next)
        ids[(*ret_count)++] = task->container_id;
    groups_list(self, ids + *ret_count);
    *ret_count = max;
    return ids;
}

static void collect_if_due(struct agent *self)
{
    int64_t age_us = MUTATE(COLLECT_EARLY) ? 0 : garbage_age_us(self);
    const char *const *keep;
    size_t keep_count;

    if (!is_due(self, age_us))
        return;
    self->garbage.is_collecting = true;
    self->garbage.ended_us = GARBAGE_NONE;
    keep = list_live(self, &keep_count);
    self->env.contain(self->env.ctx,
                      &MESSAGE(COLLECT_SANDBOXES, collect_sandboxes,
                               .sandboxes_dir = self->sandboxes_dir,
                               .ended_before_us = self->now.wall_us - age_us, .keep = keep,
                               .keep_count = keep_count),
                      0);
}

static void on_watch_due(void *owner, struct deadline *deadline)
{
    struct agent *self = owner;

    look_at_disk(self);
    collect_if_due(self);
    deadline_set(&self->deadlines, deadline, self->now.mono_us + self->garbage.watch_us);
}

/* Nothing is known yet of what earlier agents have left: the first look is at all of it. */
void garbage_begin(struct agent *self)
{
    struct garbage *garbage = &self->garbage;

    if (!self->env.disk_used)
        return;
    garbage->watch.due = on_watch_due;
    garbage->oldest_us = INT64_MIN;
    deadline_set(&self->deadlines, &garbage->watch, self->now.mono_us + garbage->watch_us);
}

void garbage_on_started(struct agent *self)
{
    self->garbage.kept++;
}

/* The mark that the launcher sets is a little younger, never older. */
void garbage_on_ended(struct agent *self)
{
    struct garbage *garbage = &self->garbage;

    if (self->now.mono_us < garbage->oldest_us)
        garbage->oldest_us = self->now.mono_us;
    if (self->now.mono_us < garbage->ended_us)
        garbage->ended_us = self->now.mono_us;
}

/* What was said of the one clock, on the other. */
static int64_t to_mono(const struct agent *self, int64_t wall_us)
{
    return wall_us < self->now.wall_us ? self->now.mono_us - (self->now.wall_us - wall_us)
                                       : self->now.mono_us;
}

static void note_problem(struct agent *self, const struct msg_sandboxes_collected *answer)
{
    struct garbage *garbage = &self->garbage;
    const char *error = answer->error ? answer->error : "";

    if (strcmp(garbage->problem, error) == 0)
        return;
    arena_reset(garbage->arena);
    garbage->problem = arena_strdup(garbage->arena, error);
    if (*error)
        agent_log(self, LOG_LEVEL_WARNING, "sandboxes of ended tasks stay: %s", error);
}

void garbage_on_collected(struct agent *self, const struct msg_sandboxes_collected *answer)
{
    struct garbage *garbage = &self->garbage;

    if (!garbage->is_collecting) {
        self->counters.messages_unexpected++;
        return;
    }
    garbage->is_collecting = MUTATE(COLLECT_ONCE);
    garbage->oldest_us = answer->oldest_us ? to_mono(self, answer->oldest_us) : GARBAGE_NONE;
    if (garbage->ended_us < garbage->oldest_us)
        garbage->oldest_us = garbage->ended_us;
    garbage->kept = answer->left;
    garbage->failed = answer->failed;
    garbage->again_us = self->now.mono_us + AGAIN_US;
    self->counters.sandboxes_removed += (uint64_t)answer->removed;
    self->counters.sandboxes_bytes += (uint64_t)answer->removed_bytes;
    note_problem(self, answer);
    if (answer->removed)
        agent_log(self, LOG_LEVEL_INFO,
                  "removed %lld sandboxes of ended tasks, %lld bytes; %lld are left",
                  (long long)answer->removed, (long long)answer->removed_bytes,
                  (long long)answer->left);
    publish(self);
}
