#include "tests/unit/launcher_rig.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/capability.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/shim/record.h"
#include "base/bug.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"
#include "proto/resources_info.h"

#define POLL_STEP_MS 5

const char *rig_self_path(void)
{
    static char path[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", path, sizeof(path) - 1);

    assert_true(size > 0);
    path[size] = '\0';
    return path;
}

const char *rig_launcher_path(void)
{
    static char path[PATH_MAX + 64];
    const char *build = getenv("PROFFER_BUILD");
    const char *self = rig_self_path();

    if (build)
        snprintf(path, sizeof(path), "%s/libexec/proffer/proffer-launcher", build);
    else
        snprintf(path, sizeof(path), "%.*s/../libexec/proffer/proffer-launcher",
                 (int)(strrchr(self, '/') - self), self);
    return path;
}

static const char *rig_modules_launcher_path(void)
{
    static char path[PATH_MAX + 80];

    snprintf(path, sizeof(path), "%s-modules", rig_launcher_path());
    return path;
}

/* --- start -------------------------------------------------------------------------------------- */

/* For this process and its children only. */
static int hide_cgroup2(void)
{
    FILE *mounts = setmntent("/proc/self/mounts", "re");
    const struct mntent *entry;

    if (!mounts || unshare(CLONE_NEWNS) < 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return -1;
    while ((entry = getmntent(mounts)))
        if (strcmp(entry->mnt_type, "cgroup2") == 0 && umount2(entry->mnt_dir, MNT_DETACH) < 0)
            return -1;
    endmntent(mounts);
    return 0;
}

static int write_own(const char *file, const char *text)
{
    CLEANUP(close_fd) int fd = open(file, O_WRONLY | O_CLOEXEC);

    return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -1;
}

static int go_inside(uid_t uid)
{
    char map[32];

    snprintf(map, sizeof(map), "0 %u 1\n", uid);
    if (unshare(CLONE_NEWUSER) < 0 || prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
        return -1;
    return write_own("/proc/self/setgroups", "deny") < 0 ||
                   write_own("/proc/self/uid_map", map) < 0 ||
                   write_own("/proc/self/gid_map", map) < 0
               ? -1
               : 0;
}

static void exec_launcher(int fd, int desk_fd, const struct rig_plan *plan)
{
    if (plan->hides_cgroup2 && hide_cgroup2() < 0)
        _exit(125);
    if (plan->is_bounded && (prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN, 0, 0, 0) < 0 ||
                             prctl(PR_CAPBSET_DROP, CAP_SETPCAP, 0, 0, 0) < 0))
        _exit(124);
    if (dup2(fd, 3) != 3 || dup2(desk_fd, 4) != 4 ||
        (plan->uid && (setgid(plan->uid) < 0 || setuid(plan->uid) < 0)))
        _exit(126);
    if (plan->is_inside && go_inside(plan->uid) < 0)
        _exit(123);
    execl(plan->module ? rig_modules_launcher_path() : rig_launcher_path(), "proffer-launcher",
          (char *)NULL);
    _exit(127);
}

static void start(struct rig *self, const struct rig_plan *plan)
{
    int ends[2], desk_ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, desk_ends), 0);
    self->pid = fork();
    assert_true(self->pid >= 0);
    if (self->pid == 0)
        exec_launcher(fcntl(ends[1], F_DUPFD, 10), fcntl(desk_ends[1], F_DUPFD, 10), plan);
    close(ends[1]);
    close(desk_ends[1]);
    channel_init(&self->channel, ends[0]);
    desk_init(&self->desk, desk_ends[0]);
}

void rig_configure(struct rig *self)
{
    const struct rig_plan *plan = &self->plan;
    static const char *const all[] = {"cgroup/cpu", "cgroup/memory", "cgroup/pids",
                                      "posix/rlimits"};
    const char *isolation[ARRAY_SIZE(all) + 32];
    size_t count = 0, recover_count = 0, options_count = 0, devices_count = 0;
    size_t users_count = 0;
    char records[160], programs[PATH_MAX], sandboxes[160], volumes[160], trash[160];

    for (size_t i = plan->is_posix ? 3 : 0;
         !plan->isolation && !plan->isolators && i < ARRAY_SIZE(all); i++)
        isolation[count++] = all[i];
    if (plan->isolation)
        isolation[count++] = plan->isolation;
    for (size_t i = 0; plan->isolators && plan->isolators[i]; i++)
        isolation[count++] = plan->isolators[i];
    for (size_t i = 0; plan->also && plan->also[i]; i++)
        isolation[count++] = plan->also[i];
    while (plan->options && plan->options[options_count].key)
        options_count++;
    while (plan->devices && plan->devices[devices_count])
        devices_count++;
    while (plan->recover && plan->recover[recover_count])
        recover_count++;
    while (plan->users && plan->users[users_count])
        users_count++;
    snprintf(sandboxes, sizeof(sandboxes), "%s/sandboxes", self->dir);
    snprintf(volumes, sizeof(volumes), "%s/volumes", self->dir);
    snprintf(trash, sizeof(trash), "%s/trash", self->dir);
    snprintf(records, sizeof(records), "%s/records", self->dir);
    snprintf(programs, sizeof(programs), "%.*s",
             (int)(strrchr(rig_launcher_path(), '/') - rig_launcher_path()), rig_launcher_path());
    if (plan->programs)
        snprintf(programs, sizeof(programs), "%s", plan->programs);
    rig_send(
        self,
        &MESSAGE(
            LAUNCHER_CONFIGURE, launcher_configure, .records_dir = records, .isolation = isolation,
            .isolation_count = count, .cgroup_root = self->root, .pids_max = 512,
            .log_max_bytes = plan->log_max_bytes, .log_files = plan->log_files,
            .options = plan->options, .options_count = options_count, .modules = &plan->module,
            .modules_count = plan->module ? 1 : 0, .sandboxes_dir = sandboxes,
            .volumes_dir = plan->volumes_dir ? plan->volumes_dir : volumes, .trash_dir = trash,
            .users = plan->users, .users_count = users_count, .agent_uid = plan->agent_uid,
            .devices = plan->devices, .devices_count = devices_count, .gpus = plan->gpus,
            .gpus_count = plan->gpus_count, .fetcher = plan->fetcher, .programs_dir = programs));
    rig_send(self, &MESSAGE(LAUNCHER_RECOVER, launcher_recover, .recover = plan->recover,
                            .recover_count = recover_count));
}

struct rig *rig_new(const struct rig_plan *plan)
{
    static unsigned number;
    const char *tmp = getenv("TMPDIR");
    struct rig *self = mem_new(struct rig);

    self->plan = *plan;
    self->arena = arena_new(0);
    snprintf(self->root, sizeof(self->root), "proffer-test-%d/%u", getpid(), number++);
    if (plan->root)
        snprintf(self->root, sizeof(self->root), "%s", plan->root);
    snprintf(self->dir, sizeof(self->dir), "%s/proffer-test-XXXXXX", tmp ? tmp : "/tmp");
    if (plan->dir)
        snprintf(self->dir, sizeof(self->dir), "%s", plan->dir);
    if (!plan->dir) {
        assert_non_null(mkdtemp(self->dir));
        assert_int_equal(chmod(self->dir, 0755), 0);
        self->has_dir = true;
    }
    if (plan->uid)
        assert_int_equal(chown(self->dir, plan->uid, plan->uid), 0);
    start(self, plan);
    if (!plan->is_unconfigured) {
        rig_configure(self);
        self->ready = *rig_wait(self, MSG_LAUNCHER_READY, NULL);
    }
    return self;
}

struct rig *rig_again(struct rig *self, const char *const *recover)
{
    struct rig_plan plan = self->plan;

    plan.dir = self->dir;
    plan.root = self->root;
    plan.recover = recover;
    self->keeps_root = true;
    return rig_new(&plan);
}

/* --- talk --------------------------------------------------------------------------------------- */

void rig_send(struct rig *self, const struct message *message)
{
    struct err err;
    int rc = channel_send(&self->channel, message, &err);

    if (rc < 0)
        fail_msg("%s", err.text);
    while (channel_flush(&self->channel) == 1)
        poll(&(struct pollfd){self->channel.fd, POLLOUT, 0}, 1, RIG_TIMEOUT_MS);
}

/* How many. */
static size_t list_resources(const struct rig_task *task, struct resource_info ret_resources[4])
{
    const struct resource_info resources[] = {
        {.name = "cpus",
         .kind = VALUE_SCALAR,
         .scalar = task->cpus_milli ? task->cpus_milli : 1000},
        {.name = "mem",
         .kind = VALUE_SCALAR,
         .scalar = (task->mem_mib ? task->mem_mib : 64) * 1000},
        {.name = task->resource, .kind = VALUE_SCALAR, .scalar = task->resource_mib * 1000},
    };
    size_t count = task->resource ? 3 : 2;

    memcpy(ret_resources, resources, sizeof(resources));
    if (task->ports)
        ret_resources[count++] = (struct resource_info){
            .name = "ports", .kind = VALUE_RANGES, .ranges = task->ports, .ranges_count = 1};
    return count;
}

void rig_launch(struct rig *self, const struct rig_task *task)
{
    struct resource_info resources[4];
    size_t resources_count = list_resources(task, resources), gpus_count = 0;
    struct command_info command = {.value = task->shell ? task->shell : "", .argv = task->argv};
    struct env_info env[16];
    char sandbox[512], folder[512] = "";

    if (task->holder)
        snprintf(folder, sizeof(folder), "%s/sandboxes/f1/%s", self->dir, task->holder);
    while (task->gpus && task->gpus[gpus_count])
        gpus_count++;
    while (task->argv && task->argv[command.argv_count])
        command.argv_count++;
    command.env = env;
    for (; task->env && task->env[2 * command.env_count]; command.env_count++)
        env[command.env_count] = (struct env_info){.name = task->env[2 * command.env_count],
                                                   .value = task->env[2 * command.env_count + 1]};
    command.uris = task->uris;
    command.uris_count = task->uris_count;
    if (task->rlimit) {
        command.rlimits = task->rlimit;
        command.rlimits_count = 1;
    }
    snprintf(sandbox, sizeof(sandbox), "%s/sandboxes/f1/%s", self->dir, task->id);
    rig_send(self,
             &MESSAGE(LAUNCH_CONTAINER, launch_container, .container_id = task->id,
                      .sandbox = sandbox, .user = task->user ? task->user : "", .command = &command,
                      .resources = resources, .resources_count = resources_count,
                      .pids_max = task->pids_max, .limits = task->limits,
                      .limits_count = task->limits_count, .cpus = task->cpus ? task->cpus : "",
                      .mems = task->mems ? task->mems : "", .gpus = task->gpus,
                      .gpus_count = gpus_count, .isolation = task->isolation,
                      .volumes = task->volumes, .volumes_count = task->volumes_count,
                      .group = task->group, .holder = task->holder, .group_folder = folder,
                      .checked = !task->is_unchecked));
}

static const char *wait_updated(struct rig *self, const char *id)
{
    return rig_wait(self, MSG_CONTAINER_UPDATED, id)->container_updated->error;
}

const char *rig_update(struct rig *self, const struct rig_task *task)
{
    struct resource_info resources[4];
    size_t count = list_resources(task, resources);
    const char *sandbox = arena_printf(self->arena, "%s/sandboxes/f1/%s", self->dir, task->id);

    rig_send(self,
             &MESSAGE(UPDATE_CONTAINER, update_container, .container_id = task->id, .number = 7,
                      .resources = resources, .resources_count = count, .limits = task->limits,
                      .limits_count = task->limits_count, .pids_max = task->pids_max, .cpus = "",
                      .mems = "", .sandbox = sandbox));
    return wait_updated(self, task->id);
}

const char *rig_move(struct rig *self, const char *id, const char *cpus, const char *mems)
{
    rig_send(self, &MESSAGE(UPDATE_CONTAINER, update_container, .container_id = id, .number = 8,
                            .cpus = cpus, .mems = mems, .only_cpus = true, .sandbox = ""));
    return wait_updated(self, id);
}

bool rig_uses(const struct rig *self, const char *isolator)
{
    const struct msg_launcher_ready *ready = self->ready.launcher_ready;

    for (size_t i = 0; i < ready->isolation_count; i++)
        if (!strcmp(ready->isolation[i], isolator))
            return true;
    return false;
}

static const char *read_whole(struct rig *self, const char *path)
{
    CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    CLEANUP(buf_fini) struct buf text = {0};
    ssize_t size = 0;

    while (fd >= 0 && (size = read(fd, buf_reserve(&text, 65536), 65536)) > 0)
        text.size += (size_t)size;
    return arena_memdup(self->arena, text.data ? text.data : "", text.size);
}

const char *rig_group_file(struct rig *self, const char *controller, const char *id,
                           const char *file)
{
    bool is_v2 = !strcmp(self->ready.launcher_ready->cgroups, "v2");

    return read_whole(self, arena_printf(self->arena, "/sys/fs/cgroup/%s/%s/%s/%s",
                                         is_v2 ? "." : controller, self->root, id, file));
}

const struct usage_info *rig_usage(struct rig *self, const char *id)
{
    const struct msg_usage_reply *reply;

    rig_send(self, &MESSAGE(USAGE_REQUEST, usage_request, .number = 9, .container_ids = &id,
                            .container_ids_count = 1));
    reply = rig_wait(self, MSG_USAGE_REPLY, NULL)->usage_reply;
    assert_int_equal(reply->usages_count, 1);
    return reply->usages;
}

void rig_signal(struct rig *self, const char *id, bool kill)
{
    rig_send(self, &MESSAGE(SIGNAL_CONTAINER, signal_container, .container_id = id, .kill = kill));
}

void rig_forget(struct rig *self, const char *id)
{
    rig_send(self, &MESSAGE(FORGET_CONTAINER, forget_container, .container_id = id));
}

static const char *id_of(const struct message *message)
{
    if (message->type == MSG_CONTAINER_STARTED)
        return message->container_started->container_id;
    if (message->type == MSG_CONTAINER_EXITED)
        return message->container_exited->container_id;
    if (message->type == MSG_CONTAINER_UPDATED)
        return message->container_updated->container_id;
    return "";
}

static const struct message *take_event(struct rig *self, enum msg_type type, const char *id)
{
    for (size_t i = 0; i < self->events_count; i++) {
        struct message *event = self->events[i];

        if (event->type != type || (id && strcmp(id_of(event), id) != 0))
            continue;
        self->events_count--;
        memmove(&self->events[i], &self->events[i + 1],
                (self->events_count - i) * sizeof(self->events[0]));
        return event;
    }
    return NULL;
}

static void read_events(struct rig *self)
{
    struct err err;
    int rc = channel_fill(&self->channel);

    if (rc == 0)
        fail_msg("the launcher has closed its end");
    for (;;) {
        struct message *event = arena_alloc(self->arena, sizeof(*event));

        rc = channel_next(&self->channel, self->arena, event, &err);
        if (rc < 0)
            fail_msg("%s", err.text);
        if (rc == 0)
            return;
        BUG_ON(self->events_count == RIG_EVENTS_MAX);
        self->events[self->events_count++] = event;
    }
}

const struct message *rig_wait(struct rig *self, enum msg_type type, const char *id)
{
    int64_t until_us = clock_now().mono_us + (int64_t)RIG_TIMEOUT_MS * US_PER_MS;
    const struct message *event;

    while (!(event = take_event(self, type, id))) {
        int left_ms = (int)((until_us - clock_now().mono_us) / US_PER_MS);

        if (left_ms <= 0 || poll(&(struct pollfd){self->channel.fd, POLLIN, 0}, 1, left_ms) <= 0)
            fail_msg("no %s about %s", message_name(type), id ? id : "anything");
        read_events(self);
    }
    return event;
}

const struct msg_container_exited *rig_run(struct rig *self, const struct rig_task *task)
{
    rig_launch(self, task);
    return rig_wait(self, MSG_CONTAINER_EXITED, task->id)->container_exited;
}

/* --- files and processes ------------------------------------------------------------------------ */

const char *rig_path(struct rig *self, const char *id, const char *file)
{
    return arena_printf(self->arena, "%s/sandboxes/f1/%s/%s", self->dir, id, file);
}

const char *rig_read(struct rig *self, const char *id, const char *file)
{
    return read_whole(self, rig_path(self, id, file));
}

bool rig_has(struct rig *self, const char *id, const char *file)
{
    return access(rig_path(self, id, file), F_OK) == 0;
}

void rig_pause(int64_t *left_ms, const char *what)
{
    if (*left_ms <= 0)
        fail_msg("waited too long for %s", what);
    poll(NULL, 0, POLL_STEP_MS);
    *left_ms -= POLL_STEP_MS;
}

const char *rig_wait_file(struct rig *self, const char *id, const char *file)
{
    int64_t left_ms = RIG_TIMEOUT_MS;
    const char *text;

    while (!*(text = rig_read(self, id, file)))
        rig_pause(&left_ms, file);
    return text;
}

void rig_write(struct rig *self, const char *id, const char *file)
{
    int fd = open(rig_path(self, id, file), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    close(fd);
}

long rig_fill(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    static const char zeros[1024];
    long size = 0;

    assert_true(fd >= 0);
    while (write(fd, zeros, sizeof(zeros)) == sizeof(zeros))
        size += sizeof(zeros);
    close(fd);
    return size;
}

const char *rig_record_path(struct rig *self, const char *id)
{
    return arena_printf(self->arena, "%s/records/%s.run", self->dir, id);
}

const struct msg_container_exited *rig_wait_record(struct rig *self, const char *id)
{
    const char *records = arena_printf(self->arena, "%s/records", self->dir);
    CLEANUP(close_fd) int dir = open(records, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int64_t left_ms = RIG_TIMEOUT_MS;
    struct record_text text = {0};

    for (;; rig_pause(&left_ms, rig_record_path(self, id))) {
        struct record record;
        struct err err;

        if (record_open(dir, id, &record) < 0)
            continue;
        text = (struct record_text){0};
        *err.text = '\0'; /* while it is being written, half of it may be seen */
        record_read(&record, id, self->arena, &text, &err);
        record_close(&record);
        if (text.exited)
            return text.exited;
        if (*err.text && left_ms <= POLL_STEP_MS)
            fail_msg("%s", err.text);
    }
}

const char *rig_status_of(struct rig *self, pid_t pid, const char *name)
{
    const char *line = read_whole(self, arena_printf(self->arena, "/proc/%d/status", pid));
    size_t size = strlen(name);

    while (line && (strncmp(line, name, size) != 0 || line[size] != ':')) {
        line = strchr(line, '\n');
        line += line != NULL;
    }
    if (!line)
        return "";
    line += size + 1 + strspn(line + size + 1, " \t");
    return arena_printf(self->arena, "%.*s", (int)strcspn(line, "\n"), line);
}

/* Readable is what has ended, whether its parent has waited for it or not. */
void rig_wait_gone(pid_t pid)
{
    CLEANUP(close_fd) int fd = (int)syscall(SYS_pidfd_open, pid, 0);

    if (fd < 0) /* EINVAL: there is nobody, but the number is still that of a group or a session */
        assert_true(errno == ESRCH || errno == EINVAL);
    else if (poll(&(struct pollfd){fd, POLLIN, 0}, 1, RIG_TIMEOUT_MS) <= 0)
        fail_msg("waited too long for the end of process %d", pid);
}

/* --- end ---------------------------------------------------------------------------------------- */

void rig_end_launcher(struct rig *self, int signal)
{
    if (signal)
        kill(self->pid, signal);
    assert_int_equal(waitpid(self->pid, &self->status, 0), self->pid);
    self->pid = 0;
}

/* Is there a directory of our cgroup root on any mount? */
static void assert_no_cgroup(const char *root)
{
    DIR *mounts = opendir("/sys/fs/cgroup");
    const struct dirent *entry;
    char path[PATH_MAX];

    while (mounts && (entry = readdir(mounts))) {
        snprintf(path, sizeof(path), "/sys/fs/cgroup/%s/%s", entry->d_name, root);
        if (access(path, F_OK) == 0)
            fail_msg("%s is left behind", path);
    }
    if (mounts)
        closedir(mounts);
}

static void say_end(struct rig *self)
{
    if (self->channel.fd >= 0 &&
        channel_send(&self->channel, &MESSAGE(LAUNCHER_END, launcher_end, .reason = "test"),
                     NULL) == 0)
        channel_flush(&self->channel);
    channel_fini(&self->channel);
    desk_fini(&self->desk);
}

void rig_leave(struct rig *self)
{
    channel_fini(&self->channel);
    desk_fini(&self->desk);
    rig_end_launcher(self, 0);
    assert_int_equal(self->status, 0);
}

static void assert_no_record(const struct rig *self)
{
    char path[160];
    DIR *records;
    const struct dirent *entry;

    snprintf(path, sizeof(path), "%s/records", self->dir);
    records = opendir(path);
    /* A project id stays that of its sandbox, which is still there. */
    while (records && (entry = readdir(records)))
        if (entry->d_name[0] != '.' && !strstr(entry->d_name, ".quota"))
            fail_msg("the record %s is left behind", entry->d_name);
    if (records)
        closedir(records);
}

void rig_remove(const char *dir)
{
    pid_t pid = fork();

    if (pid == 0) {
        execlp("rm", "rm", "-rf", "--", dir, (char *)NULL);
        _exit(127);
    }
    waitpid(pid, NULL, 0);
}

void rig_destroy(struct rig **self_p)
{
    struct rig *self = TAKE(*self_p);

    if (!self)
        return;
    say_end(self);
    if (self->pid) {
        rig_end_launcher(self, 0);
        assert_true(WIFEXITED(self->status));
        assert_int_equal(WEXITSTATUS(self->status), 0);
    }
    if (!self->keeps_root) {
        assert_no_cgroup(self->root);
        assert_no_record(self);
    }
    if (self->has_dir)
        rig_remove(self->dir);
    arena_destroy(&self->arena);
    free(self);
}

/* --- what this machine can do ------------------------------------------------------------------- */

void rig_skip_unless_root(void)
{
    if (geteuid() == 0)
        return;
    print_message("skip: not root\n");
    skip();
}

void rig_skip_unless_cgroups(const struct rig *self)
{
    const struct msg_launcher_ready *ready = self->ready.launcher_ready;

    if (strcmp(ready->cgroups, "none") != 0)
        return;
    print_message("skip: %s\n", ready->warnings_count ? ready->warnings[0] : "no cgroups");
    skip();
}

void rig_skip_unless_readable_by(uid_t uid)
{
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0)
        _exit(setuid(uid) < 0 || access(rig_launcher_path(), X_OK) < 0);
    waitpid(pid, &status, 0);
    if (status == 0)
        return;
    print_message("skip: the build directory is closed to other users\n");
    skip();
}

void rig_skip(struct rig *rig, const char *why)
{
    print_message("skip: %s\n", why);
    rig_destroy(&rig);
    skip();
}

struct rig *rig_new_or_skip(const struct rig_plan *plan)
{
    struct rig *rig = rig_new(plan);
    const struct msg_launcher_ready *ready = rig->ready.launcher_ready;

    if (ready->warnings_count)
        rig_skip(rig, ready->warnings[0]);
    return rig;
}
