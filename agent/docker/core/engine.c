/* Is the Engine there? Who is asked, and what is told of it.
 *
 *     ping ── no answer ──► away: asked again with growing waits, 100 ms to 5 s
 *       └───► version, info, events, list ──► up: containers are compared with what it has;
 *             from then on a ping every few seconds, and a list now and then
 *
 * One that hangs is away when two pings in a row are not answered; one whose socket refuses is away at once. */
#include "agent/docker/core/state.h"

#include <stdio.h>
#include <string.h>

#define RETRY_MIN_US  ((int64_t)100 * US_PER_MS)
#define RETRY_MAX_US  ((int64_t)5 * US_PER_S)
#define PINGS_LOST    2
#define EVENTS_ADD_US ((int64_t)2 * US_PER_S) /* events from so long before the list */

static void ping(struct dock *self);

bool engine_is_up(const struct dock *self)
{
    return self->engine.state == ENGINE_UP;
}

static int64_t patience_us(const struct dock *self)
{
    int64_t ms = self->want->patience_ms ? self->want->patience_ms : PATIENCE_MS;

    return ms * US_PER_MS;
}

static bool is_impatient(const struct dock *self)
{
    return self->now.mono_us - self->engine.down_us >= patience_us(self);
}

bool engine_is_absent(const struct dock *self)
{
    const struct engine *engine = &self->engine;

    if (!engine->has_been_up)
        return engine->state != ENGINE_UP;
    return engine->state != ENGINE_UP && is_impatient(self);
}

static int64_t ping_us(const struct dock *self)
{
    return (self->want->ping_ms ? self->want->ping_ms : PING_MS) * US_PER_MS;
}

/* At the start the agent waits for us. */
static int64_t quick_ms(const struct dock *self)
{
    return self->engine.has_told_ready ? QUICK_MS : ping_us(self) / US_PER_MS;
}

static void look_in(struct dock *self, int64_t wait_us)
{
    deadline_set(&self->deadlines, &self->engine.look, self->now.mono_us + wait_us);
}

static void tell(struct dock *self)
{
    struct engine *engine = &self->engine;

    engine->info.since_us = self->now.wall_us;
    engine->info.socket = self->want->socket;
    engine->info.problem = engine->problem;
    if (engine->has_told_ready)
        dock_tell(self, MESSAGE(CHANGE_ENGINE, change_engine, .engine = &engine->info));
    else
        dock_tell(self, MESSAGE(DOCKER_READY, docker_ready, .engine = &engine->info));
    engine->has_told_ready = true;
}

/* --- away --------------------------------------------------------------------------------------- */

static void give_up_if_impatient(struct dock *self)
{
    char why[400];

    if (!engine_is_absent(self))
        return;
    snprintf(why, sizeof(why), "the Docker Engine at %.200s does not answer: %.150s",
             self->want->socket, self->engine.problem);
    fleet_give_up(self, why);
}

/* What was told already is not told again at each attempt. */
static void note_problem(struct dock *self, const char *problem)
{
    struct engine *engine = &self->engine;
    bool is_news = engine->info.up || !engine->has_told_ready ||
                   strncmp(engine->problem, problem, sizeof(engine->problem) - 1) != 0;

    snprintf(engine->problem, sizeof(engine->problem), "%s", problem);
    engine->info.up = false;
    if (!is_news)
        return;
    dock_log(self, LOG_LEVEL_WARNING, "the Docker Engine at %s does not answer: %s",
             self->want->socket, engine->problem);
    tell(self);
}

static void go_down(struct dock *self, const struct dock_answer *answer)
{
    struct engine *engine = &self->engine;

    dock_cancel(self, &engine->events);
    dock_cancel(self, &engine->sweep);
    if (engine->state == ENGINE_UP) {
        engine->down_us = self->now.mono_us;
        engine->again_us = RETRY_MIN_US;
    }
    engine->state = engine->has_been_up ? ENGINE_DOWN : ENGINE_UNKNOWN;
    note_problem(self, *answer->error ? answer->error : "it does not answer");
    give_up_if_impatient(self);
    look_in(self, engine->again_us);
    engine->again_us *= 2;
    if (engine->again_us > RETRY_MAX_US)
        engine->again_us = RETRY_MAX_US;
}

static void on_lost(struct dock *self, const struct dock_answer *answer)
{
    struct engine *engine = &self->engine;

    if (engine->state == ENGINE_UP && !answer->is_refused && ++engine->pings_lost < PINGS_LOST)
        ping(self);
    else
        go_down(self, answer);
}

/* --- meeting ------------------------------------------------------------------------------------ */

static void on_events_end(struct dock *self, void *owner, const struct dock_answer *answer)
{
    (void)owner;
    self->engine.events = 0;
    self->engine.sweep_us = 0; /* what was on its way is lost */
    engine_suspect(self, answer);
}

static void open_events(struct dock *self)
{
    if (!self->engine.events)
        self->engine.events = dock_call(
            self,
            (struct dock_call){.kind = CALL_EVENTS, .since_us = self->now.wall_us - EVENTS_ADD_US},
            NULL, on_events_end);
}

static void on_first_list(struct dock *self, void *owner, const struct dock_answer *answer)
{
    struct engine *engine = &self->engine;

    (void)owner;
    engine->meeting = 0;
    if (answer->status != 200) {
        go_down(self, answer);
        return;
    }
    engine->state = ENGINE_UP;
    engine->has_been_up = true;
    engine->pings_lost = 0;
    engine->again_us = RETRY_MIN_US;
    engine->sweep_us = self->now.mono_us + SWEEP_US;
    engine->problem[0] = '\0';
    engine->info.up = true;
    dock_log(self, LOG_LEVEL_INFO, "Docker Engine %s at %s, API %s", engine->info.version,
             self->want->socket, engine->info.api_version);
    tell(self);
    fleet_meet(self, answer->seen, answer->seen_count);
    look_in(self, ping_us(self));
}

static void on_info(struct dock *self, void *owner, const struct dock_answer *answer)
{
    struct engine *engine = &self->engine;

    (void)owner;
    engine->meeting = 0;
    if (answer->status != 200) {
        go_down(self, answer);
        return;
    }
    engine->info.root_dir = arena_strdup(engine->arena, answer->root_dir);
    engine->info.driver = arena_strdup(engine->arena, answer->driver);
    engine->info.cgroups = arena_strdup(engine->arena, answer->cgroups);
    open_events(self);
    engine->meeting =
        dock_call(self, (struct dock_call){.kind = CALL_LIST, .timeout_ms = quick_ms(self)}, NULL,
                  on_first_list);
}

static void on_version(struct dock *self, void *owner, const struct dock_answer *answer)
{
    struct engine *engine = &self->engine;

    (void)owner;
    engine->meeting = 0;
    if (answer->status != 200) {
        go_down(self, answer);
        return;
    }
    arena_reset(engine->arena);
    engine->info = (struct engine_info){
        .version = arena_strdup(engine->arena, answer->version),
        .api_version = arena_strdup(engine->arena, answer->api_version),
    };
    engine->meeting = dock_call(
        self, (struct dock_call){.kind = CALL_INFO, .timeout_ms = quick_ms(self)}, NULL, on_info);
}

static void meet(struct dock *self)
{
    struct engine *engine = &self->engine;

    engine->state = ENGINE_MEETING;
    dock_cancel(self, &engine->events);
    engine->meeting =
        dock_call(self, (struct dock_call){.kind = CALL_VERSION, .timeout_ms = quick_ms(self)},
                  NULL, on_version);
}

/* --- up ----------------------------------------------------------------------------------------- */

static void on_sweep(struct dock *self, void *owner, const struct dock_answer *answer)
{
    (void)owner;
    self->engine.sweep = 0;
    if (answer->status == 200)
        fleet_sweep(self, answer->seen, answer->seen_count);
    else
        engine_suspect(self, answer);
}

static void sweep_if_due(struct dock *self)
{
    struct engine *engine = &self->engine;

    if (engine->sweep || engine->sweep_us > self->now.mono_us)
        return;
    engine->sweep_us = self->now.mono_us + SWEEP_US;
    engine->sweep = dock_call(
        self, (struct dock_call){.kind = CALL_LIST, .timeout_ms = quick_ms(self)}, NULL, on_sweep);
}

static void on_ping(struct dock *self, void *owner, const struct dock_answer *answer)
{
    struct engine *engine = &self->engine;

    (void)owner;
    engine->meeting = 0;
    if (answer->status != 200) {
        on_lost(self, answer);
        return;
    }
    engine->pings_lost = 0;
    if (engine->state != ENGINE_UP) {
        meet(self);
        return;
    }
    open_events(self);
    sweep_if_due(self);
    look_in(self, ping_us(self));
}

static void ping(struct dock *self)
{
    self->engine.meeting = dock_call(
        self, (struct dock_call){.kind = CALL_PING, .timeout_ms = ping_us(self) / US_PER_MS}, NULL,
        on_ping);
}

static void look_due(void *owner, struct deadline *deadline)
{
    struct dock *self = owner;

    (void)deadline;
    if (!self->engine.meeting)
        ping(self);
}

/* An answer that makes no sense is as good as none. */
void engine_suspect(struct dock *self, const struct dock_answer *answer)
{
    if (answer->status != 0 || self->engine.state != ENGINE_UP)
        return;
    if (answer->is_refused) {
        dock_cancel(self, &self->engine.meeting); /* it will know no more */
        go_down(self, answer);
    } else if (!self->engine.meeting) {
        look_in(self, 0);
    }
}

void engine_begin(struct dock *self)
{
    self->engine.arena = arena_new(0);
    self->engine.look.due = look_due;
    self->engine.again_us = RETRY_MIN_US;
    self->engine.down_us = self->now.mono_us;
    self->engine.info = (struct engine_info){
        .version = "", .api_version = "", .socket = self->want->socket, .problem = ""};
    look_in(self, 0);
}

void engine_fini(struct dock *self)
{
    deadline_cancel(&self->deadlines, &self->engine.look);
    arena_destroy(&self->engine.arena);
}
