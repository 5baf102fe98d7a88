#include "agent/work_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/units.h"

#define LOCK_NAME "agent.lock"
#define PORT_NAME "agent.port"
#define PORT_MAX  8  /* bytes of a port as text */
#define PID_MAX   32 /* bytes of a pid as text */

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

static int make_folder(const char *path, mode_t mode, struct err *err)
{
    if (mkdir(path, mode) < 0 && errno != EEXIST)
        return err_errno(err, -errno, "cannot make the folder %s", path);
    return 0;
}

static int make_root(const char *path, char **ret_path, struct err *err)
{
    CLEANUP(free_p) char *copy = mem_strdup(path);
    int rc;

    if (!*path)
        return err_set(err, -EINVAL, "the work folder's name is empty: say --work-dir DIR");
    rc = make_parents(copy);
    if (rc == 0 && mkdir(path, 0755) < 0 && errno != EEXIST)
        rc = -errno;
    if (rc < 0)
        return err_errno(
            err, rc, "cannot make the work folder %s (say --work-dir DIR for another one)", path);
    *ret_path = realpath(path, NULL);
    return *ret_path ? 0 : err_errno(err, -errno, "work folder %s", path);
}

static int say_holder(const char *path, int fd, struct err *err)
{
    char pid[PID_MAX] = {0};
    ssize_t size = pread(fd, pid, sizeof(pid) - 1, 0);

    pid[size > 0 ? strcspn(pid, "\n") : 0] = '\0';
    return err_set(err, -EBUSY,
                   "work folder %s is in use by another agent, pid %s: stop that one, or give this "
                   "one a folder of its own by --work-dir",
                   path, *pid ? pid : "unknown");
}

static int lock(const char *path, int *ret_fd, struct err *err)
{
    CLEANUP(free_p) char *name = mem_printf("%s/%s", path, LOCK_NAME);
    CLEANUP(close_fd) int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    char pid[PID_MAX];
    int size;

    if (fd < 0)
        return err_errno(err, -errno, "cannot open %s", name);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? say_holder(path, fd, err)
                                    : err_errno(err, -errno, "cannot lock %s", name);
    size = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
    if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, (size_t)size, 0) != size)
        return err_errno(err, -errno, "cannot write %s", name);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static int fill(struct work_dir *self, const char *path, struct err *err)
{
    CLEANUP(free_p) char *folder = NULL;
    struct stat info;
    int rc = make_root(path, &self->path, err);

    if (rc == 0)
        rc = lock(self->path, &self->lock_fd, err);
    if (rc < 0)
        return rc;
    self->sandboxes = mem_printf("%s/sandboxes", self->path);
    self->records = mem_printf("%s/records", self->path);
    self->volumes = mem_printf("%s/volumes", self->path);
    self->trash = mem_printf("%s/trash", self->path);
    self->checkpoint = mem_printf("%s/checkpoint/agent.db", self->path);
    folder = mem_printf("%s/checkpoint", self->path);
    if (stat(self->path, &info) < 0)
        return err_errno(err, -errno, "work folder %s", self->path);
    self->unique = mem_printf("agent-%llx-%llx", (unsigned long long)info.st_dev,
                              (unsigned long long)info.st_ino);
    rc = make_folder(self->sandboxes, 0755, err);
    if (rc == 0)
        rc = make_folder(self->records, 0700, err);
    if (rc == 0)
        rc = make_folder(self->volumes, 0755, err);
    if (rc == 0)
        rc = make_folder(self->trash, 0700, err);
    return rc < 0 ? rc : make_folder(folder, 0700, err);
}

int work_dir_open(const char *path, struct work_dir *ret_dir, struct err *err)
{
    struct work_dir self = {.lock_fd = -1};
    int rc = fill(&self, path, err);

    if (rc < 0) {
        work_dir_close(&self);
        return rc;
    }
    *ret_dir = self;
    return 0;
}

static int open_port_file(const struct work_dir *self, int flags)
{
    CLEANUP(free_p) char *name = mem_printf("%s/%s", self->path, PORT_NAME);

    return open(name, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
}

uint16_t work_dir_port(const struct work_dir *self)
{
    CLEANUP(close_fd) int fd = open_port_file(self, O_RDONLY);
    char text[PORT_MAX + 1] = {0};
    ssize_t size = fd < 0 ? -1 : read(fd, text, PORT_MAX);
    int64_t port;

    if (size <= 0 || text[size - 1] != '\n')
        return 0;
    text[size - 1] = '\0';
    return units_parse_int(text, 1, UINT16_MAX, &port, NULL) < 0 ? 0 : (uint16_t)port;
}

void work_dir_note_port(const struct work_dir *self, uint16_t port)
{
    CLEANUP(close_fd) int fd = open_port_file(self, O_WRONLY | O_CREAT | O_TRUNC);
    char text[PORT_MAX];
    int size = snprintf(text, sizeof(text), "%u\n", port);

    if (fd >= 0)
        (void)!write(fd, text, (size_t)size);
}

void work_dir_close(struct work_dir *self)
{
    close_fd(&self->lock_fd);
    free(self->path);
    free(self->sandboxes);
    free(self->records);
    free(self->volumes);
    free(self->trash);
    free(self->checkpoint);
    free(self->unique);
    *self = (struct work_dir){.lock_fd = -1};
}
