#include "isolators/nat.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define MAP           "ports"
#define MAP_ID        1U
#define PRIORITY_DNAT (-100)
#define PRIORITY_SNAT 100
/* Of nft(8), for people who list it: inet_proto . inet_service, ipv4_addr . inet_service. */
#define TYPE_KEY  (12U << 6 | 13U)
#define TYPE_DATA (7U << 6 | 13U)

#define OFFSET_SADDR 12
#define OFFSET_DADDR 16
#define OFFSET_DPORT 2

/* --- orders -------------------------------------------------------------------------------------- */

static void begin(struct netlink *net, int type, int flags)
{
    const struct nfgenmsg info = {.nfgen_family = NFPROTO_IPV4, .version = NFNETLINK_V0};

    netlink_begin(net, NFNL_SUBSYS_NFTABLES << 8 | type, flags, &info, sizeof(info));
}

static void bound(struct netlink *net, int type)
{
    const struct nfgenmsg info = {.version = NFNETLINK_V0, .res_id = htons(NFNL_SUBSYS_NFTABLES)};

    netlink_begin(net, type, -1, &info, sizeof(info));
}

/* Of nftables, numbers are in network order. */
static void put_number(struct netlink *net, int type, uint32_t value)
{
    netlink_put_u32(net, type, htonl(value));
}

static void put_value(struct netlink *net, int type, const void *data, size_t size)
{
    size_t nest = netlink_enter(net, type);

    netlink_put(net, NFTA_DATA_VALUE, data, size);
    netlink_leave(net, nest);
}

/* --- expressions --------------------------------------------------------------------------------- */

struct expression {
    size_t element, data;
};

static struct expression enter(struct netlink *net, const char *name)
{
    struct expression self = {.element = netlink_enter(net, NFTA_LIST_ELEM)};

    netlink_put_text(net, NFTA_EXPR_NAME, name);
    self.data = netlink_enter(net, NFTA_EXPR_DATA);
    return self;
}

static void leave(struct netlink *net, struct expression self)
{
    netlink_leave(net, self.data);
    netlink_leave(net, self.element);
}

static void load_meta(struct netlink *net, uint32_t key, uint32_t to)
{
    struct expression self = enter(net, "meta");

    put_number(net, NFTA_META_KEY, key);
    put_number(net, NFTA_META_DREG, to);
    leave(net, self);
}

static void load_packet(struct netlink *net, uint32_t base, uint32_t offset, uint32_t size,
                        uint32_t to)
{
    struct expression self = enter(net, "payload");

    put_number(net, NFTA_PAYLOAD_DREG, to);
    put_number(net, NFTA_PAYLOAD_BASE, base);
    put_number(net, NFTA_PAYLOAD_OFFSET, offset);
    put_number(net, NFTA_PAYLOAD_LEN, size);
    leave(net, self);
}

static void compare(struct netlink *net, uint32_t how, const void *data, size_t size)
{
    struct expression self = enter(net, "cmp");

    put_number(net, NFTA_CMP_SREG, NFT_REG_1);
    put_number(net, NFTA_CMP_OP, how);
    put_value(net, NFTA_CMP_DATA, data, size);
    leave(net, self);
}

static void mask(struct netlink *net, uint32_t bits)
{
    const uint32_t nothing = 0;
    struct expression self = enter(net, "bitwise");

    put_number(net, NFTA_BITWISE_SREG, NFT_REG_1);
    put_number(net, NFTA_BITWISE_DREG, NFT_REG_1);
    put_number(net, NFTA_BITWISE_LEN, sizeof(bits));
    put_value(net, NFTA_BITWISE_MASK, &bits, sizeof(bits));
    put_value(net, NFTA_BITWISE_XOR, &nothing, sizeof(nothing));
    leave(net, self);
}

static void if_network(struct netlink *net, uint32_t offset, uint32_t how, uint32_t subnet,
                       int prefix)
{
    const uint32_t bits = htonl(prefix ? ~0U << (32 - prefix) : 0);
    const uint32_t value = htonl(subnet) & bits;

    load_packet(net, NFT_PAYLOAD_NETWORK_HEADER, offset, 4, NFT_REG_1);
    mask(net, bits);
    compare(net, how, &value, sizeof(value));
}

static void if_out(struct netlink *net, uint32_t how, const char *link)
{
    char name[IFNAMSIZ] = "";

    snprintf(name, sizeof(name), "%s", link);
    load_meta(net, NFT_META_OIFNAME, NFT_REG_1);
    compare(net, how, name, sizeof(name));
}

static void if_local(struct netlink *net)
{
    const uint32_t local = RTN_LOCAL;
    struct expression self = enter(net, "fib");

    put_number(net, NFTA_FIB_DREG, NFT_REG_1);
    put_number(net, NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
    put_number(net, NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
    leave(net, self);
    compare(net, NFT_CMP_EQ, &local, sizeof(local));
}

static void if_translated(struct netlink *net)
{
    const uint32_t nothing = 0;
    struct expression self = enter(net, "ct");

    put_number(net, NFTA_CT_KEY, NFT_CT_STATUS);
    put_number(net, NFTA_CT_DREG, NFT_REG_1);
    leave(net, self);
    mask(net, IPS_DST_NAT);
    compare(net, NFT_CMP_NEQ, &nothing, sizeof(nothing));
}

static void masquerade(struct netlink *net)
{
    leave(net, enter(net, "masq"));
}

static void translate_by_map(struct netlink *net)
{
    struct expression self;

    load_meta(net, NFT_META_L4PROTO, NFT_REG32_00);
    load_packet(net, NFT_PAYLOAD_TRANSPORT_HEADER, OFFSET_DPORT, 2, NFT_REG32_01);
    self = enter(net, "lookup");
    netlink_put_text(net, NFTA_LOOKUP_SET, MAP);
    put_number(net, NFTA_LOOKUP_SET_ID, MAP_ID);
    put_number(net, NFTA_LOOKUP_SREG, NFT_REG32_00);
    put_number(net, NFTA_LOOKUP_DREG, NFT_REG32_00);
    leave(net, self);
    self = enter(net, "nat");
    put_number(net, NFTA_NAT_TYPE, NFT_NAT_DNAT);
    put_number(net, NFTA_NAT_FAMILY, NFPROTO_IPV4);
    put_number(net, NFTA_NAT_REG_ADDR_MIN, NFT_REG32_00);
    put_number(net, NFTA_NAT_REG_PROTO_MIN, NFT_REG32_01);
    leave(net, self);
}

/* --- table, chains, rules ------------------------------------------------------------------------ */

static void put_table(struct netlink *net, int type, int flags, const char *table)
{
    begin(net, type, flags);
    netlink_put_text(net, NFTA_TABLE_NAME, table);
}

static void put_chain(struct netlink *net, const char *table, const char *chain, uint32_t hook,
                      int priority)
{
    size_t nest;

    begin(net, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
    netlink_put_text(net, NFTA_CHAIN_TABLE, table);
    netlink_put_text(net, NFTA_CHAIN_NAME, chain);
    nest = netlink_enter(net, NFTA_CHAIN_HOOK);
    put_number(net, NFTA_HOOK_HOOKNUM, hook);
    put_number(net, NFTA_HOOK_PRIORITY, (uint32_t)priority);
    netlink_leave(net, nest);
    netlink_put_text(net, NFTA_CHAIN_TYPE, "nat");
}

static void put_map(struct netlink *net, const char *table)
{
    begin(net, NFT_MSG_NEWSET, NLM_F_CREATE);
    netlink_put_text(net, NFTA_SET_TABLE, table);
    netlink_put_text(net, NFTA_SET_NAME, MAP);
    put_number(net, NFTA_SET_FLAGS, NFT_SET_MAP);
    put_number(net, NFTA_SET_KEY_TYPE, TYPE_KEY);
    put_number(net, NFTA_SET_KEY_LEN, 8);
    put_number(net, NFTA_SET_DATA_TYPE, TYPE_DATA);
    put_number(net, NFTA_SET_DATA_LEN, 8);
    put_number(net, NFTA_SET_ID, MAP_ID);
}

static size_t begin_rule(struct netlink *net, const char *table, const char *chain)
{
    begin(net, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
    netlink_put_text(net, NFTA_RULE_TABLE, table);
    netlink_put_text(net, NFTA_RULE_CHAIN, chain);
    return netlink_enter(net, NFTA_RULE_EXPRESSIONS);
}

static void put_rules(struct netlink *net, const struct nat_bridge *bridge)
{
    size_t rule = begin_rule(net, bridge->name, "dnat");

    if_local(net);
    translate_by_map(net);
    netlink_leave(net, rule);

    rule = begin_rule(net, bridge->name, "out");
    if_local(net);
    if_network(net, OFFSET_DADDR, NFT_CMP_NEQ, INADDR_LOOPBACK, 8); /* would not find back */
    translate_by_map(net);
    netlink_leave(net, rule);

    /* From one task to another by the host's address: the answer must come this way, too. */
    rule = begin_rule(net, bridge->name, "snat");
    if_network(net, OFFSET_SADDR, NFT_CMP_EQ, bridge->subnet, bridge->prefix);
    if_out(net, NFT_CMP_EQ, bridge->name);
    if_translated(net);
    masquerade(net);
    netlink_leave(net, rule);

    if (!bridge->is_masqueraded)
        return;
    rule = begin_rule(net, bridge->name, "snat");
    if_network(net, OFFSET_SADDR, NFT_CMP_EQ, bridge->subnet, bridge->prefix);
    if_out(net, NFT_CMP_NEQ, bridge->name);
    masquerade(net);
    netlink_leave(net, rule);
}

int nat_make(struct netlink *net, const struct nat_bridge *bridge, struct err *err)
{
    int rc;

    bound(net, NFNL_MSG_BATCH_BEGIN);
    put_table(net, NFT_MSG_NEWTABLE, NLM_F_CREATE,
              bridge->name); /* so that there is one to remove */
    put_table(net, NFT_MSG_DELTABLE, 0, bridge->name);
    put_table(net, NFT_MSG_NEWTABLE, NLM_F_CREATE, bridge->name);
    put_map(net, bridge->name);
    put_chain(net, bridge->name, "dnat", NF_INET_PRE_ROUTING, PRIORITY_DNAT);
    put_chain(net, bridge->name, "out", NF_INET_LOCAL_OUT, PRIORITY_DNAT);
    put_chain(net, bridge->name, "snat", NF_INET_POST_ROUTING, PRIORITY_SNAT);
    put_rules(net, bridge);
    bound(net, NFNL_MSG_BATCH_END);
    rc = netlink_send(net, err);
    return rc < 0 ? err_wrap(err, rc, "cannot make the nftables table %s", bridge->name) : 0;
}

int nat_remove(struct netlink *net, const char *bridge, struct err *err)
{
    int rc;

    bound(net, NFNL_MSG_BATCH_BEGIN);
    put_table(net, NFT_MSG_DELTABLE, 0, bridge);
    bound(net, NFNL_MSG_BATCH_END);
    rc = netlink_send(net, err);
    if (rc == -ENOENT)
        return 0;
    return rc < 0 ? err_wrap(err, rc, "cannot remove the nftables table %s", bridge) : 0;
}

/* --- mappings ------------------------------------------------------------------------------------ */

static int change_element(struct netlink *net, const char *table, int type, int flags,
                          const struct nat_mapping *mapping, struct err *err)
{
    const uint16_t host_port = htons(mapping->host_port), port = htons(mapping->port);
    const uint32_t address = htonl(mapping->address);
    char key[8] = {0}, data[8] = {0};
    size_t elements, element;

    key[0] = mapping->is_udp ? IPPROTO_UDP : IPPROTO_TCP;
    memcpy(key + 4, &host_port, sizeof(host_port));
    memcpy(data, &address, sizeof(address));
    memcpy(data + 4, &port, sizeof(port));
    bound(net, NFNL_MSG_BATCH_BEGIN);
    begin(net, type, flags);
    netlink_put_text(net, NFTA_SET_ELEM_LIST_TABLE, table);
    netlink_put_text(net, NFTA_SET_ELEM_LIST_SET, MAP);
    elements = netlink_enter(net, NFTA_SET_ELEM_LIST_ELEMENTS);
    element = netlink_enter(net, NFTA_LIST_ELEM);
    put_value(net, NFTA_SET_ELEM_KEY, key, sizeof(key));
    if (type == NFT_MSG_NEWSETELEM)
        put_value(net, NFTA_SET_ELEM_DATA, data, sizeof(data));
    netlink_leave(net, element);
    netlink_leave(net, elements);
    bound(net, NFNL_MSG_BATCH_END);
    return netlink_send(net, err);
}

int nat_map(struct netlink *net, const char *bridge, const struct nat_mapping *mapping,
            struct err *err)
{
    int rc =
        change_element(net, bridge, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL, mapping, err);

    if (rc == -EEXIST)
        return err_set(err, rc, "port %u of the host is mapped to another task",
                       mapping->host_port);
    return rc < 0 ? err_wrap(err, rc, "cannot map port %u", mapping->host_port) : 0;
}

int nat_unmap(struct netlink *net, const char *bridge, const struct nat_mapping *mapping,
              struct err *err)
{
    int rc = change_element(net, bridge, NFT_MSG_DELSETELEM, 0, mapping, err);

    return rc == -ENOENT ? 0 : rc;
}
