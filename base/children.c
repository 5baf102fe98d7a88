#include "base/children.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

bool children_are_searched;

/* --- all ---------------------------------------------------------------------------------------- */

int processes_each(int proc_fd, void (*each)(void *owner, pid_t pid), void *owner)
{
    int fd = openat(proc_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    int count = 0;

    if (!dir) {
        int rc = -errno;

        close_fd(&fd);
        return rc;
    }
    while ((entry = readdir(dir))) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

        if (pid <= 0)
            continue;
        each(owner, pid);
        count++;
    }
    closedir(dir);
    return count;
}

pid_t process_self(int proc_fd)
{
    char text[16] = "";
    ssize_t size = readlinkat(proc_fd, "self", text, sizeof(text) - 1);

    return size > 0 ? (pid_t)strtol(text, NULL, 10) : 0;
}

pid_t process_parent(int proc_fd, pid_t pid)
{
    char path[32], text[512];
    CLEANUP(close_fd) int fd = -1;
    const char *behind;
    ssize_t size;
    int parent;

    snprintf(path, sizeof(path), "%d/stat", pid);
    fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
    size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (size <= 0)
        return 0;
    text[size] = '\0';
    behind = strrchr(text, ')'); /* the name before may have anything in it */
    return behind && sscanf(behind, ") %*c %d", &parent) == 1 ? parent : 0;
}

/* --- children ----------------------------------------------------------------------------------- */

struct search {
    int proc_fd;
    pid_t parent;
    void (*each)(void *owner, pid_t child);
    void *owner;
    int count;
};

static void look_at(void *owner, pid_t pid)
{
    struct search *self = owner;

    if (process_parent(self->proc_fd, pid) != self->parent)
        return;
    self->each(self->owner, pid);
    self->count++;
}

static int search(int proc_fd, pid_t parent, void (*each)(void *owner, pid_t child), void *owner)
{
    struct search self = {proc_fd, parent, each, owner, 0};
    int rc = processes_each(proc_fd, look_at, &self);

    return rc < 0 ? rc : self.count;
}

static int read_children(int fd, void (*each)(void *owner, pid_t child), void *owner)
{
    FILE *file = fdopen(fd, "re");
    int pid, count = 0;

    if (!file) {
        close_fd(&fd);
        return -ENOMEM;
    }
    for (; fscanf(file, "%d", &pid) == 1; count++)
        each(owner, pid);
    fclose(file);
    return count;
}

int children_each(int proc_fd, pid_t parent, void (*each)(void *owner, pid_t child), void *owner)
{
    char path[64];
    int fd;

    if (children_are_searched)
        return search(proc_fd, parent, each, owner);
    snprintf(path, sizeof(path), "%d/task/%d/children", parent, parent);
    fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        return read_children(fd, each, owner);
    if (errno != ENOENT && errno != ESRCH)
        return -errno;
    if (faccessat(proc_fd, "thread-self/children", F_OK, 0) == 0)
        return 0; /* the kernel has it: it is that process that is gone */
    return search(proc_fd, parent, each, owner);
}
