/* A container's way.
 *
 *     FETCHING: if it has URIs
 *       ▼
 *     READY ─ create ─► CREATED ─ start ─► LOOKING ─► RUNNING ─► LOOKING ─► DRAINING ─► ENDED ─ forget ─► GOING ─ remove
 *       ▲                                     ▲                                 told
 *       └── PULLING                         DOUBT: whatever was not answered
 *
 * What the Engine shows when it is asked decides (decide_...); answers to other calls and events only make us ask. */
#include "agent/docker/core/state.h"

#include <stdio.h>
#include <string.h>

#define BIT(stage) (1u << (stage))

#define SIGNAL_BASE 128
#define SIGNALS_END 65

/* From here to there. */
static const unsigned moves[STAGE_MAX] = {
    [STAGE_FETCHING] = BIT(STAGE_READY) | BIT(STAGE_ENDED) | BIT(STAGE_GOING),
    [STAGE_PULLING] = BIT(STAGE_READY) | BIT(STAGE_ENDED) | BIT(STAGE_GOING),
    [STAGE_READY] = BIT(STAGE_CREATING) | BIT(STAGE_PULLING) | BIT(STAGE_ENDED) | BIT(STAGE_GOING),
    [STAGE_CREATING] = BIT(STAGE_CREATED) | BIT(STAGE_PULLING) | BIT(STAGE_LOOKING) |
                       BIT(STAGE_DOUBT) | BIT(STAGE_ENDED) | BIT(STAGE_GOING),
    [STAGE_CREATED] = BIT(STAGE_STARTING) | BIT(STAGE_ENDED) | BIT(STAGE_GOING),
    [STAGE_STARTING] = BIT(STAGE_LOOKING) | BIT(STAGE_DOUBT) | BIT(STAGE_GOING),
    [STAGE_LOOKING] = BIT(STAGE_DOUBT) | BIT(STAGE_RUNNING) | BIT(STAGE_DRAINING) |
                      BIT(STAGE_ENDED) | BIT(STAGE_READY) | BIT(STAGE_CREATED) | BIT(STAGE_GOING),
    [STAGE_DOUBT] = BIT(STAGE_LOOKING) | BIT(STAGE_ENDED) | BIT(STAGE_GOING),
    [STAGE_RUNNING] = BIT(STAGE_LOOKING) | BIT(STAGE_DOUBT) | BIT(STAGE_GOING),
    [STAGE_DRAINING] = BIT(STAGE_ENDED) | BIT(STAGE_GOING),
    [STAGE_ENDED] = BIT(STAGE_GOING),
    [STAGE_GOING] = BIT(STAGE_REMOVING),
    [STAGE_REMOVING] = BIT(STAGE_GOING),
};

static void leave_queue(struct dock *self, struct container *c)
{
    if (c->is_queued)
        DL_DELETE(self->queue, c);
    c->is_queued = false;
}

static void stop_fetching(struct dock *self, struct container *c)
{
    if (c->is_fetching)
        self->env.cancel_fetch(self->env.ctx, c->id);
    c->is_fetching = false;
}

/* What belongs to the stage before ends here. */
void course_move(struct dock *self, struct container *c, enum stage stage)
{
    BUG_ON(!(moves[c->stage] & BIT(stage)));
    leave_queue(self, c);
    stop_fetching(self, c);
    pulls_leave(self, c);
    dock_cancel(self, &c->call);
    deadline_cancel(&self->deadlines, &c->again);
    if (c->is_heavy)
        self->heavy--;
    c->is_heavy = false;
    c->stage = stage;
}

void course_queue(struct dock *self, struct container *c)
{
    DL_APPEND(self->queue, c);
    c->is_queued = true;
}

void course_again(struct dock *self, struct container *c)
{
    deadline_set(&self->deadlines, &c->again, self->now.mono_us + c->again_us);
    c->again_us *= 2;
    if (c->again_us > AGAIN_MAX_US)
        c->again_us = AGAIN_MAX_US;
}

/* --- the table ---------------------------------------------------------------------------------- */

static void again_due(void *owner, struct deadline *deadline);

struct container *container_find(const struct dock *self, const char *id)
{
    struct container *c;

    HASH_FIND_STR(self->containers, id, c);
    return c;
}

struct container *container_add(struct dock *self, const char *id)
{
    struct container *c = mem_new(struct container);

    c->arena = arena_new(0);
    c->id = arena_strdup(c->arena, id);
    c->sandbox = "";
    c->error = "";
    c->stop_signal = "";
    c->address = "";
    c->again_us = AGAIN_MIN_US;
    c->again.due = again_due;
    logs_begin(c);
    cpus_begin(c);
    c->end.container_id = c->id;
    /* Its name is as good as its id, until we know that. */
    snprintf(c->engine_id, sizeof(c->engine_id), "proffer-%s", id);
    HASH_ADD_KEYPTR(hh, self->containers, c->id, strlen(c->id), c);
    return c;
}

void container_destroy(struct dock *self, struct container *c)
{
    exec_forget_container(self, c);
    leave_queue(self, c);
    stop_fetching(self, c);
    pulls_leave(self, c);
    logs_end(self, c);
    cpus_fini(self, c);
    dock_cancel(self, &c->call);
    dock_cancel(self, &c->kill);
    deadline_cancel(&self->deadlines, &c->again);
    if (c->is_heavy)
        self->heavy--;
    HASH_DEL(self->containers, c);
    arena_destroy(&c->arena);
    free(c);
}

void course_found(struct container *c, const char *id)
{
    if (*id)
        snprintf(c->engine_id, sizeof(c->engine_id), "%s", id);
    c->may_exist = true;
}

/* --- telling ------------------------------------------------------------------------------------ */

void course_end(struct dock *self, struct container *c)
{
    course_move(self, c, STAGE_ENDED);
    logs_end(self, c);
    cpus_end(self, c);
    dock_cancel(self, &c->kill);
    exec_forget_container(self, c);
    if (!c->end.ended_us)
        c->end.ended_us = self->now.wall_us;
    c->end.docker = true;
    self->env.sizes(self->env.ctx, c->id, &c->end.stdout_bytes, &c->end.stderr_bytes);
    dock_tell(self, (struct message){.type = MSG_CONTAINER_EXITED, .container_exited = &c->end});
}

/* It never ran. */
void course_fail(struct dock *self, struct container *c, int code, const char *text)
{
    c->exit = (struct exit_info){.code = code};
    c->end.exit = code ? &c->exit : NULL;
    c->end.error = arena_strdup(c->arena, text);
    course_end(self, c);
}

void course_fail_killed(struct dock *self, struct container *c)
{
    course_fail(self, c, 0, "it was killed before it was started");
}

static bool is_time_to_tell(const struct dock *self, struct container *c)
{
    if (c->progress_us && self->now.mono_us - c->progress_us < PROGRESS_US)
        return false;
    c->progress_us = self->now.mono_us;
    return true;
}

void course_progress(struct dock *self, struct container *c, const char *text)
{
    if (!is_time_to_tell(self, c))
        return;
    dock_tell(self,
              MESSAGE(CONTAINER_PROGRESS, container_progress, .container_id = c->id, .text = text));
}

static void tell_started(struct dock *self, struct container *c, const struct dock_seen *seen)
{
    if (c->is_told)
        return;
    c->is_told = true;
    c->end.started_us = seen->started_us;
    dock_tell(self,
              MESSAGE(CONTAINER_STARTED, container_started, .container_id = c->id, .pid = seen->pid,
                      .started_us = seen->started_us, .network_address = seen->address));
}

/* --- looking ------------------------------------------------------------------------------------ */

void course_doubt(struct dock *self, struct container *c)
{
    course_move(self, c, STAGE_DOUBT);
    course_again(self, c);
}

static void decide(struct dock *self, struct container *c, const struct dock_seen *seen);

static void on_looked(struct dock *self, void *owner, const struct dock_answer *answer)
{
    struct container *c = owner;

    c->call = 0;
    if (answer->status == 200 && answer->seen_count)
        decide(self, c, answer->seen);
    else if (answer->status == 404)
        decide(self, c, NULL);
    else
        course_doubt(self, c);
    engine_suspect(self, answer);
}

void course_look(struct dock *self, struct container *c)
{
    if (!engine_is_up(self)) {
        if (c->stage != STAGE_DOUBT)
            course_doubt(self, c);
        else
            course_again(self, c);
        return;
    }
    course_move(self, c, STAGE_LOOKING);
    c->look_again = false;
    c->call = dock_call(self,
                        (struct dock_call){.kind = CALL_INSPECT,
                                           .engine_id = c->engine_id,
                                           .container_id = c->id,
                                           .timeout_ms = QUICK_MS},
                        c, on_looked);
}

/* --- what it is now ----------------------------------------------------------------------------- */

static bool is_ours(const struct dock *self, const struct container *c,
                    const struct dock_seen *seen)
{
    return !strcmp(seen->owner, self->want->owner) && !strcmp(seen->container_id, c->id);
}

/* As a shell has it: 128 and the signal's number. The Engine tells no more. */
static void set_exit(struct container *c, int64_t code)
{
    bool is_signal = code > SIGNAL_BASE && code < SIGNAL_BASE + SIGNALS_END;

    c->exit = (struct exit_info){.code = is_signal ? 0 : code & 255,
                                 .signal = is_signal ? code - SIGNAL_BASE : 0};
    c->end.exit = &c->exit;
}

static void set_limitation(struct container *c, const struct dock_seen *seen)
{
    if (!seen->oom_killed || !seen->exit_code)
        return;
    c->end.limitation = REASON_CONTAINER_LIMITATION_MEMORY;
    c->end.message = seen->mem_limit_bytes
                         ? arena_printf(c->arena, "Memory limit exceeded: the limit is %lld MiB",
                                        (long long)(seen->mem_limit_bytes >> 20))
                         : "Memory limit exceeded";
}

static void decide_exited(struct dock *self, struct container *c, const struct dock_seen *seen)
{
    if (*seen->error && !seen->started_us) {
        course_fail(self, c, (int)seen->exit_code ? (int)seen->exit_code : EXIT_ENGINE,
                    seen->error);
        return;
    }
    tell_started(self, c, seen);
    set_exit(c, seen->exit_code);
    set_limitation(c, seen);
    c->end.started_us = seen->started_us;
    c->end.ended_us = seen->ended_us;
    course_move(self, c, STAGE_DRAINING);
    if (c->logs_are_whole || !*c->sandbox) {
        course_end(self, c);
        return;
    }
    logs_read(self, c, false);
    deadline_set(&self->deadlines, &c->again, self->now.mono_us + LOGS_WAIT_US);
}

static void decide_running(struct dock *self, struct container *c, const struct dock_seen *seen)
{
    course_move(self, c, STAGE_RUNNING);
    tell_started(self, c, seen);
    c->is_host_network = seen->is_host_network;
    if (strcmp(c->address, seen->address) != 0)
        c->address = arena_strdup(c->arena, seen->address);
    if (!*c->stop_signal)
        c->stop_signal = arena_strdup(c->arena, seen->stop_signal);
    logs_read(self, c, true);
    cpus_send(self, c);
    signals_send(self, c);
    if (c->sent_signal == 2 && !c->kill) /* answered while we looked, and it runs on */
        deadline_set(&self->deadlines, &c->again, self->now.mono_us + KILL_AGAIN_US);
    if (c->look_again)
        course_look(self, c);
}

static void decide_created(struct dock *self, struct container *c)
{
    if (*c->error)
        course_fail(self, c, c->error_code, c->error);
    else if (c->want_signal)
        course_fail_killed(self, c);
    else if (!c->order) {
        c->end.never_launched = true;
        course_end(self, c);
    } else {
        course_move(self, c, STAGE_CREATED);
        course_queue(self, c);
    }
}

/* Only we remove containers, and only when they are forgotten. */
static void decide_nothing(struct dock *self, struct container *c)
{
    c->may_exist = false;
    if (*c->error)
        course_fail(self, c, c->error_code, c->error);
    else if (c->is_told || c->is_start_sent) {
        c->end.error = "its container was removed from the Docker Engine by somebody else, and how "
                       "it ended was not seen";
        course_end(self, c);
    } else if (!c->order) {
        c->end.never_launched = true;
        course_end(self, c);
    } else if (c->want_signal) {
        course_fail_killed(self, c);
    } else {
        course_move(self, c, STAGE_READY);
        course_queue(self, c);
    }
}

static void decide(struct dock *self, struct container *c, const struct dock_seen *seen)
{
    if (!seen) {
        decide_nothing(self, c);
        return;
    }
    if (!is_ours(self, c, seen)) {
        c->may_exist = false;
        course_fail(self, c, EXIT_ENGINE,
                    arena_printf(c->arena,
                                 "the Docker Engine has another container of the name proffer-%s",
                                 c->id));
        return;
    }
    course_found(c, seen->engine_id);
    if (!*c->sandbox)
        c->sandbox = arena_strdup(c->arena, seen->sandbox);
    c->again_us = AGAIN_MIN_US;
    if (seen->state == SEEN_RUNNING)
        decide_running(self, c, seen);
    else if (seen->state == SEEN_EXITED)
        decide_exited(self, c, seen);
    else
        decide_created(self, c);
}

void course_let_go(struct dock *self, struct container *c)
{
    logs_end(self, c);
    cpus_end(self, c);
    dock_cancel(self, &c->kill);
    if (!c->may_exist) {
        self->env.forget(self->env.ctx, c->id);
        container_destroy(self, c);
        return;
    }
    course_move(self, c, STAGE_GOING);
    course_queue(self, c);
}

/* --- slots and time ----------------------------------------------------------------------------- */

void course_run_queue(struct dock *self)
{
    while (self->queue && self->heavy < HEAVY_MAX && engine_is_up(self)) {
        struct container *c = self->queue;

        if (c->stage == STAGE_READY)
            making_create(self, c);
        else if (c->stage == STAGE_CREATED)
            making_start(self, c);
        else
            making_remove(self, c);
    }
}

static void again_due(void *owner, struct deadline *deadline)
{
    struct container *c = CONTAINER_OF(deadline, struct container, again);
    struct dock *self = owner;

    if (c->stage == STAGE_DOUBT)
        course_look(self, c);
    else if (c->stage == STAGE_GOING)
        course_queue(self, c);
    else if (c->stage == STAGE_DRAINING)
        logs_drain(self, c);
    else if (c->stage == STAGE_RUNNING) {
        c->sent_signal = 0;
        course_look(self, c);
    }
}

/* --- orders ------------------------------------------------------------------------------------- */

static void refuse(struct dock *self, const char *id, const char *why)
{
    const struct exit_info code = {.code = EXIT_ENGINE};

    dock_tell(self, MESSAGE(CONTAINER_EXITED, container_exited, .container_id = id, .error = why,
                            .exit = &code, .ended_us = self->now.wall_us, .docker = true));
}

static void take(struct dock *self, const struct msg_launch_container *order)
{
    struct container *c = container_add(self, order->container_id);

    c->order = arena_alloc(c->arena, sizeof(*c->order));
    *c->order = *(const struct msg_launch_container *)message_copy_body(MSG_LAUNCH_CONTAINER, order,
                                                                        c->arena);
    c->sandbox = c->order->sandbox;
    c->stop_signal = c->order->docker->stop_signal;
    making_begin(self, c);
}

void course_launch(struct dock *self, const struct msg_launch_container *order)
{
    struct err err;

    if (self->is_ending)
        return;
    if (container_find(self, order->container_id)) {
        dock_log(self, LOG_LEVEL_ERROR, "container %s is asked for twice", order->container_id);
    } else if (!order->docker) {
        refuse(self, order->container_id, "the task is not for a Docker Engine");
    } else if (engine_is_absent(self)) {
        err_set(&err, -1, "there is no Docker Engine at %.100s: %.120s", self->want->socket,
                self->engine.problem);
        refuse(self, order->container_id, err.text);
    } else if (self->env.prepare(self->env.ctx, order, &err) < 0) {
        refuse(self, order->container_id, err.text);
    } else {
        take(self, order);
    }
}

void course_signal(struct dock *self, const struct msg_signal_container *order)
{
    struct container *c = container_find(self, order->container_id);
    int want = order->kill ? 2 : 1;

    if (!c || c->is_orphan)
        return;
    if (want > c->want_signal)
        c->want_signal = want;
    if (c->stage == STAGE_RUNNING)
        signals_send(self, c);
    else if (c->stage == STAGE_FETCHING || c->stage == STAGE_PULLING || c->stage == STAGE_READY ||
             c->stage == STAGE_CREATED)
        course_fail_killed(self, c);
}

void course_forget(struct dock *self, const char *id)
{
    struct container *c = container_find(self, id);

    if (!c)
        return;
    if (c->stage == STAGE_ENDED)
        course_let_go(self, c);
    else if (c->stage != STAGE_GOING && c->stage != STAGE_REMOVING)
        dock_log(self, LOG_LEVEL_ERROR, "container %s is to be forgotten before its end is told",
                 id);
}

void course_fetched(struct dock *self, const char *id, const char *error,
                    enum task_reason limitation)
{
    struct container *c = container_find(self, id);

    if (c && c->stage == STAGE_FETCHING)
        making_fetched(self, c, error, limitation);
}

void course_fetching(struct dock *self, const char *id, int64_t uri, int64_t bytes)
{
    struct container *c = container_find(self, id);

    if (c && c->stage == STAGE_FETCHING && is_time_to_tell(self, c))
        dock_tell(self, MESSAGE(CONTAINER_FETCHING, container_fetching, .container_id = c->id,
                                .uri = uri, .bytes = bytes));
}

void course_pulled(struct dock *self, struct container *c, const char *error, int code)
{
    char text[256];

    if (*error) {
        course_fail(self, c, code, error);
        return;
    }
    c->progress_us = 0;
    snprintf(text, sizeof(text), "the image %.200s is here; making the container",
             c->order->docker->image);
    course_progress(self, c, text);
    course_move(self, c, STAGE_READY);
    course_queue(self, c);
}

void course_hint(struct dock *self, const char *id)
{
    struct container *c = container_find(self, id);

    if (!c)
        return;
    if (c->stage == STAGE_RUNNING || c->stage == STAGE_DOUBT)
        course_look(self, c);
    else if (c->stage == STAGE_LOOKING)
        c->look_again = true;
}
