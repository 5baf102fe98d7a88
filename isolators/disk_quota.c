/* disk/quota: a task cannot write more into its sandbox than the `disk` it was granted, where the file system has project
 * quotas (XFS with prjquota; ext4 with the features quota and project, and prjquota). The write that is too much fails.
 *
 * Each sandbox has a project id of its own, of a range that is ours. It stays the folder's after the task's end, so it is
 * free again only when the folder is gone. Which is whose stands beside the records.
 * Source: quotactl(2), ioctl_xfs_fsgetxattr(2), the kernel's fs/quota/quota.c: Q_X... work on all file systems. */
#include "isolators/builtin.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/dqblk_xfs.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/quota.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "isolators/kept.h"
#include "isolators/quota_filter.h"

#define KEPT           "quota"
#define PROJECT_QUOTA  2 /* PRJQUOTA of the kernel's quota.h */
#define FIRST_PROJECT  1000000U
#define LAST_PROJECT   1099999U
#define PROJECTS_MAX   1000000U
#define LOOKS_A_LAUNCH 8 /* for old sandboxes that are gone */
#define BLOCK_BYTES    512

struct quota_state {
    char *id; /* owned, as is the next */
    char *sandbox;
    uint32_t project;
    int64_t limit_bytes; /* 0: none */
    bool has_ended;      /* only its folder is still there */
    struct quota_state *next;
};

static struct {
    uint32_t first, count;
    uint32_t next;           /* to be tried, from 0 */
    uint8_t *is_used;        /* owned; a bit each */
    struct quota_state *old; /* owned; a list: what has ended, and its last one */
    struct quota_state *last;
} projects; /* one launcher */

/* --- the kernel ---------------------------------------------------------------------------------- */

static int quota_call(const char *path, int command, uint32_t project, void *argument)
{
    CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    return syscall(SYS_quotactl_fd, fd, QCMD(command, PROJECT_QUOTA), project, argument) < 0
               ? -errno
               : 0;
}

static int set_limit(const struct quota_state *self, int64_t bytes)
{
    struct fs_disk_quota limit = {
        .d_version = FS_DQUOT_VERSION,
        .d_flags = FS_PROJ_QUOTA,
        .d_fieldmask = FS_DQ_BHARD | FS_DQ_BSOFT,
        .d_id = self->project,
        .d_blk_hardlimit = (uint64_t)(bytes / BLOCK_BYTES),
    };

    return quota_call(self->sandbox, Q_XSETQLIM, self->project, &limit);
}

/* What is made in it from now on is of the project too. */
static int set_project(const struct quota_state *self)
{
    CLEANUP(close_fd) int fd = open(self->sandbox, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct fsxattr attributes;

    if (fd < 0 || ioctl(fd, FS_IOC_FSGETXATTR, &attributes) < 0)
        return -errno;
    attributes.fsx_projid = self->project;
    attributes.fsx_xflags |= FS_XFLAG_PROJINHERIT;
    return ioctl(fd, FS_IOC_FSSETXATTR, &attributes) < 0 ? -errno : 0;
}

/* --- project ids --------------------------------------------------------------------------------- */

static bool is_used(uint32_t number)
{
    return projects.is_used[number / 8] & (1U << number % 8);
}

static void mark(uint32_t project, bool used)
{
    uint32_t number = project - projects.first;

    if (number >= projects.count)
        return; /* of an earlier range */
    if (used)
        projects.is_used[number / 8] |= (uint8_t)(1U << number % 8);
    else
        projects.is_used[number / 8] &= (uint8_t) ~(1U << number % 8);
}

static void quota_free(struct quota_state *self)
{
    free(self->sandbox);
    free(self->id);
    free(self);
}

static void append_old(struct quota_state *self)
{
    self->has_ended = true;
    self->next = NULL;
    if (projects.last)
        projects.last->next = self;
    else
        projects.old = self;
    projects.last = self;
}

/* The eldest of those that have ended; the folders of some may be gone. */
static void look_for_gone(size_t looks)
{
    while (looks-- > 0 && projects.old) {
        struct quota_state *one = projects.old;
        struct stat info;

        projects.old = one->next;
        if (!projects.old)
            projects.last = NULL;
        if (lstat(one->sandbox, &info) == 0 || errno != ENOENT) {
            append_old(one);
            continue;
        }
        mark(one->project, false);
        kept_remove(one->id, KEPT);
        quota_free(one);
    }
}

static int take_project(uint32_t *ret_project, struct err *err)
{
    look_for_gone(LOOKS_A_LAUNCH);
    for (uint32_t i = 0; i < projects.count; i++) {
        uint32_t number = (projects.next + i) % projects.count;

        if (is_used(number))
            continue;
        projects.next = number + 1;
        *ret_project = projects.first + number;
        mark(*ret_project, true);
        return 0;
    }
    return err_set(err, -ENOSPC,
                   "all %u project ids belong to sandboxes that are still there (projects=%u-%u)",
                   projects.count, projects.first, projects.first + projects.count - 1);
}

/* --- settings ------------------------------------------------------------------------------------ */

static int parse_projects(const char *text, struct err *err)
{
    unsigned first, last;
    char more;

    if (sscanf(text, "%u-%u%c", &first, &last, &more) != 2 || first < 1 || last < first ||
        last - first >= PROJECTS_MAX)
        return err_set(err, -ISOLATOR_WRONG_SETTING,
                       "projects=%.32s: want FIRST-LAST, from 1 on, %u at most", text,
                       PROJECTS_MAX);
    projects.first = first;
    projects.count = last - first + 1;
    return 0;
}

static struct quota_state *read_kept(const char *container_id)
{
    CLEANUP(free_p) char *text = kept_read(container_id, KEPT);
    struct quota_state *self;
    char path[PATH_MAX];

    if (!text || !kept_get(text, "sandbox", 0, path, sizeof(path)))
        return NULL;
    self = mem_new(struct quota_state);
    self->id = mem_strdup(container_id);
    self->sandbox = mem_strdup(path);
    self->project = (uint32_t)kept_get_int(text, "project");
    self->limit_bytes = kept_get_int(text, "limit");
    return self;
}

static void mark_kept(void *owner, const char *container_id)
{
    struct quota_state *kept = read_kept(container_id);

    (void)owner;
    if (!kept)
        return;
    mark(kept->project, true);
    quota_free(kept);
}

static int check_file_system(struct err *err)
{
    struct fs_quota_stat found = {0};

    if (syscall(SYS_quotactl_fd, kept_folder(), QCMD(Q_XGETQSTAT, PROJECT_QUOTA), 0, &found) < 0) {
        if (errno == ENOSYS)
            return err_set(err, -ENOSYS,
                           "there is no project quota on the agent's work folder: "
                           "mount its file system with prjquota (Linux 5.14)");
        return err_errno(err, -errno, "the agent's work folder has no quota");
    }
    if (!(found.qs_flags & FS_QUOTA_PDQ_ENFD))
        return err_set(err, -ENOSYS,
                       "no project quota is enforced on the agent's work folder: mount its file "
                       "system with prjquota");
    return 0;
}

static int quota_setup(const struct isolator_host *host, struct err *err)
{
    const char *range = isolator_option(host, "disk/quota", "projects");
    int rc = 0;

    projects.first = FIRST_PROJECT;
    projects.count = LAST_PROJECT - FIRST_PROJECT + 1;
    if (range)
        rc = parse_projects(range, err);
    if (rc == 0)
        rc = check_file_system(err);
    if (rc < 0)
        return rc;
    free(projects.is_used);
    projects.is_used = mem_calloc(projects.count / 8 + 1, 1);
    kept_each(KEPT, mark_kept, NULL);
    return 0;
}

/* --- life ---------------------------------------------------------------------------------------- */

static int keep(const struct quota_state *self, struct err *err)
{
    CLEANUP(buf_fini) struct buf text = {0};

    buf_printf(&text, "sandbox %s\nproject %" PRIu32 "\nlimit %" PRId64 "\n", self->sandbox,
               self->project, self->limit_bytes);
    return kept_write(self->id, KEPT, &text, err);
}

/* What its volumes may have does not count. */
static int64_t find_limit(const struct resources *limits)
{
    int64_t milli = 0;

    for (size_t i = 0; i < limits->count; i++) {
        const struct resource *one = &limits->items[i];

        if (one->kind == RESOURCE_SCALAR && strcmp(one->name, "disk") == 0 &&
            !resource_volume(one) && milli < INT64_MAX / 1024 / 1024 - one->milli)
            milli += one->milli;
    }
    return milli / 1000 * 1024 * 1024 + milli % 1000 * 1024 * 1024 / 1000;
}

static void quota_destroy(void **state_p)
{
    struct quota_state *self = TAKE(*state_p);

    if (!self)
        return;
    if (isolation_is_left())
        quota_free(self);
    else
        append_old(self);
}

static int start(struct quota_state *self, struct err *err)
{
    int rc = keep(self, err);

    if (rc < 0)
        return rc;
    rc = set_project(self);
    if (rc < 0)
        return err_errno(err, rc, "cannot give its sandbox project id %u", self->project);
    rc = set_limit(self, self->limit_bytes);
    return rc < 0 ? err_errno(err, rc, "cannot set the limit of project %u", self->project) : 0;
}

static const struct spawn_step filter = {
    .phase = SPAWN_FILTER, .what = "keep it from changing projects", .run = quota_filter_install};

static int quota_prepare(const struct isolation *want, struct spawn *spawn, void **ret_state,
                         struct err *err)
{
    struct quota_state *self;
    void *state;
    uint32_t project = 0;
    int rc = take_project(&project, err);

    if (rc < 0)
        return rc;
    state = self = mem_new(struct quota_state);
    self->id = mem_strdup(want->container_id);
    self->sandbox = mem_strdup(want->sandbox);
    self->project = project;
    self->limit_bytes = find_limit(&want->limits);
    rc = start(self, err);
    if (rc == 0)
        rc = spawn_add_step(spawn, &filter, err);
    if (rc < 0)
        quota_destroy(&state);
    else
        *ret_state = self;
    return rc;
}

/* What checks the task runs what the task may have written. */
static int quota_enter(const struct isolation *want, struct spawn *spawn, void **ret_state,
                       struct err *err)
{
    (void)want;
    (void)ret_state;
    return spawn_add_step(spawn, &filter, err);
}

static int quota_recover(const struct isolation *was, void **ret_state, struct err *err)
{
    struct quota_state *self = read_kept(was->container_id);

    if (!self)
        return err_set(err, -ENOENT, "its project id is not known any more");
    *ret_state = self;
    return 0;
}

static int quota_update(void *state, const struct isolation *now, struct err *err)
{
    struct quota_state *self = state;
    int64_t before = self->limit_bytes;
    int rc;

    self->limit_bytes = find_limit(&now->limits);
    rc = set_limit(self, self->limit_bytes);
    if (rc < 0) {
        self->limit_bytes = before;
        return err_errno(err, rc, "cannot set the limit of project %u", self->project);
    }
    return keep(self, err);
}

static int quota_usage(void *state, struct usage_info *usage, struct err *err)
{
    const struct quota_state *self = state;
    struct fs_disk_quota found = {0};
    int rc = quota_call(self->sandbox, Q_XGETQUOTA, self->project, &found);

    if (rc < 0)
        return err_errno(err, rc, "cannot read what project %u uses", self->project);
    usage_more(usage)->disk_bytes = (int64_t)found.d_bcount * BLOCK_BYTES;
    usage_more(usage)->disk_files = (int64_t)found.d_icount;
    usage_more(usage)->disk_limit_bytes = self->limit_bytes;
    return 0;
}

static void add_ended(void *owner, const char *container_id)
{
    const struct isolator_living *living = owner;
    struct quota_state *kept;

    if (living->has(living->owner, container_id) || !(kept = read_kept(container_id)))
        return;
    append_old(kept);
}

static void quota_settled(const struct isolator_living *living)
{
    kept_each(KEPT, add_ended, (void *)living);
}

static const char *const quota_with[] = {"linux/capabilities", NULL};

static const struct isolator_option quota_options[] = {
    {"projects", "ids that no one else uses on that file system (1000000-1099999)"},
    {NULL, NULL},
};

const struct isolator_ops isolator_disk_quota = {
    .name = "disk/quota",
    .needs = ISOLATOR_ROOT,
    .with = quota_with,
    .options = quota_options,
    .setup = quota_setup,
    .prepare = quota_prepare,
    .enter = quota_enter,
    .recover = quota_recover,
    .update = quota_update,
    .usage = quota_usage,
    .destroy = quota_destroy,
    .settled = quota_settled,
};
