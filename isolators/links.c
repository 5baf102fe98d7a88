#include "isolators/links.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"

#define INSIDE "eth0"

/* By name: the number of a link is only known where one is. */
static void begin_link(struct netlink *net, int flags, int index, bool is_up)
{
    const struct ifinfomsg info = {
        .ifi_family = AF_UNSPEC,
        .ifi_index = index,
        .ifi_flags = is_up ? IFF_UP : 0,
        .ifi_change = is_up ? IFF_UP : 0,
    };

    netlink_begin(net, RTM_NEWLINK, flags, &info, sizeof(info));
}

static void put_kind(struct netlink *net, const char *kind, size_t *ret_nest)
{
    *ret_nest = netlink_enter(net, IFLA_LINKINFO);
    netlink_put_text(net, IFLA_INFO_KIND, kind);
}

static int raise_link(struct netlink *net, const char *name, struct err *err)
{
    int rc;

    begin_link(net, 0, 0, true);
    netlink_put_text(net, IFLA_IFNAME, name);
    rc = netlink_send(net, err);
    return rc < 0 ? err_wrap(err, rc, "cannot bring up %s", name) : 0;
}

/* The kernel wants numbers for addresses and routes: asked of the socket's own namespace. */
static int find_index(struct netlink *net, const char *name, struct err *err)
{
    struct {
        struct nlmsghdr header;
        struct ifinfomsg info;
        struct nlattr attribute;
        char name[IFNAMSIZ];
    } ask = {
        .header = {.nlmsg_len = sizeof(ask),
                   .nlmsg_type = RTM_GETLINK,
                   .nlmsg_flags = NLM_F_REQUEST,
                   .nlmsg_seq = ++net->number},
        .attribute = {.nla_len = sizeof(struct nlattr) + IFNAMSIZ, .nla_type = IFLA_IFNAME},
    };
    uint32_t data[4096];
    const struct nlmsghdr *answer = (const void *)data;
    ssize_t size;

    snprintf(ask.name, sizeof(ask.name), "%s", name);
    if (send(net->fd, &ask, sizeof(ask), 0) < 0)
        return err_errno(err, -errno, "netlink");
    size = recv(net->fd, data, sizeof(data), 0);
    if (size < (ssize_t)NLMSG_LENGTH(sizeof(int)))
        return err_errno(err, size < 0 ? -errno : -EPROTO, "netlink");
    if (answer->nlmsg_type == NLMSG_ERROR)
        return err_errno(err, ((const struct nlmsgerr *)NLMSG_DATA(answer))->error, "link %s",
                         name);
    return ((const struct ifinfomsg *)NLMSG_DATA(answer))->ifi_index;
}

static int add_address(struct netlink *net, const char *name, uint32_t address, int prefix,
                       struct err *err)
{
    const int index = find_index(net, name, err);
    const struct ifaddrmsg info = {
        .ifa_family = AF_INET, .ifa_prefixlen = (uint8_t)prefix, .ifa_index = (unsigned)index};
    const uint32_t value = htonl(address);
    int rc;

    if (index < 0)
        return index;
    netlink_begin(net, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, &info, sizeof(info));
    netlink_put(net, IFA_LOCAL, &value, sizeof(value));
    netlink_put(net, IFA_ADDRESS, &value, sizeof(value));
    rc = netlink_send(net, err);
    return rc < 0 ? err_wrap(err, rc, "cannot give %s its address", name) : 0;
}

static int add_default_route(struct netlink *net, uint32_t gateway, struct err *err)
{
    const struct rtmsg info = {
        .rtm_family = AF_INET,
        .rtm_table = RT_TABLE_MAIN,
        .rtm_protocol = RTPROT_STATIC,
        .rtm_scope = RT_SCOPE_UNIVERSE,
        .rtm_type = RTN_UNICAST,
    };
    const uint32_t value = htonl(gateway);
    int rc;

    netlink_begin(net, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, &info, sizeof(info));
    netlink_put(net, RTA_GATEWAY, &value, sizeof(value));
    rc = netlink_send(net, err);
    return rc < 0 ? err_wrap(err, rc, "cannot set its default route") : 0;
}

int links_make_bridge(struct netlink *net, const char *name, uint32_t address, int prefix,
                      struct err *err)
{
    size_t nest;
    int rc;

    begin_link(net, NLM_F_CREATE, 0, true);
    netlink_put_text(net, IFLA_IFNAME, name);
    put_kind(net, "bridge", &nest);
    netlink_leave(net, nest);
    rc = netlink_send(net, err); /* one that is there and of that kind is only brought up */
    if (rc < 0)
        return err_wrap(err, rc, "cannot make the bridge %s", name);
    return add_address(net, name, address, prefix, err);
}

static void put_peer(struct netlink *net, int namespace_fd)
{
    const struct ifinfomsg peer = {.ifi_family = AF_UNSPEC};
    size_t data = netlink_enter(net, IFLA_INFO_DATA);
    size_t nest = net->size;

    /* The peer is described as a link is: its header, then its attributes. */
    netlink_put(net, VETH_INFO_PEER | NLA_F_NESTED, &peer, sizeof(peer));
    netlink_put_text(net, IFLA_IFNAME, INSIDE);
    netlink_put_u32(net, IFLA_NET_NS_FD, (uint32_t)namespace_fd);
    netlink_leave(net, nest);
    netlink_leave(net, data);
}

int links_make_veth(struct netlink *net, const char *name, const char *bridge, int namespace_fd,
                    struct err *err)
{
    int index = find_index(net, bridge, err);
    size_t nest;
    int rc;

    if (index < 0)
        return index;
    begin_link(net, NLM_F_CREATE | NLM_F_EXCL, 0, true);
    netlink_put_text(net, IFLA_IFNAME, name);
    netlink_put_u32(net, IFLA_MASTER, (uint32_t)index);
    put_kind(net, "veth", &nest);
    put_peer(net, namespace_fd);
    netlink_leave(net, nest);
    rc = netlink_send(net, err);
    return rc < 0 ? err_wrap(err, rc, "cannot make the link %s", name) : 0;
}

int links_remove(struct netlink *net, const char *name, struct err *err)
{
    const struct ifinfomsg info = {.ifi_family = AF_UNSPEC};
    int rc;

    netlink_begin(net, RTM_DELLINK, 0, &info, sizeof(info));
    netlink_put_text(net, IFLA_IFNAME, name);
    rc = netlink_send(net, err);
    return rc == -ENODEV ? 0 : rc;
}

int links_raise(struct netlink *inside, uint32_t address, int prefix, uint32_t gateway,
                struct err *err)
{
    int rc = raise_link(inside, "lo", err);

    if (rc == 0)
        rc = raise_link(inside, INSIDE, err);
    if (rc == 0)
        rc = add_address(inside, INSIDE, address, prefix, err);
    return rc == 0 ? add_default_route(inside, gateway, err) : rc;
}
