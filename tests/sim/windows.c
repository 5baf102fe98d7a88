/* tests/sim/windows.c - maintenance: operators who schedule and cancel, and what must hold of it: a window is
 * where the master's clock has it, agents are down in those that have begun and only there, and whoever is asked
 * to leave knows it.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "tests/sim/mirror.h"
#include "tests/sim/world.h"

#define KEY_MAX   (2 * ID_MAX + 2)
#define IDS_COUNT 6
/* What the master may take for no change of the clock, and what it does not undo (maintenance.h). */
#define JUMP_US   (200 * (int64_t)US_PER_MS)
#define REWIND_US (5 * (int64_t)US_PER_S)

/* --- what is published ------------------------------------------------------------------------- */

static struct mirror_window *window_find(const struct mirror *self, const char *id)
{
    struct mirror_window *window;

    HASH_FIND_STR(self->windows, id, window);
    return window;
}

static void drop_asked(struct mirror_window *window, struct mirror_asked *asked)
{
    HASH_DEL(window->asked, asked);
    free(asked);
}

static void window_free(struct mirror *self, struct mirror_window *window)
{
    while (window->asked)
        drop_asked(window, window->asked);
    HASH_DEL(self->windows, window);
    arena_destroy(&window->memory);
    free(window);
}

void windows_fini(struct mirror *self)
{
    while (self->windows)
        window_free(self, self->windows);
}

static void on_window(struct mirror *self, const struct msg_change_window *change)
{
    struct mirror_window *window = window_find(self, change->id);
    size_t size = strlen(change->id) + 1;

    if (!window) {
        window = mem_calloc(1, sizeof(*window) + size);
        memcpy(window->id, change->id, size);
        HASH_ADD_STR(self->windows, id, window);
    }
    arena_destroy(&window->memory);
    window->memory = arena_new(0);
    window->info = record_copy(&window_info_def, change->window, window->memory);
    window->state = change->state;
}

static void on_answer(struct mirror *self, struct mirror_window *window,
                      const struct window_answer *answer)
{
    struct mirror_asked *asked;
    char key[KEY_MAX];

    snprintf(key, sizeof(key), "%s/%s", answer->agent_id, answer->framework_id);
    HASH_FIND_STR(window->asked, key, asked);
    if (answer->state != INVERSE_ASKED) {
        if (asked)
            drop_asked(window, asked);
        return;
    }
    if (window->state != WINDOW_ANNOUNCED)
        sim_fail(self->sim, "window %s is not near, and %s is asked to leave %s", window->id,
                 answer->framework_id, answer->agent_id);
    if (asked)
        return;
    asked = mem_calloc(1, sizeof(*asked) + strlen(key) + 1);
    memcpy(asked->key, key, strlen(key) + 1);
    HASH_ADD_STR(window->asked, key, asked);
}

void windows_on_change(struct mirror *self, const struct msg_change_window *change)
{
    struct mirror_window *window = window_find(self, change->id);

    if (change->window)
        on_window(self, change);
    else if (!window)
        sim_fail(self->sim, "window %s changes and was never there", change->id);
    else if (change->answer)
        on_answer(self, window, change->answer);
    else
        window_free(self, window);
}

bool windows_have_asked(const struct mirror *self, const char *window_id, const char *agent_id,
                        const char *framework_id)
{
    const struct mirror_window *window = window_find(self, window_id);
    struct mirror_asked *asked = NULL;
    char key[KEY_MAX];

    snprintf(key, sizeof(key), "%s/%s", agent_id, framework_id);
    if (window)
        HASH_FIND_STR(window->asked, key, asked);
    return asked;
}

/* --- what must hold ---------------------------------------------------------------------------- */

static bool is_named(const struct mirror_window *window, const struct mirror_agent *agent)
{
    for (size_t i = 0; i < window->info->agents_count; i++)
        if (!strcmp(window->info->agents[i], agent->id) ||
            !strcmp(window->info->agents[i], agent->hostname))
            return true;
    return false;
}

/* Of who is unreachable nothing is published. */
void windows_check(struct mirror *self)
{
    for (const struct mirror_agent *agent = self->agents; agent; agent = agent->hh.next) {
        const struct mirror_window *in = NULL;

        if (agent->has_left || agent->is_unreachable)
            continue;
        for (const struct mirror_window *w = self->windows; w; w = w->hh.next)
            if (w->state == WINDOW_DOWN && is_named(w, agent))
                in = w;
        if (agent->is_down != (in != NULL))
            sim_fail(self->sim, "agent %s is %s, and %s", agent->id, agent->is_down ? "down" : "up",
                     in ? "its maintenance goes on" : "in no maintenance");
    }
}

void windows_check_clock(struct mirror *self, struct now now)
{
    for (const struct mirror_window *window = self->windows; window; window = window->hh.next) {
        const struct window_info *info = window->info;
        int64_t end_us =
            info->duration_ms ? info->start_us + info->duration_ms * US_PER_MS : INT64_MAX;
        bool has_begun = window->state == WINDOW_DOWN || window->state == WINDOW_OVER;
        int64_t late_us = now.wall_us - JUMP_US, early_us = now.wall_us + JUMP_US + REWIND_US;

        if ((late_us >= info->start_us && !has_begun) || (early_us < info->start_us && has_begun))
            sim_fail(self->sim,
                     "window %s %s begun by the clock of its master, which does not see it",
                     window->id, has_begun ? "has not" : "has");
        if ((late_us >= end_us && window->state != WINDOW_OVER) ||
            (early_us < end_us && window->state == WINDOW_OVER))
            sim_fail(self->sim,
                     "window %s %s over by the clock of its master, which does not see it",
                     window->id, window->state == WINDOW_OVER ? "is not" : "is");
    }
}

/* --- operators --------------------------------------------------------------------------------- */

static const char *any_name(struct sim *sim)
{
    const struct mirror_agent *agent = sim->master->mirror->agents;

    if (!agent || sim_chance(sim, 10))
        return "nobody-yet";
    for (size_t i = sim_below(sim, HASH_COUNT(agent)); i > 0; i--)
        agent = agent->hh.next;
    return sim_chance(sim, 50) ? agent->id : agent->hostname;
}

static void schedule(struct sim *sim, const char *id)
{
    int64_t in_ms = sim_between(sim, 0, sim_chance(sim, 60) ? 20000 : 3000000);
    const char *names[2] = {any_name(sim), any_name(sim)};
    int64_t wall_us = process_now(&sim->master->process).wall_us;

    master_is_asked(sim->master,
                    &MESSAGE(OPERATOR_SCHEDULE_MAINTENANCE, operator_schedule_maintenance, .id = id,
                             .agents = names, .agents_count = 1 + sim_below(sim, 2),
                             .start_us = sim_chance(sim, 30) ? 0 : wall_us + in_ms * US_PER_MS,
                             .duration_ms = sim_chance(sim, 15) ? 0 : sim_between(sim, 1, 60000),
                             .max_grace_ms = sim_between(sim, 0, 5000),
                             .replace = sim_chance(sim, 20), .force = sim_chance(sim, 70)));
}

void windows_operate(struct sim *sim)
{
    const char *id = arena_printf(sim->arena, "w%d", (int)sim_below(sim, IDS_COUNT));
    uint64_t what = sim_below(sim, 10);

    if (!sim->master)
        return;
    if (what < 6)
        schedule(sim, id);
    else if (what < 7)
        master_is_asked(sim->master, &MESSAGE(OPERATOR_CANCEL_MAINTENANCE,
                                              operator_cancel_maintenance, .id = id));
    else if (what < 8)
        master_is_asked(sim->master,
                        &MESSAGE(OPERATOR_START_MAINTENANCE, operator_start_maintenance, .id = id));
    else
        master_is_asked(sim->master,
                        &MESSAGE(OPERATOR_STOP_MAINTENANCE, operator_stop_maintenance, .id = id,
                                 .agents = (const char *const[]){any_name(sim)},
                                 .agents_count = sim_chance(sim, 30)));
}

void windows_end(struct sim *sim)
{
    const struct mirror_window *window, *next;

    for (window = sim->master->mirror->windows; window; window = next) {
        next = window->hh.next;
        if (window->state == WINDOW_DOWN)
            master_is_asked(sim->master, &MESSAGE(OPERATOR_STOP_MAINTENANCE,
                                                  operator_stop_maintenance, .id = window->id));
        else
            master_is_asked(sim->master, &MESSAGE(OPERATOR_CANCEL_MAINTENANCE,
                                                  operator_cancel_maintenance, .id = window->id));
    }
}
