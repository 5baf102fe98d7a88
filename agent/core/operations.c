/* Reservations and volumes: this agent is their owner. What it has is changed in memory and handed out as a
 * record; what came of an operation is told when that is written down, until it is acknowledged, if
 * somebody waits for it.
 *
 * Only what differs from the agent's settings is kept, so that these can change between two lives. The
 * folder of a volume is made before it is written that there is one, and removed after it is written that
 * there is none: a crash leaves an empty folder too many, never a volume without its data.
 */
#include "agent/core/state.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/mutant.h"
#include "proto/resources_info.h"

#define RESULTS_MAX    2048 /* not acknowledged; the master has a limit of its own */
#define KEPT_BYTES_MAX ((size_t)2 * 1024 * 1024) /* so that the record fits in a message */

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

/* A copy that lives in `arena`. */
static const struct agent_info *describe(const struct resources *total, struct arena *arena)
{
    CLEANUP(arena_destroy) struct arena *scratch = arena_new(0);
    struct agent_info info = {0};

    info.resources = resources_to_info(total, scratch, &info.resources_count);
    return record_copy(&agent_info_def, &info, arena);
}

static void set_total(struct agent *self, struct resources *total)
{
    struct arena *arena = arena_new(0);
    const struct agent_info *copy = describe(total, arena);

    self->info.resources = copy->resources;
    self->info.resources_count = copy->resources_count;
    resources_swap(&self->total, total);
    arena_destroy(&self->total_arena);
    self->total_arena = arena;
}

/* --- what is written down ---------------------------------------------------- */

static const struct volume_ref *list_destroyed(const struct agent *self, struct arena *arena,
                                               size_t *ret_count)
{
    const struct destroyed *destroyed;
    struct volume_ref *list;
    size_t count = 0;

    DL_COUNT(self->destroyed, destroyed, *ret_count);
    list = arena_array(arena, *ret_count, sizeof(*list));
    DL_FOREACH (self->destroyed, destroyed)
        list[count++] = (struct volume_ref){.role = destroyed->role, .id = destroyed->id};
    return list;
}

static uint64_t keep(struct agent *self)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    CLEANUP(resources_fini) struct resources changed = {0};
    struct msg_keep_resources record = {0};

    changed_part(&self->total, &changed);
    record.resources = resources_to_info(&changed, arena, &record.resources_count);
    record.destroyed = list_destroyed(self, arena, &record.destroyed_count);
    if (MUTATE(FORGET_RESERVATION))
        return self->records;
    return agent_persist(
        self, (struct message){.type = MSG_KEEP_RESOURCES, .keep_resources = &record}, false);
}

/* --- results ----------------------------------------------------------------- */

static void send_result(struct agent *self, struct result *result, bool is_unlike)
{
    if (self->registration != REGISTRATION_DONE)
        return;
    agent_tell_master(
        self,
        MESSAGE(OPERATION_RESULT, operation_result, .status = result->status, .unlike = is_unlike),
        result->record);
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

static void result_destroy(struct agent *self, struct result *result)
{
    deadline_cancel(&self->deadlines, &result->retry);
    DL_DELETE(self->results, result);
    self->results_count--;
    arena_destroy(&result->arena);
    free(result);
}

static void result_forget(struct agent *self, struct result *result)
{
    if (result->status->state == OPERATION_FINISHED)
        agent_persist(self,
                      MESSAGE(FORGET_RESULT, forget_result,
                              .framework_id = result->status->framework_id,
                              .operation_id = result->status->operation_id),
                      true);
    result_destroy(self, result);
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

/* --- volumes ----------------------------------------------------------------- */

char *agent_volume_folder(const char *role)
{
    char *name = mem_strdup(role);

    for (char *c = name; *c; c++)
        if (*c == '/')
            *c = ' '; /* which no role has */
    return name;
}

static struct destroyed *destroyed_find(const struct agent *self, const char *role, const char *id)
{
    struct destroyed *destroyed;

    DL_FOREACH (self->destroyed, destroyed)
        if (!strcmp(destroyed->role, role) && !strcmp(destroyed->id, id))
            return destroyed;
    return NULL;
}

static struct destroyed *destroyed_add(struct agent *self, const char *role, const char *id)
{
    struct destroyed *destroyed = mem_new(struct destroyed);

    destroyed->role = mem_strdup(role);
    destroyed->id = mem_strdup(id);
    DL_APPEND(self->destroyed, destroyed);
    return destroyed;
}

static void destroyed_free(struct agent *self, struct destroyed *destroyed)
{
    DL_DELETE(self->destroyed, destroyed);
    free(destroyed->role);
    free(destroyed->id);
    free(destroyed);
}

static int make_volume(struct agent *self, const struct resource *portion, struct err *err)
{
    const char *id = portion->terms->volume->id;

    if (destroyed_find(self, portion->role, id))
        return err_set(err, -EBUSY, "another volume %.80s of role %.64s is still being removed", id,
                       portion->role);
    return self->env.make_volume(self->env.ctx, portion->role, id, err);
}

/* All or none. */
static int make_volumes(struct agent *self, const struct resources *made, struct err *err)
{
    size_t count;
    int rc = 0;

    for (count = 0; count < made->count && rc == 0; count++)
        rc = make_volume(self, &made->items[count], err);
    if (rc == 0)
        return 0;
    for (size_t i = 0; i + 1 < count; i++)
        self->env.remove_volume(self->env.ctx, made->items[i].role,
                                made->items[i].terms->volume->id);
    return rc;
}

void agent_operations_on_stored(struct agent *self)
{
    struct destroyed *destroyed, *next;

    DL_FOREACH_SAFE (self->destroyed, destroyed, next) {
        if (destroyed->record > self->written)
            continue;
        self->env.remove_volume(self->env.ctx, destroyed->role, destroyed->id);
        destroyed_free(self, destroyed);
    }
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

struct applying {
    struct resources consumed, converted, total;
};

static void applying_fini(struct applying *self)
{
    resources_fini(&self->consumed);
    resources_fini(&self->converted);
    resources_fini(&self->total);
}

static int check_size(const struct resources *total, struct err *err)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);

    describe(total, arena);
    if (arena_used(arena) > KEPT_BYTES_MAX)
        return err_set(err, -E2BIG, "the agent's resources would take more than %zu bytes",
                       KEPT_BYTES_MAX);
    return 0;
}

/* Are they what the kind says? The folders are made by it. */
static int check_kind(const struct applying *applying, enum operation_kind kind, struct err *err)
{
    const struct resources *volumes =
        kind == OPERATION_CREATE ? &applying->converted : &applying->consumed;

    if (kind != OPERATION_CREATE && kind != OPERATION_DESTROY)
        return 0;
    for (size_t i = 0; i < volumes->count; i++)
        if (!resource_volume(&volumes->items[i]))
            return err_set(err, -EINVAL, "%s is no volume", volumes->items[i].name);
    return 0;
}

static int convert(struct agent *self, const struct msg_apply_operation *apply,
                   struct applying *applying, struct err *err)
{
    int rc = resources_from_info(&applying->consumed, apply->consumed, apply->consumed_count, err);

    if (rc >= 0)
        rc = resources_from_info(&applying->converted, apply->converted, apply->converted_count,
                                 err);
    if (rc >= 0)
        rc = check_kind(applying, apply->kind, err);
    if (rc >= 0 && apply->kind == OPERATION_DESTROY)
        rc = check_unused(self, &applying->consumed, err);
    resources_copy(&applying->total, &self->total);
    if (rc >= 0)
        rc = resources_exchange(&applying->total, &applying->consumed, &applying->converted, err);
    if (rc >= 0)
        rc = check_size(&applying->total, err);
    if (rc >= 0 && apply->kind == OPERATION_CREATE)
        rc = make_volumes(self, &applying->converted, err);
    return rc;
}

static int check_able(const struct agent *self, struct err *err)
{
    if (self->is_unlike)
        return err_set(err, -ECANCELED, "an operation before it has failed");
    if (!self->env.make_volume)
        return err_set(err, -EOPNOTSUPP, "this agent keeps no reservations and no volumes");
    if (self->is_store_failing)
        return err_set(err, -EIO,
                       "the agent cannot write down what it has: its disk is full or "
                       "broken");
    if (self->results_count >= RESULTS_MAX)
        return err_set(err, -EAGAIN, "%d results are not acknowledged", RESULTS_MAX);
    return 0;
}

/* What is destroyed is remembered until that is written: then the folders go. */
static void remember_destroyed(struct agent *self, const struct resources *volumes)
{
    for (size_t i = 0; i < volumes->count; i++)
        destroyed_add(self, volumes->items[i].role, volumes->items[i].terms->volume->id)->record =
            self->records + 1;
}

static int attempt(struct agent *self, const struct msg_apply_operation *apply,
                   struct result **ret_result, struct err *err)
{
    CLEANUP(applying_fini) struct applying applying = {0};
    struct result *result;
    int rc = check_able(self, err);

    if (rc >= 0)
        rc = convert(self, apply, &applying, err);
    if (rc < 0)
        return rc;
    if (apply->kind == OPERATION_DESTROY)
        remember_destroyed(self, &applying.consumed);
    set_total(self, &applying.total);
    keep(self);
    result = result_new(self, apply, OPERATION_FINISHED, "");
    if (result)
        result->record =
            agent_persist(self, MESSAGE(KEEP_RESULT, keep_result, .status = result->status), false);
    *ret_result = result;
    return 0;
}

/* The master believes that it was done: it is to ask again what there is. */
static void fail(struct agent *self, const struct msg_apply_operation *apply, const char *why)
{
    bool is_first = !self->is_unlike;
    struct result *result = NULL;

    agent_log(self, LOG_LEVEL_WARNING, "an operation on resources fails: %s", why);
    self->is_unlike = true;
    if (self->results_count < RESULTS_MAX)
        result = result_new(self, apply, OPERATION_FAILED, why);
    if (result)
        send_result(self, result, is_first);
    else if (is_first)
        agent_tell_master(self, MESSAGE(OPERATION_RESULT, operation_result, .unlike = true), 0);
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
    result_forget(self, result);
}

/* --- the agent's life -------------------------------------------------------- */

/* What the settings say, and what an earlier life has made of it. */
static int take_resources(struct agent *self, const struct msg_keep_resources *kept,
                          struct err *err)
{
    CLEANUP(resources_fini) struct resources total = {0}, changed = {0}, base = {0};
    int rc = resources_from_info(&total, self->info.resources, self->info.resources_count, err);

    if (rc >= 0 && kept)
        rc = resources_from_info(&changed, kept->resources, kept->resources_count, err);
    if (rc >= 0)
        rc = resources_undo(&changed, &base, err);
    if (rc < 0)
        return rc;
    if (resources_exchange(&total, &base, &changed, err) < 0)
        return err_wrap(err, -ERANGE,
                        "reservations and volumes are kept here for which --resources has no room: "
                        "start it as it was, and undo them first");
    set_total(self, &total);
    return 0;
}

static bool is_there(const struct agent *self, const struct volume_ref *ref)
{
    for (size_t i = 0; i < self->total.count; i++)
        if (resource_volume(&self->total.items[i]) &&
            !strcmp(self->total.items[i].role, ref->role) &&
            !strcmp(self->total.items[i].terms->volume->id, ref->id))
            return true;
    return false;
}

/* That they are destroyed is written. */
static void remove_destroyed(struct agent *self, const struct msg_keep_resources *kept)
{
    for (size_t i = 0; i < kept->destroyed_count && self->env.remove_volume; i++)
        if (!is_there(self, &kept->destroyed[i]))
            self->env.remove_volume(self->env.ctx, kept->destroyed[i].role, kept->destroyed[i].id);
}

#define CAPABILITIES_MAX 4

static void note_capabilities(struct agent *self)
{
    const char **capabilities = arena_array(self->arena, CAPABILITIES_MAX, sizeof(*capabilities));
    size_t count = 0;

    capabilities[count++] = "TASK_GROUPS";
    if (self->env.make_volume) {
        capabilities[count++] = "RESOURCE_OPERATIONS";
        capabilities[count++] = "OPERATOR_RESULTS";
    }
    if (self->env.tell_executor)
        capabilities[count++] = "EXECUTORS";
    self->info.capabilities = capabilities;
    self->info.capabilities_count = count;
}

int agent_operations_begin(struct agent *self, const struct agent_past *past, struct err *err)
{
    const struct msg_keep_resources *kept = NULL;
    int rc;

    for (size_t i = 0; i < past->count; i++) {
        if (past->records[i].type == MSG_KEEP_RESOURCES)
            kept = past->records[i].keep_resources;
        else if (past->records[i].type == MSG_KEEP_RESULT)
            result_add(self, past->records[i].keep_result->status);
    }
    rc = take_resources(self, kept, err);
    if (rc < 0)
        return rc;
    if (kept)
        remove_destroyed(self, kept);
    note_capabilities(self);
    return 0;
}

void agent_operations_end(struct agent *self)
{
    while (self->results)
        result_destroy(self, self->results);
    while (self->destroyed)
        destroyed_free(self, self->destroyed);
    resources_fini(&self->total);
    arena_destroy(&self->total_arena);
}

void agent_operations_resume(struct agent *self)
{
    struct result *result;

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
    struct operation_status *list = arena_array(arena, self->results_count, sizeof(*list));
    const struct result *result;

    *ret_count = 0;
    DL_FOREACH (self->results, result) {
        list[*ret_count] = *result->status;
        list[*ret_count].converted = NULL;
        list[(*ret_count)++].converted_count = 0;
    }
    return list;
}

void agent_operations_forget(struct agent *self, const char *framework_id)
{
    struct result *result, *next;

    DL_FOREACH_SAFE (self->results, result, next)
        if (!framework_id || !strcmp(result->status->framework_id, framework_id))
            result_forget(self, result);
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
