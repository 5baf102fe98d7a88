/* Fitting tasks to offers. Offers of one agent to one role make one heap of resources; a task goes
 * where the most tasks of its size would still fit. */
#include <proffer/scheduler.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "framework-sdk/err.h"
#include "framework-sdk/fit.h"
#include "framework-sdk/offers.h"
#include "framework-sdk/scheduler.h"
#include "framework-sdk/tasks.h"

#define PORTS "ports"

/* --- heaps ------------------------------------------------------------------------------------ */

static struct heap *find_heap(struct proffer_fit *fit, const struct offer_info *offer)
{
    struct heap *heap;

    HASH_FIND_STR(fit->by_agent, offer->agent_id, heap);
    while (heap && strcmp(heap->first->role, offer->role) != 0)
        heap = heap->other;
    return heap;
}

static struct heap *add_heap(struct proffer_fit *fit, const struct proffer_offer *offer)
{
    struct heap *heap = &fit->heaps[fit->heaps_count++], *head;

    heap->first = offer->info;
    resources_copy(&heap->left, &offer->resources);
    HASH_FIND_STR(fit->by_agent, heap->first->agent_id, head);
    if (head) {
        heap->other = head->other;
        head->other = heap;
    } else {
        HASH_ADD_KEYPTR(hh, fit->by_agent, heap->first->agent_id, strlen(heap->first->agent_id),
                        heap);
    }
    return heap;
}

static void heap_add_offer(struct heap *heap, const struct offer_info *offer)
{
    heap->offer_ids = mem_resize(heap->offer_ids, heap->offers_count + 1, sizeof(*heap->offer_ids));
    heap->offer_ids[heap->offers_count++] = offer->id;
}

static void heap_fini(struct heap *heap)
{
    free(heap->offer_ids);
    free(heap->tasks);
    free(heap->operations);
    resources_fini(&heap->left);
    arena_destroy(&heap->arena);
}

struct arena *heap_arena(struct heap *heap)
{
    if (!heap->arena)
        heap->arena = arena_new(SDK_ACCEPT_MAX);
    return heap->arena;
}

static void add_offer(struct proffer_fit *fit, const struct proffer_offer *offer)
{
    struct heap *heap = find_heap(fit, offer->info);

    /* Offers of one agent never share a port. Should they, the second one is a heap of its own. */
    if (!heap || resources_add(&heap->left, &offer->resources, NULL) < 0)
        heap = add_heap(fit, offer);
    heap_add_offer(heap, offer->info);
}

struct proffer_fit *proffer_fit_new(struct proffer_scheduler *scheduler,
                                    const struct proffer_offer *const *offers, size_t count)
{
    struct proffer_fit *fit = mem_new(struct proffer_fit);

    fit->scheduler = scheduler;
    fit->heaps = mem_calloc(count, sizeof(*fit->heaps));
    for (size_t i = 0; i < count; i++)
        add_offer(fit, offers[i]);
    return fit;
}

void proffer_fit_destroy(struct proffer_fit **fit_p)
{
    struct proffer_fit *fit = *fit_p;
    struct placed *placed, *next;

    if (!fit)
        return;
    HASH_ITER (hh, fit->placed, placed, next) {
        HASH_DEL(fit->placed, placed);
        free(placed);
    }
    HASH_CLEAR(hh, fit->by_agent);
    for (size_t i = 0; i < fit->heaps_count; i++)
        heap_fini(&fit->heaps[i]);
    free(fit->heaps);
    free(fit->want_text);
    resources_fini(&fit->want);
    free(fit);
    *fit_p = NULL;
}

/* --- placing ---------------------------------------------------------------------------------- */

/* How many tasks of this size there is room for, in thousandths, by scalars alone: a guess that
 * orders the heaps. Whether one really fits, resources_pick says. */
static uint64_t room(const struct heap *heap, const struct resources *want)
{
    uint64_t least = UINT64_MAX;

    for (size_t i = 0; i < want->count; i++) {
        __extension__ typedef unsigned __int128 wide;
        const struct resource *item = &want->items[i];
        wide fits;

        if (item->kind != RESOURCE_SCALAR || item->milli <= 0)
            continue;
        fits = (wide)resources_scalar(&heap->left, item->name) * 1000 / (wide)item->milli;
        if (fits < least)
            least = (uint64_t)fits;
    }
    return least;
}

/* Reads the task's resources and measures all heaps by them, unless that is done already. */
static int want_what(struct proffer_fit *fit, const struct proffer_task *task, struct err *err)
{
    const char *text = task->resources ? task->resources : "";
    int rc;

    if (fit->want_text && !strcmp(fit->want_text, text))
        return 0;
    rc = sdk_task_parse_resources(task, &fit->want, err);
    if (rc < 0)
        return rc;
    free(fit->want_text);
    fit->want_text = mem_strdup(text);
    for (size_t i = 0; i < fit->heaps_count; i++)
        fit->heaps[i].room = room(&fit->heaps[i], &fit->want);
    return 0;
}

/* `agent_id`: "" is any. */
static struct heap *roomiest_untried(const struct proffer_fit *fit, const char *agent_id)
{
    struct heap *best = NULL;

    for (size_t i = 0; i < fit->heaps_count; i++) {
        struct heap *heap = &fit->heaps[i];

        if (*agent_id && strcmp(heap->first->agent_id, agent_id) != 0)
            continue;
        if (heap->tried != fit->launches && (!best || heap->room > best->room))
            best = heap;
    }
    return best;
}

void fit_measure(struct proffer_fit *fit, const struct resources *want)
{
    fit->launches++;
    free_p(&fit->want_text); /* the next task measures anew */
    for (size_t i = 0; i < fit->heaps_count; i++)
        fit->heaps[i].room = room(&fit->heaps[i], want);
}

struct heap *fit_next(struct proffer_fit *fit)
{
    struct heap *heap = roomiest_untried(fit, "");

    if (heap)
        heap->tried = fit->launches;
    return heap;
}

/* A shared volume is there for the next task, too. */
static int take(struct resources *left, const struct resources *granted, struct err *err)
{
    CLEANUP(resources_fini) struct resources sole = {0};

    if (!resources_have_shared(granted))
        return resources_subtract(left, granted, err);
    resources_unshared(&sole, granted);
    return resources_subtract(left, &sole, err);
}

/* What the task gets: *ret_granted. What then remains: *ret_left. */
int fit_carve(const struct heap *heap, const struct resources *want, size_t ports,
              struct resources *ret_granted, struct resources *ret_left, struct err *err)
{
    CLEANUP(resources_fini) struct resources picked = {0};
    int rc;

    resources_copy(ret_left, &heap->left);
    rc = resources_pick(ret_left, heap->first->role, want, ret_granted, err);
    if (rc >= 0)
        rc = take(ret_left, ret_granted, err);
    if (rc < 0 || !ports)
        return rc;
    rc = resources_take_numbers(ret_left, PORTS, ports, &picked, err);
    if (rc >= 0)
        rc = resources_subtract(ret_left, &picked, err);
    return rc < 0 ? rc : resources_add(ret_granted, &picked, err);
}

static void heap_add_task(struct heap *heap, const struct task_info *info)
{
    if (heap->tasks_count == heap->tasks_capacity) {
        heap->tasks_capacity = heap->tasks_capacity ? heap->tasks_capacity * 2 : 8;
        heap->tasks = mem_resize(heap->tasks, heap->tasks_capacity, sizeof(*heap->tasks));
    }
    heap->tasks[heap->tasks_count++] = *info;
}

void fit_note_placed(struct proffer_fit *fit, const struct heap *heap, const char *task_id)
{
    struct placed *placed = mem_new(struct placed);

    placed->id = task_id;
    placed->agent_id = heap->first->agent_id;
    HASH_ADD_KEYPTR(hh, fit->placed, placed->id, strlen(placed->id), placed);
}

static int place(struct proffer_fit *fit, struct heap *heap, const struct proffer_task *task,
                 struct err *err)
{
    CLEANUP(resources_fini) struct resources granted = {0};
    CLEANUP(resources_fini) struct resources left = {0};
    const struct task_info *info;
    int rc = fit_carve(heap, &fit->want, task->ports, &granted, &left, err);

    if (rc < 0)
        return rc;
    rc = sdk_task_to_info(task, heap->first->agent_id, &granted, heap_arena(heap), &info, err);
    if (rc < 0)
        return rc;
    resources_swap(&heap->left, &left);
    heap->room = room(heap, &fit->want);
    heap_add_task(heap, info);
    fit_note_placed(fit, heap, info->task_id);
    return 0;
}

bool fit_is_placed(const struct proffer_fit *fit, const char *task_id)
{
    struct placed *placed;

    HASH_FIND_STR(fit->placed, task_id, placed);
    return placed || driver_has_task(fit->scheduler->driver, task_id);
}

/* A task for an executor goes where that is, as far as it is known here. */
static const char *agent_of_executor(const struct proffer_fit *fit, const struct proffer_task *task)
{
    struct placed *placed;

    if (!task->executor_id)
        return "";
    HASH_FIND_STR(fit->placed, task->executor_id, placed);
    return placed ? placed->agent_id : driver_task_agent(fit->scheduler->driver, task->executor_id);
}

/* Heap after heap, the roomiest first: its error is the nearest miss. A full message counts as a
 * full heap; what is wrong with the task itself is wrong everywhere. */
static int place_somewhere(struct proffer_fit *fit, const struct proffer_task *task,
                           struct err *err)
{
    const char *agent_id = agent_of_executor(fit, task);
    struct err miss = {.text = "there is no offer"};
    struct heap *heap;
    bool is_first = true;

    fit->launches++;
    if (*agent_id)
        err_set(&miss, -ENOSPC, "there is no offer of agent %.100s, on which its executor is",
                agent_id);
    while ((heap = roomiest_untried(fit, agent_id))) {
        struct err why = {0};
        int rc = place(fit, heap, task, &why);

        if (rc != -ERANGE && rc != -EMSGSIZE)
            return rc < 0 ? err_set(err, rc, "%s", why.text) : 0;
        heap->tried = fit->launches;
        if (is_first)
            err_set(&miss, rc, "%s %.128s", heap->first->hostname, why.text);
        is_first = false;
        if (heap->room < 1000)
            break; /* nor does it fit anywhere else */
    }
    return err_set(err, -ENOSPC, "task %.64s fits nowhere: %.170s", task->id, miss.text);
}

int proffer_fit_launch(struct proffer_fit *fit, const struct proffer_task *task,
                       struct proffer_err *err)
{
    int rc = want_what(fit, task, sdk_err(err));

    if (rc < 0)
        return rc;
    if (!task->id)
        return err_set(sdk_err(err), -EINVAL, "the task has no id");
    if (fit_is_placed(fit, task->id))
        return err_set(sdk_err(err), -EEXIST, "task %s is alive already", task->id);
    return place_somewhere(fit, task, sdk_err(err));
}

/* --- answering -------------------------------------------------------------------------------- */

int proffer_fit_finish(struct proffer_fit **fit_p, double refuse_seconds)
{
    struct proffer_fit *fit = *fit_p;
    int64_t refuse_ms = sdk_refuse_ms(refuse_seconds);
    int launched = 0, error = 0;

    for (size_t i = 0; i < fit->heaps_count; i++) {
        struct heap *heap = &fit->heaps[i];
        const struct sdk_work work = {heap->operations, heap->operations_count, heap->tasks,
                                      heap->tasks_count};
        int rc =
            sdk_accept(fit->scheduler, heap->offer_ids, heap->offers_count, &work, refuse_ms, NULL);

        if (rc >= 0)
            launched += (int)(heap->tasks_count + heap->grouped);
        else if (!error && (heap->tasks_count || heap->operations_count))
            error = rc; /* that an offer to be declined is gone already is no loss */
    }
    proffer_fit_destroy(fit_p);
    return error ? error : launched;
}
