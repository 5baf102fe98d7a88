#include "agent/launcher/removal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define EMPTY_MOST_US (600 * (int64_t)US_PER_S) /* what is left then stays until the next time */
#define TRASH_MODE    0700
#define NAME_SIZE     48
#define BLOCK_SIZE    512 /* of st_blocks, see stat(2) */

int removal_open(struct removal *self, const char *trash_dir, struct err *err)
{
    struct stat info;

    *self = (struct removal){.trash_fd = -1};
    if (mkdir(trash_dir, TRASH_MODE) < 0 && errno != EEXIST)
        return err_errno(err, -errno, "cannot make %s", trash_dir);
    self->trash_fd = open(trash_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (self->trash_fd < 0)
        return err_errno(err, -errno, "cannot open %s", trash_dir);
    if (fstat(self->trash_fd, &info) < 0 || info.st_uid != geteuid() || info.st_mode & 077) {
        removal_close(self);
        return err_set(err, -EPERM, "%s must belong to the agent, with mode 0700", trash_dir);
    }
    /* Names of an earlier process may still be there. */
    self->names = (uint64_t)clock_now().wall_us << 12;
    return 0;
}

void removal_close(struct removal *self)
{
    close_fd(&self->trash_fd);
}

static int lift(struct removal *self, int fd, const char *name)
{
    char lifted[NAME_SIZE];

    snprintf(lifted, sizeof(lifted), "%llx", (unsigned long long)self->names++);
    if (renameat(fd, name, self->trash_fd, lifted) == 0)
        return 0;
    if (errno != EACCES || geteuid() == 0)
        return -errno;
    /* Without root, moving a folder needs its own leave too. */
    if (fchmodat(fd, name, TRASH_MODE, AT_SYMLINK_NOFOLLOW) < 0)
        return -EACCES;
    return renameat(fd, name, self->trash_fd, lifted) < 0 ? -errno : 0;
}

int removal_take(struct removal *self, int parent_fd, const char *name, struct err *err)
{
    int rc = lift(self, parent_fd, name);

    return rc < 0 ? err_errno(err, rc, "cannot be moved to the trash") : 0;
}

/* --- emptying ----------------------------------------------------------------------------------- */

/* What one look at a folder has done. */
struct look {
    uint64_t moved; /* removed, or lifted */
    uint64_t stuck;
};

static void note_stuck(struct removal *self, struct look *look, const char *name, int rc)
{
    look->stuck++;
    if (*self->why.text)
        return;
    if (rc == -EBUSY || rc == -EXDEV)
        err_set(&self->why, rc, "something is mounted at '%.100s' in one", name);
    else
        err_errno(&self->why, rc, "'%.100s' in one cannot be removed", name);
}

static int open_folder(int parent_fd, const char *name)
{
    struct open_how how = {
        .flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
    };
    long fd = syscall(SYS_openat2, parent_fd, name, &how, sizeof(how));

    if (fd < 0 && errno == EACCES && geteuid() != 0 &&
        fchmodat(parent_fd, name, TRASH_MODE, AT_SYMLINK_NOFOLLOW) == 0)
        fd = syscall(SYS_openat2, parent_fd, name, &how, sizeof(how));
    if (fd < 0)
        return -errno;
    if (geteuid() != 0)
        fchmod((int)fd, TRASH_MODE);
    return (int)fd;
}

static int64_t bytes_of(int fd, const char *name)
{
    struct stat info;

    if (fstatat(fd, name, &info, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0 || info.st_nlink > 1)
        return 0;
    return (int64_t)info.st_blocks * BLOCK_SIZE;
}

static int remove_file(struct removal *self, int fd, const char *name)
{
    int64_t bytes = bytes_of(fd, name);

    if (unlinkat(fd, name, 0) < 0)
        return -errno;
    self->bytes += bytes;
    return 0;
}

/* Of a folder of the trash. A mount shows by EBUSY, and is not looked into. */
static int remove_entry(struct removal *self, int fd, const struct dirent *entry)
{
    int rc = entry->d_type == DT_DIR ? -EISDIR : remove_file(self, fd, entry->d_name);

    if (rc != -EISDIR && rc != -EPERM)
        return rc == -ENOENT ? 0 : rc;
    if (unlinkat(fd, entry->d_name, AT_REMOVEDIR) == 0)
        return 0;
    if (errno == ENOTDIR) /* it is another thing by now, or may not be removed */
        return remove_file(self, fd, entry->d_name);
    return errno == ENOTEMPTY || errno == EEXIST ? lift(self, fd, entry->d_name) : -errno;
}

static bool is_dots(const char *name)
{
    return !strcmp(name, ".") || !strcmp(name, "..");
}

static void closedir_p(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

/* Takes the descriptor over. */
static int each_entry(struct removal *self, int fd,
                      int (*act)(struct removal *self, int fd, const struct dirent *entry),
                      struct look *look)
{
    CLEANUP(closedir_p) DIR *dir = fdopendir(fd);
    const struct dirent *entry;

    if (!dir) {
        int rc = -errno;

        close(fd);
        return rc;
    }
    while ((entry = readdir(dir))) {
        int rc;

        if (is_dots(entry->d_name))
            continue;
        rc = act(self, dirfd(dir), entry);
        if (rc < 0)
            note_stuck(self, look, entry->d_name, rc);
        else
            look->moved++;
    }
    return 0;
}

/* Of the trash itself. 0: gone; 1: something in it has moved; -errno. */
static int remove_from_trash(struct removal *self, int trash_fd, const struct dirent *entry)
{
    struct look look = {0};
    int rc;

    if (entry->d_type != DT_DIR && unlinkat(trash_fd, entry->d_name, 0) == 0)
        return 0;
    rc = open_folder(trash_fd, entry->d_name);
    if (rc >= 0)
        rc = each_entry(self, rc, remove_entry, &look);
    if (rc < 0)
        return rc;
    if (unlinkat(trash_fd, entry->d_name, AT_REMOVEDIR) == 0)
        return 0;
    if (look.moved)
        return 1;
    return look.stuck ? -ENOTEMPTY : -errno;
}

/* What is lifted while the trash is read may be seen in that reading or not: so until a reading moves nothing. */
void removal_empty(struct removal *self)
{
    /* A task of the same user may go on filling what it has open of it. */
    const int64_t until_us = clock_now().mono_us + EMPTY_MOST_US;
    struct look look;

    do {
        int fd = openat(self->trash_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        look = (struct look){0};
        self->why = (struct err){0};
        if (fd < 0 || each_entry(self, fd, remove_from_trash, &look) < 0)
            note_stuck(self, &look, "the trash", -errno);
    } while (look.moved && clock_now().mono_us < until_us);
    self->stuck = look.stuck + (look.moved > 0);
}
