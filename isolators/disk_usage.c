/* disk/usage: what a task's sandbox and its persistent volumes take on the disk, measured every few seconds; whose
 * sandbox takes more than the `disk` it was granted, or whose volumes take more than their sizes, is killed (or only
 * reported).
 *
 * Measuring takes as long as it takes, so a worker does it (disk_walk.h), one for a task and few at once. Who has had his
 * slice stands still while others wait, and goes on when it is his turn again; each task rests ten times as long as its
 * last measurement took. What takes too long in all ends with what was counted until then, which is less than there is.
 * Who is being ended is not asked about any more, however long that takes: nobody waits for such a one.
 * Files that were removed and are still open or mapped in the task count too. */
#include "isolators/builtin.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/units.h"
#include "isolators/cgroup_state.h"
#include "isolators/disk_walk.h"
#include "isolators/kept.h"
#include "isolators/worker.h"

#define KEPT             "disk"
#define CHECK_MS         500
#define INTERVAL_SECONDS 15
#define SECONDS_MAX      86400
#define TIMEOUT_SECONDS  600
#define AT_ONCE_MAX      4 /* measurements */
#define STANDING_MAX     16
#define SLICE_MS         2000
#define REST             10 /* times the last measurement */
#define UNASKED_MS       (20 * CHECK_MS)
#define OPEN_FILES_MAX   65536
#define MIB              ((int64_t)1024 * 1024)

/* What the worker says; less than a pipe takes at once. */
struct measured {
    int64_t sandbox_bytes, sandbox_files;
    int64_t volume_bytes;
    bool is_too_deep;
};

enum turn {
    TURN_RESTS, /* until due */
    TURN_WORKS,
    TURN_STANDS, /* its worker is stopped */
};

struct disk_state {
    char *id;       /* owned, as are the two below */
    char *sandbox;  /* path */
    char **volumes; /* paths; of those that it may write to */
    size_t volumes_count;
    int64_t limit_bytes, volume_limit_bytes; /* 0: none */
    const struct cgroups *cgroups;           /* borrowed; NULL: none here */
    struct measured last;
    enum turn turn;
    struct worker worker;
    int64_t began_us;  /* its slice */
    int64_t worked_us; /* in all slices before */
    int64_t due_us;    /* when it rests: to begin; when it stands: since when it waits */
    int64_t asked_us;  /* when it was checked last */
    bool is_ending;    /* it was told to say what it has */
    struct disk_state *previous, *next; /* all that there are */
};

static struct disk_state *all; /* one launcher */
static int at_once, standing;
static int64_t interval_us, timeout_us;
static bool is_reported_only;

/* --- settings ------------------------------------------------------------------------------------ */

static int parse_seconds(const struct isolator_host *host, const char *key, long usual,
                         int64_t *ret_us, struct err *err)
{
    const char *text = isolator_option(host, "disk/usage", key);
    int64_t ms = usual * 1000;

    if (text &&
        (units_parse_duration_ms(text, &ms, NULL) < 0 || ms < 1000 || ms > SECONDS_MAX * 1000))
        return err_set(err, -ISOLATOR_WRONG_SETTING, "%s=%.32s: want 1 to %d seconds, as 15s or 5m",
                       key, text, SECONDS_MAX);
    *ret_us = ms * US_PER_MS;
    return 0;
}

static int disk_setup(const struct isolator_host *host, struct err *err)
{
    const char *action = isolator_option(host, "disk/usage", "action");
    int rc = parse_seconds(host, "interval", INTERVAL_SECONDS, &interval_us, err);

    if (rc == 0)
        rc = parse_seconds(host, "timeout", TIMEOUT_SECONDS, &timeout_us, err);
    if (rc < 0)
        return rc;
    if (action && strcmp(action, "kill") != 0 && strcmp(action, "report") != 0)
        return err_set(err, -ISOLATOR_WRONG_SETTING, "action=%.32s: want kill or report", action);
    is_reported_only = action && strcmp(action, "report") == 0;
    return 0;
}

/* --- the worker ---------------------------------------------------------------------------------- */

static volatile sig_atomic_t must_end;

static void on_end(int signal)
{
    (void)signal;
    must_end = 1;
}

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
    while (stream && !must_end && self->looked++ < OPEN_FILES_MAX && (entry = readdir(stream))) {
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
    struct disk_walk walk = {.must_end = &must_end};

    disk_walk_add(&walk, self->sandbox);
    add_removed(self, group_dir, &walk);
    ret_measured->sandbox_bytes = walk.bytes;
    ret_measured->sandbox_files = walk.files;
    for (size_t i = 0; i < self->volumes_count; i++)
        disk_walk_add(&walk, self->volumes[i]);
    ret_measured->volume_bytes = walk.bytes - ret_measured->sandbox_bytes;
    ret_measured->is_too_deep = walk.is_too_deep;
}

struct order {
    const struct disk_state *state;
    int group_dir;
};

static void work(const void *arg, int result_fd)
{
    const struct order *order = arg;
    const struct rlimit files = {DISK_WALK_DEPTH_MAX + 64, DISK_WALK_DEPTH_MAX + 64};
    struct measured measured = {0};
    sigset_t none;

    signal(SIGTERM, on_end);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setrlimit(RLIMIT_NOFILE, &files);
    measure(order->state, order->group_dir, &measured);
    (void)!write(result_fd, &measured, sizeof(measured));
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
    const struct order order = {self, find_group_dir(self->cgroups)};

    self->began_us = clock_now().mono_us;
    self->due_us = self->began_us + interval_us;
    self->worked_us = 0;
    self->is_ending = false;
    if (worker_start(&self->worker, &order.group_dir, 1, work, &order) < 0)
        return;
    self->turn = TURN_WORKS;
    at_once++;
}

static void stand(struct disk_state *self, int64_t now_us)
{
    worker_signal(&self->worker, SIGSTOP);
    self->worked_us += now_us - self->began_us;
    self->due_us = now_us;
    self->turn = TURN_STANDS;
    at_once--;
    standing++;
}

static void go_on(struct disk_state *self)
{
    self->began_us = clock_now().mono_us;
    self->turn = TURN_WORKS;
    at_once++;
    standing--;
    worker_signal(&self->worker, SIGCONT);
}

static void end(struct disk_state *self)
{
    int64_t now_us = clock_now().mono_us;
    int64_t rested_us = now_us + REST * (self->worked_us + now_us - self->began_us);

    if (self->turn == TURN_WORKS)
        at_once--;
    else
        standing--;
    worker_end(&self->worker);
    self->turn = TURN_RESTS;
    self->due_us = now_us + interval_us;
    if (rested_us > self->due_us)
        self->due_us = rested_us;
}

/* True: there is something new. */
static bool read_result(struct disk_state *self)
{
    struct measured measured;
    int rc = worker_read(&self->worker, &measured, sizeof(measured));

    if (rc == -EAGAIN)
        return false;
    end(self);
    if (rc == 0) /* it was killed */
        return false;
    self->last = measured;
    return true;
}

static bool is_asked_about(const struct disk_state *self, int64_t now_us)
{
    return now_us - self->asked_us <= (int64_t)UNASKED_MS * US_PER_MS;
}

/* The one that waits longest of those that wait; NULL: nobody does. */
static const struct disk_state *find_next(int64_t now_us)
{
    const struct disk_state *next = NULL;

    for (const struct disk_state *one = all; one; one = one->next)
        if (one->turn != TURN_WORKS && one->due_us <= now_us && is_asked_about(one, now_us) &&
            (!next || one->due_us < next->due_us))
            next = one;
    return next;
}

/* Measurements whose result nobody will ask for. */
static void end_unasked(int64_t now_us)
{
    for (struct disk_state *one = all; one; one = one->next)
        if (one->turn != TURN_RESTS && !is_asked_about(one, now_us))
            end(one);
}

static void take_turn(struct disk_state *self, int64_t now_us)
{
    const int64_t slice_us = now_us - self->began_us;

    if (self->turn == TURN_WORKS) {
        if (!self->is_ending && self->worked_us + slice_us > timeout_us) {
            self->is_ending = true;
            worker_signal(&self->worker, SIGTERM);
        } else if (!self->is_ending && at_once == AT_ONCE_MAX && standing < STANDING_MAX &&
                   slice_us > (int64_t)SLICE_MS * US_PER_MS && find_next(now_us)) {
            stand(self, now_us);
        }
    } else if (self->due_us <= now_us && at_once < AT_ONCE_MAX && find_next(now_us) == self) {
        if (self->turn == TURN_STANDS)
            go_on(self);
        else
            begin(self);
    }
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
    const int64_t now_us = clock_now().mono_us;

    self->asked_us = now_us;
    if (at_once == AT_ONCE_MAX || standing == STANDING_MAX)
        end_unasked(now_us);
    if (self->turn == TURN_WORKS && read_result(self) && !is_reported_only)
        judge(self, ret_limitation);
    if (!ret_limitation->reason)
        take_turn(self, now_us);
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
    if (self->turn != TURN_RESTS)
        end(self);
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
    self->worker = WORKER_NONE;
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
        if (!want->volumes[i].read_only && !want->volumes[i].borrowed)
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
    {"timeout", "seconds for one measurement, waiting for others not counted (600)"},
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
