#include "agent/launcher/volumes.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/folder.h"
#include "base/mem.h"

#define FOLDER_MODE 0750

static int give_away(const struct volume_link *link, const struct account *account, struct err *err)
{
    CLEANUP(close_fd) int fd = open(link->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat info;

    if (fd < 0 || fstat(fd, &info) < 0)
        return err_errno(err, -errno, "volume %s", link->path);
    if (!account || link->foreign || info.st_uid == account->uid ||
        (link->shared && info.st_uid != geteuid()))
        return 0;
    if (fchown(fd, account->uid, account->gid) < 0)
        return err_errno(err, -errno, "cannot give volume %s to %s", link->path, account->name);
    return 0;
}

/* The sandbox is its user's already: what is given away is the folder that was opened, whatever has its name now. */
static int open_given(int fd, const char *name, const struct account *account, int *ret_fd)
{
    CLEANUP(close_fd)
    int below = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (below < 0 || (account && fchown(below, account->uid, account->gid) < 0))
        return -errno;
    *ret_fd = TAKE_FD(below);
    return 0;
}

/* The folders above the place. */
static int open_above(int sandbox_fd, char *path, const struct account *account, int *ret_fd)
{
    CLEANUP(close_fd) int fd = -1;

    if (!folder_is_plain(path))
        return -EINVAL;
    fd = fcntl(sandbox_fd, F_DUPFD_CLOEXEC, 0);
    for (char *slash; fd >= 0 && (slash = strchr(path, '/')); path = slash + 1) {
        int below, rc;

        *slash = '\0';
        if (mkdirat(fd, path, FOLDER_MODE) < 0 && errno != EEXIST)
            return -errno;
        rc = open_given(fd, path, account, &below);
        if (rc < 0)
            return rc;
        close_fd(&fd);
        fd = below;
    }
    if (fd < 0)
        return -errno;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static int make_folder(int fd, const char *name, const struct account *account)
{
    CLEANUP(close_fd) int made = -1;

    return mkdirat(fd, name, FOLDER_MODE) < 0 ? -errno : open_given(fd, name, account, &made);
}

static int put(int sandbox_fd, const struct volume_link *link, const struct account *account,
               bool is_mounted, struct err *err)
{
    CLEANUP(free_p) char *path = mem_strdup(link->container_path);
    CLEANUP(close_fd) int fd = -1;
    const char *slash = strrchr(link->container_path, '/');
    const char *name = slash ? slash + 1 : link->container_path;
    int rc = open_above(sandbox_fd, path, account, &fd);

    if (rc == 0 && is_mounted)
        rc = make_folder(fd, name, account);
    else if (rc == 0 && symlinkat(link->path, fd, name) < 0)
        rc = -errno;
    return rc < 0 ? err_errno(err, rc, "cannot put a volume at %s in the sandbox",
                              link->container_path)
                  : 0;
}

int volumes_place(const struct sandbox *sandbox, const struct volume_link *links, size_t count,
                  const struct account *account, bool is_mounted, struct err *err)
{
    CLEANUP(close_fd) int fd = -1;
    int rc = 0;

    if (!count)
        return 0;
    fd = openat(sandbox->parent_fd, sandbox->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, -errno, "cannot open the sandbox");
    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = give_away(&links[i], account, err);
        if (rc == 0)
            rc = put(fd, &links[i], account, is_mounted, err);
    }
    return rc;
}

int volumes_put(const struct sandbox *sandbox, const struct volume_link *link,
                const struct account *account, bool is_mounted, struct err *err)
{
    CLEANUP(close_fd)
    int fd =
        openat(sandbox->parent_fd, sandbox->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    return fd < 0 ? err_errno(err, -errno, "cannot open the sandbox")
                  : put(fd, link, account, is_mounted, err);
}
