/* isolators/netlink.h - orders for the kernel by netlink: links, addresses, routes, nftables.
 *
 * Orders are put into one buffer and sent at once; the answer is waited for, which the kernel gives within the send. One
 * socket is of the network namespace in which it was opened, whoever uses it. Source: netlink(7), rtnetlink(7).
 */
#ifndef PROFFER_ISOLATORS_NETLINK_H
#define PROFFER_ISOLATORS_NETLINK_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define NETLINK_BYTES_MAX 16384

struct netlink {
    int fd; /* owned */
    uint32_t number;
    uint32_t orders; /* that are to be answered */
    size_t begin;    /* of the order at hand */
    size_t size;
    union {
        char bytes[NETLINK_BYTES_MAX];
        uint32_t align;
    };
};

int netlink_open(struct netlink *self, int protocol, struct err *err);
void netlink_close(struct netlink *self);

/* Begins an order: NLM_F_REQUEST and NLM_F_ACK are added, unless `flags` is negative (the bounds of a batch). `header` is
 * what follows the nlmsghdr. What does not fit is told by netlink_send. */
void netlink_begin(struct netlink *self, int type, int flags, const void *header, size_t size);
void netlink_put(struct netlink *self, int type, const void *data, size_t size);
void netlink_put_text(struct netlink *self, int type, const char *text); /* with its NUL */
void netlink_put_u32(struct netlink *self, int type, uint32_t value);
/* What is put until netlink_leave is inside of it. */
size_t netlink_enter(struct netlink *self, int type);
void netlink_leave(struct netlink *self, size_t nest);
/* All orders, in turn. 0, or -errno of the first that is refused. The buffer is empty then. */
int netlink_send(struct netlink *self, struct err *err);

#endif
