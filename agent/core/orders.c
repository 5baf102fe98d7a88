/* What the containerizer is told: a container with its complete environment, and signals. */
#include "agent/core/state.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/resources.h"
#include "proto/checks.h"
#include "proto/executors.h"
#include "proto/groups.h"
#include "proto/isolation.h"
#include "proto/mounts.h"
#include "proto/resources_info.h"
#include "base/mutant.h"

#define CONTAINER_ID_READABLE 64 /* bytes of the task's id that stand in it */
#define PATH_DEFAULT          "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
/* PORT0 to PORT255; who is granted more reads the ranges from its own framework. */
#define PORTS_MAX  256
#define ENV_AGENT  32 /* variables beside the ports that an agent may set */
#define OUR_PREFIX "PROFFER_"
/* What the agent adds to a task, paths and PORT0 above all, is less than FRAME_MAX takes beyond that. */
#define LIGHT_BYTES ((size_t)FRAME_MAX / 4)
/* What a task that waits for others of its group is told besides: whom it joins, and those of their volumes that it mounts. */
#define GROUP_BYTES 65536

struct environment {
    struct arena *arena;
    struct env_info *items;
    size_t count;
};

static void set(struct environment *self, const char *name, const char *value)
{
    self->items[self->count++] = (struct env_info){.name = name, .value = value};
}

static struct env_info *find(struct environment *self, const char *name)
{
    for (size_t i = 0; i < self->count; i++)
        if (!strcmp(self->items[i].name, name))
            return &self->items[i];
    return NULL;
}

/* The user's value wins, but for what a program can rely on to be ours. */
static void set_users(struct environment *self, const struct env_info *variable)
{
    struct env_info *there = find(self, variable->name);

    if (!there)
        self->items[self->count++] = *variable;
    else if (strncmp(variable->name, OUR_PREFIX, strlen(OUR_PREFIX)) != 0)
        there->value = variable->value;
}

static void set_port(struct environment *self, size_t index, int64_t port, struct buf *all)
{
    set(self, arena_printf(self->arena, "PORT%zu", index),
        arena_printf(self->arena, "%lld", (long long)port));
    buf_printf(all, "%s%lld", index ? "," : "", (long long)port);
}

static void set_ports(struct environment *self, const struct task_info *task)
{
    CLEANUP(buf_fini) struct buf all = {0};
    size_t count = 0;

    for (size_t i = 0; i < task->resources_count; i++) {
        const struct resource_info *resource = &task->resources[i];

        if (resource->kind != VALUE_RANGES || strcmp(resource->name, "ports") != 0)
            continue;
        for (size_t r = 0; r < resource->ranges_count; r++)
            for (int64_t port = resource->ranges[r].begin;
                 port <= resource->ranges[r].end && count < PORTS_MAX; port++)
                set_port(self, count++, port, &all);
    }
    if (count)
        set(self, "PORTS", arena_strdup(self->arena, buf_text(&all)));
}

static bool has_own_root(const struct task *task)
{
    const struct isolation_info *asks = task->info->isolation;

    return asks && *asks->rootfs;
}

/* Where the task finds it. */
static const char *sandbox_seen(const struct task *task)
{
    if (task->info->docker)
        return DOCKER_SANDBOX;
    return has_own_root(task) ? ISOLATION_SANDBOX : task->sandbox;
}

static void set_devices(struct environment *self, const struct task *task)
{
    CLEANUP(buf_fini) struct buf names = {0};

    for (size_t i = 0; i < task->gpus_count; i++)
        buf_printf(&names, "%s%s", i ? "," : "", task->gpus[i]);
    if (task->gpus_count)
        set(self, "PROFFER_GPUS", arena_strdup(self->arena, buf_text(&names)));
}

/* Where it finds its agent, who it is there, and the rules. Mesos's names where they mean the same. */
static void set_executors(struct environment *self, const struct agent *agent,
                          const struct task *task)
{
    const struct executor_info *info = task->info->executor;
    const char *grace = arena_printf(
        self->arena, "%lld", (long long)executor_ms(info->shutdown_grace_ms, EXECUTOR_GRACE_MS));
    const char *recovery =
        arena_printf(self->arena, "%lld",
                     (long long)executor_ms(info->recovery_timeout_ms, EXECUTOR_RECOVERY_MS));

    set(self, "PROFFER_EXECUTOR_ID", task->info->task_id);
    set(self, "PROFFER_EXECUTOR_TOKEN", task->executor->token);
    set(self, "PROFFER_EXECUTOR_SOCKET",
        arena_printf(self->arena, "%s/" EXECUTOR_SOCKET,
                     has_own_root(task) ? ISOLATION_EXECUTORS : agent->executors_dir));
    set(self, "PROFFER_EXECUTOR_SHUTDOWN_GRACE_MS", grace);
    set(self, "PROFFER_EXECUTOR_RECOVERY_TIMEOUT_MS", recovery);
    set(self, "MESOS_EXECUTOR_ID", task->info->task_id);
    set(self, "MESOS_FRAMEWORK_ID", task->framework->info->id);
    set(self, "MESOS_SLAVE_ID", agent->info.id);
    set(self, "MESOS_DIRECTORY", sandbox_seen(task));
    set(self, "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", arena_printf(self->arena, "%sms", grace));
    set(self, "MESOS_RECOVERY_TIMEOUT", arena_printf(self->arena, "%sms", recovery));
}

/* What an image says of PATH and HOME stands. */
static void set_ours(struct environment *self, const struct agent *agent, const struct task *task)
{
    if (!task->info->docker) {
        set(self, "PATH", PATH_DEFAULT);
        set(self, "HOME", sandbox_seen(task));
    }
    set(self, "HOST", agent->info.hostname);
    set(self, "MESOS_SANDBOX", sandbox_seen(task));
    set(self, "MESOS_TASK_ID", task->info->task_id);
    set(self, "PROFFER_SANDBOX", sandbox_seen(task));
    set(self, "PROFFER_TASK_ID", task->info->task_id);
    set(self, "PROFFER_FRAMEWORK_ID", task->framework->info->id);
    set(self, "PROFFER_AGENT_ID", agent->info.id);
    set(self, "PROFFER_CONTAINER_ID", task->container_id);
    set(self, "PROFFER_ROLE", task->role);
    if (task->executor)
        set_executors(self, agent, task);
    if (task->group)
        set(self, "PROFFER_GROUP_ID", task->info->group->id);
    set_devices(self, task);
    if (task->grant && task->grant->is_exclusive)
        set(self, "PROFFER_CPUS", task->cpus);
}

/* With room for `more` variables. */
static void make_environment(struct environment *self, const struct agent *agent,
                             const struct task *task, size_t more)
{
    const struct command_info *command = task->info->command;

    self->items = arena_array(self->arena, ENV_AGENT + PORTS_MAX + command->env_count + more,
                              sizeof(*self->items));
    set_ours(self, agent, task);
    set_ports(self, task->info);
    for (size_t i = 0; i < command->env_count; i++)
        set_users(self, &command->env[i]);
}

static bool has_volumes(const struct task_info *info)
{
    for (size_t i = 0; i < info->resources_count; i++)
        if (info->resources[i].volume)
            return true;
    return info->mounts_count;
}

/* Its own, and those of others of its group that it mounts. */
static int see_volumes(const struct task *task, struct resources *ret)
{
    const struct task_info *info = task->info;
    int rc = resources_from_info(ret, info->resources, info->resources_count, NULL);
    const struct task *member;

    for (size_t i = 0; rc == 0 && (member = groups_member(task, i)); i++)
        if (member != task)
            rc = mounts_add_borrowed(ret, info, member->info, NULL);
    return rc;
}

static const struct task *owner_of(const struct task *task, const struct resource *volume)
{
    const struct task *member;

    for (size_t i = 0; !mounts_has(task->info, volume) && (member = groups_member(task, i)); i++)
        if (mounts_has(member->info, volume))
            return member;
    return task;
}

/* In the scratch arena. Whose a borrowed one is, is not changed by who runs as another user than its owner. */
static const struct volume_link *list_volumes(struct agent *self, const struct task *task,
                                              size_t *ret_count)
{
    CLEANUP(resources_fini) struct resources resources = {0};
    const struct task_info *info = task->info;
    const struct mounted *mounted;
    struct volume_link *links;

    *ret_count = 0;
    if (!has_volumes(info) || see_volumes(task, &resources) < 0)
        return NULL;
    mounted = mounts_list(info->mounts, info->mounts_count, &resources, self->scratch, ret_count);
    links = arena_array(self->scratch, *ret_count, sizeof(*links));
    for (size_t i = 0; i < *ret_count; i++) {
        CLEANUP(free_p) char *folder = agent_volume_folder(mounted[i].portion->role);
        const struct task *owner = owner_of(task, mounted[i].portion);

        links[i] = (struct volume_link){
            .path = arena_printf(self->scratch, "%s/%s/%s", self->volumes_dir, folder,
                                 mounted[i].portion->terms->volume->id),
            .container_path = arena_strdup(self->scratch, mounted[i].path),
            .shared = resource_is_shared(mounted[i].portion),
            .read_only = mounted[i].is_read_only,
            .borrowed = owner != task,
            .foreign =
                !resource_is_shared(mounted[i].portion) && strcmp(owner->user, task->user) != 0,
        };
    }
    return links;
}

/* The order and what it points to, beside the task itself and the scratch arena. */
struct launch {
    struct command_info command;
    struct label_info labels[3];
    struct msg_launch_container order;
};

static void describe_launch(struct agent *self, const struct task *task, struct launch *ret)
{
    const struct task_info *info = task->info;
    struct environment environment = {.arena = self->scratch};
    const struct volume_link *volumes;
    size_t volumes_count;

    arena_reset(self->scratch);
    volumes = list_volumes(self, task, &volumes_count);
    make_environment(&environment, self, task, 0);
    ret->command = *info->command;
    ret->command.env = environment.items;
    ret->command.env_count = environment.count;
    ret->command.user = task->user;
    ret->labels[0] = (struct label_info){"proffer.agent", self->info.id};
    ret->labels[1] = (struct label_info){"proffer.framework", task->framework->info->id};
    ret->labels[2] = (struct label_info){"proffer.task", info->task_id};
    ret->order = (struct msg_launch_container){
        .container_id = task->container_id,
        .sandbox = task->sandbox,
        .user = task->user,
        .command = &ret->command,
        .resources = info->resources,
        .resources_count = info->resources_count,
        .pids_max = info->pids_max,
        .limits = info->limits,
        .limits_count = info->limits_count,
        .volumes = volumes,
        .volumes_count = volumes_count,
        .cpus = task->grant ? task->cpus : "",
        .mems = task->grant ? task->mems : "",
        .gpus = task->gpus,
        .gpus_count = task->gpus_count,
        .isolation = info->isolation,
        .docker = info->docker,
        .executor = task->executor != NULL,
        .checked = info->health_check || info->check,
        .holder = groups_holder(task),
        .group_folder = groups_folder(task),
        .labels = info->docker ? ret->labels : NULL,
        .labels_count = info->docker ? ARRAY_SIZE(ret->labels) : 0,
    };
}

int order_launch_check(struct agent *self, const struct task *task, struct err *err)
{
    CLEANUP(buf_fini) struct buf frame = {0};
    struct launch launch;
    int rc;

    if (arena_used(task->arena) < LIGHT_BYTES)
        return 0;
    describe_launch(self, task, &launch);
    rc = message_encode(
        &(struct message){.type = MSG_LAUNCH_CONTAINER, .launch_container = &launch.order}, &frame,
        NULL);
    if (rc == 0 && frame.size <= FRAME_MAX - GROUP_BYTES)
        return 0;
    return err_set(err, -E2BIG,
                   "with its environment and volumes the task takes more than the %d bytes that "
                   "who makes its container can be told",
                   FRAME_MAX - GROUP_BYTES);
}

void order_launch(struct agent *self, const struct task *task)
{
    struct launch launch;

    describe_launch(self, task, &launch);
    self->env.contain(
        self->env.ctx,
        &(struct message){.type = MSG_LAUNCH_CONTAINER, .launch_container = &launch.order},
        task->spec_record);
}

/* Beside what its tasks are granted: it only waits. */
static const struct resource_info holder_own[] = {
    {.name = "cpus", .kind = VALUE_SCALAR, .scalar = 10},
    {.name = "mem", .kind = VALUE_SCALAR, .scalar = 32000},
};

void order_holder(struct agent *self, const struct holder_order *holder)
{
    static const char *const argv[] = {"proffer-init"};
    const struct command_info command = {.argv = argv, .argv_count = 1, .user = holder->user};
    const size_t count = holder->resources_count + ARRAY_SIZE(holder_own);
    struct resource_info *resources = arena_array(self->scratch, count, sizeof(*resources));

    memcpy(resources, holder_own, sizeof(holder_own));
    if (holder->resources_count)
        memcpy(resources + ARRAY_SIZE(holder_own), holder->resources,
               holder->resources_count * sizeof(*resources));
    self->env.contain(self->env.ctx,
                      &MESSAGE(LAUNCH_CONTAINER, launch_container,
                               .container_id = holder->container_id, .sandbox = holder->folder,
                               .user = holder->user, .command = &command, .resources = resources,
                               .resources_count = count, .group = holder->group),
                      holder->after);
}

void order_holder_end(struct agent *self, const char *container_id, uint64_t after)
{
    self->env.contain(
        self->env.ctx,
        &MESSAGE(SIGNAL_CONTAINER, signal_container, .container_id = container_id, .kill = true),
        after);
}

/* What it says of itself wins over the task's. */
static const struct command_info *complete_command(struct agent *self, const struct task *task,
                                                   const struct command_info *command)
{
    struct environment environment = {.arena = self->scratch};
    struct command_info *complete = arena_alloc(self->scratch, sizeof(*complete));

    make_environment(&environment, self, task, command->env_count);
    for (size_t i = 0; i < command->env_count; i++)
        set_users(&environment, &command->env[i]);
    *complete = *command;
    complete->env = environment.items;
    complete->env_count = environment.count;
    return complete;
}

void order_check(struct agent *self, const struct task *task, const struct check_info *check,
                 int64_t number)
{
    struct check_info complete = *check;
    struct http_check http;
    struct tcp_check tcp;

    arena_reset(self->scratch);
    if (check->command) {
        complete.command = complete_command(self, task, check->command);
    } else if (check->http) {
        http = *check->http;
        http.port = check_port(check, task->info);
        complete.http = &http;
    } else {
        tcp = *check->tcp;
        tcp.port = check_port(check, task->info);
        complete.tcp = &tcp;
    }
    complete.timeout_ms = check_value(check->timeout_ms, CHECK_TIMEOUT_MS);
    self->env.contain(self->env.ctx,
                      &MESSAGE(CHECK_CONTAINER, check_container, .container_id = task->container_id,
                               .number = number, .check = &complete,
                               .docker = task->info->docker != NULL),
                      0);
}

/* It need not wait for a record, but must not overtake the launch. */
void order_signal(struct agent *self, const struct task *task, bool kill)
{
    self->env.contain(self->env.ctx,
                      &MESSAGE(SIGNAL_CONTAINER, signal_container,
                               .container_id = task->container_id, .kill = kill,
                               .docker = task->info->docker != NULL),
                      MUTATE(OVERTAKE_LAUNCH) ? 0 : task->spec_record);
}

void order_forget(struct agent *self, const struct msg_container_exited *end, const char *sandbox)
{
    self->env.contain(self->env.ctx,
                      &MESSAGE(FORGET_CONTAINER, forget_container,
                               .container_id = end->container_id, .sandbox = sandbox,
                               .docker = end->docker),
                      MUTATE(FORGET_CONTAINER_EARLY) ? 0 : self->records);
}

static const struct check_info *public_check(const struct check_info *check, struct arena *arena)
{
    struct check_info *copy;
    struct command_info *command;

    if (!check || !check->command)
        return check;
    copy = arena_alloc(arena, sizeof(*copy));
    command = arena_alloc(arena, sizeof(*command));
    *copy = *check;
    *command = *check->command;
    command->env = NULL;
    command->env_count = 0;
    copy->command = command;
    return copy;
}

const struct task_info *agent_task_public(const struct task_info *info, struct arena *arena)
{
    struct task_info *copy = arena_alloc(arena, sizeof(*copy));
    struct command_info *command = arena_alloc(arena, sizeof(*command));

    *copy = *info;
    *command = *info->command;
    command->env = NULL;
    command->env_count = 0;
    copy->command = command;
    copy->data = (struct bytes){0};
    copy->health_check = public_check(info->health_check, arena);
    copy->check = public_check(info->check, arena);
    return copy;
}

const char *container_id_make(struct agent *self, const char *task_id, struct arena *arena)
{
    char readable[CONTAINER_ID_READABLE + 1];
    size_t size = strnlen(task_id, CONTAINER_ID_READABLE);

    for (size_t i = 0; i < size; i++) {
        char c = task_id[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || c == '-' || (c == '.' && i > 0);

        readable[i] = is_plain ? c : '_';
    }
    readable[size] = '\0';
    return arena_printf(arena, "%s.%016llx", readable, (unsigned long long)rng_next(&self->rng));
}
