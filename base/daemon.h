/* base/daemon.h - what every daemon's shell needs around its loop: signals as a descriptor, an epoll that
 * watches, how long to wait, and telling whoever started it that it works now. For the main thread.
 */
#ifndef PROFFER_BASE_DAEMON_H
#define PROFFER_BASE_DAEMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define DAEMON_ADDRESS_MAX 80 /* bytes of "ip:port" */

/* A daemon's two descriptors, both owned. */
struct daemon_loop {
    int epoll_fd;
    int signal_fd; /* SIGTERM, SIGINT and the one wanted beside them */
};

#define DAEMON_LOOP                                                                                \
    {                                                                                              \
        -1, -1                                                                                     \
    }

/* Before any thread, so that each inherits the mask and only the loop sees the signals. `more`: one
 * more signal, or 0. SIGPIPE is ignored, and SIGXFSZ: a file that may not grow is an error like a full
 * disk. What is half open is the caller's to close. */
int daemon_loop_open(struct daemon_loop *self, int more, struct err *err);
int daemon_watch(const struct daemon_loop *self, int fd, struct err *err);
/* Takes one that was never opened. */
void daemon_loop_close(struct daemon_loop *self);

/* For epoll_wait: until the monotonic `at_us` (DEADLINE_NEVER: -1), rounded up. */
int daemon_wait_ms(int64_t at_us);

/* "10.0.0.1:5050", "[::1]:5050" */
void daemon_print_address(char ret_text[DAEMON_ADDRESS_MAX], const char *ip, uint16_t port);
/* --address and --advertise-address ("": not given), as people may say them. -EINVAL with advice. */
int daemon_check_addresses(const char *address, const char *advertise, struct err *err);

/* "READY\n" and the text (lines) to `fd`, which is closed then; negative: nobody waits. */
int daemon_tell_ready(int fd, const char *lines, struct err *err);
/* sd_notify(3), without its library: `state` as "READY=1". 0 when systemd did not ask to be told. */
int daemon_tell_systemd(const char *state, struct err *err);

#endif
