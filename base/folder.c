#include "base/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/mem.h"

#define PID_MAX 32 /* bytes of a pid as text */

/* As mkdir -p. Changes `path` while it goes, and back. */
static int make_parents(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        int rc;

        *slash = '\0';
        rc = mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : 0;
        *slash = '/';
        if (rc < 0)
            return rc;
    }
    return 0;
}

int folder_make(const char *path, mode_t mode, char **ret_path, struct err *err)
{
    CLEANUP(free_p) char *copy = mem_strdup(path);
    int rc;

    if (!*path)
        return err_set(err, -EINVAL, "the work folder's name is empty: say --work-dir DIR");
    rc = make_parents(copy);
    if (rc == 0 && mkdir(path, mode) < 0 && errno != EEXIST)
        rc = -errno;
    if (rc < 0)
        return err_errno(
            err, rc, "cannot make the work folder %s (say --work-dir DIR for another one)", path);
    *ret_path = realpath(path, NULL);
    return *ret_path ? 0 : err_errno(err, -errno, "work folder %s", path);
}

static int say_holder(const char *path, const char *who, int fd, struct err *err)
{
    char pid[PID_MAX] = {0};
    ssize_t size = pread(fd, pid, sizeof(pid) - 1, 0);

    pid[size > 0 ? strcspn(pid, "\n") : 0] = '\0';
    return err_set(err, -EBUSY,
                   "work folder %s is in use by another %s, pid %s: stop that one, or give this "
                   "one a folder of its own by --work-dir",
                   path, who, *pid ? pid : "unknown");
}

int folder_lock(const char *path, const char *name, const char *who, int *ret_fd, struct err *err)
{
    CLEANUP(free_p) char *file = mem_printf("%s/%s", path, name);
    CLEANUP(close_fd) int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    char pid[PID_MAX];
    int size;

    if (fd < 0)
        return err_errno(err, -errno, "cannot open %s", file);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? say_holder(path, who, fd, err)
                                    : err_errno(err, -errno, "cannot lock %s", file);
    size = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
    /* On a full disk it is held all the same. */
    if (ftruncate(fd, 0) == 0)
        (void)!pwrite(fd, pid, (size_t)size, 0);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static bool is_name(const char *name, size_t size)
{
    return size && !(size == 1 && *name == '.') && !(size == 2 && !strncmp(name, "..", 2));
}

bool folder_has(const char *dir, const char *path, size_t depth)
{
    size_t size = strlen(dir);

    if (*dir != '/' || strncmp(path, dir, size) != 0)
        return false;
    for (path += size; depth && *path == '/'; depth--, path += size) {
        size = strcspn(++path, "/");
        if (!is_name(path, size))
            return false;
    }
    return !depth && !*path;
}
