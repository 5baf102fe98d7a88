/* GET /maintenance: windows, the agents in them, what runs there and what frameworks have answered. What
 * runs is counted by one walk over the agents when it is asked for. The forms of Mesos are those of its
 * /maintenance/schedule and /maintenance/status. */
#include "master/view/documents.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "master/view/objects.h"

static const char *const state_names[] = {
    [WINDOW_SCHEDULED] = "SCHEDULED",
    [WINDOW_ANNOUNCED] = "ANNOUNCED",
    [WINDOW_DOWN] = "DOWN",
    [WINDOW_OVER] = "OVER",
};

static const char *answer_name(enum inverse_state state)
{
    static const char *const names[] = {
        [INVERSE_ASKED] = "ASKED",
        [INVERSE_ACCEPTED] = "ACCEPTED",
        [INVERSE_DECLINED] = "DECLINED",
        [INVERSE_NOT_ASKED] = "NOT_ASKED",
    };

    return state && (size_t)state < sizeof(names) / sizeof(names[0]) ? names[state] : "";
}

static const char *window_state_name(enum window_state state)
{
    return state && (size_t)state < sizeof(state_names) / sizeof(state_names[0])
               ? state_names[state]
               : "";
}

/* --- agents ------------------------------------------------------------------------------------- */

static int64_t count_tasks(const struct agent *agent, const char *framework_id)
{
    const struct claim *claim;
    int64_t count = 0;

    DL_FOREACH (agent->holdings.claims, claim)
        count += !claim->is_offer &&
                 (!framework_id || !strcmp(claim->framework->change->framework->id, framework_id));
    return count;
}

/* What an operator wants to know: may he pull the plug? */
static const char *agent_state(const struct agent *agent)
{
    if (agent->change->down)
        return count_tasks(agent, NULL) ? "DRAINING" : "DOWN";
    return agent->change->connected ? "UP" : "AWAY";
}

static const struct answer *answers_of(const struct window *window, const struct agent *agent)
{
    const struct window_agent *found;

    HASH_FIND_STR(window->agents, agent->change->agent->id, found);
    return found ? found->answers : NULL;
}

static void answers_pair(struct json *json, const struct replica *replica,
                         const struct window *window, const struct agent *agent)
{
    const struct answer *answer = answers_of(window, agent);

    json_key(json, "answers");
    json_array_begin(json);
    for (; answer; answer = answer->hh.next) {
        const struct framework *framework = replica_framework(replica, answer->info->framework_id);

        json_object_begin(json);
        json_pair_string(json, "framework_id", answer->info->framework_id);
        json_pair_string(json, "name", framework ? framework->change->framework->name : "");
        json_pair_string(json, "answer", answer_name(answer->info->state));
        json_pair_seconds(json, "time", answer->info->when_us);
        json_pair_int(json, "tasks", count_tasks(agent, answer->info->framework_id));
        json_object_end(json);
    }
    json_array_end(json);
}

/* Agents that have a window, by its id. */
struct members {
    const struct agent **items; /* owned */
    size_t count;
};

static int compare_windows(const void *a, const void *b)
{
    return strcmp((*(const struct agent *const *)a)->change->unavailability->window_id,
                  (*(const struct agent *const *)b)->change->unavailability->window_id);
}

static void members_find(struct members *self, const struct replica *replica)
{
    const struct agent *agent;

    self->items = mem_calloc(HASH_COUNT(replica->agents) + 1, sizeof(struct agent *));
    for (agent = replica->agents; agent; agent = agent->hh.next)
        if (agent->change->unavailability)
            self->items[self->count++] = agent;
    qsort(self->items, self->count, sizeof(struct agent *), compare_windows);
}

/* The first of a window's, or where it would be. */
static size_t members_first(const struct members *self, const char *window_id)
{
    size_t low = 0, high = self->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(self->items[middle]->change->unavailability->window_id, window_id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void machine(struct json *json, const struct replica *replica, const struct window *window,
                    const struct agent *agent)
{
    json_object_begin(json);
    json_pair_string(json, "agent_id", agent->change->agent->id);
    json_pair_string(json, "hostname", agent->change->agent->hostname);
    json_pair_string(json, "state", agent_state(agent));
    json_pair_bool(json, "connected", agent->change->connected);
    json_pair_int(json, "tasks", count_tasks(agent, NULL));
    answers_pair(json, replica, window, agent);
    json_object_end(json);
}

static void machines_pair(struct json *json, const struct replica *replica,
                          const struct window *window, const struct members *members)
{
    const char *id = window->change->id;
    int64_t tasks = 0;

    json_key(json, "machines");
    json_array_begin(json);
    for (size_t i = members_first(members, id);
         i < members->count && !strcmp(members->items[i]->change->unavailability->window_id, id);
         i++) {
        machine(json, replica, window, members->items[i]);
        tasks += count_tasks(members->items[i], NULL);
    }
    json_array_end(json);
    json_pair_int(json, "tasks", tasks);
}

/* --- windows ------------------------------------------------------------------------------------ */

static void window_members(struct json *json, const struct window *window)
{
    const struct window_info *info = window->change->window;

    json_pair_string(json, "id", info->id);
    json_pair_string(json, "state", window_state_name(window->change->state));
    json_pair_seconds(json, "start", info->start_us);
    if (info->duration_ms) {
        json_pair_milli(json, "duration", info->duration_ms); /* ms are thousandths */
        json_pair_seconds(json, "end", info->start_us + info->duration_ms * 1000);
    }
    json_pair_string(json, "reason", info->reason);
    if (info->max_grace_ms)
        json_pair_milli(json, "max_grace", info->max_grace_ms);
    json_key(json, "agents");
    json_array_begin(json);
    for (size_t i = 0; i < info->agents_count; i++)
        json_text(json, info->agents[i]);
    json_array_end(json);
}

void document_maintenance(const struct replica *replica, struct buf *out)
{
    const struct window *window, *next;
    struct members members = {0};
    struct json json = JSON(out);

    members_find(&members, replica);
    json_object_begin(&json);
    json_key(&json, "windows");
    json_array_begin(&json);
    HASH_ITER (hh, replica->windows, window, next) {
        json_object_begin(&json);
        window_members(&json, window);
        machines_pair(&json, replica, window, &members);
        json_object_end(&json);
    }
    json_array_end(&json);
    json_object_end(&json);
    free(members.items);
}

/* --- as Mesos has it ---------------------------------------------------------------------------- */

static void machine_object(struct json *json, const char *name)
{
    json_object_begin(json);
    json_pair_string(json, "hostname", name);
    json_object_end(json);
}

void document_maintenance_schedule(const struct replica *replica, struct buf *out)
{
    const struct window *window, *next;
    struct json json = JSON(out);

    json_object_begin(&json);
    json_key(&json, "windows");
    json_array_begin(&json);
    HASH_ITER (hh, replica->windows, window, next) {
        const struct window_info *info = window->change->window;

        if (window->change->state == WINDOW_OVER)
            continue;
        json_object_begin(&json);
        json_key(&json, "machine_ids");
        json_array_begin(&json);
        for (size_t i = 0; i < info->agents_count; i++)
            machine_object(&json, info->agents[i]);
        json_array_end(&json);
        json_key(&json, "unavailability");
        object_unavailability(&json, info->start_us, info->duration_ms);
        json_object_end(&json);
    }
    json_array_end(&json);
    json_object_end(&json);
}

static void status_object(struct json *json, const struct window_answer *info)
{
    json_object_begin(json);
    json_pair_string(json, "status", info->state == INVERSE_ACCEPTED ? "ACCEPT" : "DECLINE");
    json_key(json, "framework_id");
    json_object_begin(json);
    json_pair_string(json, "value", info->framework_id);
    json_object_end(json);
    json_key(json, "timestamp");
    json_object_begin(json);
    json_pair_int(json, "nanoseconds", info->when_us * 1000);
    json_object_end(json);
    json_object_end(json);
}

static void statuses_pair(struct json *json, const struct window *window, const struct agent *agent)
{
    const struct answer *answer = answers_of(window, agent);

    json_key(json, "statuses");
    json_array_begin(json);
    for (; answer; answer = answer->hh.next)
        if (answer->info->state == INVERSE_ACCEPTED || answer->info->state == INVERSE_DECLINED)
            status_object(json, answer->info);
    json_array_end(json);
}

static const struct window *window_of(const struct replica *replica, const struct agent *agent)
{
    const struct unavailability *next = agent->change->unavailability;
    const struct window *window = NULL;

    if (next)
        HASH_FIND_STR(replica->windows, next->window_id, window);
    return window;
}

void document_maintenance_status(const struct replica *replica, struct buf *out)
{
    static const char *const lists[] = {"draining_machines", "down_machines"};
    struct json json = JSON(out);

    json_object_begin(&json);
    for (size_t down = 0; down < 2; down++) {
        const struct agent *agent, *next;

        json_key(&json, lists[down]);
        json_array_begin(&json);
        HASH_ITER (hh, replica->agents, agent, next) {
            const struct window *window = window_of(replica, agent);

            if (!window || agent->change->down != (bool)down)
                continue;
            if (down) {
                machine_object(&json, agent->change->agent->hostname);
                continue;
            }
            json_object_begin(&json);
            json_key(&json, "id");
            machine_object(&json, agent->change->agent->hostname);
            statuses_pair(&json, window, agent);
            json_object_end(&json);
        }
        json_array_end(&json);
    }
    json_object_end(&json);
}
