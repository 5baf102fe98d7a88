#include "agent/launcher/groups.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/launcher/check_run.h"
#include "agent/launcher/state.h"
#include "agent/launcher/volumes.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "isolators/init_image.h"
#include "proto/groups.h"

#define FOLDER_MODE 0755
/* Its tasks may run as many users; who is not in the group cannot enter the folder above. */
#define VOLUME_MODE 0777

/* --- the holder's namespaces -------------------------------------------------------------------- */

static const struct {
    const char *name;
    uint64_t kind;
} joined[GROUP_JOINS_MAX] = {{"net", CLONE_NEWNET}, {"ipc", CLONE_NEWIPC}, {"uts", CLONE_NEWUTS}};

/* 1: it is another one than ours, *ret_fd is it; 0: ours, or there are none of that kind. */
static int open_namespace(pid_t pid, const char *name, int *ret_fd)
{
    CLEANUP(close_fd) int fd = -1;
    struct stat ours, theirs;
    char path[64];

    snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
    if (stat(path, &ours) < 0)
        return errno == ENOENT ? 0 : -errno;
    snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &theirs) < 0)
        return -errno;
    if (ours.st_ino == theirs.st_ino)
        return 0;
    *ret_fd = TAKE_FD(fd);
    return 1;
}

static int open_all(pid_t pid, struct group_launch *part, struct err *err)
{
    int rc = open_namespace(pid, "mnt", &part->seen.mounts_fd);

    for (size_t i = 0; i < GROUP_JOINS_MAX && rc >= 0; i++) {
        rc = open_namespace(pid, joined[i].name, &part->fds[part->count]);
        if (rc <= 0)
            continue;
        part->kinds[part->count++] = joined[i].kind;
        part->seen.shared |= joined[i].kind;
    }
    return rc < 0 ? err_errno(err, rc, "the namespaces of its group") : 0;
}

/* What was opened by its number was its own if it still lives afterwards. */
static int open_holder(const struct launched *holder, struct group_launch *part, struct err *err)
{
    CLEANUP(close_fd) int fd = check_open_process(holder->pid, holder->shim, err);
    int rc = fd < 0 ? err_wrap(err, fd, "what holds its group") : 0;

    if (rc == 0)
        rc = open_all(holder->pid, part, err);
    if (rc == 0 && poll(&(struct pollfd){fd, POLLIN, 0}, 1, 0) != 0)
        rc = err_set(err, -ESRCH, "what holds its group has ended");
    return rc;
}

/* --- the folder --------------------------------------------------------------------------------- */

/* It is the holder's sandbox, and called as that. */
static int find_folder(struct launcher *self, const struct msg_launch_container *order,
                       struct group_launch *part, struct err *err)
{
    struct sandbox folder;
    struct stat info;

    if (sandboxes_find(&self->sandboxes, order->group_folder, &folder) < 0 ||
        strcmp(folder.name, order->holder) != 0)
        return err_set(err, -EINVAL, "the folder of its group cannot be '%.100s'",
                       order->group_folder);
    if (fstatat(folder.parent_fd, folder.name, &info, AT_SYMLINK_NOFOLLOW) < 0 ||
        !S_ISDIR(info.st_mode))
        return err_set(err, -ENOENT, "the folder of its group is gone");
    part->seen.folder = order->group_folder;
    part->seen.folder_dev = info.st_dev;
    part->seen.folder_ino = info.st_ino;
    return 0;
}

static int make_volume(int dir_fd, const char *name)
{
    CLEANUP(close_fd) int fd = -1;

    if (mkdirat(dir_fd, name, VOLUME_MODE) < 0)
        return -errno;
    fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 || fchmod(fd, VOLUME_MODE) < 0 ? -errno : 0;
}

/* The folder is new, and nobody else is in it yet. */
static int make_volumes(const struct sandbox *sandbox, const struct group_info *group,
                        struct err *err)
{
    CLEANUP(close_fd)
    int fd =
        openat(sandbox->parent_fd, sandbox->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    CLEANUP(close_fd) int dir_fd = -1;
    int rc = 0;

    if (fd < 0 || mkdirat(fd, GROUP_VOLUMES_DIR, FOLDER_MODE) < 0)
        return err_errno(err, -errno, "cannot make the group's folder");
    dir_fd = openat(fd, GROUP_VOLUMES_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir_fd < 0)
        return err_errno(err, -errno, "cannot open the group's folder");
    for (size_t i = 0; i < group->volumes_count && rc == 0; i++)
        rc = make_volume(dir_fd, group->volumes[i]);
    return rc < 0 ? err_errno(err, rc, "cannot make a volume of the group") : 0;
}

/* Of those that are in the sandbox; what is elsewhere is the isolator's to place. */
static int place_volumes(const struct msg_launch_container *order, const struct sandbox *sandbox,
                         const struct account *account, bool is_mounted, struct err *err)
{
    const struct isolation_info *asks = order->isolation;
    int rc = 0;

    for (size_t i = 0; asks && i < asks->mounts_count && rc == 0; i++) {
        const struct isolation_mount *mount = &asks->mounts[i];
        CLEANUP(free_p)
        char *path = mem_printf("%s/" GROUP_VOLUMES_DIR "/%s", order->group_folder, mount->source);
        const struct volume_link link = {.path = path, .container_path = mount->container_path};

        if (mount->source_kind == MOUNT_GROUP && mount->container_path[0] != '/')
            rc = volumes_put(sandbox, &link, account, is_mounted, err);
    }
    return rc;
}

/* --- for a launch ------------------------------------------------------------------------------- */

static bool is_in_group(const struct msg_launch_container *order)
{
    return order->holder && *order->holder;
}

int launcher_group_find(struct launcher *self, const struct msg_launch_container *order,
                        struct group_launch *ret_part, struct err *err)
{
    struct launched *holder;
    int rc;

    *ret_part = (struct group_launch){.seen.mounts_fd = -1};
    if (order->group) {
        ret_part->seen.is_holder = true;
        ret_part->asks = group_isolation(order->group);
        return group_check_itself(order->group, err);
    }
    if (!is_in_group(order))
        return 0;
    holder = launcher_find(self, order->holder);
    if (!holder || holder->state != LAUNCHED_RUNNING)
        return err_set(err, -ESRCH, "what holds its group does not run");
    rc = find_folder(self, order, ret_part, err);
    if (rc == 0)
        rc = open_holder(holder, ret_part, err);
    if (rc < 0)
        launcher_group_close(ret_part);
    return rc;
}

void launcher_group_close(struct group_launch *part)
{
    while (part->count > 0)
        close_fd(&part->fds[--part->count]);
    close_fd(&part->seen.mounts_fd);
}

int launcher_group_place(struct launcher *self, const struct msg_launch_container *order,
                         const struct sandbox *sandbox, const struct account *account,
                         struct err *err)
{
    if (order->group)
        return make_volumes(sandbox, order->group, err);
    return is_in_group(order)
               ? place_volumes(order, sandbox, account, launcher_uses(self, "volume/group"), err)
               : 0;
}

int launcher_group_spawn(const struct group_launch *part, struct spawn *spawn, struct err *err)
{
    int rc = 0;

    if ((part->seen.is_holder || part->seen.shared) && spawn->namespaces & CLONE_NEWUSER)
        return err_set(err, -ENOTSUP,
                       "groups of tasks cannot be had with namespaces/user, which this agent uses");
    if (part->seen.is_holder)
        return init_image_fd(&spawn->init_fd, err);
    for (size_t i = 0; i < part->count && rc == 0; i++)
        rc = spawn_join(spawn, part->kinds[i], part->fds[i], err);
    return rc;
}
