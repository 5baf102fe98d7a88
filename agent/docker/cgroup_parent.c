#include "agent/docker/cgroup_parent.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"

#define MOUNTS "/sys/fs/cgroup"

void cgroup_parent_remove(const char *path)
{
    DIR *stream = opendir(MOUNTS);
    const struct dirent *entry;

    if (!stream)
        return;
    unlinkat(dirfd(stream), path, AT_REMOVEDIR); /* v2 */
    while ((entry = readdir(stream))) {
        CLEANUP(close_fd) int fd = -1;

        if (entry->d_name[0] == '.')
            continue;
        fd = openat(dirfd(stream), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0)
            unlinkat(fd, path, AT_REMOVEDIR);
    }
    closedir(stream);
}
