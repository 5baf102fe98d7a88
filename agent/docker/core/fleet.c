/* All containers at once: compared with what the Engine has, given up, ended. */
#include <string.h>

#include "agent/docker/core/state.h"

static const char *key_of(const struct dock_seen *seen)
{
    return *seen->container_id ? seen->container_id : seen->engine_id;
}

static void remove_orphan(struct dock *self, const struct dock_seen *seen)
{
    struct container *c = container_add(self, key_of(seen));

    c->is_orphan = true;
    course_found(c, seen->engine_id);
    c->stage = STAGE_ENDED;
    course_let_go(self, c);
}

static size_t remove_orphans(struct dock *self, const struct dock_seen *seen, size_t count)
{
    size_t orphans = 0;

    for (size_t i = 0; i < count; i++) {
        if (strcmp(seen[i].owner, self->want->owner) || container_find(self, key_of(&seen[i])))
            continue;
        remove_orphan(self, &seen[i]);
        orphans++;
    }
    return orphans;
}

static const struct dock_seen *find_seen(const struct dock_seen *seen, size_t count,
                                         const struct container *c)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(seen[i].container_id, c->id))
            return &seen[i];
    return NULL;
}

void fleet_meet(struct dock *self, const struct dock_seen *seen, size_t count)
{
    struct container *c, *next;
    size_t orphans;

    HASH_ITER (hh, self->containers, c, next) {
        const struct dock_seen *one = find_seen(seen, count, c);

        if (one && !c->is_orphan)
            course_found(c, one->engine_id);
        if (c->stage == STAGE_DOUBT || c->stage == STAGE_RUNNING)
            course_look(self, c);
    }
    orphans = remove_orphans(self, seen, count);
    if (orphans)
        dock_log(self, LOG_LEVEL_WARNING, "removing %zu containers that no agent knows of",
                 orphans);
}

void fleet_sweep(struct dock *self, const struct dock_seen *seen, size_t count)
{
    struct container *c, *next;
    size_t orphans;

    HASH_ITER (hh, self->containers, c, next) {
        const struct dock_seen *one = find_seen(seen, count, c);

        if (c->stage == STAGE_RUNNING && (!one || one->state != SEEN_RUNNING))
            course_look(self, c);
    }
    orphans = remove_orphans(self, seen, count);
    if (orphans)
        dock_log(self, LOG_LEVEL_WARNING, "removing %zu containers that nobody knows of", orphans);
}

void fleet_give_up(struct dock *self, const char *why)
{
    struct container *c, *next;

    HASH_ITER (hh, self->containers, c, next)
        if ((c->stage == STAGE_FETCHING || c->stage == STAGE_PULLING || c->stage == STAGE_READY) &&
            !c->may_exist)
            course_fail(self, c, EXIT_ENGINE, why);
}

void fleet_end_all(struct dock *self)
{
    struct container *c, *next;

    HASH_ITER (hh, self->containers, c, next) {
        if (c->stage == STAGE_GOING || c->stage == STAGE_REMOVING)
            continue;
        course_let_go(self, c);
    }
}
