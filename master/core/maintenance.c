/* master/core/maintenance.c - windows: whom they concern, when they begin and end. */
#include "master/core/maintenance.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/mutant.h"
#include "base/units.h"
#include "master/core/agents.h"
#include "master/core/changes.h"
#include "master/core/drain.h"
#include "master/core/filters.h"
#include "master/core/inverse.h"
#include "master/core/keep.h"
#include "master/core/log.h"
#include "master/core/offers.h"

/* A clock that runs a little slower or faster than the other is looked at so often. */
#define LOOK_US ((int64_t)60 * US_PER_S)
/* One that differs by more than before was set. */
#define JUMP_US ((int64_t)100 * US_PER_MS)

/* Who names an agent so. */
struct window_name {
    UT_hash_handle hh;
    struct window **windows; /* owned array */
    size_t count;
    char name[];
};

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

/* --- agents --------------------------------------------------------------------- */

/* The one that it is in, or else the next. */
static struct window *window_of(const struct agent *agent)
{
    struct window *found = NULL;
    struct stay *stay;

    DL_FOREACH2(agent->stays, stay, agent_next)
    {
        struct window *window = stay->window;

        if (window->state == WINDOW_OVER)
            continue;
        if (!found || (window->state == WINDOW_DOWN) > (found->state == WINDOW_DOWN) ||
            ((window->state == WINDOW_DOWN) == (found->state == WINDOW_DOWN) &&
             window->info->start_us < found->info->start_us))
            found = window;
    }
    return found;
}

/* True: something has changed for it. */
static bool look_at_agent(struct agent *agent)
{
    const struct window *window = window_of(agent);
    bool is_down = window && window->state == WINDOW_DOWN;
    bool has_changed;

    if (agent->is_down && MUTATE(STAY_DOWN))
        is_down = true;
    has_changed = window != agent->window || is_down != agent->is_down;
    agent->window = window;
    agent->is_down = is_down;
    return has_changed;
}

/* `is_news`: what its window says is another, too. */
static void settle_agent(struct master *master, struct agent *agent, bool is_news)
{
    bool was_active = agent_is_active(agent), was_down = agent->is_down;

    if (!look_at_agent(agent) && !is_news)
        return;
    agent_count_free(master, agent, was_active);
    if (agent->is_down && (!was_down || is_news)) {
        drain_begins(master, agent, "maintenance of the agent begins");
    } else if (!agent->is_down) {
        /* Others may want it now, and those who have offers are to know of the window. */
        offers_rescind_agent(master, agent,
                             agent->window ? "maintenance of the agent is scheduled"
                                           : "maintenance of the agent is over or cancelled");
        if (!agent->window || was_down)
            filters_clear_agent(master, agent);
        offers_wake(master, agent);
    }
    if (agent->state != AGENT_UNREACHABLE)
        publish_agent(master, agent);
}

static struct stay *stay_find(const struct agent *agent, const struct window *window)
{
    struct stay *stay;

    DL_FOREACH2(agent->stays, stay, agent_next)
    if (stay->window == window)
        return stay;
    return NULL;
}

static struct stay *stay_add(struct window *window, struct agent *agent)
{
    struct stay *stay = mem_new(struct stay);

    stay->window = window;
    stay->agent = agent;
    DL_APPEND(window->stays, stay);
    DL_APPEND2(agent->stays, stay, agent_prev, agent_next);
    return stay;
}

static void stay_remove(struct master *master, struct stay *stay, const char *why)
{
    inverse_withdraw_all(master, stay, why);
    DL_DELETE(stay->window->stays, stay);
    DL_DELETE2(stay->agent->stays, stay, agent_prev, agent_next);
    free(stay);
}

const struct unavailability *agent_unavailability(const struct agent *agent, struct arena *arena)
{
    struct unavailability *unavailability;

    if (!agent->window)
        return NULL;
    unavailability = arena_alloc(arena, sizeof(*unavailability));
    *unavailability = (struct unavailability){
        .start_us = agent->window->info->start_us,
        .duration_ms = agent->window->info->duration_ms,
        .reason = agent->window->info->reason,
        .window_id = agent->window->info->id,
    };
    return unavailability;
}

bool agent_has_time(const struct master *master, const struct agent *agent, int64_t ms)
{
    int64_t left_us;

    if (!ms || !agent->window || MUTATE(IGNORE_MIN_AVAILABLE))
        return true;
    left_us = agent->window->info->start_us - maintenance_now_us(master);
    return left_us > 0 && left_us / US_PER_MS >= ms;
}

/* --- names ------------------------------------------------------------------------ */

static struct window_name *name_find(const struct master *master, const char *text)
{
    struct window_name *name;

    HASH_FIND_STR(master->maintenance->names, text, name);
    return name;
}

struct window *window_of_name(const struct master *master, const char *text,
                              const struct window *after)
{
    const struct window_name *name = name_find(master, text);
    size_t i = 0;

    while (name && after && i < name->count && name->windows[i++] != after)
        ;
    return name && i < name->count ? name->windows[i] : NULL;
}

static void name_add(struct master *master, const char *text, struct window *window)
{
    struct window_name *name = name_find(master, text);
    size_t size = strlen(text) + 1;

    if (!name) {
        name = mem_calloc(1, sizeof(*name) + size);
        memcpy(name->name, text, size);
        HASH_ADD_STR(master->maintenance->names, name, name);
    }
    name->windows = mem_resize(name->windows, name->count + 1, sizeof(struct window *));
    name->windows[name->count++] = window;
}

static void name_remove(struct master *master, const char *text, const struct window *window)
{
    struct window_name *name = name_find(master, text);
    size_t kept = 0;

    for (size_t i = 0; i < name->count; i++)
        if (name->windows[i] != window)
            name->windows[kept++] = name->windows[i];
    name->count = kept;
    if (kept)
        return;
    HASH_DEL(master->maintenance->names, name);
    free(name->windows);
    free(name);
}

static bool is_named(const struct master *master, const struct agent *agent,
                     const struct window *window)
{
    const char *const texts[] = {agent->id, agent->info->hostname};

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        const struct window_name *name = name_find(master, texts[i]);

        for (size_t j = 0; name && j < name->count; j++)
            if (name->windows[j] == window)
                return true;
    }
    return false;
}

static void add_stays(struct master *master, struct agent *agent, const char *text)
{
    const struct window_name *name = name_find(master, text);

    for (size_t i = 0; name && i < name->count; i++)
        if (!stay_find(agent, name->windows[i]))
            stay_add(name->windows[i], agent);
}

void maintenance_on_agent(struct master *master, struct agent *agent)
{
    struct stay *stay, *next;

    DL_FOREACH_SAFE2(agent->stays, stay, next, agent_next)
    if (!is_named(master, agent, stay->window))
        stay_remove(master, stay, "the agent has another name");
    add_stays(master, agent, agent->id);
    add_stays(master, agent, agent->info->hostname);
    look_at_agent(agent);
    maintenance_stir(master, agent);
}

void maintenance_stir(struct master *master, struct agent *agent)
{
    if (!agent->stays || agent->is_stirred)
        return;
    agent->is_stirred = true;
    DL_APPEND2(master->maintenance->stirred, agent, stirred_prev, stirred_next);
}

static void calm(struct master *master, struct agent *agent)
{
    if (agent->is_stirred)
        DL_DELETE2(master->maintenance->stirred, agent, stirred_prev, stirred_next);
    agent->is_stirred = false;
}

void maintenance_drop_agent(struct master *master, struct agent *agent)
{
    while (agent->stays)
        stay_remove(master, agent->stays, "the agent is no more");
    agent->window = NULL;
    calm(master, agent);
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
        settle_agent(master, stay->agent, is_news && stay->agent->window == window);
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
        name_remove(master, window->info->agents[i], window);
    window->info = record_copy(&window_info_def, info, memory);
    arena_destroy(&window->memory);
    window->memory = memory;
    for (size_t i = 0; i < window->info->agents_count; i++)
        name_add(master, window->info->agents[i], window);
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
        if (!is_named(master, agent, window))
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
        settle_agent(master, agent, false);
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
        name_remove(master, window->info->agents[i], window);
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
        settle_agent(master, agent, false);
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

        calm(master, agent);
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

static int check_agent(const struct master *master, const struct agent *agent, struct err *err)
{
    const struct window *window = window_of(agent);
    size_t named = 0, stays = 0;
    struct stay *stay;

    DL_FOREACH2(agent->stays, stay, agent_next)
    {
        stays++;
        named += is_named(master, agent, stay->window);
    }
    if (window != agent->window || agent->is_down != (window && window->state == WINDOW_DOWN))
        return err_set(err, -EINVAL, "agent %.64s: its window is another than it says", agent->id);
    if (named != stays || agent->is_stirred)
        return err_set(err, -EINVAL, "agent %.64s is in windows that do not name it", agent->id);
    for (const struct window *w = master->maintenance->windows; w; w = w->hh.next)
        if (is_named(master, agent, w) && !stay_find(agent, w))
            return err_set(err, -EINVAL, "agent %.64s is not in window %.64s", agent->id,
                           w->info->id);
    return 0;
}

int maintenance_check(const struct master *master, struct err *err)
{
    const struct maintenance *self = master->maintenance;
    int64_t next_us = INT64_MAX;
    int r = 0;

    for (const struct agent *agent = master->agents; agent && r == 0; agent = agent->hh.next)
        r = check_agent(master, agent, err);
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
