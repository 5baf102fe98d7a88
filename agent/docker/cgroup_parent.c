#include "agent/docker/cgroup_parent.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mem.h"

#define MOUNTS "/sys/fs/cgroup"

/* From the inside out; the first level that is in use ends it. */
static void remove_levels(int mount_fd, const char *path)
{
    CLEANUP(free_p) char *level = mem_strdup(path);
    char *slash;

    do {
        if (unlinkat(mount_fd, level, AT_REMOVEDIR) < 0)
            return;
        slash = strrchr(level, '/');
        if (slash)
            *slash = '\0';
    } while (slash);
}

void cgroup_parent_remove(const char *path)
{
    DIR *stream = opendir(MOUNTS);
    const struct dirent *entry;

    if (!stream)
        return;
    remove_levels(dirfd(stream), path); /* v2 */
    while ((entry = readdir(stream))) {
        CLEANUP(close_fd) int fd = -1;

        if (entry->d_name[0] == '.')
            continue;
        fd = openat(dirfd(stream), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0)
            remove_levels(fd, path);
    }
    closedir(stream);
}
