#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/fetcher/fetcher.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "proto/uris.h"

#define FOLDER_MODE 0755

/* One name beneath an open folder; a link is no folder. */
static int step(int *fd, const char *name, struct err *err)
{
    int below;

    if (mkdirat(*fd, name, FOLDER_MODE) < 0 && errno != EEXIST)
        return err_errno(err, -errno, "cannot make the folder %.80s", name);
    below = openat(*fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (below < 0)
        return err_errno(err, errno == ELOOP ? -ENOTDIR : -errno, "the folder %.80s", name);
    close_fd(fd);
    *fd = below;
    return 0;
}

int place_open_above(int root_fd, const char *path, int *ret_fd, const char **ret_name,
                     struct err *err)
{
    CLEANUP(close_fd) int fd = fcntl(root_fd, F_DUPFD_CLOEXEC, 0);
    CLEANUP(free_p) char *parts = mem_strdup(path);
    const char *last = strrchr(path, '/');
    char *part = parts;

    if (!path_is_beneath(path))
        return err_set(err, -EINVAL, "'%.120s' leads out of the sandbox", path);
    if (fd < 0)
        return err_errno(err, -errno, "the sandbox");
    for (char *slash; (slash = strchr(part, '/')); part = slash + 1) {
        int rc;

        *slash = '\0';
        rc = step(&fd, part, err);
        if (rc < 0)
            return rc;
    }
    *ret_name = last ? last + 1 : path;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int place_make_folder(int root_fd, const char *path, mode_t mode, struct err *err)
{
    CLEANUP(close_fd) int above_fd = -1;
    CLEANUP(close_fd) int fd = -1;
    const char *name;
    int rc = place_open_above(root_fd, path, &above_fd, &name, err);

    if (rc < 0)
        return rc;
    fd = fcntl(above_fd, F_DUPFD_CLOEXEC, 0);
    rc = fd < 0 ? err_errno(err, -errno, "%.80s", path) : step(&fd, name, err);
    if (rc == 0 && fchmod(fd, mode) < 0)
        rc = err_errno(err, -errno, "%.80s", path);
    return rc;
}

int place_make_file(int root_fd, const char *path, mode_t mode, int *ret_fd, struct err *err)
{
    CLEANUP(close_fd) int above_fd = -1;
    const char *name;
    int rc = place_open_above(root_fd, path, &above_fd, &name, err);
    int fd;

    if (rc < 0)
        return rc;
    unlinkat(above_fd, name, 0);
    fd = openat(above_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0)
        return err_errno(err, -errno, "cannot make the file %.80s", path);
    *ret_fd = fd;
    return 0;
}

int place_rename(int root_fd, const char *from, const char *path, struct err *err)
{
    CLEANUP(close_fd) int above_fd = -1;
    const char *name;
    int rc = place_open_above(root_fd, path, &above_fd, &name, err);

    if (rc == 0 && renameat(root_fd, from, above_fd, name) < 0)
        rc = err_errno(err, -errno, "cannot make the file %.80s", path);
    if (rc < 0)
        unlinkat(root_fd, from, 0);
    return rc;
}
