#include "master/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"

int notify_ready_fd(int fd, const char *link_address, const char *http_address, struct err *err)
{
    CLEANUP(close_fd) int owned = fd ? fd : -1;
    CLEANUP(buf_fini) struct buf text = {0};

    if (!fd)
        return 0;
    buf_printf(&text, "READY\n%s\n%s\n", link_address, http_address);
    if (write(owned, text.data, text.size) != (ssize_t)text.size)
        return err_errno(err, -errno, "--ready-fd %d", fd);
    return 0;
}

/* The protocol of sd_notify(3), so as not to need libsystemd for one datagram. */
void notify_systemd(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = path ? strlen(path) : 0;
    CLEANUP(close_fd) int fd = -1;

    if (size < 2 || size > sizeof(address.sun_path) || (path[0] != '/' && path[0] != '@'))
        return;
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    memcpy(address.sun_path, path, size);
    if (path[0] == '@') /* the abstract namespace */
        address.sun_path[0] = '\0';
    (void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT,
                  (struct sockaddr *)&address,
                  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size));
}
