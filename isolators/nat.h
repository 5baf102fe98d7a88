/* isolators/nat.h - address translation for a bridge, by nftables: one table of ours, named after the bridge.
 *
 *     chain dnat    (prerouting) and out (output): to an address of this host, and in the map: to the task
 *     chain snat    (postrouting): from the subnet to elsewhere: as this host
 *     map   ports   protocol . port : address . port      an element for each mapping
 *
 * Source: the kernel's include/uapi/linux/netfilter/nf_tables.h, nft(8). Addresses in host order.
 */
#ifndef PROFFER_ISOLATORS_NAT_H
#define PROFFER_ISOLATORS_NAT_H

#include <stdbool.h>
#include <stdint.h>

#include "isolators/netlink.h"

struct nat_bridge {
    const char *name;
    uint32_t subnet;
    int prefix;
    bool is_masqueraded;
};

struct nat_mapping {
    bool is_udp;
    uint16_t host_port;
    uint16_t port;
    uint32_t address;
};

/* Replaces what an earlier one has left. Netlink sockets here are of NETLINK_NETFILTER. */
int nat_make(struct netlink *net, const struct nat_bridge *bridge, struct err *err);
/* 0 also when there is none. */
int nat_remove(struct netlink *net, const char *bridge, struct err *err);
/* -EEXIST: another task has that port of the host. */
int nat_map(struct netlink *net, const char *bridge, const struct nat_mapping *mapping,
            struct err *err);
int nat_unmap(struct netlink *net, const char *bridge, const struct nat_mapping *mapping,
              struct err *err);

#endif
