/* isolators/listeners.h - who listens on this host: TCP sockets that do, UDP sockets that are bound and not connected.
 *
 * By sock_diag netlink (sock_diag(7)), in the network namespace of the launcher. The kernel tells of each socket the
 * cgroup on the cgroup2 mount that made it (INET_DIAG_CGROUP_ID, Linux 5.8), else only its inode.
 */
#ifndef PROFFER_ISOLATORS_LISTENERS_H
#define PROFFER_ISOLATORS_LISTENERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct listener {
    uint64_t cgroup_id; /* 0: not told */
    uint32_t inode;
    uint16_t port;
    bool is_udp;
};

struct listeners {
    struct listener *items; /* owned */
    size_t count;
    size_t capacity;
};

/* Replaces what was there. -errno: nothing is known then. UDP ports of the kernel's own choice (ip_local_port_range) are
 * left out: an ordinary client that asks a name server has one. */
int listeners_read(struct listeners *self, bool with_udp, struct err *err);
void listeners_fini(struct listeners *self);

#endif
