/* agent/launcher/helpers.h - processes of the launcher that are no shims: for what would block it.
 *
 * A helper is forked, does one thing, and ends; it dies with the launcher. Between the two is a socket
 * that keeps the bounds of what is written (SOCK_SEQPACKET). What it may do to the launcher is what
 * `on_readable` makes of its packets.
 */
#ifndef PROFFER_AGENT_LAUNCHER_HELPERS_H
#define PROFFER_AGENT_LAUNCHER_HELPERS_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/table.h"

struct launcher;

/* Part of its owner, who sets the callbacks; both are called in the launcher's loop. */
struct helper {
    pid_t pid; /* 0: none */
    int fd;    /* owned: our end */
    void (*on_readable)(struct launcher *launcher, struct helper *helper);
    /* It has ended, and everything that it wrote was offered to on_readable; pid and fd are 0 and -1. */
    void (*on_ended)(struct launcher *launcher, struct helper *helper, int status);
    UT_hash_handle hh; /* launcher->helpers, by pid */
};

struct helpers {
    struct helper *by_pid; /* borrowed */
    int epoll_fd;          /* owned; readable when one of them has something to say */
};

int helpers_init(struct helpers *self, struct err *err);
/* Those that still live are killed. */
void helpers_fini(struct helpers *self);
/* In a process that was forked: closes our ends. */
void helpers_leave(const struct helpers *self);
/* Forks. In the child: all descriptors but `fd` and 0 to 2 are closed, or with `keeps_all` those of
 * launcher_leave; the signal that ends it with its parent is set; then `run`, whose value is its exit status. */
int helper_start(struct launcher *launcher, struct helper *helper, bool keeps_all,
                 int (*run)(void *arg, int fd), void *arg, struct err *err);
/* At once; on_ended is called later. */
void helper_kill(const struct helper *helper);
/* True: that process was a helper, and its owner has been told. */
bool helpers_reap(struct launcher *launcher, pid_t pid, int status);
bool helpers_have(const struct helpers *self, pid_t pid);
void helpers_read(struct launcher *launcher);

#endif
