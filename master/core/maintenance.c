/* master/core/maintenance.c - windows: when they begin and end, and what is said of it. */
#include "master/core/maintenance.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/mutant.h"
#include "base/units.h"
#include "master/core/changes.h"
#include "master/core/inverse.h"
#include "master/core/keep.h"
#include "master/core/log.h"
#include "master/core/offers.h"

/* A clock that runs a little slower or faster than the other is looked at so often. */
#define LOOK_US ((int64_t)60 * US_PER_S)
/* One that differs by more than before was set. */
#define JUMP_US ((int64_t)100 * US_PER_MS)

/* --- time --------------------------------------------------------------------- */

int64_t maintenance_now_us(const struct master *master)
{
    return master->now.mono_us + master->maintenance->offset_us;
}

int64_t window_end_us(const struct window_info *info)
{
    return info->duration_ms ? info->start_us + info->duration_ms * US_PER_MS : INT64_MAX;
}

void window_print_span(const struct window_info *info, struct buf *out)
{
    time_t start_s = info->start_us / US_PER_S;
    struct tm tm;
    char text[64];

    if (!gmtime_r(&start_s, &tm) || !strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm))
        text[0] = '\0';
    buf_puts(out, text);
    if (info->duration_ms) {
        buf_puts(out, " for ");
        units_print_duration(info->duration_ms, out);
    } else {
        buf_puts(out, " until it is stopped");
    }
}

/* A window that is shorter than what the clock may be put back by is not lost by that. */
static int64_t rewind_of_end_us(const struct window_info *info)
{
    int64_t half_us = info->duration_ms * US_PER_MS / 2;

    return half_us < WINDOW_REWIND_US ? half_us : WINDOW_REWIND_US;
}

static enum window_state state_now(const struct master *master, const struct window *window)
{
    const struct window_info *info = window->info;
    int64_t now_us = maintenance_now_us(master), end_us = window_end_us(info);
    enum window_state was = window->state;
    int64_t start_us = info->start_us - (was >= WINDOW_DOWN ? WINDOW_REWIND_US : 0);
    int64_t notice_us = info->start_us - master->maintenance->notice_us -
                        (was >= WINDOW_ANNOUNCED ? WINDOW_REWIND_US : 0);

    if (end_us < INT64_MAX && now_us >= end_us - (was == WINDOW_OVER ? rewind_of_end_us(info) : 0))
        return WINDOW_OVER;
    if (now_us >= start_us)
        return WINDOW_DOWN;
    return now_us >= notice_us ? WINDOW_ANNOUNCED : WINDOW_SCHEDULED;
}

/* By the wall clock; INT64_MAX: nothing will happen to it. */
static int64_t next_move_us(const struct master *master, const struct window *window)
{
    if (window->state == WINDOW_SCHEDULED)
        return window->info->start_us - master->maintenance->notice_us;
    if (window->state == WINDOW_ANNOUNCED)
        return window->info->start_us;
    return window->state == WINDOW_DOWN ? window_end_us(window->info) : INT64_MAX;
}

static void plan(struct master *master)
{
    struct maintenance *self = master->maintenance;
    int64_t now_us = maintenance_now_us(master), next_us = INT64_MAX;

    for (struct window *window = self->windows; window; window = window->hh.next) {
        int64_t move_us = next_move_us(master, window);

        next_us = move_us < next_us ? move_us : next_us;
    }
    deadline_cancel(&master->deadlines, &self->due);
    if (next_us == INT64_MAX)
        return;
    if (next_us > now_us + LOOK_US)
        next_us = now_us + LOOK_US;
    deadline_set(&master->deadlines, &self->due,
                 master->now.mono_us + (next_us > now_us ? next_us - now_us : 0));
}

/* --- windows ------------------------------------------------------------------------ */

struct window *window_find(const struct master *master, const char *id)
{
    struct window *window;

    HASH_FIND_STR(master->maintenance->windows, id, window);
    return window;
}

static void forget(void *owner, struct deadline *deadline)
{
    struct window *window = CONTAINER_OF(deadline, struct window, forgotten);
    struct master *master = owner;

    /* An operator's change, perhaps of it, is being written. */
    if (master->maintenance->changes) {
        deadline_set(&master->deadlines, deadline, master->now.mono_us + US_PER_S);
        return;
    }
    keep_soon(master, &MESSAGE(DROP_WINDOW, drop_window, .id = window->info->id));
    window_drop(master, window, "it was over");
}

static void set_state(struct master *master, struct window *window, enum window_state state)
{
    window->state = state;
    if (state != WINDOW_OVER)
        deadline_cancel(&master->deadlines, &window->forgotten);
    else if (!deadline_is_set(&window->forgotten))
        deadline_set(&master->deadlines, &window->forgotten, master->now.mono_us + WINDOW_KEPT_US);
    publish_window(master, window);
}

static void log_window(struct master *master, const struct window *window)
{
    static const char *const texts[] = {
        [WINDOW_SCHEDULED] = "is scheduled",
        [WINDOW_ANNOUNCED] = "is near: frameworks are asked to leave",
        [WINDOW_DOWN] = "has begun: its agents are drained and then down",
        [WINDOW_OVER] = "is over: its agents are in use again",
    };
    CLEANUP(buf_fini) struct buf span = {0};

    window_print_span(window->info, &span);
    log_note(master, "maintenance window %s (%s) %s", window->info->id, buf_text(&span),
             texts[window->state]);
}

static void settle_stays(struct master *master, struct window *window, bool is_news)
{
    struct stay *stay;

    DL_FOREACH (window->stays, stay) {
        maintenance_settle_agent(master, stay->agent, is_news && stay->agent->window == window);
        inverse_settle(master, stay);
    }
}

static void move(struct master *master, struct window *window, enum window_state state)
{
    set_state(master, window, state);
    log_window(master, window);
    settle_stays(master, window, false);
}

static void set_info(struct master *master, struct window *window, const struct window_info *info)
{
    struct arena *memory = arena_new(0);

    for (size_t i = 0; window->info && i < window->info->agents_count; i++)
        window_name_remove(master, window->info->agents[i], window);
    window->info = record_copy(&window_info_def, info, memory);
    arena_destroy(&window->memory);
    window->memory = memory;
    for (size_t i = 0; i < window->info->agents_count; i++)
        window_name_add(master, window->info->agents[i], window);
    window->drain =
        (struct drain_info){.since_us = info->start_us, .max_grace_ms = info->max_grace_ms};
}

/* Those that it names no longer are in use again; what was answered to it as it was is void. */
static void set_agents(struct master *master, struct window *window)
{
    struct stay *stay, *next;
    struct agent *agent;

    DL_FOREACH (window->stays, stay)
        stay->is_named = false;
    for (agent = master->agents; agent; agent = agent->hh.next) {
        if (!window_names_agent(master, agent, window))
            continue;
        stay = stay_find(agent, window);
        stay = stay ? stay : stay_add(window, agent);
        stay->is_named = true;
    }
    DL_FOREACH_SAFE (window->stays, stay, next) {
        agent = stay->agent;
        if (stay->is_named) {
            inverse_withdraw_all(master, stay, "the maintenance window has changed");
            continue;
        }
        stay_remove(master, stay, "maintenance of the agent is over or cancelled");
        maintenance_settle_agent(master, agent, false);
    }
}

static struct window *window_add(struct master *master, const struct window_info *info)
{
    struct window *window = mem_new(struct window);

    window->state = WINDOW_SCHEDULED;
    window->forgotten.due = forget;
    set_info(master, window, info);
    HASH_ADD_KEYPTR(hh, master->maintenance->windows, window->info->id, strlen(window->info->id),
                    window);
    return window;
}

void window_put(struct master *master, const struct window_info *info)
{
    struct window *window = window_find(master, info->id);

    if (window) {
        /* The key lives in what goes. */
        HASH_DEL(master->maintenance->windows, window);
        set_info(master, window, info);
        HASH_ADD_KEYPTR(hh, master->maintenance->windows, window->info->id,
                        strlen(window->info->id), window);
    } else {
        window = window_add(master, info);
    }
    set_agents(master, window);
    window->state = WINDOW_SCHEDULED;
    set_state(master, window, state_now(master, window));
    settle_stays(master, window, true);
    plan(master);
}

static void window_free(struct master *master, struct window *window)
{
    deadline_cancel(&master->deadlines, &window->forgotten);
    for (size_t i = 0; i < window->info->agents_count; i++)
        window_name_remove(master, window->info->agents[i], window);
    HASH_DEL(master->maintenance->windows, window);
    arena_destroy(&window->memory);
    free(window);
}

void window_drop(struct master *master, struct window *window, const char *why)
{
    log_note(master, "maintenance window %s is forgotten: %s", window->info->id, why);
    while (window->stays) {
        struct agent *agent = window->stays->agent;

        stay_remove(master, window->stays, "maintenance of the agent is over or cancelled");
        maintenance_settle_agent(master, agent, false);
    }
    publish_window_removed(master, window->info->id);
    window_free(master, window);
    plan(master);
}

int maintenance_recall(struct master *master, const struct window_info *info, struct err *err)
{
    if (window_find(master, info->id))
        return err_set(err, -EINVAL, "maintenance window %.128s has two records", info->id);
    if (MUTATE(FORGET_WINDOW))
        return 0;
    window_put(master, info);
    log_window(master, window_find(master, info->id));
    return 0;
}

/* --- the clock ------------------------------------------------------------------------ */

/* Windows may be nearer or further than they were: those who need agents for some time are asked anew. */
static void wake_all(struct master *master)
{
    struct window *window;
    struct stay *stay;

    for (window = master->maintenance->windows; window; window = window->hh.next)
        DL_FOREACH (window->stays, stay)
            offers_wake(master, stay->agent);
}

void maintenance_look(struct master *master)
{
    struct maintenance *self = master->maintenance;
    int64_t offset_us = master->now.wall_us - master->now.mono_us;

    if (offset_us != self->offset_us) {
        self->offset_us = offset_us;
        wake_all(master);
    }
    for (struct window *window = self->windows; window; window = window->hh.next) {
        enum window_state state = state_now(master, window);

        if (state != window->state)
            move(master, window, state);
    }
    plan(master);
}

static void on_due(void *owner, struct deadline *deadline)
{
    (void)deadline;
    maintenance_look(owner);
}

void maintenance_catch_up(struct master *master)
{
    const struct deadline *due = &master->maintenance->due;

    if (deadline_is_set(due) && due->at_us <= master->now.mono_us)
        maintenance_look(master);
}

void maintenance_begins(struct master *master)
{
    struct maintenance *self = master->maintenance;
    int64_t offset_us = master->now.wall_us - master->now.mono_us;
    int64_t jump_us = offset_us - self->offset_us;

    if (!self->windows)
        self->offset_us = offset_us;
    else if ((jump_us > JUMP_US || jump_us < -JUMP_US) && !MUTATE(MISS_CLOCK))
        deadline_set(&master->deadlines, &self->due, master->now.mono_us);
}

void maintenance_settle(struct master *master)
{
    struct maintenance *self = master->maintenance;

    while (self->stirred) {
        struct agent *agent = self->stirred;
        struct stay *stay;

        maintenance_calm(master, agent);
        DL_FOREACH2(agent->stays, stay, agent_next)
        inverse_settle(master, stay);
    }
    inverse_send(master);
}

void maintenance_init(struct master *master)
{
    master->maintenance = mem_new(struct maintenance);
    master->maintenance->due.due = on_due;
    master->maintenance->offset_us = master->now.wall_us - master->now.mono_us;
}

static void drop_quietly(struct master *master, struct window *window)
{
    while (window->stays) {
        struct stay *stay = window->stays;

        inverse_free_all(master, stay);
        DL_DELETE(window->stays, stay);
        DL_DELETE2(stay->agent->stays, stay, agent_prev, agent_next);
        free(stay);
    }
    window_free(master, window);
}

void maintenance_drop_all(struct master *master)
{
    while (master->maintenance->windows)
        drop_quietly(master, master->maintenance->windows);
}

void maintenance_fini(struct master *master)
{
    window_changes_fini(master);
    deadline_cancel(&master->deadlines, &master->maintenance->due);
    free(master->maintenance);
    master->maintenance = NULL;
}

/* --- for tests -------------------------------------------------------------------------- */

int maintenance_check(const struct master *master, struct err *err)
{
    const struct maintenance *self = master->maintenance;
    int64_t next_us = INT64_MAX;
    int r = 0;

    for (const struct agent *agent = master->agents; agent && r == 0; agent = agent->hh.next)
        r = maintenance_check_agent(master, agent, err);
    for (const struct window *window = self->windows; window && r == 0; window = window->hh.next) {
        if ((window->state == WINDOW_OVER) != deadline_is_set(&window->forgotten))
            r = err_set(err, -EINVAL, "window %.64s is not forgotten in time", window->info->id);
        if (next_move_us(master, window) < next_us)
            next_us = next_move_us(master, window);
    }
    if (r == 0 && next_us < INT64_MAX && !deadline_is_set(&self->due))
        r = err_set(err, -EINVAL, "a window will change, and nobody looks");
    return r < 0 ? r : inverse_check(master, err);
}
