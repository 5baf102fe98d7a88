/* master/core/maintenance_calls.c - what operators order about maintenance: checked, kept, done, one call
 * after the other, since each is checked against all windows. Every call is logged. */
#include "master/core/maintenance.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/units.h"
#include "master/core/agents.h"
#include "master/core/keep.h"
#include "master/core/log.h"
#include "master/core/operator.h"

#define CHANGES_MAX 1024
#define PAST_MAX_US ((int64_t)60 * US_PER_S) /* what another clock may be behind */

enum order { ORDER_SCHEDULE, ORDER_CANCEL, ORDER_START, ORDER_STOP };

/* The first one is being written; the others wait. */
struct window_change {
    struct window_change *prev, *next;
    uint64_t number; /* of the operator's call */
    enum order order;
    struct arena *memory; /* owned: of what follows */
    const char *asked_by;
    const char *id;                 /* of the window */
    const struct window_info *info; /* as it is to be; NULL: it is to go */
    bool replace, force;
    const char *const *agents; /* of ORDER_STOP: these; none: all */
    size_t agents_count;
};

static void change_free(struct master *master, struct window_change *change)
{
    DL_DELETE(master->maintenance->changes, change);
    arena_destroy(&change->memory);
    free(change);
}

void window_changes_fini(struct master *master)
{
    while (master->maintenance->changes)
        change_free(master, master->maintenance->changes);
}

/* --- answers ------------------------------------------------------------------ */

static void audit(struct master *master, const struct window_change *change, int code,
                  const char *text)
{
    static const char *const verbs[] = {"schedules", "cancels", "starts", "stops"};
    const char *who = *change->asked_by ? change->asked_by : "somebody";
    CLEANUP(buf_fini) struct buf what = {0};

    if (change->order == ORDER_SCHEDULE && change->info) {
        buf_puts(&what, " (");
        window_print_span(change->info, &what);
        for (size_t i = 0; i < change->info->agents_count && what.size < 300; i++)
            buf_printf(&what, "%s%.64s", i ? ", " : "; agents ", change->info->agents[i]);
        buf_printf(&what, "; %.100s)", change->info->reason);
    }
    log_note(master, "audit: %s %s maintenance window %s%s: %d %s", who, verbs[change->order],
             change->id, buf_text(&what), code, text);
}

static bool answer(struct master *master, const struct window_change *change, int code,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));

/* False, for those who go no further. */
static bool answer(struct master *master, const struct window_change *change, int code,
                   const char *format, ...)
{
    char text[ERR_TEXT_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    audit(master, change, code, text);
    operator_answer(master, change->number, code, "%s", text);
    return false;
}

static void answer_done(struct master *master, const struct window_change *change)
{
    const struct window *window = window_find(master, change->id);
    CLEANUP(buf_fini) struct buf span = {0};
    const struct stay *stay;
    size_t known;

    if (!window) {
        answer(master, change, 200, "maintenance window %.128s is %s", change->id,
               change->order == ORDER_CANCEL ? "cancelled" : "over: its agents are in use again");
        return;
    }
    DL_COUNT2(window->stays, stay, known, next);
    window_print_span(window->info, &span);
    if (change->order == ORDER_STOP)
        answer(master, change, 200, "maintenance window %.64s goes on for %zu agents", change->id,
               window->info->agents_count);
    else
        answer(master, change, 200,
               "maintenance window %.64s is %s %s; it names %zu agents, of which %zu are known",
               change->id, window->state == WINDOW_DOWN ? "under way, from" : "scheduled for",
               buf_text(&span), window->info->agents_count, known);
}

/* --- is it possible? ---------------------------------------------------------------- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool has_name(const char *const *names, size_t count, const char *name)
{
    return bsearch(&name, names, count, sizeof(*names), compare_names) != NULL;
}

static bool do_overlap(const struct window_info *a, const struct window_info *b)
{
    return strcmp(a->id, b->id) != 0 && a->start_us < window_end_us(b) &&
           b->start_us < window_end_us(a);
}

static bool refuse_overlap(struct master *master, const struct window_change *change,
                           const char *agent, const struct window *window)
{
    CLEANUP(buf_fini) struct buf span = {0};

    window_print_span(window->info, &span);
    return answer(master, change, 409,
                  "agent %.64s is in maintenance window %.64s at that time (%s): choose another "
                  "time, or cancel that one",
                  agent, window->info->id, buf_text(&span));
}

/* As it is named, or by the other name of an agent that is known. */
static bool check_overlaps(struct master *master, const struct window_change *change,
                           const char *const *names)
{
    const struct window_info *info = change->info;
    const struct agent *agent;

    for (size_t i = 0; i < info->agents_count; i++) {
        const struct window *window = NULL;

        while ((window = window_of_name(master, info->agents[i], window)))
            if (window->state != WINDOW_OVER && do_overlap(info, window->info))
                return refuse_overlap(master, change, info->agents[i], window);
    }
    for (agent = master->agents; agent; agent = agent->hh.next) {
        const struct stay *stay;

        if (!agent->stays || (!has_name(names, info->agents_count, agent->id) &&
                              !has_name(names, info->agents_count, agent->info->hostname)))
            continue;
        DL_FOREACH2(agent->stays, stay, agent_next)
        if (stay->window->state != WINDOW_OVER && do_overlap(info, stay->window->info))
            return refuse_overlap(master, change, agent->id, stay->window);
    }
    return true;
}

static bool check_names(struct master *master, const struct window_change *change,
                        const char *const *names)
{
    size_t count = change->info->agents_count;

    if (count > WINDOW_AGENTS_MAX)
        return answer(master, change, 400, "%zu agents are named, at most %d are allowed", count,
                      WINDOW_AGENTS_MAX);
    for (size_t i = 0; i < count; i++) {
        if (!*names[i])
            return answer(master, change, 400, "an agent's name is empty");
        if (i && !strcmp(names[i], names[i - 1]))
            return answer(master, change, 400, "agent %.128s is named twice", names[i]);
    }
    return true;
}

static bool check_times(struct master *master, const struct window_change *change)
{
    const struct window *old = window_find(master, change->id);
    const struct window_info *info = change->info;
    int64_t now_us = maintenance_now_us(master);
    CLEANUP(buf_fini) struct buf ago = {0};

    if (info->start_us > now_us + FAILOVER_MAX_MS * US_PER_MS ||
        info->duration_ms > FAILOVER_MAX_MS)
        return answer(master, change, 400, "start_us, duration_ms: more than ten years");
    if (window_end_us(info) <= now_us)
        return answer(master, change, 400,
                      "it would be over already: start_us is microseconds "
                      "since 1970, duration_ms milliseconds");
    if (info->start_us >= now_us - PAST_MAX_US || (old && old->info->start_us == info->start_us))
        return true;
    units_print_duration((now_us - info->start_us) / US_PER_MS, &ago);
    return answer(master, change, 400, "its start was %s ago: without a start it begins now",
                  buf_text(&ago));
}

/* One agent may always be taken down. */
static bool check_share(struct master *master, const struct window_change *change)
{
    int64_t limit = master->maintenance->limit;
    size_t of, down = maintenance_down_at_once(master, change->info, &of);

    if (change->force || down <= 1 || (int64_t)down * 100 <= (int64_t)of * limit)
        return true;
    return answer(master, change, 409,
                  "%zu of %zu agents would be down at once, with other windows at that time; more "
                  "than %d%% (--maintenance-limit) have to be forced",
                  down, of, (int)limit);
}

static bool check_window(struct master *master, const struct window_change *change)
{
    size_t count = change->info->agents_count;
    CLEANUP(free_p) const char **names = mem_calloc(count + 1, sizeof(*names));

    for (size_t i = 0; i < count; i++)
        names[i] = change->info->agents[i];
    qsort(names, count, sizeof(*names), compare_names);
    return check_times(master, change) && check_names(master, change, names) &&
           check_overlaps(master, change, names) && check_share(master, change);
}

/* --- each order -------------------------------------------------------------------- */

/* One that nobody has. */
static const char *make_id(struct master *master, struct arena *arena)
{
    const char *id;

    do
        id = arena_printf(arena, "w-%08x", (unsigned)rng_next(&master->rng));
    while (window_find(master, id));
    return id;
}

static void set_info(struct window_change *change, const struct window_info *info)
{
    change->info = record_copy(&window_info_def, info, change->memory);
}

static bool prepare_schedule(struct master *master, struct window_change *change)
{
    struct window_info info = *change->info;
    const struct window *old;

    if (!*change->id)
        change->id = make_id(master, change->memory);
    info.id = change->id;
    if (!info.start_us)
        info.start_us = maintenance_now_us(master);
    set_info(change, &info);
    old = window_find(master, change->id);
    if (old && old->state != WINDOW_OVER && !change->replace)
        return answer(master, change, 409,
                      "there is a maintenance window %.128s: take another id, or replace it",
                      change->id);
    if (!old && change->replace)
        return answer(master, change, 404, "there is no maintenance window %.128s to replace",
                      change->id);
    if (!old && HASH_COUNT(master->maintenance->windows) >= WINDOWS_MAX)
        return answer(master, change, 409, "there are %d maintenance windows: cancel some",
                      WINDOWS_MAX);
    return check_window(master, change);
}

static bool prepare_cancel(struct master *master, struct window_change *change,
                           const struct window *window)
{
    if (window->state == WINDOW_DOWN)
        return answer(
            master, change, 409,
            "maintenance window %.128s has begun: stop it to have its agents in use again",
            change->id);
    return true;
}

static bool prepare_start(struct master *master, struct window_change *change,
                          const struct window *window)
{
    struct window_info info = *window->info;

    if (window->state == WINDOW_DOWN)
        return answer(master, change, 200, "maintenance window %.128s has begun already",
                      change->id);
    if (window->state == WINDOW_OVER)
        return answer(master, change, 409, "maintenance window %.128s is over: schedule another",
                      change->id);
    info.start_us = maintenance_now_us(master);
    set_info(change, &info);
    return check_window(master, change);
}

/* The rest of its agents stays down. */
static bool stop_some(struct master *master, struct window_change *change,
                      const struct window *window)
{
    struct window_info info = *window->info;
    const char **left = arena_array(change->memory, info.agents_count, sizeof(*left));
    CLEANUP(free_p) const char **names = mem_calloc(change->agents_count, sizeof(*names));
    size_t count = 0;

    for (size_t i = 0; i < change->agents_count; i++)
        names[i] = change->agents[i];
    qsort(names, change->agents_count, sizeof(*names), compare_names);
    for (size_t i = 0; i < info.agents_count; i++)
        if (!has_name(names, change->agents_count, info.agents[i]))
            left[count++] = info.agents[i];
    if (count + change->agents_count != info.agents_count)
        return answer(master, change, 400,
                      "maintenance window %.64s names %zu agents, and not all of those that are to "
                      "be in use again: name them as it does",
                      change->id, info.agents_count);
    info.agents = left;
    info.agents_count = count;
    if (count)
        set_info(change, &info);
    return true;
}

static bool prepare_stop(struct master *master, struct window_change *change,
                         const struct window *window)
{
    if (window->state == WINDOW_OVER)
        return answer(master, change, 200, "maintenance window %.128s is over already", change->id);
    if (window->state != WINDOW_DOWN)
        return answer(master, change, 409, "maintenance window %.128s has not begun: cancel it",
                      change->id);
    return !change->agents_count || stop_some(master, change, window);
}

/* Else it is answered. */
static bool prepare(struct master *master, struct window_change *change)
{
    const struct window *window;
    struct err err;

    maintenance_look(master);
    if (keep_has_room(master, &err) < 0)
        return answer(master, change, 503, "nothing was changed: %.180s", err.text);
    if (change->order == ORDER_SCHEDULE)
        return prepare_schedule(master, change);
    window = window_find(master, change->id);
    if (!window)
        return answer(master, change, 404, "there is no maintenance window %.128s", change->id);
    if (change->order == ORDER_CANCEL)
        return prepare_cancel(master, change, window);
    return change->order == ORDER_START ? prepare_start(master, change, window)
                                        : prepare_stop(master, change, window);
}

/* --- the registry --------------------------------------------------------------------- */

static void begin_next(struct master *master);

/* As it is now: what could not be kept may be there all the same. */
static void keep_as_it_is(struct master *master, const char *id)
{
    const struct window *window = window_find(master, id);

    if (window)
        keep_soon(master, &MESSAGE(KEPT_WINDOW, kept_window, .window = window->info));
    else
        keep_soon(master, &MESSAGE(DROP_WINDOW, drop_window, .id = id));
}

static void on_kept(struct master *master, void *arg, const struct kept *kept)
{
    struct window_change *change = master->maintenance->changes;
    struct window *window = window_find(master, change->id);

    (void)arg;
    if (kept->rc < 0) {
        audit(master, change, 503, kept->why);
        operator_answer_unkept(master, change->number, kept->why);
        keep_as_it_is(master, change->id);
    } else {
        if (change->info)
            window_put(master, change->info);
        else if (window)
            window_drop(master, window, "an operator wants it so");
        answer_done(master, change);
    }
    change_free(master, change);
    begin_next(master);
}

static void begin_next(struct master *master)
{
    struct window_change *change;

    while ((change = master->maintenance->changes) && !prepare(master, change))
        change_free(master, change);
    if (!change)
        return;
    if (change->info)
        keep(master, &MESSAGE(KEPT_WINDOW, kept_window, .window = change->info), on_kept, NULL);
    else
        keep(master, &MESSAGE(DROP_WINDOW, drop_window, .id = change->id), on_kept, NULL);
}

/* --- the calls --------------------------------------------------------------------------- */

static struct window_change *change_new(struct master *master, enum order order, uint64_t number,
                                        const char *id, const char *asked_by)
{
    struct window_change *change = mem_new(struct window_change);

    change->order = order;
    change->number = number;
    change->memory = arena_new(0);
    change->id = arena_strdup(change->memory, id);
    change->asked_by = arena_strdup(change->memory, asked_by);
    DL_APPEND(master->maintenance->changes, change);
    return change;
}

static void await_turn(struct master *master, struct window_change *change)
{
    size_t count;

    DL_COUNT2(master->maintenance->changes, change, count, next);
    change = master->maintenance->changes->prev; /* the last: this one */
    if (count > CHANGES_MAX) {
        answer(master, change, 503, "nothing was changed: %d changes wait already", CHANGES_MAX);
        change_free(master, change);
    } else if (count == 1) {
        begin_next(master);
    }
}

void operator_schedule_maintenance(struct master *master, uint64_t number,
                                   const struct msg_operator_schedule_maintenance *call)
{
    struct window_change *change =
        change_new(master, ORDER_SCHEDULE, number, call->id, call->asked_by);
    const struct window_info info = {
        .id = call->id,
        .agents = call->agents,
        .agents_count = call->agents_count,
        .start_us = call->start_us,
        .duration_ms = call->duration_ms,
        .reason = call->reason,
        .max_grace_ms = call->max_grace_ms,
    };

    set_info(change, &info);
    change->replace = call->replace;
    change->force = call->force;
    await_turn(master, change);
}

void operator_cancel_maintenance(struct master *master, uint64_t number,
                                 const struct msg_operator_cancel_maintenance *call)
{
    await_turn(master, change_new(master, ORDER_CANCEL, number, call->id, call->asked_by));
}

void operator_start_maintenance(struct master *master, uint64_t number,
                                const struct msg_operator_start_maintenance *call)
{
    struct window_change *change =
        change_new(master, ORDER_START, number, call->id, call->asked_by);

    change->force = call->force;
    await_turn(master, change);
}

void operator_stop_maintenance(struct master *master, uint64_t number,
                               const struct msg_operator_stop_maintenance *call)
{
    struct window_change *change = change_new(master, ORDER_STOP, number, call->id, call->asked_by);
    const struct msg_operator_stop_maintenance *copy =
        record_copy(&msg_operator_stop_maintenance_def, call, change->memory);

    change->agents = copy->agents;
    change->agents_count = copy->agents_count;
    await_turn(master, change);
}
