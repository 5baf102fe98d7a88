#include "agent/ready.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/mem.h"

int ready_tell_fd(int fd, const char *address, struct err *err)
{
    CLEANUP(close_fd) int owned = fd;
    CLEANUP(free_p) char *text = mem_printf("READY\n%s\n", address);
    size_t size = strlen(text);

    if (fd < 0)
        return 0;
    /* Short enough for one write, even into a pipe that is nearly full. */
    if (write(owned, text, size) != (ssize_t)size)
        return err_errno(err, -errno, "--ready-fd %d", fd);
    return 0;
}

int ready_tell_systemd(const char *state, struct err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = getenv("NOTIFY_SOCKET");
    CLEANUP(close_fd) int fd = -1;
    socklen_t size;

    if (!path || !*path)
        return 0;
    if (strlen(path) >= sizeof(address.sun_path))
        return err_set(err, -EINVAL, "NOTIFY_SOCKET is longer than a socket's path can be");
    memcpy(address.sun_path, path, strlen(path));
    if (*path == '@') /* an abstract one: its name begins with a NUL */
        address.sun_path[0] = '\0';
    size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT,
                         (const struct sockaddr *)&address, size) < 0)
        return err_errno(err, -errno, "systemd's socket %s", path);
    return 0;
}
