#include "agent/launcher/volume_folders.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/launcher/removal.h"
#include "base/cleanup.h"
#include "base/log.h"

#define ROLE_MODE   0755 /* a task must be able to reach what is its own */
#define VOLUME_MODE 0750

static int check_name(const char *name, struct err *err)
{
    if (*name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
        return 0;
    return err_set(err, -EINVAL, "'%.80s' is no name of a folder", name);
}

static int check_names(const char *role, const char *id, struct err *err)
{
    int rc = check_name(role, err);

    return rc < 0 ? rc : check_name(id, err);
}

static int open_role(const char *volumes_dir, const char *role, bool is_made, int *ret_fd)
{
    CLEANUP(close_fd)
    int dir_fd = open(volumes_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (dir_fd < 0)
        return -errno;
    if (is_made && mkdirat(dir_fd, role, ROLE_MODE) < 0 && errno != EEXIST)
        return -errno;
    if (is_made && fsync(dir_fd) < 0)
        return -errno;
    *ret_fd = openat(dir_fd, role, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return *ret_fd < 0 ? -errno : 0;
}

int volume_folder_make(const char *volumes_dir, const char *role, const char *id, struct err *err)
{
    CLEANUP(close_fd) int fd = -1;
    int rc = check_names(role, id, err);

    if (rc < 0)
        return rc;
    rc = open_role(volumes_dir, role, true, &fd);
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

int volume_folder_remove(const char *volumes_dir, const char *trash_dir, const char *role,
                         const char *id, struct err *err)
{
    CLEANUP(removal_close) struct removal removal = {.trash_fd = -1};
    CLEANUP(close_fd) int fd = -1;
    int rc = check_names(role, id, err);

    if (rc < 0)
        return rc;
    rc = removal_open(&removal, trash_dir, err);
    if (rc < 0)
        return rc;
    rc = open_role(volumes_dir, role, false, &fd);
    if (rc == 0)
        rc = removal_take(&removal, fd, id, NULL);
    if (rc == -ENOENT)
        return 0;
    if (rc == 0 && fsync(fd) < 0)
        rc = -errno;
    if (rc < 0)
        return err_errno(err, rc, "cannot remove volume %.80s of role %.64s", id, role);
    return 0;
}

void volume_trash_empty(const char *trash_dir)
{
    CLEANUP(removal_close) struct removal removal = {.trash_fd = -1};
    struct err err;

    if (removal_open(&removal, trash_dir, &err) < 0) {
        log_warning("what was volumes stays: %s", err.text);
        return;
    }
    removal_empty(&removal);
    if (removal.stuck)
        log_warning("cannot remove what was volumes: %s", removal.why.text);
}
