/* isolators/links.h - bridges, veth pairs, addresses and routes, by rtnetlink.
 *
 * IPv4 addresses are in host order. Each works in the network namespace of the socket. -errno with a text. */
#ifndef PROFFER_ISOLATORS_LINKS_H
#define PROFFER_ISOLATORS_LINKS_H

#include <stdint.h>

#include "isolators/netlink.h"

/* Made if it is not there, with that address, and up. -EEXIST: something else has that name. */
int links_make_bridge(struct netlink *net, const char *name, uint32_t address, int prefix,
                      struct err *err);
/* One end here, in the bridge and up; the other is `eth0` of that namespace. */
int links_make_veth(struct netlink *net, const char *name, const char *bridge, int namespace_fd,
                    struct err *err);
/* 0 also when it is not there. */
int links_remove(struct netlink *net, const char *name, struct err *err);
/* In the other namespace: lo and eth0 up, its address, and the way out. */
int links_raise(struct netlink *inside, uint32_t address, int prefix, uint32_t gateway,
                struct err *err);

#endif
