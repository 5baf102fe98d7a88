#include "isolators/cgroups.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/mem.h"

/* What we killed may fork until it is dead; where the kernel has cgroup.kill, one round is enough. */
#define CLEAR_ROUNDS  16
#define CLEAR_WAIT_MS 1000

const char *cgroups_mode_name(enum cgroups_mode mode)
{
    static const char *const names[CGROUPS_MODE_MAX] = {"none", "v1", "v2", "hybrid"};

    BUG_ON(mode >= CGROUPS_MODE_MAX);
    return names[mode];
}

void cgroups_destroy(struct cgroups **self_p)
{
    struct cgroups *self = TAKE(*self_p);

    if (!self)
        return;
    close_fd(&self->unified);
    for (size_t i = 0; i < self->v1_count; i++)
        close_fd(&self->v1[i]);
    free(self->root);
    free(self);
}

int cgroups_find(const struct cgroups *self, const char *controller,
                 const struct cgroups_controller **ret_controller, struct err *err)
{
    for (size_t i = 0; i < self->controllers_count; i++) {
        const struct cgroups_controller *one = &self->controllers[i];

        if (strcmp(one->name, controller) != 0)
            continue;
        if (one->dir < 0)
            return err_set(err, -ENOENT, "%s", one->why.text);
        *ret_controller = one;
        return 0;
    }
    return err_set(err, -ENOENT, "the %s controller was not looked for", controller);
}

/* Every hierarchy in use, one after the other; -1 behind the last. */
static int hierarchy(const struct cgroups *self, size_t index)
{
    if (index < self->v1_count)
        return self->v1[index];
    return index == self->v1_count ? self->unified : -1;
}

/* --- a container's groups -----------------------------------------------------------------------
 */

int cgroups_add(const struct cgroups *self, const char *id, struct err *err)
{
    int dir;

    if (strlen(id) > CGFS_NAME_MAX)
        return err_set(err, -ENAMETOOLONG, "a cgroup's name has at most %d bytes", CGFS_NAME_MAX);
    for (size_t i = 0; (dir = hierarchy(self, i)) >= 0; i++) {
        int rc = cgfs_make((struct cgfs){dir, id});

        if (rc == 0)
            continue;
        while (i-- > 0)
            cgfs_remove((struct cgfs){hierarchy(self, i), id});
        return err_errno(err, rc, "cannot make the cgroup %s/%s", self->root, id);
    }
    return 0;
}

static int open_beneath(int dir, const char *id, const char *file, int flags)
{
    char path[2 * CGFS_NAME_MAX + 32];
    int fd;

    snprintf(path, sizeof(path), "%s/%s", id, file);
    fd = openat(dir, path, flags | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int cgroups_enter(const struct cgroups *self, const char *id, struct spawn *spawn, struct err *err)
{
    for (size_t i = 0; i < self->v1_count; i++) {
        /* A process that writes "0" for itself into `tasks` moves without the lock over all forks
         * of the host that `cgroup.procs` takes, whose first writer waits for an RCU grace period.
         */
        int fd = open_beneath(self->v1[i], id, "tasks", O_WRONLY);

        if (fd < 0)
            return err_errno(err, fd, "cannot open the cgroup %s/%s", self->root, id);
        spawn->procs_fds[spawn->procs_count++] = fd;
    }
    if (self->unified >= 0) {
        int fd = open_beneath(self->unified, id, ".", O_RDONLY | O_DIRECTORY);

        if (fd < 0)
            return err_errno(err, fd, "cannot open the cgroup2 %s/%s", self->root, id);
        spawn->cgroup_fd = fd;
    }
    return 0;
}

/* The one that cgroups_kill works by; -1: none that keeps what is killed from forking. */
static int inner_hierarchy(const struct cgroups *self)
{
    const struct cgroups_controller *pids;

    if (self->has_kill)
        return self->unified;
    return cgroups_find(self, "pids", &pids, NULL) == 0 ? pids->dir : -1;
}

static int enter_inner(const struct cgroups *self, int dir, const char *path, struct spawn *spawn)
{
    int *fd = &spawn->cgroup_fd;
    int inner = dir == self->unified ? open_beneath(dir, path, ".", O_RDONLY | O_DIRECTORY)
                                     : open_beneath(dir, path, "tasks", O_WRONLY);

    if (inner < 0)
        return inner;
    for (size_t i = 0; i < self->v1_count; i++)
        if (self->v1[i] == dir)
            fd = &spawn->procs_fds[i];
    close(*fd);
    *fd = inner;
    return 1;
}

int cgroups_enter_inner(const struct cgroups *self, const char *id, const char *name,
                        struct spawn *spawn, struct err *err)
{
    char path[2 * CGFS_NAME_MAX + 2];
    int dir = inner_hierarchy(self);
    int rc;

    if (dir < 0)
        return 0;
    snprintf(path, sizeof(path), "%s/%s", id, name);
    rc = cgfs_make((struct cgfs){dir, path});
    if (rc == 0 || rc == -EEXIST)
        rc = enter_inner(self, dir, path, spawn);
    return rc < 0 ? err_errno(err, rc, "cannot make the cgroup %s/%s", self->root, path) : rc;
}

int cgroups_leave_inner(const struct cgroups *self, const char *path)
{
    int dir = inner_hierarchy(self);

    return dir < 0 ? 0 : cgfs_remove((struct cgfs){dir, path});
}

static bool kill_at_once(const struct cgroups *self, const char *id)
{
    return self->has_kill && cgfs_write((struct cgfs){self->unified, id}, "cgroup.kill", "1") == 0;
}

void cgroups_kill_and_go_on(const struct cgroups *self, const char *id)
{
    int dir = hierarchy(self, 0);

    if (!kill_at_once(self, id) && dir >= 0)
        cgfs_signal((struct cgfs){dir, id}, SIGKILL);
}

void cgroups_kill(const struct cgroups *self, const char *id)
{
    const struct cgroups_controller *pids;
    int dir = hierarchy(self, 0);

    if (kill_at_once(self, id))
        return;
    if (cgroups_find(self, "pids", &pids, NULL) == 0) {
        cgfs_write((struct cgfs){pids->dir, id}, "pids.max", "0");
        dir = pids->dir;
    }
    if (dir >= 0)
        cgfs_signal((struct cgfs){dir, id}, SIGKILL);
}

size_t cgroups_kill_fds(const struct cgroups *self, int ret_fds[CGROUPS_KILL_FDS_MAX])
{
    const struct cgroups_controller *pids;
    size_t count = 0;

    if (self->has_kill) {
        ret_fds[count++] = self->unified;
        return count;
    }
    ret_fds[count++] = hierarchy(self, 0);
    if (cgroups_find(self, "pids", &pids, NULL) == 0)
        ret_fds[count++] = pids->dir;
    return count;
}

int cgroups_count_processes(const struct cgroups *self, const char *id)
{
    return cgfs_count_processes((struct cgfs){hierarchy(self, 0), id});
}

int cgroups_remove(const struct cgroups *self, const char *id)
{
    int result = 0;
    int dir;

    for (size_t i = 0; (dir = hierarchy(self, i)) >= 0; i++) {
        int rc = cgfs_remove((struct cgfs){dir, id});

        if (rc < 0)
            result = rc;
    }
    return result;
}

/* --- leftovers ----------------------------------------------------------------------------------
 */

struct leftovers {
    const struct cgroups *cgroups;
    bool (*is_kept)(const void *owner, const char *id);
    const void *owner;
    int count;
    struct err *err;
};

static int remove_leftover(void *owner, struct cgfs group)
{
    struct leftovers *left = owner;
    int rc = -EBUSY;

    if (strcmp(group.name, CGROUPS_OWN_LEAF) == 0 || strcmp(group.name, CGROUPS_DOCKER) == 0 ||
        left->is_kept(left->owner, group.name))
        return 0;
    left->count++;
    for (int round = 0; round < CLEAR_ROUNDS; round++) {
        cgroups_kill(left->cgroups, group.name);
        rc = cgfs_remove(group);
        if (rc != -EBUSY)
            break;
        cgfs_wait(group, CLEAR_WAIT_MS);
    }
    return rc < 0 ? err_errno(left->err, rc, "a leftover cgroup %s/%s cannot be removed",
                              left->cgroups->root, group.name)
                  : 0;
}

int cgroups_clear(const struct cgroups *self, bool (*is_kept)(const void *owner, const char *id),
                  const void *owner, struct err *err)
{
    struct leftovers left = {.cgroups = self, .is_kept = is_kept, .owner = owner, .err = err};
    int dir;

    for (size_t i = 0; (dir = hierarchy(self, i)) >= 0; i++) {
        int rc = cgfs_each(dir, remove_leftover, &left);

        if (rc < 0)
            return -EBUSY;
    }
    return left.count;
}

/* From the inside out; the first level that somebody else uses ends it. */
static void leave_hierarchy(const struct cgroups *self, int dir)
{
    CLEANUP(free_p) char *path = mem_strdup(self->root);
    int parent = openat(dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    for (char *slash = path; parent >= 0 && slash;) {
        int above = openat(parent, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        slash = strrchr(path, '/');
        if (unlinkat(parent, slash ? slash + 1 : path, AT_REMOVEDIR) < 0)
            slash = NULL;
        if (slash)
            *slash = '\0';
        close(parent);
        parent = above;
    }
    close_fd(&parent);
}

void cgroups_leave(const struct cgroups *self)
{
    int dir;

    for (size_t i = 0; (dir = hierarchy(self, i)) >= 0; i++)
        leave_hierarchy(self, dir);
}
