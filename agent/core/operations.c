/* Reservations and volumes: this agent is their owner. What it has is changed when that is written down,
 * and told, if somebody waits for it, until it is acknowledged.
 *
 * Only what differs from the agent's settings is kept, so that these can change between two lives.
 */
#include "agent/core/state.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/mutant.h"
#include "proto/resources_info.h"

#define RESULTS_MAX 2048 /* not acknowledged; the master has a limit of its own */

/* --- what there is ----------------------------------------------------------- */

/* What an operation has made: that has terms. */
static void changed_part(const struct resources *total, struct resources *ret)
{
    CLEANUP(resources_fini) struct resources part = {0};

    for (size_t i = 0; i < total->count; i++) {
        const struct resources one = {.items = &total->items[i], .count = 1};

        if (total->items[i].terms)
            BUG_ON(resources_add(&part, &one, NULL) < 0);
    }
    resources_swap(ret, &part);
}

static void set_total(struct agent *self, struct resources *total)
{
    CLEANUP(arena_destroy) struct arena *scratch = arena_new(0);
    struct arena *arena = arena_new(0);
    struct agent_info info = {0};
    const struct agent_info *copy;

    info.resources = resources_to_info(total, scratch, &info.resources_count);
    copy = record_copy(&agent_info_def, &info, arena);
    self->info.resources = copy->resources;
    self->info.resources_count = copy->resources_count;
    resources_swap(&self->total, total);
    arena_destroy(&self->total_arena);
    self->total_arena = arena;
}

/* --- what is written down ---------------------------------------------------- */

static struct operation_status *list_results(const struct agent *self, struct arena *arena,
                                             size_t *ret_count)
{
    const struct result *result;
    struct operation_status *list;
    size_t count = 0;

    DL_COUNT(self->results, result, *ret_count);
    list = arena_array(arena, *ret_count, sizeof(*list));
    DL_FOREACH (self->results, result)
        list[count++] = *result->status;
    return list;
}

static int keep(struct agent *self, const struct msg_apply_operation *apply,
                const struct resources *total, struct err *err)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    CLEANUP(resources_fini) struct resources changed = {0};
    struct msg_keep_resources record = {0};

    changed_part(total, &changed);
    record.resources = resources_to_info(&changed, arena, &record.resources_count);
    record.results = list_results(self, arena, &record.results_count);
    return self->env.keep_resources(self->env.ctx, &record, apply, err);
}

/* A result that is told once more does no harm. */
static void keep_results(struct agent *self)
{
    struct err err;

    if (keep(self, NULL, &self->total, &err) < 0)
        agent_log(self, LOG_LEVEL_WARNING, "cannot write down that a result is acknowledged: %s",
                  err.text);
}

/* --- results ----------------------------------------------------------------- */

static void send_result(struct agent *self, struct result *result, bool is_unlike)
{
    if (self->registration != REGISTRATION_DONE)
        return;
    agent_tell_master(self, MESSAGE(OPERATION_RESULT, operation_result, .status = result->status,
                                    .unlike = is_unlike));
    deadline_set(&self->deadlines, &result->retry, self->now.mono_us + result->retry_us);
}

static void on_retry_due(void *owner, struct deadline *deadline)
{
    struct result *result = CONTAINER_OF(deadline, struct result, retry);
    struct agent *self = owner;

    result->retry_us *= 2;
    if (result->retry_us > self->retry_max_us)
        result->retry_us = self->retry_max_us;
    send_result(self, result, false);
}

static struct result *result_find(const struct agent *self, const char *framework_id,
                                  const char *operation_id)
{
    struct result *result;

    DL_FOREACH (self->results, result)
        if (!strcmp(result->status->operation_id, operation_id) &&
            !strcmp(result->status->framework_id, framework_id))
            return result;
    return NULL;
}

static struct result *result_add(struct agent *self, const struct operation_status *status)
{
    struct result *result = mem_new(struct result);

    result->arena = arena_new(0);
    result->status = record_copy(&operation_status_def, status, result->arena);
    result->retry_us = self->retry_min_us;
    result->retry.due = on_retry_due;
    DL_APPEND(self->results, result);
    self->results_count++;
    return result;
}

static void result_remove(struct agent *self, struct result *result)
{
    deadline_cancel(&self->deadlines, &result->retry);
    DL_DELETE(self->results, result);
    self->results_count--;
    arena_destroy(&result->arena);
    free(result);
}

static struct result *result_new(struct agent *self, const struct msg_apply_operation *apply,
                                 enum operation_state state, const char *message)
{
    unsigned char uuid[UUID_BYTES];
    struct operation_status status = {
        .operation_id = apply->operation_id,
        .framework_id = apply->framework_id,
        .agent_id = self->info.id,
        .state = state,
        .message = message,
        .timestamp_us = self->now.wall_us,
        .uuid = {.data = uuid, .size = UUID_BYTES},
    };

    if (!*apply->operation_id)
        return NULL;
    uuid_make(&self->rng, uuid);
    if (state == OPERATION_FINISHED) {
        status.converted = apply->converted;
        status.converted_count = apply->converted_count;
    }
    return result_add(self, &status);
}

/* --- applying ---------------------------------------------------------------- */

/* A volume that a task still has, though the master has given up on the task, is not taken away. */
static int check_unused(const struct agent *self, const struct resources *consumed, struct err *err)
{
    for (const struct task *task = self->containers; task; task = task->by_container.next) {
        CLEANUP(resources_fini) struct resources used = {0}, both = {0};

        if (resources_from_info(&used, task->info->resources, task->info->resources_count, NULL) <
            0)
            continue;
        resources_intersect(&both, &used, consumed);
        for (size_t i = 0; i < both.count; i++)
            if (resource_volume(&both.items[i]))
                return err_set(err, -EBUSY, "task %.80s still uses volume %.80s",
                               task->info->task_id, resource_volume(&both.items[i])->id);
    }
    return 0;
}

static int convert(struct agent *self, const struct msg_apply_operation *apply,
                   struct resources *total, struct err *err)
{
    CLEANUP(resources_fini) struct resources consumed = {0}, converted = {0};
    int rc = resources_from_info(&consumed, apply->consumed, apply->consumed_count, err);

    if (rc >= 0)
        rc = resources_from_info(&converted, apply->converted, apply->converted_count, err);
    if (rc >= 0 && apply->kind == OPERATION_DESTROY)
        rc = check_unused(self, &consumed, err);
    return rc < 0 ? rc : resources_exchange(total, &consumed, &converted, err);
}

static int attempt(struct agent *self, const struct msg_apply_operation *apply,
                   struct result **ret_result, struct err *err)
{
    CLEANUP(resources_fini) struct resources total = {0};
    struct result *result;
    int rc;

    if (self->is_unlike)
        return err_set(err, -ECANCELED, "an operation before it has failed");
    if (!self->env.keep_resources)
        return err_set(err, -EOPNOTSUPP, "this agent keeps no reservations and no volumes");
    if (self->results_count >= RESULTS_MAX)
        return err_set(err, -EAGAIN, "%d results are not acknowledged", RESULTS_MAX);
    resources_copy(&total, &self->total);
    rc = convert(self, apply, &total, err);
    if (rc < 0)
        return rc;
    result = result_new(self, apply, OPERATION_FINISHED, "");
    rc = keep(self, apply, &total, err);
    if (rc < 0) {
        if (result)
            result_remove(self, result);
        return rc;
    }
    set_total(self, &total);
    *ret_result = result;
    return 0;
}

/* The master believes that it was done: it is to ask again what there is. */
static void fail(struct agent *self, const struct msg_apply_operation *apply, const char *why)
{
    bool is_first = !self->is_unlike;
    struct result *result = NULL;

    agent_log(self, LOG_LEVEL_WARNING, "an operation on resources fails: %s", why);
    self->is_unlike = !MUTATE(STAY_UNLIKE);
    if (self->results_count < RESULTS_MAX)
        result = result_new(self, apply, OPERATION_FAILED, why);
    if (result)
        send_result(self, result, is_first);
    else if (is_first)
        agent_tell_master(self, MESSAGE(OPERATION_RESULT, operation_result, .unlike = true));
}

void agent_operations_apply(struct agent *self, const struct msg_apply_operation *apply)
{
    struct result *result = NULL;
    struct err err;

    if (*apply->operation_id && result_find(self, apply->framework_id, apply->operation_id))
        return; /* it came twice */
    if (attempt(self, apply, &result, &err) < 0) {
        fail(self, apply, err.text);
        return;
    }
    agent_publish_itself(self);
    if (result)
        send_result(self, result, false);
}

void agent_operations_on_acknowledge(struct agent *self, const struct msg_acknowledge_result *ack)
{
    struct result *result = result_find(self, ack->framework_id, ack->operation_id);

    if (!result || ack->uuid.size != UUID_BYTES ||
        memcmp(result->status->uuid.data, ack->uuid.data, UUID_BYTES) != 0)
        return;
    result_remove(self, result);
    keep_results(self);
}

/* --- the agent's life -------------------------------------------------------- */

int agent_operations_begin(struct agent *self, const struct msg_keep_resources *kept,
                           struct err *err)
{
    CLEANUP(resources_fini) struct resources total = {0}, changed = {0}, base = {0};
    int rc = resources_from_info(&total, self->info.resources, self->info.resources_count, err);

    if (rc >= 0 && kept)
        rc = resources_from_info(&changed, kept->resources, kept->resources_count, err);
    if (rc < 0)
        return rc;
    rc = resources_undo(&changed, &base, err);
    if (rc < 0)
        return rc;
    if (resources_exchange(&total, &base, &changed, err) < 0)
        return err_wrap(err, -ERANGE,
                        "reservations and volumes are kept here that --resources has no room for: "
                        "name no less than was there, or undo them first");
    set_total(self, &total);
    for (size_t i = 0; kept && i < kept->results_count; i++)
        result_add(self, &kept->results[i]);
    if (self->env.keep_resources) {
        static const char *const capabilities[] = {"RESOURCE_OPERATIONS"};

        self->info.capabilities = capabilities;
        self->info.capabilities_count = 1;
    }
    return 0;
}

void agent_operations_end(struct agent *self)
{
    while (self->results)
        result_remove(self, self->results);
    resources_fini(&self->total);
    arena_destroy(&self->total_arena);
}

void agent_operations_resume(struct agent *self)
{
    struct result *result;

    self->is_unlike = false;
    DL_FOREACH (self->results, result) {
        result->retry_us = self->retry_min_us;
        send_result(self, result, false);
    }
}

void agent_operations_pause(struct agent *self)
{
    struct result *result;

    DL_FOREACH (self->results, result)
        deadline_cancel(&self->deadlines, &result->retry);
}

const struct operation_status *agent_operations_list(const struct agent *self, struct arena *arena,
                                                     size_t *ret_count)
{
    struct operation_status *list = list_results(self, arena, ret_count);

    for (size_t i = 0; i < *ret_count; i++) {
        list[i].converted = NULL;
        list[i].converted_count = 0;
    }
    return list;
}

void agent_operations_forget(struct agent *self, const char *framework_id)
{
    size_t before = self->results_count;
    struct result *result, *next;

    DL_FOREACH_SAFE (self->results, result, next)
        if (!strcmp(result->status->framework_id, framework_id))
            result_remove(self, result);
    if (self->results_count != before)
        keep_results(self);
}

int agent_operations_check(const struct agent *self, struct err *err)
{
    bool is_flying = self->registration == REGISTRATION_DONE;
    const struct result *result;
    size_t count = 0;

    DL_FOREACH (self->results, result) {
        count++;
        if (deadline_is_set(&result->retry) != is_flying)
            return err_set(err, -EINVAL,
                           "operation %s: its result is repeated exactly while "
                           "registered",
                           result->status->operation_id);
    }
    if (count != self->results_count)
        return err_set(err, -EINVAL, "%zu results, but %zu counted", count, self->results_count);
    return 0;
}
