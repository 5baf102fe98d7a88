#include "agent/docker/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/folder.h"
#include "base/mem.h"

#define PARENT_MODE  0755
#define SANDBOX_MODE 0700
#define FOLDER_MODE  0755
#define NOBODY_YET   0

struct owner {
    bool is_known;
    uid_t uid;
    gid_t gid;
};

static struct owner owner_of(const char *user)
{
    unsigned uid = 0, gid = 0;
    char rest;
    int count = sscanf(user, "%10u:%10u%c", &uid, &gid, &rest);

    if (count == 2)
        return (struct owner){true, uid, gid};
    if (sscanf(user, "%10u%c", &uid, &rest) == 1)
        return (struct owner){true, uid, uid};
    return (struct owner){0};
}

static int make_above(const char *path, struct err *err)
{
    CLEANUP(free_p) char *part = mem_strdup(path);

    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(part, PARENT_MODE) < 0 && errno != EEXIST)
            return err_errno(err, -errno, "cannot make %s", part);
        *slash = '/';
    }
    return 0;
}

static int give(int fd, const struct owner *owner)
{
    if (owner->is_known && fchown(fd, owner->uid, owner->gid) < 0)
        return -errno;
    return 0;
}

/* What is there already was made for it (fetched files). */
static int make_root(const char *path, const struct owner *owner, int *ret_fd, struct err *err)
{
    CLEANUP(close_fd) int fd = -1;
    int rc = make_above(path, err);

    if (rc < 0)
        return rc;
    if (mkdir(path, SANDBOX_MODE) < 0 && errno != EEXIST)
        return err_errno(err, -errno, "cannot make the sandbox %s", path);
    fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, -errno, "cannot open the sandbox %s", path);
    rc = fchmod(fd, SANDBOX_MODE) < 0 ? -errno : give(fd, owner);
    if (rc < 0)
        return err_errno(err, rc, "cannot give the sandbox %s away", path);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

/* Who follows the output of a task looks for these from its first status on. */
static void make_streams(int sandbox_fd)
{
    static const char *const names[] = {"stdout", "stderr"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        int fd = openat(sandbox_fd, names[i], O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                        0644);

        close_fd(&fd);
    }
}

/* Beneath it, following no link. */
static int make_folder(int sandbox_fd, const char *path, const struct owner *owner, struct err *err)
{
    CLEANUP(free_p) char *parts = mem_strdup(path);
    CLEANUP(close_fd) int fd = fcntl(sandbox_fd, F_DUPFD_CLOEXEC, 0);
    char *rest = parts, *part;

    while (fd >= 0 && (part = strsep(&rest, "/"))) {
        int below;

        if (!*part || !strcmp(part, "."))
            continue;
        if (!strcmp(part, ".."))
            return err_set(err, -EINVAL, "docker: volume %.100s leads out of the sandbox", path);
        if (mkdirat(fd, part, FOLDER_MODE) < 0 && errno != EEXIST)
            return err_errno(err, -errno, "cannot make %.100s in the sandbox", path);
        below = openat(fd, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        close_fd(&fd);
        fd = below;
        if (fd >= 0 && give(fd, owner) < 0)
            return err_errno(err, -errno, "cannot give %.100s in the sandbox away", path);
    }
    return fd < 0 ? err_errno(err, -errno, "cannot open %.100s in the sandbox", path) : 0;
}

static int give_volume(const struct volume_link *link, const struct owner *owner, struct err *err)
{
    CLEANUP(close_fd) int fd = open(link->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat info;
    int rc = 0;

    if (fd < 0 || fstat(fd, &info) < 0)
        return err_errno(err, -errno, "volume %s", link->path);
    if (info.st_uid == NOBODY_YET || !link->shared)
        rc = give(fd, owner);
    return rc < 0 ? err_errno(err, rc, "cannot give volume %s away", link->path) : 0;
}

int sandbox_make(const struct msg_launch_container *order, struct err *err)
{
    const struct docker_info *docker = order->docker;
    const struct owner owner = owner_of(docker->user);
    CLEANUP(close_fd) int fd = -1;
    int rc;

    if (*order->sandbox != '/')
        return err_set(err, -EINVAL, "sandbox '%.100s': expected an absolute path", order->sandbox);
    rc = make_root(order->sandbox, &owner, &fd, err);
    if (rc == 0)
        make_streams(fd);
    for (size_t i = 0; i < order->volumes_count && rc == 0; i++) {
        rc = give_volume(&order->volumes[i], &owner, err);
        if (rc == 0)
            rc = make_folder(fd, order->volumes[i].container_path, &owner, err);
    }
    for (size_t i = 0; i < docker->volumes_count && rc == 0; i++)
        if (*docker->volumes[i].host_path && *docker->volumes[i].host_path != '/')
            rc = make_folder(fd, docker->volumes[i].host_path, &owner, err);
    return rc;
}

int sandbox_check(const struct msg_docker_configure *policy,
                  const struct msg_launch_container *order, struct err *err)
{
    if (*policy->sandboxes_dir && !folder_has(policy->sandboxes_dir, order->sandbox, 2))
        return err_set(err, -EACCES, "%.200s is no sandbox: want two names below %.200s",
                       order->sandbox, policy->sandboxes_dir);
    for (size_t i = 0; i < order->volumes_count && *policy->volumes_dir; i++)
        if (!folder_has(policy->volumes_dir, order->volumes[i].path, 2))
            return err_set(err, -EACCES, "%.200s is no volume: want two names below %.200s",
                           order->volumes[i].path, policy->volumes_dir);
    return 0;
}
