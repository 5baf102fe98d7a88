#include "agent/launcher/records.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/shim/record.h"
#include "agent/shim/shim.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define DIR_MODE     0700
#define DOOR_NAME    ".launcher"
#define SPARE_PREFIX "spare."
/* An earlier launcher ends as soon as it sees that its agent is gone. */
#define END_TIMEOUT_MS 3000

void records_init(struct records *self)
{
    *self = (struct records){.dir = -1, .notes_read_fd = -1, .notes_write_fd = -1};
}

/* --- names -------------------------------------------------------------------------------------- */

static bool is_record(const char *name)
{
    size_t size = strlen(name), suffix = strlen(RECORD_SUFFIX);

    return size > suffix && strcmp(name + size - suffix, RECORD_SUFFIX) == 0;
}

/* By the end of the name, too: an id may begin with anything. */
static bool is_spare(const char *name)
{
    return strncmp(name, SPARE_PREFIX, strlen(SPARE_PREFIX)) == 0 && !is_record(name);
}

/* Not by the shared descriptor, whose position every reader would move. */
static DIR *open_stream(const struct records *self)
{
    int fd = openat(self->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);

    if (fd >= 0 && !stream)
        close(fd);
    return stream;
}

static void remove_if(const struct records *self, bool (*is_wanted)(const char *name))
{
    DIR *stream = open_stream(self);
    const struct dirent *entry;

    while (stream && (entry = readdir(stream)))
        if (is_wanted(entry->d_name))
            unlinkat(self->dir, entry->d_name, 0);
    if (stream)
        closedir(stream);
}

/* --- who rules ---------------------------------------------------------------------------------- */

/* 0: nobody else; else the process that does; -ESRCH: one that cannot be seen from here. */
static pid_t find_ruler(const struct records *self)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    if (fcntl(self->notes_read_fd, F_GETLK, &lock) < 0)
        return -errno;
    if (lock.l_type == F_UNLCK)
        return 0;
    return lock.l_pid > 0 ? lock.l_pid : -ESRCH;
}

static void wait_for_ruler(const struct records *self, pid_t pid, const char *path,
                           int64_t *deadline_us)
{
    CLEANUP(close_fd) int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    int64_t left_us = *deadline_us - clock_now().mono_us;

    if (fd < 0 || find_ruler(self) != pid)
        return; /* it has just ended */
    if (left_us > 0) {
        poll(&(struct pollfd){fd, POLLIN, 0}, 1, (int)(left_us / US_PER_MS) + 1);
        return;
    }
    log_warning("the launcher of an earlier agent, pid %d, has not left %s: it is killed", pid,
                path);
    syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
    poll(&(struct pollfd){fd, POLLIN, 0}, 1, END_TIMEOUT_MS);
    *deadline_us = INT64_MIN;
}

static struct flock lock_of(off_t byte)
{
    return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
}

static int take_over(const struct records *self, const char *path, struct err *err)
{
    const struct flock lock = lock_of(SHIM_LOCK_OF_ALL), own = lock_of(SHIM_LOCK_OF(getpid()));
    int64_t deadline_us = clock_now().mono_us + (int64_t)END_TIMEOUT_MS * US_PER_MS;
    pid_t pid;

    while (fcntl(self->notes_read_fd, F_SETLK, &lock) < 0) {
        if (errno != EAGAIN && errno != EACCES)
            return err_errno(err, -errno, "cannot lock %s/" DOOR_NAME, path);
        pid = find_ruler(self);
        if (pid < 0)
            return err_errno(err, pid, "another launcher works in %s, and cannot be found", path);
        if (pid > 0 && deadline_us == INT64_MIN)
            return err_set(err, -EBUSY, "another launcher, pid %d, works in %s", pid, path);
        if (pid > 0)
            wait_for_ruler(self, pid, path, &deadline_us);
    }
    return fcntl(self->notes_read_fd, F_SETLK, &own) < 0
               ? err_errno(err, -errno, "cannot lock %s/" DOOR_NAME, path)
               : 0;
}

static int open_door(struct records *self, const char *path, struct err *err)
{
    struct stat info;

    if (mkfifoat(self->dir, DOOR_NAME, 0600) < 0 && errno != EEXIST)
        return err_errno(err, -errno, "cannot make %s/" DOOR_NAME, path);
    self->notes_read_fd =
        openat(self->dir, DOOR_NAME, O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    if (self->notes_read_fd < 0 || fstat(self->notes_read_fd, &info) < 0)
        return err_errno(err, -errno, "cannot open %s/" DOOR_NAME, path);
    if (!S_ISFIFO(info.st_mode))
        return err_set(err, -EEXIST, "%s/" DOOR_NAME " is no FIFO: remove it", path);
    self->notes_write_fd =
        openat(self->dir, DOOR_NAME, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    if (self->notes_write_fd < 0)
        return err_errno(err, -errno, "cannot open %s/" DOOR_NAME, path);
    return take_over(self, path, err);
}

/* They speak of shims that may be dead, and whose numbers others may have by now. */
static void drop_notes(const struct records *self)
{
    char old[4096];

    while (read(self->notes_read_fd, old, sizeof(old)) > 0)
        ;
}

int records_open(struct records *self, const char *path, struct err *err)
{
    int rc;

    if (mkdir(path, DIR_MODE) < 0 && errno != EEXIST)
        return err_errno(err, -errno, "cannot make %s", path);
    self->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (self->dir < 0)
        return err_errno(err, -errno, "cannot open %s", path);
    rc = open_door(self, path, err);
    if (rc < 0)
        return rc;
    drop_notes(self);
    remove_if(self, is_spare);
    return 0;
}

void records_fini(struct records *self)
{
    free(self->free);
    close_fd(&self->notes_write_fd);
    close_fd(&self->notes_read_fd);
    close_fd(&self->dir);
    records_init(self);
}

void records_clear(const struct records *self)
{
    if (self->dir < 0)
        return;
    remove_if(self, is_record);
    remove_if(self, is_spare);
}

/* --- one ---------------------------------------------------------------------------------------- */

static void spare_name(uint64_t number, char ret_name[RECORD_SPARE_MAX])
{
    snprintf(ret_name, RECORD_SPARE_MAX, SPARE_PREFIX "%d.%" PRIu64, getpid(), number);
}

void records_spare(const struct records *self, char ret_name[RECORD_SPARE_MAX])
{
    spare_name(self->free_count ? self->free[self->free_count - 1] : self->made, ret_name);
}

void records_take(struct records *self)
{
    if (self->free_count)
        self->free_count--;
    else
        self->made++;
}

void records_give(struct records *self, const char *id)
{
    char record[RECORD_NAME_MAX + 1], spare[RECORD_SPARE_MAX];

    record_name(id, record);
    spare_name(self->made, spare);
    if (renameat(self->dir, record, self->dir, spare) < 0)
        return;
    if (self->free_count == self->free_capacity) {
        self->free_capacity = self->free_capacity ? 2 * self->free_capacity : 16;
        self->free = mem_resize(self->free, self->free_capacity, sizeof(self->free[0]));
    }
    self->free[self->free_count++] = self->made++;
}

/* --- all ---------------------------------------------------------------------------------------- */

int records_each(const struct records *self, void (*each)(void *owner, const char *id), void *owner)
{
    DIR *stream = open_stream(self);
    const struct dirent *entry;

    if (!stream)
        return -errno;
    while ((entry = readdir(stream))) {
        char id[RECORD_NAME_MAX + 1];

        if (!is_record(entry->d_name))
            continue;
        snprintf(id, sizeof(id), "%.*s", (int)(strlen(entry->d_name) - strlen(RECORD_SUFFIX)),
                 entry->d_name);
        each(owner, id);
    }
    closedir(stream);
    return 0;
}
