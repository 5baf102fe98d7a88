#include "base/daemon.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/deadlines.h"
#include "base/mem.h"

/* --- the loop ----------------------------------------------------------------------------------- */

int daemon_watch(const struct daemon_loop *self, int fd, struct err *err)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    if (epoll_ctl(self->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        return err_errno(err, -errno, "epoll");
    return 0;
}

int daemon_loop_open(struct daemon_loop *self, int more, struct err *err)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    if (more)
        sigaddset(&signals, more);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
        return err_errno(err, -errno, "sigprocmask");
    self->signal_fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    self->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (self->signal_fd < 0 || self->epoll_fd < 0)
        return err_errno(err, -errno, "signalfd or epoll");
    return daemon_watch(self, self->signal_fd, err);
}

void daemon_loop_close(struct daemon_loop *self)
{
    close_fd(&self->signal_fd);
    close_fd(&self->epoll_fd);
}

int daemon_wait_ms(int64_t at_us)
{
    int64_t left_us;

    if (at_us == DEADLINE_NEVER)
        return -1;
    left_us = at_us - clock_now().mono_us;
    if (left_us <= 0)
        return 0;
    return left_us / US_PER_MS < INT_MAX ? (int)(left_us / US_PER_MS) + 1 : INT_MAX;
}

/* --- addresses ---------------------------------------------------------------------------------- */

void daemon_print_address(char ret_text[DAEMON_ADDRESS_MAX], const char *ip, uint16_t port)
{
    snprintf(ret_text, DAEMON_ADDRESS_MAX, strchr(ip, ':') ? "[%s]:%u" : "%s:%u", ip, port);
}

static bool is_numeric(const char *address)
{
    struct in6_addr any;

    return inet_pton(AF_INET, address, &any) == 1 || inet_pton(AF_INET6, address, &any) == 1;
}

static bool is_wildcard(const char *address)
{
    return !strcmp(address, "0.0.0.0") || !strcmp(address, "::");
}

int daemon_check_addresses(const char *address, const char *advertise, struct err *err)
{
    if (!is_numeric(address))
        return err_set(err, -EINVAL, "--address %s: expected a numeric address such as 10.0.0.1",
                       address);
    if (*advertise && !is_numeric(advertise))
        return err_set(err, -EINVAL,
                       "--advertise-address %s: expected a numeric address such as 10.0.0.1",
                       advertise);
    if (!*advertise && is_wildcard(address))
        return err_set(err, -EINVAL,
                       "--address %s: nobody can connect to that; say with --advertise-address "
                       "which address others are to use",
                       address);
    return 0;
}

/* --- that it works ------------------------------------------------------------------------------ */

int daemon_tell_ready(int fd, const char *lines, struct err *err)
{
    CLEANUP(close_fd) int owned = fd;
    CLEANUP(free_p) char *text = mem_printf("READY\n%s\n", lines);
    size_t size = strlen(text);

    if (fd < 0)
        return 0;
    /* Short enough for one write, even into a pipe that is nearly full. */
    if (write(owned, text, size) != (ssize_t)size)
        return err_errno(err, -errno, "--ready-fd %d", fd);
    return 0;
}

int daemon_tell_systemd(const char *state, struct err *err)
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
