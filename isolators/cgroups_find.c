/* The start of struct cgroups: what is mounted, and our levels in it. Runs once, through libcgroup.
 */
#include "isolators/cgroups.h"

#include <errno.h>
#include <fcntl.h>
#include <libcgroup.h>
#include <limits.h>
#include <linux/magic.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/ids.h"
#include "base/mem.h"

#define LEVEL_TRIES 16

static int check_root(const char *root, struct err *err)
{
    size_t levels = 0;

    for (const char *start = root; start; levels++) {
        const char *slash = strchrnul(start, '/');
        char level[ID_MAX + 1];
        int rc;

        if ((size_t)(slash - start) >= CGFS_NAME_MAX || levels == CGROUPS_LEVELS_MAX)
            return err_set(err, -EINVAL,
                           "cgroup_root '%.100s' is too long: at most %d names of %d bytes", root,
                           CGROUPS_LEVELS_MAX, CGFS_NAME_MAX - 1);
        snprintf(level, sizeof(level), "%.*s", (int)(slash - start), start);
        rc = id_check(level, "a name in it", err);
        if (rc < 0)
            return err_wrap(err, rc, "cgroup_root '%.100s'", root);
        start = *slash ? slash + 1 : NULL;
    }
    return 0;
}

/* --- v2: controllers must be enabled level by level
 * ----------------------------------------------- */

/* v2 enables no controller in a group that has processes. When those are ourselves (a service with
 * a delegated group of its own), we and the agent move into a leaf. */
static int move_aside(int dir)
{
    const struct cgfs leaf = {dir, CGROUPS_OWN_LEAF};
    int rc = cgfs_make(leaf);

    if (rc < 0 && rc != -EEXIST)
        return rc;
    rc = cgfs_write_int(leaf, "cgroup.procs", getpid());
    if (rc < 0)
        return rc;
    return cgfs_write_int(leaf, "cgroup.procs", getppid());
}

/* Is this process in the cgroup2 group at `level` ("" or "/a/b")? */
static bool are_we_in(const char *level)
{
    char line[PATH_MAX];
    FILE *file = fopen("/proc/self/cgroup", "re");
    bool found = false;

    if (!file)
        return false;
    while (!found && fgets(line, sizeof(line), file)) {
        line[strcspn(line, "\n")] = '\0';
        found = strncmp(line, "0::/", 4) == 0 && strcmp(line + 4, level) == 0;
    }
    fclose(file);
    return found;
}

/* Without this check cpu and pids, which can divide threads, would be enabled beside processes: and make
 * all groups below unfit for anything else. */
static int make_inner(int dir, const char *level, struct err *err)
{
    const struct cgfs group = {dir, "."};
    char first[16];
    int rc = 0;

    if (!cgfs_has(group, "cgroup.type")) /* the root of all: it may have processes */
        return 0;
    if (are_we_in(level))
        rc = move_aside(dir);
    if (rc < 0)
        return err_errno(err, rc, "cannot move the agent out of '/%s'", level);
    if (cgfs_read(group, "cgroup.procs", first, sizeof(first)) <= 0)
        return 0;
    return err_set(
        err, -EBUSY,
        "the group '/%s' has processes in it, so that nothing can be limited below; give "
        "the agent a group of its own (systemd: Delegate=yes)",
        level);
}

static int enable_controller(int dir, const char *level, const char *controller, struct err *err)
{
    char text[32];
    int rc = make_inner(dir, level, err);

    if (rc < 0)
        return rc;
    snprintf(text, sizeof(text), "+%s", controller);
    rc = cgfs_write((struct cgfs){dir, "."}, "cgroup.subtree_control", text);
    if (rc == -EACCES && geteuid())
        return err_set(err, rc, "cannot enable it in '/%s': the agent is not root", level);
    return rc < 0 ? err_errno(err, rc, "cannot enable it in '/%s'", level) : 0;
}

/* --- levels -------------------------------------------------------------------------------------
 */

static int make_by_libcgroup(const char *level, const char *controller, struct err *err)
{
    struct cgroup *group = cgroup_new_cgroup(level);
    int rc;

    if (!group || !cgroup_add_controller(group, controller)) {
        cgroup_free(&group);
        return err_set(err, -ENOMEM, "out of memory");
    }
    rc = cgroup_create_cgroup(group, 1);
    cgroup_free(&group);
    if (rc == 0)
        return 0;
    if (rc == ECGOTHER)
        return err_errno(err, -cgroup_get_last_errno(), "cannot make the group '/%s'", level);
    return err_set(err, -EPERM, "cannot make the group '/%s': %s", level,
                   geteuid() ? "the agent is not root" : cgroup_strerror(rc));
}

/* Makes the level `path` ("proffer/a1"), the last name of which is beneath `parent`; opens it. */
static int make_level(int parent, const char *path, const char *controller, struct err *err)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    int rc;

    if (controller) {
        rc = make_by_libcgroup(path, controller, err);
        if (rc < 0)
            return rc;
    } else if (mkdirat(parent, name, 0755) < 0 && errno != EEXIST) {
        /* libcgroup does not know a cgroup2 mount that has no controller. */
        return err_errno(err, -errno, "cannot make the cgroup2 group '/%s'", path);
    }
    rc = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return rc < 0 ? err_errno(err, -errno, "cannot open the group '/%s'", path) : rc;
}

/* v1's cpuset begins empty, and lets nobody into an empty group: each of our levels has what the one above has. */
static int fill_cpuset(int above, int level, struct err *err)
{
    static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};
    char text[CGFS_VALUE_MAX];

    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        ssize_t size = cgfs_read((struct cgfs){level, "."}, files[i], text, sizeof(text));
        int rc;

        if (size > 1)
            continue; /* an operator's, or that of an agent before */
        size = size < 0 ? size : cgfs_read((struct cgfs){above, "."}, files[i], text, sizeof(text));
        rc = size < 0 ? (int)size : cgfs_write((struct cgfs){level, "."}, files[i], text);
        if (rc < 0)
            return err_errno(err, rc, "cannot fill %s", files[i]);
    }
    return 0;
}

/* Makes every level of `root` below the mount, with the controller enabled in each if it is a v2
 * one (NULL: no controller); gives the open directory of the last. */
static int make_levels(const char *mount, const char *root, const char *controller, bool is_v2,
                       struct err *err)
{
    int dir = open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char path[CGROUPS_LEVELS_MAX * CGFS_NAME_MAX] = "";
    int rc = 0;

    if (dir < 0)
        return err_errno(err, -errno, "cannot open %s", mount);
    for (const char *end = root; end; end = *end ? end + 1 : NULL) {
        int inner;

        if (is_v2 && controller)
            rc = enable_controller(dir, path, controller, err);
        if (rc < 0)
            break;
        end = strchrnul(end, '/');
        snprintf(path, sizeof(path), "%.*s", (int)(end - root), root);
        inner = make_level(dir, path, controller, err);
        if (inner >= 0 && !is_v2 && controller && !strcmp(controller, "cpuset") &&
            fill_cpuset(dir, inner, err) < 0) {
            close(inner);
            inner = -EINVAL;
        }
        close(dir);
        dir = rc = inner;
        if (rc < 0)
            break;
    }
    if (rc >= 0 && is_v2 && controller)
        rc = enable_controller(dir, path, controller, err);
    if (rc < 0 && dir >= 0)
        close(dir);
    return rc < 0 ? rc : dir;
}

/* Another agent that leaves may remove a level that we share between our making it and using it. */
static int open_root(const char *mount, const char *root, const char *controller, bool is_v2,
                     struct err *err)
{
    int dir = -ENOENT;

    for (int i = 0; i < LEVEL_TRIES && dir == -ENOENT; i++)
        dir = make_levels(mount, root, controller, is_v2, err);
    return dir;
}

/* --- discovery ----------------------------------------------------------------------------------
 */

static bool is_cgroup2(const char *path)
{
    struct statfs fs;

    return statfs(path, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

/* Where cgroup2 is mounted; NULL: nowhere. To be freed. */
static char *find_cgroup2(void)
{
    FILE *mounts = setmntent("/proc/self/mounts", "re");
    const struct mntent *entry;
    char *path = NULL;

    if (!mounts)
        return NULL;
    while (!path && (entry = getmntent(mounts)))
        if (strcmp(entry->mnt_type, "cgroup2") == 0)
            path = mem_strdup(entry->mnt_dir);
    endmntent(mounts);
    return path;
}

/* Controllers that are mounted together share one directory. */
static int keep_v1(struct cgroups *self, int dir)
{
    struct stat here, there;

    if (fstat(dir, &here) < 0)
        return dir;
    for (size_t i = 0; i < self->v1_count; i++)
        if (fstat(self->v1[i], &there) == 0 && there.st_dev == here.st_dev &&
            there.st_ino == here.st_ino) {
            close(dir);
            return self->v1[i];
        }
    self->v1[self->v1_count++] = dir;
    return dir;
}

/* What v1 calls otherwise. */
static const char *name_on_v1(const char *name)
{
    return strcmp(name, "io") == 0 ? "blkio" : name;
}

static void find_controller(struct cgroups *self, struct cgroups_controller *one)
{
    CLEANUP(free_p) char *mount = NULL;
    const char *name = one->name;
    int dir;

    if (cgroup_get_subsys_mount_point(name, &mount) != 0) {
        name = name_on_v1(name);
        if (name == one->name || cgroup_get_subsys_mount_point(name, &mount) != 0) {
            err_set(&one->why, -ENOENT, "the %s controller is not mounted", one->name);
            return;
        }
    }
    one->is_unified = is_cgroup2(mount);
    dir = open_root(mount, self->root, name, one->is_unified, &one->why);
    if (dir < 0) {
        err_wrap(&one->why, dir, "the %s controller at %s", one->name, mount);
        return;
    }
    if (!one->is_unified) {
        one->dir = keep_v1(self, dir);
        return;
    }
    if (self->unified >= 0)
        close(dir);
    else
        self->unified = dir;
    one->dir = self->unified;
}

/* The cgroup2 mount beside v1 controllers is a help, not a need: a failure is silent. */
static void find_unified(struct cgroups *self)
{
    CLEANUP(free_p) char *mount = self->unified < 0 ? find_cgroup2() : NULL;

    if (mount) {
        int dir = open_root(mount, self->root, NULL, true, NULL);

        self->unified = dir < 0 ? -1 : dir;
    }
    self->has_kill =
        self->unified >= 0 && cgfs_has((struct cgfs){self->unified, "."}, "cgroup.kill");
}

/* On cgroup2 devices have no controller: a program is attached to any group. */
static void find_devices(struct cgroups *self)
{
    for (size_t i = 0; i < self->controllers_count; i++) {
        struct cgroups_controller *one = &self->controllers[i];

        if (one->dir >= 0 || self->unified < 0 || strcmp(one->name, "devices") != 0)
            continue;
        one->is_unified = true;
        one->dir = self->unified;
    }
}

/* cgroup2 counts CPU time without any controller; without it there is cpuacct for that on v1. */
static void find_cpu_accounting(struct cgroups *self)
{
    const struct cgroups_controller *cpu;
    struct cgroups_controller *one = &self->controllers[self->controllers_count];

    if (self->unified >= 0 || cgroups_find(self, "cpu", &cpu, NULL) < 0)
        return;
    self->controllers_count++;
    one->dir = -1;
    snprintf(one->name, sizeof(one->name), "cpuacct");
    find_controller(self, one);
}

static enum cgroups_mode mode_of(const struct cgroups *self)
{
    if (self->v1_count)
        return self->unified >= 0 ? CGROUPS_HYBRID : CGROUPS_V1;
    return self->unified >= 0 ? CGROUPS_V2 : CGROUPS_NONE;
}

int cgroups_new(const char *root, const char *const *controllers, size_t count,
                struct cgroups **ret_cgroups, struct err *err)
{
    CLEANUP(cgroups_destroy) struct cgroups *self = NULL;
    int rc = check_root(root, err);
    bool any = false;

    BUG_ON(count >= CGROUPS_CONTROLLERS_MAX);
    if (rc < 0)
        return rc;
    self = mem_new(struct cgroups);
    self->unified = -1;
    self->root = mem_strdup(root);
    cgroup_set_logger(NULL, 0, NULL); /* it would write to stdout */
    rc = cgroup_init();
    for (size_t i = 0; i < count; i++) {
        struct cgroups_controller *one = &self->controllers[self->controllers_count++];

        one->dir = -1;
        snprintf(one->name, sizeof(one->name), "%s", controllers[i]);
        if (rc)
            err_set(&one->why, -ENOENT, "no cgroups are mounted");
        else
            find_controller(self, one);
        any = any || one->dir >= 0 || strcmp(one->name, "devices") == 0;
    }
    if (any) {
        find_unified(self);
        find_devices(self);
        find_cpu_accounting(self);
    }
    self->mode = mode_of(self);
    *ret_cgroups = TAKE(self);
    return 0;
}
