#include "agent/work_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/folder.h"
#include "base/mem.h"
#include "base/units.h"

#define LOCK_NAME "agent.lock"
#define PORT_NAME "agent.port"
#define PORT_MAX  8 /* bytes of a port as text */

static int make_folder(const char *path, mode_t mode, struct err *err)
{
    if (mkdir(path, mode) < 0 && errno != EEXIST)
        return err_errno(err, -errno, "cannot make the folder %s", path);
    return 0;
}

static int fill(struct work_dir *self, const char *path, struct err *err)
{
    CLEANUP(free_p) char *folder = NULL;
    struct stat info;
    int rc = folder_make(path, 0755, &self->path, err);

    if (rc == 0)
        rc = folder_lock(self->path, LOCK_NAME, "agent", &self->lock_fd, err);
    if (rc < 0)
        return rc;
    self->sandboxes = mem_printf("%s/sandboxes", self->path);
    self->records = mem_printf("%s/records", self->path);
    self->volumes = mem_printf("%s/volumes", self->path);
    self->trash = mem_printf("%s/trash", self->path);
    self->executors = mem_printf("%s/executors", self->path);
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
    if (rc == 0)
        rc = make_folder(self->executors, 0755, err);
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
    free(self->executors);
    free(self->checkpoint);
    free(self->unique);
    *self = (struct work_dir){.lock_fd = -1};
}
