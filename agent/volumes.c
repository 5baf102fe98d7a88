#include "agent/volumes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include "agent/core/agent.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define ROLE_MODE   0755 /* a task must be able to reach what is its own */
#define VOLUME_MODE 0750
#define NAME_SIZE   64

struct volumes {
    int dir_fd, trash_fd; /* owned */
    int wake_fd;          /* owned; an eventfd: there is something to remove */
    _Atomic uint64_t names;
    atomic_bool is_ending;
    bool has_thread;
    pthread_t thread;
};

/* --- the thread: empties the trash -------------------------------------------------------------- */

/* Into the trash itself, so that nothing is ever deeper than two levels: neither descriptors nor the stack
 * grow with what a task has built. */
static int lift(struct volumes *self, int fd, const char *name)
{
    char lifted[NAME_SIZE];

    snprintf(lifted, sizeof(lifted), "%llx", (unsigned long long)self->names++);
    return renameat(fd, name, self->trash_fd, lifted) < 0 ? -errno : 0;
}

static int remove_entry(struct volumes *self, int fd, const char *name)
{
    if (unlinkat(fd, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return -errno;
    if (unlinkat(fd, name, AT_REMOVEDIR) == 0)
        return 0;
    return errno == ENOTEMPTY || errno == EEXIST ? lift(self, fd, name) : -errno;
}

static void closedir_p(DIR **directory)
{
    if (*directory)
        closedir(*directory);
}

static bool is_dots(const char *name)
{
    return !strcmp(name, ".") || !strcmp(name, "..");
}

/* All that is in a folder of the trash, or in the trash (NULL). How much was there, or -errno. */
static int empty(struct volumes *self, const char *name,
                 int (*act)(struct volumes *self, int fd, const char *name))
{
    CLEANUP(close_fd)
    int fd =
        openat(self->trash_fd, name ? name : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    CLEANUP(closedir_p) DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    int count = 0;

    if (!directory)
        return -errno;
    (void)TAKE_FD(fd);
    while (!self->is_ending && (entry = readdir(directory))) {
        int rc = is_dots(entry->d_name) ? 0 : act(self, dirfd(directory), entry->d_name);

        if (rc < 0)
            return rc;
        count += !is_dots(entry->d_name);
    }
    return count;
}

static int remove_from_trash(struct volumes *self, int fd, const char *name)
{
    int rc;

    if (unlinkat(fd, name, 0) == 0)
        return 0;
    rc = empty(self, name, remove_entry);
    if (rc < 0)
        return rc;
    return unlinkat(fd, name, AT_REMOVEDIR) < 0 && errno != ENOTEMPTY ? -errno : 0;
}

static void *run(void *arg)
{
    struct volumes *self = arg;
    uint64_t woken;

    while (!self->is_ending) {
        int rc;

        do
            rc = empty(self, NULL, remove_from_trash);
        while (rc > 0 && !self->is_ending);
        if (rc < 0)
            log_warning("cannot remove what was volumes: %s", strerror(-rc));
        while (read(self->wake_fd, &woken, sizeof(woken)) < 0 && errno == EINTR)
            ;
    }
    return NULL;
}

static void wake(const struct volumes *self)
{
    const uint64_t one = 1;

    while (write(self->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

/* --- opening ------------------------------------------------------------------------------------ */

static int open_dir(const char *path, int *ret_fd, struct err *err)
{
    *ret_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *ret_fd < 0 ? err_errno(err, -errno, "cannot open %s", path) : 0;
}

int volumes_open(const char *dir, const char *trash_dir, struct volumes **ret_volumes,
                 struct err *err)
{
    CLEANUP(volumes_close) struct volumes *self = mem_new(struct volumes);
    int rc;

    self->dir_fd = self->trash_fd = self->wake_fd = -1;
    /* Names of an earlier agent may still be there. */
    self->names = (uint64_t)clock_now().wall_us << 12;
    rc = open_dir(dir, &self->dir_fd, err);
    if (rc == 0)
        rc = open_dir(trash_dir, &self->trash_fd, err);
    if (rc < 0)
        return rc;
    self->wake_fd = eventfd(0, EFD_CLOEXEC);
    if (self->wake_fd < 0)
        return err_errno(err, -errno, "eventfd");
    rc = pthread_create(&self->thread, NULL, run, self);
    if (rc != 0)
        return err_errno(err, -rc, "cannot start the thread that empties %s", trash_dir);
    self->has_thread = true;
    *ret_volumes = TAKE(self);
    return 0;
}

void volumes_close(struct volumes **self_p)
{
    struct volumes *self = *self_p;

    if (!self)
        return;
    self->is_ending = true;
    if (self->has_thread) {
        wake(self);
        pthread_join(self->thread, NULL);
    }
    close_fd(&self->dir_fd);
    close_fd(&self->trash_fd);
    close_fd(&self->wake_fd);
    free(self);
    *self_p = NULL;
}

/* --- volumes ------------------------------------------------------------------------------------ */

static int open_role(const struct volumes *self, const char *role, bool is_made, int *ret_fd)
{
    CLEANUP(free_p) char *name = agent_volume_folder(role);

    if (is_made && mkdirat(self->dir_fd, name, ROLE_MODE) < 0 && errno != EEXIST)
        return -errno;
    if (is_made && fsync(self->dir_fd) < 0)
        return -errno;
    *ret_fd = openat(self->dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return *ret_fd < 0 ? -errno : 0;
}

int volumes_make(struct volumes *self, const char *role, const char *id, struct err *err)
{
    CLEANUP(close_fd) int fd = -1;
    int rc = open_role(self, role, true, &fd);

    if (rc < 0)
        return err_errno(err, rc, "cannot make the folder of volume %.80s", id);
    /* An empty one is of a volume that was never written down. */
    if (unlinkat(fd, id, AT_REMOVEDIR) < 0 && (errno == ENOTEMPTY || errno == EEXIST))
        return err_set(
            err, -EEXIST,
            "there are files in the folder of volume %.80s of role %.64s, and there is no "
            "such volume: move them away, or choose another id",
            id, role);
    if (mkdirat(fd, id, VOLUME_MODE) < 0 || fsync(fd) < 0)
        return err_errno(err, -errno, "cannot make the folder of volume %.80s", id);
    return 0;
}

int volumes_remove(struct volumes *self, const char *role, const char *id, struct err *err)
{
    CLEANUP(close_fd) int fd = -1;
    int rc = open_role(self, role, false, &fd);

    if (rc == -ENOENT)
        return 0;
    if (rc == 0)
        rc = lift(self, fd, id);
    if (rc == -ENOENT)
        return 0;
    if (rc == 0 && fsync(fd) < 0)
        rc = -errno;
    if (rc < 0)
        return err_errno(err, rc, "cannot remove volume %.80s of role %.64s", id, role);
    wake(self);
    return 0;
}
