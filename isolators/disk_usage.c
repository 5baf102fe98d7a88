/* disk/usage: what a task's sandbox and its persistent volumes take on the disk, measured every few seconds; whose
 * sandbox takes more than the `disk` it was granted, or whose volumes take more than their sizes, is killed (or only
 * reported).
 *
 * Measuring takes as long as it takes, so a child of the launcher does it (disk_walk.h), one for a task and few at once,
 * and each task rests ten times as long as its last measurement took. Files that were removed and are still open or
 * mapped in the task count too. */
#include "isolators/builtin.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"
#include "isolators/cgroup_state.h"
#include "isolators/disk_walk.h"
#include "isolators/kept.h"

#define KEPT             "disk"
#define CHECK_MS         500
#define INTERVAL_SECONDS 15
#define INTERVAL_MAX     86400
#define AT_ONCE_MAX      4  /* measurements */
#define REST             10 /* times the last measurement */
#define OPEN_FILES_MAX   65536
#define MIB              ((int64_t)1024 * 1024)

/* What the child says; less than a pipe takes at once. */
struct measured {
    int64_t sandbox_bytes, sandbox_files;
    int64_t volume_bytes;
    bool is_too_deep;
};

struct disk_state {
    char *id;       /* owned, as are the two below */
    char *sandbox;  /* path */
    char **volumes; /* paths; of those that it may write to */
    size_t volumes_count;
    int64_t limit_bytes, volume_limit_bytes; /* 0: none */
    const struct cgroups *cgroups;           /* borrowed; NULL: none here */
    struct measured last;
    int child_fd; /* owned: its pidfd; -1: none measures now */
    int result_fd;
    int64_t began_us, due_us;
    struct disk_state *previous, *next; /* all that there are */
};

static struct disk_state *all; /* one launcher */
static int at_once;
static int64_t interval_us;
static bool is_reported_only;

/* --- settings ------------------------------------------------------------------------------------ */

static int disk_setup(const struct isolator_host *host, struct err *err)
{
    const char *interval = isolator_option(host, "disk/usage", "interval");
    const char *action = isolator_option(host, "disk/usage", "action");
    long seconds = INTERVAL_SECONDS;
    char *end = NULL;

    if (interval)
        seconds = strtol(interval, &end, 10);
    if (interval && (end == interval || *end || seconds < 1 || seconds > INTERVAL_MAX))
        return err_set(err, -EINVAL, "interval=%.32s: want 1 to %d seconds", interval,
                       INTERVAL_MAX);
    if (action && strcmp(action, "kill") != 0 && strcmp(action, "report") != 0)
        return err_set(err, -EINVAL, "action=%.32s: want kill or report", action);
    interval_us = (int64_t)seconds * US_PER_S;
    is_reported_only = action && strcmp(action, "report") == 0;
    return 0;
}

/* --- the child ----------------------------------------------------------------------------------- */

struct open_files {
    struct disk_walk *walk;
    dev_t dev;
    size_t looked;
};

/* What a process has open or mapped that has no name any more. */
static void add_open(struct open_files *self, pid_t pid, const char *folder)
{
    const struct dirent *entry;
    char path[64];
    DIR *stream;

    snprintf(path, sizeof(path), "/proc/%d/%s", pid, folder);
    stream = opendir(path);
    while (stream && self->looked++ < OPEN_FILES_MAX && (entry = readdir(stream))) {
        struct stat info;

        if (*entry->d_name != '.' && fstatat(dirfd(stream), entry->d_name, &info, 0) == 0 &&
            S_ISREG(info.st_mode) && info.st_nlink == 0 && info.st_dev == self->dev)
            disk_walk_add_file(self->walk, &info);
    }
    if (stream)
        closedir(stream);
}

static void add_process(void *owner, pid_t pid)
{
    add_open(owner, pid, "fd");
    add_open(owner, pid, "map_files");
}

static void add_removed(const struct disk_state *self, int group_dir, struct disk_walk *walk)
{
    struct open_files files = {.walk = walk};
    struct stat info;

    if (group_dir < 0 || lstat(self->sandbox, &info) < 0)
        return;
    files.dev = info.st_dev;
    cgfs_each_process((struct cgfs){group_dir, self->id}, add_process, &files);
}

static void measure(const struct disk_state *self, int group_dir, struct measured *ret_measured)
{
    struct disk_walk walk = {0};

    disk_walk_add(&walk, self->sandbox);
    add_removed(self, group_dir, &walk);
    ret_measured->sandbox_bytes = walk.bytes;
    ret_measured->sandbox_files = walk.files;
    for (size_t i = 0; i < self->volumes_count; i++)
        disk_walk_add(&walk, self->volumes[i]);
    ret_measured->volume_bytes = walk.bytes - ret_measured->sandbox_bytes;
    ret_measured->is_too_deep = walk.is_too_deep;
}

static void close_but(int one, int other)
{
    const unsigned low = (unsigned)(one < other ? one : other);
    const unsigned high = (unsigned)(one < other ? other : one);

    if (one >= 0 && other >= 0) {
        if (low > 0)
            syscall(SYS_close_range, 0, low - 1, 0);
        if (high > low + 1)
            syscall(SYS_close_range, low + 1, high - 1, 0);
    } else if (high > 0) {
        syscall(SYS_close_range, 0, high - 1, 0);
    }
    syscall(SYS_close_range, high + 1, ~0U, 0);
}

/* Keeps nothing of the launcher's, and does not outlive it. */
static _Noreturn void run_child(const struct disk_state *self, pid_t launcher, int result_fd,
                                int group_dir)
{
    const struct rlimit files = {DISK_WALK_DEPTH_MAX + 64, DISK_WALK_DEPTH_MAX + 64};
    struct measured measured = {0};

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != launcher)
        _exit(1);
    close_but(result_fd, group_dir);
    setrlimit(RLIMIT_NOFILE, &files);
    measure(self, group_dir, &measured);
    _exit(write(result_fd, &measured, sizeof(measured)) == (ssize_t)sizeof(measured) ? 0 : 1);
}

/* --- measuring ----------------------------------------------------------------------------------- */

/* Any hierarchy has all of its processes. */
static int find_group_dir(const struct cgroups *cgroups)
{
    if (!cgroups)
        return -1;
    return cgroups->unified >= 0 ? cgroups->unified : cgroups->v1_count ? cgroups->v1[0] : -1;
}

static void begin(struct disk_state *self)
{
    const pid_t launcher = getpid();
    pid_t child;
    int fds[2];

    self->began_us = clock_now().mono_us;
    self->due_us = self->began_us + interval_us;
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
        return;
    child = fork();
    if (child == 0)
        run_child(self, launcher, fds[1], find_group_dir(self->cgroups));
    close(fds[1]);
    if (child > 0) /* not waited for yet: so the number is its own */
        self->child_fd = (int)syscall(SYS_pidfd_open, child, 0);
    if (self->child_fd < 0) {
        close(fds[0]);
        return;
    }
    self->result_fd = fds[0];
    at_once++;
}

/* The launcher waits for it, as for all its children. */
static void end(struct disk_state *self)
{
    int64_t now_us = clock_now().mono_us;
    int64_t rested_us = now_us + REST * (now_us - self->began_us);

    close_fd(&self->result_fd);
    close_fd(&self->child_fd);
    at_once--;
    if (rested_us > self->due_us)
        self->due_us = rested_us;
}

/* True: there is something new. */
static bool read_result(struct disk_state *self)
{
    struct measured measured;
    ssize_t size = read(self->result_fd, &measured, sizeof(measured));

    if (size < 0 && errno == EAGAIN)
        return false;
    end(self);
    if (size != (ssize_t)sizeof(measured)) /* it was killed */
        return false;
    self->last = measured;
    return true;
}

/* So that none waits for ever while others are measured again and again. */
static bool is_next(const struct disk_state *self)
{
    for (const struct disk_state *other = all; other; other = other->next)
        if (other->child_fd < 0 && other->due_us < self->due_us)
            return false;
    return true;
}

static void judge(const struct disk_state *self, struct limitation *ret_limitation)
{
    const struct measured *last = &self->last;
    char *text = ret_limitation->message;
    const size_t size = sizeof(ret_limitation->message);

    if (self->limit_bytes && last->sandbox_bytes > self->limit_bytes)
        snprintf(text, size, "its sandbox uses %" PRId64 " MiB of %" PRId64 " MiB",
                 (last->sandbox_bytes + MIB - 1) / MIB, self->limit_bytes / MIB);
    else if (self->volume_limit_bytes && last->volume_bytes > self->volume_limit_bytes)
        snprintf(text, size, "it uses %" PRId64 " MiB of %" PRId64 " MiB in its volumes",
                 (last->volume_bytes + MIB - 1) / MIB, self->volume_limit_bytes / MIB);
    else if (self->limit_bytes && last->is_too_deep)
        snprintf(text, size, "its folders are nested more than %d deep: that is not measured",
                 DISK_WALK_DEPTH_MAX);
    else
        return;
    ret_limitation->reason = REASON_CONTAINER_LIMITATION_DISK;
}

static void disk_check(void *state, struct limitation *ret_limitation)
{
    struct disk_state *self = state;

    if (self->child_fd >= 0 && read_result(self) && !is_reported_only)
        judge(self, ret_limitation);
    if (!ret_limitation->reason && self->child_fd < 0 && at_once < AT_ONCE_MAX &&
        clock_now().mono_us >= self->due_us && is_next(self))
        begin(self);
}

static int disk_usage(void *state, struct usage_info *usage, struct err *err)
{
    const struct disk_state *self = state;
    struct usage_more *more = usage_more(usage);

    (void)err;
    more->disk_bytes = self->last.sandbox_bytes;
    more->disk_files = self->last.sandbox_files;
    more->disk_limit_bytes = self->limit_bytes;
    more->volume_bytes = self->last.volume_bytes;
    more->volume_limit_bytes = self->volume_limit_bytes;
    return 0;
}

/* --- life ---------------------------------------------------------------------------------------- */

static void disk_free(struct disk_state *self)
{
    if (self->child_fd >= 0) {
        syscall(SYS_pidfd_send_signal, self->child_fd, SIGKILL, NULL, 0);
        end(self);
    }
    if (self->previous)
        self->previous->next = self->next;
    else if (all == self)
        all = self->next;
    if (self->next)
        self->next->previous = self->previous;
    for (size_t i = 0; i < self->volumes_count; i++)
        free(self->volumes[i]);
    free(self->volumes);
    free(self->sandbox);
    free(self->id);
    free(self);
}

static void disk_destroy(void **state_p)
{
    struct disk_state *self = TAKE(*state_p);

    if (!self)
        return;
    if (!isolation_is_left())
        kept_remove(self->id, KEPT);
    disk_free(self);
}

static void add_volume(struct disk_state *self, const char *path)
{
    self->volumes = mem_resize(self->volumes, self->volumes_count + 1, sizeof(self->volumes[0]));
    self->volumes[self->volumes_count++] = mem_strdup(path);
}

static struct disk_state *disk_new(const struct isolation *want, const char *sandbox)
{
    struct disk_state *self = mem_new(struct disk_state);

    self->id = mem_strdup(want->container_id);
    self->sandbox = mem_strdup(sandbox);
    self->cgroups = want->cgroups;
    self->child_fd = self->result_fd = -1;
    self->due_us = clock_now().mono_us;
    self->next = all;
    if (all)
        all->previous = self;
    all = self;
    return self;
}

static int64_t bytes_of(const struct resources *limits, bool of_volumes)
{
    int64_t milli = 0;

    for (size_t i = 0; i < limits->count; i++) {
        const struct resource *one = &limits->items[i];

        if (one->kind == RESOURCE_SCALAR && strcmp(one->name, "disk") == 0 &&
            (resource_volume(one) != NULL) == of_volumes && milli < INT64_MAX / MIB - one->milli)
            milli += one->milli;
    }
    return milli / 1000 * MIB + milli % 1000 * MIB / 1000;
}

static void take_limits(struct disk_state *self, const struct resources *limits)
{
    self->limit_bytes = bytes_of(limits, false);
    self->volume_limit_bytes = bytes_of(limits, true);
}

static int keep(const struct disk_state *self, struct err *err)
{
    CLEANUP(buf_fini) struct buf text = {0};

    buf_printf(&text, "sandbox %s\nlimit %" PRId64 "\nvolume-limit %" PRId64 "\n", self->sandbox,
               self->limit_bytes, self->volume_limit_bytes);
    for (size_t i = 0; i < self->volumes_count; i++)
        buf_printf(&text, "volume %s\n", self->volumes[i]);
    return kept_write(self->id, KEPT, &text, err);
}

static int disk_prepare(const struct isolation *want, struct spawn *spawn, void **ret_state,
                        struct err *err)
{
    struct disk_state *self = disk_new(want, want->sandbox);
    int rc;

    (void)spawn;
    for (size_t i = 0; i < want->volumes_count; i++)
        if (!want->volumes[i].read_only)
            add_volume(self, want->volumes[i].path);
    take_limits(self, &want->limits);
    rc = keep(self, err);
    if (rc < 0)
        disk_free(self);
    else
        *ret_state = self;
    return rc;
}

static int disk_recover(const struct isolation *was, void **ret_state, struct err *err)
{
    CLEANUP(free_p) char *text = kept_read(was->container_id, KEPT);
    char path[PATH_MAX];
    struct disk_state *self;

    if (!text || !kept_get(text, "sandbox", 0, path, sizeof(path)))
        return err_set(err, -ENOENT, "where its sandbox is is not known any more");
    self = disk_new(was, path);
    self->limit_bytes = kept_get_int(text, "limit");
    self->volume_limit_bytes = kept_get_int(text, "volume-limit");
    for (size_t i = 0; kept_get(text, "volume", i, path, sizeof(path)); i++)
        add_volume(self, path);
    *ret_state = self;
    return 0;
}

static int disk_update(void *state, const struct isolation *now, struct err *err)
{
    struct disk_state *self = state;

    take_limits(self, &now->limits);
    return keep(self, err);
}

static void disk_settled(const struct isolator_living *living)
{
    kept_drop_others(KEPT, living);
}

static const struct isolator_option disk_options[] = {
    {"interval", "seconds from one measurement of a task to the next (15)"},
    {"action", "kill, or only report in its statistics"},
    {NULL, NULL},
};

const struct isolator_ops isolator_disk_usage = {
    .name = "disk/usage",
    .options = disk_options,
    .setup = disk_setup,
    .prepare = disk_prepare,
    .recover = disk_recover,
    .update = disk_update,
    .usage = disk_usage,
    .check = disk_check,
    .check_ms = CHECK_MS,
    .destroy = disk_destroy,
    .settled = disk_settled,
};
