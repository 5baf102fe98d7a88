/* Where a task runs: its cores and memory nodes (cores.h), and the devices that it has for itself. */
#include "agent/core/state.h"

#include <errno.h>
#include <inttypes.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/mutant.h"
#include "proto/executors.h"
#include "proto/resources_info.h"

#define MIB INT64_C(1048576)

static bool uses(const struct agent *self, const char *isolator)
{
    for (size_t i = 0; i < self->info.isolation_count; i++)
        if (!strcmp(self->info.isolation[i], isolator))
            return true;
    return false;
}

/* --- what is free, as others see it -------------------------------------------------------------- */

/* A copy whose figures we may change. */
static void own_topology(struct agent *self)
{
    struct topology_info *topology = arena_alloc(self->arena, sizeof(*topology));
    size_t count = self->info.topology->numa_nodes_count;

    struct numa_info *nodes = arena_array(self->arena, count, sizeof(*nodes));

    *topology = *self->info.topology;
    self->nodes = arena_array(self->arena, count, sizeof(*self->nodes));
    for (size_t i = 0; i < count; i++) {
        nodes[i] = topology->numa_nodes[i];
        if (nodes[i].threads)
            self->nodes[i] = *nodes[i].threads;
        nodes[i].threads = &self->nodes[i];
    }
    topology->numa_nodes = nodes;
    self->info.topology = topology;
}

static void refresh(struct agent *self)
{
    arena_reset(self->free_arena);
    cores_describe(self->cores, self->free_arena, self->nodes,
                   self->info.topology->numa_nodes_count);
}

/* Nothing but what changes is sent. */
static void tell_master(struct agent *self)
{
    size_t count = self->info.topology->numa_nodes_count;
    struct node_threads *threads;
    struct numa_info *nodes;

    refresh(self);
    agent_publish_itself(self);
    if (self->registration != REGISTRATION_DONE)
        return; /* the next registration tells it */
    arena_reset(self->scratch);
    nodes = arena_array(self->scratch, count, sizeof(*nodes));
    threads = arena_array(self->scratch, count, sizeof(*threads));
    for (size_t i = 0; i < count; i++) {
        threads[i] = self->nodes[i];
        threads[i].cores_count = 0;
        nodes[i] = (struct numa_info){.number = self->info.topology->numa_nodes[i].number,
                                      .threads = &threads[i]};
    }
    agent_tell_master(
        self, MESSAGE(CORES_FREE, cores_free, .numa_nodes = nodes, .numa_nodes_count = count),
        self->is_store_failing ? 0 : self->records);
}

/* --- begin and end ------------------------------------------------------------------------------- */

int place_begin(struct agent *self, const struct agent_settings *settings, struct err *err)
{
    if (uses(self, "gpu/devices"))
        for (size_t i = 0; i < settings->gpus_count; i++) {
            self->gpus = mem_resize(self->gpus, self->gpus_count + 1, sizeof(*self->gpus));
            self->gpus[self->gpus_count++] = arena_strdup(self->arena, settings->gpus[i].name);
        }
    if (!uses(self, "cgroup/cpuset") || !self->info.topology)
        return 0;
    self->free_arena = arena_new(0);
    own_topology(self);
    return cores_new(self->info.topology, &self->cores, err);
}

void place_end(struct agent *self)
{
    cores_destroy(&self->cores);
    free(self->gpus);
    if (self->free_arena)
        arena_destroy(&self->free_arena);
}

/* --- cores --------------------------------------------------------------------------------------- */

static char *print(const struct numbers *numbers)
{
    CLEANUP(buf_fini) struct buf text = {0};

    numbers_print(numbers, &text);
    return mem_strdup(buf_text(&text));
}

static bool is_too_long(const char *text)
{
    return strlen(text) > TEXT_MAX;
}

/* What it may use now, as a text; true: that is not what was told last. */
static bool renew_cpus(struct agent *self, struct task *task)
{
    struct numbers cpus;
    char *text;

    cores_now(self->cores, task->grant, &cpus);
    text = print(&cpus);
    if (task->cpus && !strcmp(task->cpus, text)) {
        free(text);
        return false;
    }
    free(task->cpus);
    task->cpus = text;
    return true;
}

static void note_grant(struct agent *self, struct task *task, const struct cores_grant *grant)
{
    task->grant = mem_new(struct cores_grant);
    *task->grant = *grant;
    task->is_exclusive = grant->is_exclusive;
    free(task->mems);
    task->mems = print(&grant->mems);
    renew_cpus(self, task);
}

/* The pool is another one: who shares it is moved. In order behind all that was ordered before. */
static void move_others(struct agent *self)
{
    struct task *task, *next;

    HASH_ITER (by_container, self->containers, task, next)
        if (task->grant && !task->grant->is_exclusive && renew_cpus(self, task) && !task->waits &&
            !task_is_inside(task->info) && !MUTATE(KEEP_POOL))
            self->env.contain(self->env.ctx,
                              &MESSAGE(UPDATE_CONTAINER, update_container,
                                       .container_id = task->container_id, .cpus = task->cpus,
                                       .only_cpus = true, .docker = task->info->docker != NULL),
                              self->records);
}

static int64_t bytes_of(const struct resources *resources)
{
    int64_t milli = resources_scalar(resources, "mem");

    return milli > INT64_MAX / MIB ? INT64_MAX / 2 : milli * MIB / 1000;
}

static int take_cores(struct agent *self, struct task *task, const struct resources *resources,
                      struct err *err)
{
    const struct cores_info *asked = task->info->cores;
    const struct cores_wish wish = {.policy = asked ? asked->policy : 0,
                                    .is_exclusive = asked && asked->exclusive,
                                    .cpus_milli = resources_scalar(resources, "cpus"),
                                    .mem_bytes = bytes_of(resources)};
    struct cores_grant grant;
    int rc = cores_take(self->cores, &wish, &grant, err);

    if (rc < 0)
        return rc;
    note_grant(self, task, &grant);
    if (!is_too_long(task->cpus) && !is_too_long(task->mems))
        return 0;
    return err_set(err, -E2BIG, "its cores lie so far apart that they cannot be named");
}

/* --- devices ------------------------------------------------------------------------------------- */

static bool has_gpu(const struct task *task, const char *name)
{
    for (size_t i = 0; i < task->gpus_count; i++)
        if (!strcmp(task->gpus[i], name))
            return true;
    return false;
}

static bool is_gpu_free(const struct agent *self, const char *name)
{
    for (const struct task *task = self->containers; task; task = task->by_container.next)
        if (has_gpu(task, name))
            return false;
    return true;
}

static bool is_gpu_here(const struct agent *self, const char *name)
{
    for (size_t i = 0; i < self->gpus_count; i++)
        if (!strcmp(self->gpus[i], name))
            return true;
    return false;
}

/* Offered by name: the framework has chosen. */
static int take_named(const struct agent *self, struct task *task,
                      const struct resource_info *resource, struct err *err)
{
    for (size_t i = 0; i < resource->items_count; i++) {
        const char *name = resource->items[i];

        if (!is_gpu_here(self, name))
            return err_set(err, -ENODEV, "there is no GPU %.64s here", name);
        if (!is_gpu_free(self, name) || has_gpu(task, name))
            return err_set(err, -EBUSY, "another task has the GPU %.64s", name);
        task->gpus[task->gpus_count++] = arena_strdup(task->arena, name);
    }
    return 0;
}

static int take_some(const struct agent *self, struct task *task, int64_t milli, struct err *err)
{
    int64_t wanted = milli / 1000;

    if (milli % 1000)
        return err_set(err, -EINVAL, "GPUs are whole: gpus:1, gpus:2 and so on");
    for (size_t i = 0; i < self->gpus_count && wanted; i++)
        if (is_gpu_free(self, self->gpus[i]) && !has_gpu(task, self->gpus[i])) {
            task->gpus[task->gpus_count++] = self->gpus[i];
            wanted--;
        }
    return wanted ? err_set(err, -EBUSY, "%" PRId64 " GPUs more are wanted than are free", wanted)
                  : 0;
}

static int take_gpus(const struct agent *self, struct task *task, struct err *err)
{
    int rc = 0;

    task->gpus = arena_array(task->arena, self->gpus_count, sizeof(*task->gpus));
    for (size_t i = 0; i < task->info->resources_count && rc == 0; i++) {
        const struct resource_info *resource = &task->info->resources[i];

        if (strcmp(resource->name, "gpus") != 0)
            continue;
        if (resource->kind == VALUE_SET)
            rc = take_named(self, task, resource, err);
        else if (resource->kind == VALUE_SCALAR)
            rc = take_some(self, task, resource->scalar, err);
    }
    if (rc < 0)
        task->gpus_count = 0;
    return rc;
}

/* --- a task -------------------------------------------------------------------------------------- */

static bool is_bound(const struct task *task)
{
    return task->grant && (task->grant->is_exclusive || *task->mems);
}

int place_take(struct agent *self, struct task *task, struct err *err)
{
    CLEANUP(resources_fini) struct resources resources = {0};
    int rc = self->gpus_count ? take_gpus(self, task, err) : 0;

    if (rc == 0 && self->cores)
        rc = resources_from_info(&resources, task->info->resources, task->info->resources_count,
                                 err);
    if (rc == 0 && self->cores)
        rc = take_cores(self, task, &resources, err);
    if (rc < 0)
        task->gpus_count = 0;
    if (rc < 0 && task->grant) {
        cores_give(self->cores, task->grant);
        free(task->grant);
        task->grant = NULL;
    }
    return rc;
}

void place_taken(struct agent *self, const struct task *task)
{
    if (task->grant && task->grant->is_exclusive)
        move_others(self);
    if (is_bound(task))
        tell_master(self);
}

void place_give(struct agent *self, struct task *task)
{
    bool was_bound = is_bound(task), was_exclusive = was_bound && task->grant->is_exclusive;

    if (!task->grant)
        return;
    cores_give(self->cores, task->grant);
    free(task->grant);
    task->grant = NULL;
    if (was_exclusive)
        move_others(self);
    if (was_bound)
        tell_master(self);
}

void place_forget(struct agent *self, struct task *task)
{
    if (task->grant)
        cores_give(self->cores, task->grant);
    free(task->grant);
    free(task->cpus);
    free(task->mems);
    task->grant = NULL;
    task->cpus = task->mems = NULL;
    task->gpus_count = 0;
}

/* --- an earlier life ----------------------------------------------------------------------------- */

static void retake(struct agent *self, struct task *task)
{
    CLEANUP(resources_fini) struct resources resources = {0};
    const struct cores_info *asked = task->info->cores;
    struct cores_grant grant = {.is_exclusive = asked && asked->exclusive};
    struct err err;

    resources_from_info(&resources, task->info->resources, task->info->resources_count, NULL);
    grant.cpus_milli = resources_scalar(&resources, "cpus");
    grant.mem_bytes = bytes_of(&resources);
    if (numbers_parse(task->kept_cpus, &grant.cpus) < 0 ||
        numbers_parse(task->kept_mems, &grant.mems) < 0 ||
        (grant.is_exclusive && !*task->kept_cpus))
        grant.is_exclusive = false;
    if (cores_retake(self->cores, &grant, &err) < 0) {
        agent_log(self, LOG_LEVEL_WARNING, "task %s: %s: it shares those of all now",
                  task->info->task_id, err.text);
        grant = (struct cores_grant){.cpus_milli = grant.cpus_milli};
        cores_retake(self->cores, &grant, NULL);
    }
    note_grant(self, task, &grant);
}

/* What was told last is not known: all are told again. */
void place_recover(struct agent *self)
{
    struct task *task, *next;

    if (!self->cores)
        return;
    HASH_ITER (by_container, self->containers, task, next)
        retake(self, task);
    HASH_ITER (by_container, self->containers, task, next) {
        free(task->cpus);
        task->cpus = NULL;
    }
    move_others(self);
    HASH_ITER (by_container, self->containers, task, next)
        renew_cpus(self, task);
    refresh(self);
}

/* --- looking ------------------------------------------------------------------------------------- */

int place_validate(const struct agent *self, const struct task_info *info, struct err *err)
{
    if (info->cores && (info->cores->policy || info->cores->exclusive) && !self->cores)
        return err_set(err, -ENOTSUP,
                       "it asks for cores of its own, and this agent does not use cgroup/cpuset");
    return 0;
}

void place_describe(const struct task *task, struct container_info *info)
{
    if (task->cpus) {
        info->cpus = arena_strdup(task->statuses, task->cpus);
        info->mems = arena_strdup(task->statuses, task->mems);
        info->exclusive = task->is_exclusive;
    }
    info->gpus = task->gpus;
    info->gpus_count = task->gpus_count;
}

/* Of the books, and that no two tasks have one device. */
int place_check(const struct agent *self, struct err *err)
{
    size_t count = 0, max = HASH_CNT(by_container, self->containers);
    CLEANUP(free_p)
    const struct cores_grant **grants = mem_calloc(max + 1, sizeof(const struct cores_grant *));

    for (const struct task *task = self->containers; task; task = task->by_container.next) {
        if (task->grant)
            grants[count++] = task->grant;
        for (size_t i = 0; i < task->gpus_count; i++)
            for (const struct task *other = task->by_container.next; other;
                 other = other->by_container.next)
                if (has_gpu(other, task->gpus[i]))
                    return err_set(err, -EINVAL, "two tasks have the GPU %s", task->gpus[i]);
    }
    if (!self->cores)
        return 0;
    if (count != max)
        return err_set(err, -EINVAL, "a task is held without cores");
    return cores_check(self->cores, grants, count, err);
}
