/* master/core/maintenance_agents.c - whom windows concern: who names an agent, in which one it is, what follows
 * for it. */
#include "master/core/maintenance.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/mutant.h"
#include "master/core/agents.h"
#include "master/core/changes.h"
#include "master/core/drain.h"
#include "master/core/filters.h"
#include "master/core/inverse.h"
#include "master/core/offers.h"

/* Who names an agent so. */
struct window_name {
    UT_hash_handle hh;
    struct window **windows; /* owned array */
    size_t count;
    char name[];
};

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
void maintenance_settle_agent(struct master *master, struct agent *agent, bool is_news)
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

struct stay *stay_find(const struct agent *agent, const struct window *window)
{
    struct stay *stay;

    DL_FOREACH2(agent->stays, stay, agent_next)
    if (stay->window == window)
        return stay;
    return NULL;
}

struct stay *stay_add(struct window *window, struct agent *agent)
{
    struct stay *stay = mem_new(struct stay);

    stay->window = window;
    stay->agent = agent;
    DL_APPEND(window->stays, stay);
    DL_APPEND2(agent->stays, stay, agent_prev, agent_next);
    return stay;
}

void stay_remove(struct master *master, struct stay *stay, const char *why)
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

static bool is_away(const struct agent *agent)
{
    return agent->state == AGENT_DISCONNECTED || agent->state == AGENT_RECOVERED;
}

int64_t maintenance_away(const struct master *master)
{
    const struct window *window;
    const struct stay *stay;
    int64_t count = 0;

    for (window = master->maintenance->windows; window; window = window->hh.next) {
        if (window->state != WINDOW_DOWN)
            continue;
        DL_FOREACH (window->stays, stay)
            count += stay->agent->window == window && is_away(stay->agent);
    }
    return count;
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

void window_name_add(struct master *master, const char *text, struct window *window)
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

void window_name_remove(struct master *master, const char *text, const struct window *window)
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

bool window_names_agent(const struct master *master, const struct agent *agent,
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
    if (!window_names_agent(master, agent, stay->window))
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

void maintenance_calm(struct master *master, struct agent *agent)
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
    maintenance_calm(master, agent);
}

/* --- for tests -------------------------------------------------------------------------- */

int maintenance_check_agent(const struct master *master, const struct agent *agent, struct err *err)
{
    const struct window *window = window_of(agent);
    size_t named = 0, stays = 0;
    struct stay *stay;

    DL_FOREACH2(agent->stays, stay, agent_next)
    {
        stays++;
        named += window_names_agent(master, agent, stay->window);
    }
    if (window != agent->window || agent->is_down != (window && window->state == WINDOW_DOWN))
        return err_set(err, -EINVAL, "agent %.64s: its window is another than it says", agent->id);
    if (named != stays || agent->is_stirred)
        return err_set(err, -EINVAL, "agent %.64s is in windows that do not name it", agent->id);
    for (const struct window *w = master->maintenance->windows; w; w = w->hh.next)
        if (window_names_agent(master, agent, w) && !stay_find(agent, w))
            return err_set(err, -EINVAL, "agent %.64s is not in window %.64s", agent->id,
                           w->info->id);
    return 0;
}
