/* Opening the port, with advice for whoever cannot have it. */
#include "base/http_listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"

#define BACKLOG 128

union socket_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static int parse_address(const char *text, uint16_t port, union socket_address *ret_address,
                         struct err *err)
{
    union socket_address address = {0};

    if (inet_pton(AF_INET, text, &address.v4.sin_addr) == 1) {
        address.v4.sin_family = AF_INET;
        address.v4.sin_port = htons(port);
    } else if (inet_pton(AF_INET6, text, &address.v6.sin6_addr) == 1) {
        address.v6.sin6_family = AF_INET6;
        address.v6.sin6_port = htons(port);
    } else {
        return err_set(err, -EINVAL,
                       "\"%.64s\" is not a numeric address; 127.0.0.1, 0.0.0.0 or ::1 would be",
                       text);
    }
    *ret_address = address;
    return 0;
}

void http_print_peer(int fd, char *ret_text, size_t size)
{
    union socket_address address = {0};
    socklen_t length = sizeof(address);
    char host[INET6_ADDRSTRLEN];

    snprintf(ret_text, size, "somebody");
    if (getpeername(fd, &address.any, &length) < 0)
        return;
    if (address.any.sa_family == AF_INET &&
        inet_ntop(AF_INET, &address.v4.sin_addr, host, sizeof(host)))
        snprintf(ret_text, size, "%s:%u", host, ntohs(address.v4.sin_port));
    if (address.any.sa_family == AF_INET6 &&
        inet_ntop(AF_INET6, &address.v6.sin6_addr, host, sizeof(host)))
        snprintf(ret_text, size, "[%s]:%u", host, ntohs(address.v6.sin6_port));
}

static const char *advice(int code)
{
    switch (code) {
    case -EADDRINUSE:
        return "; another process listens there (ss -ltnp shows which): stop it or choose another "
               "port";
    case -EACCES:
        return "; ports below 1024 are root's: choose a higher one";
    case -EADDRNOTAVAIL:
        return "; this machine has no such address (ip addr shows those it has)";
    default:
        return "";
    }
}

static socklen_t size_of(const union socket_address *address)
{
    return address->any.sa_family == AF_INET ? sizeof(address->v4) : sizeof(address->v6);
}

static int bind_and_listen(int fd, const union socket_address *address)
{
    int on = 1;

    /* Else a restarted daemon could not listen while connections of its predecessor linger. */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        bind(fd, &address->any, size_of(address)) < 0 || listen(fd, BACKLOG) < 0)
        return -errno;
    return 0;
}

int http_listen(const char *address_text, uint16_t port, struct err *err)
{
    union socket_address address;
    CLEANUP(close_fd) int fd = -1;
    int rc = parse_address(address_text, port, &address, err);

    if (rc < 0)
        return rc;
    fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    rc = fd < 0 ? -errno : bind_and_listen(fd, &address);
    if (rc < 0) {
        bool is_v6 = address.any.sa_family == AF_INET6;

        return err_set(err, rc, "cannot listen on %s%s%s:%u: %s%s", is_v6 ? "[" : "", address_text,
                       is_v6 ? "]" : "", port, strerror(-rc), advice(rc));
    }
    return TAKE_FD(fd);
}

uint16_t http_listen_port(int fd)
{
    union socket_address address = {0};
    socklen_t size = sizeof(address);

    if (getsockname(fd, &address.any, &size) < 0)
        return 0;
    return ntohs(address.any.sa_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
}
