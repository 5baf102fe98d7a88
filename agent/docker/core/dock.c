/* proffer-docker's core from outside: its making, whom an event belongs to, what is in flight. */
#include "agent/docker/core/dock.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "agent/docker/core/state.h"

#define END_US ((int64_t)8 * US_PER_S) /* for all containers, when the agent leaves */

const char *dock_call_name(enum dock_call_kind kind)
{
    static const char *const names[CALL_KIND_MAX] = {
        [CALL_PING] = "ping",
        [CALL_VERSION] = "version",
        [CALL_INFO] = "info",
        [CALL_EVENTS] = "events",
        [CALL_LIST] = "list",
        [CALL_PULL] = "pull",
        [CALL_CREATE] = "create",
        [CALL_START] = "start",
        [CALL_INSPECT] = "inspect",
        [CALL_LOGS] = "logs",
        [CALL_KILL] = "kill",
        [CALL_UPDATE] = "update",
        [CALL_STATS] = "stats",
        [CALL_REMOVE] = "remove",
        [CALL_EXEC_CREATE] = "exec",
        [CALL_EXEC_START] = "start of exec",
        [CALL_EXEC_INSPECT] = "inspect of exec",
        [CALL_IMAGES] = "images",
        [CALL_REMOVE_IMAGE] = "remove of image",
        [CALL_CONNECT] = "connection",
    };

    return kind < CALL_KIND_MAX ? names[kind] : "?";
}

void dock_log(struct dock *self, enum log_level level, const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    self->env.log(self->env.ctx, (int)level, text);
}

void dock_tell(struct dock *self, struct message message)
{
    if (!self->is_ending)
        self->env.tell(self->env.ctx, &message);
}

int64_t dock_call_ms(const struct dock *self)
{
    return self->want->call_timeout_ms ? self->want->call_timeout_ms : CALL_MS;
}

/* --- calls in flight ---------------------------------------------------------------------------- */

uint64_t dock_call(struct dock *self, struct dock_call call, void *owner,
                   void (*answered)(struct dock *self, void *owner,
                                    const struct dock_answer *answer))
{
    struct call *flight = mem_new(struct call);

    flight->number = call.number = ++self->calls_made;
    flight->kind = call.kind;
    flight->owner = owner;
    flight->answered = answered;
    HASH_ADD(hh, self->calls, number, sizeof(flight->number), flight);
    self->env.call(self->env.ctx, &call);
    return call.number;
}

static struct call *take_call(struct dock *self, uint64_t number)
{
    struct call *flight;

    HASH_FIND(hh, self->calls, &number, sizeof(number), flight);
    if (flight)
        HASH_DEL(self->calls, flight);
    return flight;
}

void dock_cancel(struct dock *self, uint64_t *number_p)
{
    struct call *flight = *number_p ? take_call(self, *number_p) : NULL;

    if (flight)
        self->env.cancel(self->env.ctx, flight->number);
    free(flight);
    *number_p = 0;
}

void dock_on_answer(struct dock *self, struct now now, const struct dock_answer *answer)
{
    struct call *flight = take_call(self, answer->number);

    self->now = now;
    if (!flight)
        return;
    flight->answered(self, flight->owner, answer);
    free(flight);
    pulls_run(self);
    course_run_queue(self);
    dock_end_if_done(self);
}

/* --- life --------------------------------------------------------------------------------------- */

static void end_by_due(void *owner, struct deadline *deadline)
{
    struct dock *self = owner;

    (void)deadline;
    dock_log(self, LOG_LEVEL_ERROR, "%u containers could not be removed in time",
             HASH_COUNT(self->containers));
    self->is_over = true;
    self->env.over(self->env.ctx, 1);
}

struct dock *dock_new(const struct msg_docker_configure *configure, const struct dock_env *env,
                      struct now now)
{
    struct dock *self = mem_new(struct dock);

    self->env = *env;
    self->now = now;
    self->arena = arena_new(0);
    self->want = record_copy(&msg_docker_configure_def, configure, self->arena);
    self->end_by.due = end_by_due;
    for (size_t i = 0; i < self->want->recover_count; i++)
        if (!container_find(self, self->want->recover[i]))
            container_add(self, self->want->recover[i])->stage = STAGE_DOUBT;
    images_begin(self);
    engine_begin(self);
    return self;
}

void dock_destroy(struct dock **self_p)
{
    struct dock *self = *self_p;
    struct container *container, *next;
    struct call *call, *next_call;

    if (!self)
        return;
    usage_fini(self);
    exec_fini(self);
    update_fini(self);
    HASH_ITER (hh, self->containers, container, next)
        container_destroy(self, container);
    pulls_fini(self);
    images_fini(self);
    engine_fini(self);
    HASH_ITER (hh, self->calls, call, next_call) {
        HASH_DEL(self->calls, call);
        free(call);
    }
    deadlines_fini(&self->deadlines);
    arena_destroy(&self->arena);
    free(self);
    *self_p = NULL;
}

/* --- events ------------------------------------------------------------------------------------- */

static void on_end(struct dock *self, const struct msg_launcher_end *order)
{
    if (self->is_ending)
        return;
    dock_log(self, LOG_LEVEL_INFO, "ending %u containers: %s", HASH_COUNT(self->containers),
             order->reason);
    self->is_ending = true;
    usage_fini(self);
    exec_fini(self);
    update_fini(self);
    fleet_end_all(self);
    deadline_set(&self->deadlines, &self->end_by, self->now.mono_us + END_US);
}

/* Without an Engine nothing can be removed, and what was never created need not be. */
void dock_end_if_done(struct dock *self)
{
    if (!self->is_ending || self->is_over)
        return;
    if (self->containers && engine_is_up(self))
        return;
    self->is_over = true;
    self->env.over(self->env.ctx, self->containers ? 1 : 0);
}

void dock_on_order(struct dock *self, struct now now, const struct message *order)
{
    self->now = now;
    switch (order->type) {
    case MSG_LAUNCH_CONTAINER:
        course_launch(self, order->launch_container);
        break;
    case MSG_SIGNAL_CONTAINER:
        course_signal(self, order->signal_container);
        break;
    case MSG_UPDATE_CONTAINER:
        update_begin(self, order->update_container);
        break;
    case MSG_FORGET_CONTAINER:
        course_forget(self, order->forget_container->container_id);
        break;
    case MSG_USAGE_REQUEST:
        usage_ask(self, order->usage_request);
        break;
    case MSG_CHECK_CONTAINER:
        check_begin(self, order->check_container);
        break;
    case MSG_EXEC_CONTAINER:
        exec_begin(self, order->exec_container);
        break;
    case MSG_LAUNCHER_END:
        on_end(self, order->launcher_end);
        break;
    default:
        dock_log(self, LOG_LEVEL_ERROR, "the agent sent %s, which is not for proffer-docker",
                 message_name(order->type));
    }
    pulls_run(self);
    course_run_queue(self);
    dock_end_if_done(self);
}

void dock_on_event(struct dock *self, struct now now, const char *container_id)
{
    self->now = now;
    course_hint(self, container_id);
}

void dock_on_fetched(struct dock *self, struct now now, const char *container_id, const char *error,
                     enum task_reason limitation)
{
    self->now = now;
    course_fetched(self, container_id, error, limitation);
    pulls_run(self);
    course_run_queue(self);
}

void dock_on_fetching(struct dock *self, struct now now, const char *container_id, int64_t uri,
                      int64_t bytes)
{
    self->now = now;
    course_fetching(self, container_id, uri, bytes);
}

void dock_on_progress(struct dock *self, struct now now, uint64_t number, const char *text)
{
    self->now = now;
    pulls_on_progress(self, number, text);
}

void dock_on_deadline(struct dock *self, struct now now)
{
    self->now = now;
    deadlines_run(&self->deadlines, now.mono_us, self);
    pulls_run(self);
    course_run_queue(self);
    dock_end_if_done(self);
}

int64_t dock_next_deadline_us(const struct dock *self)
{
    return deadlines_next(&self->deadlines);
}

/* --- looking ------------------------------------------------------------------------------------ */

const struct engine_info *dock_engine(const struct dock *self)
{
    return &self->engine.info;
}

size_t dock_count(const struct dock *self)
{
    return HASH_COUNT(self->containers);
}

static bool needs_call(enum stage stage)
{
    return stage == STAGE_CREATING || stage == STAGE_STARTING || stage == STAGE_LOOKING ||
           stage == STAGE_REMOVING;
}

static int check_container(const struct dock *self, const struct container *c, struct err *err)
{
    const struct call *flight;

    if (needs_call(c->stage) != (c->call != 0))
        return err_set(err, -EINVAL, "%s: a call in flight in stage %d", c->id, (int)c->stage);
    HASH_FIND(hh, self->calls, &c->call, sizeof(c->call), flight);
    if (c->call && !flight)
        return err_set(err, -EINVAL, "%s: its call is not in flight", c->id);
    if (c->is_heavy && c->stage != STAGE_CREATING && c->stage != STAGE_STARTING &&
        c->stage != STAGE_REMOVING)
        return err_set(err, -EINVAL, "%s: keeps a slot in stage %d", c->id, (int)c->stage);
    if (c->is_queued && c->stage != STAGE_READY && c->stage != STAGE_CREATED &&
        c->stage != STAGE_GOING)
        return err_set(err, -EINVAL, "%s: waits for a slot in stage %d", c->id, (int)c->stage);
    if ((c->stage == STAGE_FETCHING) != c->is_fetching)
        return err_set(err, -EINVAL, "%s: its fetching in stage %d", c->id, (int)c->stage);
    if (c->cpus_are_due && c->stage == STAGE_RUNNING && engine_is_up(self) && !c->cpus_call &&
        !deadline_is_set(&c->cpus_again))
        return err_set(err, -EINVAL, "%s: nobody moves it to its cores", c->id);
    if (c->stage == STAGE_RUNNING && engine_is_up(self) && *c->sandbox && !c->logs &&
        !deadline_is_set(&c->logs_again))
        return err_set(err, -EINVAL, "%s: nobody reads its output", c->id);
    if ((c->stage == STAGE_PULLING) != (c->pull != NULL))
        return err_set(err, -EINVAL, "%s: its pull in stage %d", c->id, (int)c->stage);
    if (c->stage == STAGE_DOUBT && engine_is_up(self) && !deadline_is_set(&c->again))
        return err_set(err, -EINVAL, "%s: nobody looks at it again", c->id);
    if (c->stage == STAGE_GOING && !c->is_queued && !deadline_is_set(&c->again))
        return err_set(err, -EINVAL, "%s: nobody removes it", c->id);
    return 0;
}

int dock_check(const struct dock *self, struct err *err)
{
    size_t heavy = 0;

    for (const struct container *c = self->containers; c; c = c->hh.next) {
        int rc = check_container(self, c, err);

        if (rc < 0)
            return rc;
        heavy += c->is_heavy;
    }
    if (heavy != self->heavy || heavy > HEAVY_MAX)
        return err_set(err, -EINVAL, "%zu slots are counted, %zu are in use", self->heavy, heavy);
    if (self->queue && self->heavy < HEAVY_MAX && engine_is_up(self) && !self->is_over)
        return err_set(err, -EINVAL, "%s waits for a slot while one is free", self->queue->id);
    return 0;
}
