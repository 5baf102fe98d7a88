#include "isolators/cgfs.h"

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

#include "base/cleanup.h"

#define PATH_SIZE (CGFS_NAME_MAX + 64)
/* A task may nest groups in its own as deep as the kernel lets it; we do not follow it for ever. */
#define DEPTH_MAX 32

static int open_file(struct cgfs group, const char *file, int flags)
{
    char path[PATH_SIZE];
    int size = snprintf(path, sizeof(path), "%s/%s", group.name, file);
    int fd;

    if (size < 0 || (size_t)size >= sizeof(path))
        return -ENAMETOOLONG;
    fd = openat(group.dir, path, flags | O_CLOEXEC | O_NOFOLLOW);
    return fd < 0 ? -errno : fd;
}

int cgfs_write(struct cgfs group, const char *file, const char *value)
{
    size_t size = strlen(value);
    CLEANUP(close_fd) int fd = open_file(group, file, O_WRONLY);
    ssize_t written;

    if (fd < 0)
        return fd;
    written = write(fd, value, size);
    if (written < 0)
        return -errno;
    return (size_t)written == size ? 0 : -EIO;
}

int cgfs_write_int(struct cgfs group, const char *file, int64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRId64, value);
    return cgfs_write(group, file, text);
}

ssize_t cgfs_read(struct cgfs group, const char *file, char *ret_text, size_t size)
{
    CLEANUP(close_fd) int fd = open_file(group, file, O_RDONLY);
    ssize_t got;

    if (fd < 0)
        return fd;
    got = read(fd, ret_text, size - 1);
    if (got < 0)
        return -errno;
    ret_text[got] = '\0';
    return got;
}

static int parse_int(const char *text, int64_t *ret_value)
{
    unsigned long long value;
    char *end;

    if (strncmp(text, "max", 3) == 0) {
        *ret_value = CGFS_UNLIMITED;
        return 0;
    }
    errno = 0;
    value = strtoull(text, &end, 10);
    if (end == text || errno || *text == '-')
        return -EINVAL;
    *ret_value = value > INT64_MAX ? CGFS_UNLIMITED : (int64_t)value;
    return 0;
}

int cgfs_read_int(struct cgfs group, const char *file, int64_t *ret_value)
{
    char text[32];
    ssize_t size = cgfs_read(group, file, text, sizeof(text));

    return size < 0 ? (int)size : parse_int(text, ret_value);
}

bool cgfs_has(struct cgfs group, const char *file)
{
    char path[PATH_SIZE];
    int size = snprintf(path, sizeof(path), "%s/%s", group.name, file);

    return size > 0 && (size_t)size < sizeof(path) && faccessat(group.dir, path, F_OK, 0) == 0;
}

static int match_line(const char *line, const struct cgfs_key *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t size = strlen(keys[i].key);

        if (strncmp(line, keys[i].key, size) == 0 && line[size] == ' ')
            return parse_int(line + size + 1, keys[i].ret_value) == 0;
    }
    return 0;
}

int cgfs_read_keys(struct cgfs group, const char *file, const struct cgfs_key *keys, size_t count)
{
    char text[CGFS_VALUE_MAX];
    ssize_t size = cgfs_read(group, file, text, sizeof(text));
    int found = 0;

    if (size < 0)
        return (int)size;
    for (const char *line = text; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        found += match_line(line, keys, count);
    }
    return found;
}

int cgfs_make(struct cgfs group)
{
    return mkdirat(group.dir, group.name, 0755) < 0 ? -errno : 0;
}

static int open_group(struct cgfs group)
{
    int fd = openat(group.dir, group.name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

    return fd < 0 ? -errno : fd;
}

/* Groups are all the directories that there are in a cgroup file system; d_type is always set
 * there, and on the file systems that tests use. */
static int each_in(DIR *stream, int (*each)(void *owner, struct cgfs group), void *owner)
{
    const struct dirent *entry;
    int rc = 0;

    while (!rc && (entry = readdir(stream)))
        if (entry->d_type == DT_DIR && strcmp(entry->d_name, ".") != 0 &&
            strcmp(entry->d_name, "..") != 0)
            rc = each(owner, (struct cgfs){dirfd(stream), entry->d_name});
    return rc;
}

int cgfs_each(int dir, int (*each)(void *owner, struct cgfs group), void *owner)
{
    int fd = open_group((struct cgfs){dir, "."});
    DIR *stream;
    int rc;

    if (fd < 0)
        return fd;
    stream = fdopendir(fd);
    if (!stream) {
        rc = -errno;
        close(fd);
        return rc;
    }
    rc = each_in(stream, each, owner);
    closedir(stream);
    return rc;
}

/* --- removal ------------------------------------------------------------------------------------
 */

static int remove_tree(struct cgfs group, int depth);

static int remove_inner(void *owner, struct cgfs group)
{
    return remove_tree(group, *(const int *)owner + 1);
}

static int remove_tree(struct cgfs group, int depth)
{
    CLEANUP(close_fd) int fd = -1;
    int rc;

    if (unlinkat(group.dir, group.name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return 0;
    if ((errno != EBUSY && errno != ENOTEMPTY) || depth >= DEPTH_MAX)
        return -errno;
    fd = open_group(group);
    if (fd < 0)
        return fd;
    rc = cgfs_each(fd, remove_inner, &depth);
    if (rc < 0)
        return rc;
    return unlinkat(group.dir, group.name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

int cgfs_remove(struct cgfs group)
{
    return remove_tree(group, 0);
}

/* --- processes ----------------------------------------------------------------------------------
 */

struct walk {
    void (*each)(void *owner, pid_t pid);
    void *owner;
    int depth;
    int processes;
};

static int walk_members(int dir, struct walk *walk)
{
    int fd = open_file((struct cgfs){dir, "."}, "cgroup.procs", O_RDONLY);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
    int pid;

    if (!file)
        return fd < 0 ? fd : -ENOMEM;
    while (fscanf(file, "%d", &pid) == 1) {
        walk->processes++;
        if (pid > 0)
            walk->each(walk->owner, pid);
    }
    fclose(file);
    return 0;
}

static int walk_group(void *owner, struct cgfs group)
{
    struct walk *walk = owner;
    CLEANUP(close_fd) int dir = open_group(group);
    int rc;

    if (dir < 0)
        return dir;
    rc = walk_members(dir, walk);
    if (rc < 0 || walk->depth >= DEPTH_MAX)
        return rc;
    walk->depth++;
    rc = cgfs_each(dir, walk_group, walk);
    walk->depth--;
    return rc;
}

int cgfs_each_process(struct cgfs group, void (*each)(void *owner, pid_t pid), void *owner)
{
    struct walk walk = {.each = each, .owner = owner};
    int rc = walk_group(&walk, group);

    return rc < 0 ? rc : walk.processes;
}

static void signal_one(void *owner, pid_t pid)
{
    kill(pid, *(const int *)owner);
}

int cgfs_signal(struct cgfs group, int signal)
{
    return cgfs_each_process(group, signal_one, &signal);
}

static void wait_for_one(void *owner, pid_t pid)
{
    CLEANUP(close_fd) int fd = (int)syscall(SYS_pidfd_open, pid, 0);

    if (fd >= 0)
        poll(&(struct pollfd){fd, POLLIN, 0}, 1, *(const int *)owner);
}

int cgfs_wait(struct cgfs group, int timeout_ms)
{
    return cgfs_each_process(group, wait_for_one, &timeout_ms);
}

static void count_one(void *owner, pid_t pid)
{
    (void)owner;
    (void)pid;
}

int cgfs_count_processes(struct cgfs group)
{
    return cgfs_each_process(group, count_one, NULL);
}
