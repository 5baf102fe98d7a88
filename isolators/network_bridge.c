/* network/bridge: a task that asks for the network `bridge` has a network of its own, a link from it into a bridge of the
 * agent, and an address of its own; ports of the host that it was granted lead to it as it asks.
 *
 * The bridge and the nftables table come with the first such task and go with the last. The link goes with the namespace,
 * that is with the task's last process, whoever was killed before; what else is there for a task stands in a file, so that
 * the next launcher gives it back. That may have another bridge or subnet set: tasks keep the one that they began with, and
 * what there is of it goes with the last of them. IPv4 only. */
#include "isolators/builtin.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/bug.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "isolators/bridge_owner.h"
#include "isolators/kept.h"
#include "isolators/links.h"
#include "isolators/namespaces.h"
#include "isolators/nat.h"
#include "proto/host_ports.h"

#define KEPT          "bridge"
#define BRIDGE        "proffer0"
#define PREFIX_MIN    16
#define PREFIX_MAX    30
#define OWN_NAMESPACE "/proc/thread-self/ns/net"

struct network {
    char name[IFNAMSIZ]; /* of the bridge, and of the table */
    uint32_t
        subnet; /* in host order; the bridge has the first address, the last is the broadcast */
    int prefix;
    size_t tasks; /* that are in it */
    struct network *next;
};

struct bridge_state {
    char *id;                     /* owned */
    struct network *network;      /* borrowed */
    uint32_t address;             /* in host order */
    int namespace_fd;             /* owned; -1: adopted, nobody joins it any more */
    struct nat_mapping *mappings; /* owned */
    size_t mappings_count;
    char text[INET_ADDRSTRLEN];
};

static struct {
    struct network now; /* what new tasks get; the head of a list: those of earlier settings */
    bool is_masqueraded;
    uint8_t *is_used;            /* owned; a bit for each address of `now` */
    uint32_t next;               /* to be tried */
    int namespace_fd;            /* the agent's own */
} bridge = {.namespace_fd = -1}; /* one launcher */

/* --- networks ------------------------------------------------------------------------------------ */

static struct network *find_network(const char *name, uint32_t subnet, int prefix)
{
    struct network **at_p = &bridge.now.next;
    struct network *network = &bridge.now;

    for (; network; at_p = &network->next, network = network->next)
        if (strcmp(network->name, name) == 0 && network->subnet == subnet &&
            network->prefix == prefix)
            return network;
    network = *at_p = mem_new(struct network);
    snprintf(network->name, sizeof(network->name), "%s", name);
    network->subnet = subnet;
    network->prefix = prefix;
    return network;
}

static bool overlap(const struct network *one, const struct network *other)
{
    const int prefix = one->prefix < other->prefix ? one->prefix : other->prefix;

    return (one->subnet ^ other->subnet) >> (32 - prefix) == 0;
}

/* Two subnets on one bridge, or one behind two, is what no route can tell apart. */
static int check_others(struct err *err)
{
    for (const struct network *old = bridge.now.next; old; old = old->next) {
        const struct in_addr subnet = {htonl(old->subnet)};
        char text[INET_ADDRSTRLEN];

        if (!old->tasks || (strcmp(old->name, bridge.now.name) != 0 && !overlap(old, &bridge.now)))
            continue;
        inet_ntop(AF_INET, &subnet, text, sizeof(text));
        return err_set(err, -EBUSY,
                       "tasks from before its settings were changed are still in %s/%d on the "
                       "bridge %s: until they have ended, set another subnet and another bridge",
                       text, old->prefix, old->name);
    }
    return 0;
}

/* --- addresses ----------------------------------------------------------------------------------- */

static uint32_t addresses_count(void)
{
    return 1U << (32 - bridge.now.prefix);
}

static bool is_ours(uint32_t address)
{
    uint32_t number = address - bridge.now.subnet;

    return number > 1 && number < addresses_count() - 1;
}

static void mark(uint32_t address, bool used)
{
    uint32_t number = address - bridge.now.subnet;

    if (!is_ours(address))
        return; /* of an earlier subnet */
    if (used)
        bridge.is_used[number / 8] |= (uint8_t)(1U << number % 8);
    else
        bridge.is_used[number / 8] &= (uint8_t) ~(1U << number % 8);
}

/* In turn, so that one is not given again while somebody still knows it as another's. */
static int take_address(uint32_t *ret_address, struct err *err)
{
    for (uint32_t i = 0; i < addresses_count(); i++) {
        uint32_t number = (bridge.next + i) % addresses_count();

        if (!is_ours(bridge.now.subnet + number) || bridge.is_used[number / 8] & (1U << number % 8))
            continue;
        bridge.next = number + 1;
        *ret_address = bridge.now.subnet + number;
        mark(*ret_address, true);
        return 0;
    }
    return err_set(err, -ENOSPC, "all %u addresses of the subnet are taken", addresses_count() - 3);
}

static void print_link(uint32_t address, char ret_name[IFNAMSIZ])
{
    snprintf(ret_name, IFNAMSIZ, "pf%08x", address);
}

/* --- settings ------------------------------------------------------------------------------------ */

static int parse_subnet(const char *text, struct err *err)
{
    char address[INET_ADDRSTRLEN] = "";
    struct in_addr value;
    char more;

    if (sscanf(text, "%15[0-9.]/%d%c", address, &bridge.now.prefix, &more) != 2 ||
        inet_pton(AF_INET, address, &value) != 1 || bridge.now.prefix < PREFIX_MIN ||
        bridge.now.prefix > PREFIX_MAX)
        return err_set(err, -ISOLATOR_WRONG_SETTING,
                       "subnet=%.32s: want one as 10.88.0.0/16, /%d to /%d", text, PREFIX_MIN,
                       PREFIX_MAX);
    bridge.now.subnet = ntohl(value.s_addr) & (~0U << (32 - bridge.now.prefix));
    return 0;
}

static int parse_name(const char *text, struct err *err)
{
    size_t size = strlen(text);

    if (!size || size >= sizeof(bridge.now.name) ||
        strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != size)
        return err_set(err, -ISOLATOR_WRONG_SETTING,
                       "bridge=%.32s: want a name of a link, at most %zu letters", text,
                       sizeof(bridge.now.name) - 1);
    memcpy(bridge.now.name, text, size + 1);
    return 0;
}

static int parse_masquerade(const char *text, struct err *err)
{
    if (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0)
        return err_set(err, -ISOLATOR_WRONG_SETTING, "masquerade=%.32s: want yes or no", text);
    bridge.is_masqueraded = strcmp(text, "yes") == 0;
    return 0;
}

static struct network *read_network(const char *text)
{
    char name[IFNAMSIZ];

    if (!kept_get(text, "bridge", 0, name, sizeof(name)))
        return &bridge.now;
    return find_network(name, (uint32_t)kept_get_int(text, "subnet"),
                        (int)kept_get_int(text, "prefix"));
}

static struct bridge_state *read_kept(const char *container_id)
{
    CLEANUP(free_p) char *text = kept_read(container_id, KEPT);
    struct bridge_state *self;
    char line[64];

    if (!text)
        return NULL;
    self = mem_new(struct bridge_state);
    self->id = mem_strdup(container_id);
    self->namespace_fd = -1;
    self->address = (uint32_t)kept_get_int(text, "address");
    self->network = read_network(text);
    for (size_t i = 0; kept_get(text, "mapping", i, line, sizeof(line)); i++) {
        struct nat_mapping one = {.address = self->address};
        char protocol[8];

        if (sscanf(line, "%7s %" SCNu16 " %" SCNu16, protocol, &one.host_port, &one.port) != 3)
            continue;
        one.is_udp = strcmp(protocol, "udp") == 0;
        self->mappings = mem_resize(self->mappings, self->mappings_count + 1, sizeof(one));
        self->mappings[self->mappings_count++] = one;
    }
    return self;
}

static void bridge_free(struct bridge_state *self)
{
    close_fd(&self->namespace_fd);
    free(self->mappings);
    free(self->id);
    free(self);
}

static void mark_kept(void *owner, const char *container_id)
{
    struct bridge_state *kept = read_kept(container_id);

    (void)owner;
    if (!kept)
        return;
    mark(kept->address, true);
    bridge_free(kept);
}

static int check_kernel(const struct isolator_host *host, struct err *err)
{
    struct netlink net;
    int rc = namespaces_try(host, "net", CLONE_NEWNET, NULL, err);

    if (rc == 0)
        rc = netlink_open(&net, NETLINK_NETFILTER, err);
    if (rc < 0)
        return err_wrap(err, rc, "nftables");
    rc = nat_remove(&net, "proffer-probe", err);
    netlink_close(&net);
    return rc;
}

static int bridge_setup(const struct isolator_host *host, struct err *err)
{
    const char *subnet = isolator_option(host, "network/bridge", "subnet");
    const char *name = isolator_option(host, "network/bridge", "bridge");
    const char *masquerade = isolator_option(host, "network/bridge", "masquerade");
    int rc;

    if (!subnet)
        return err_set(err, -EINVAL,
                       "it needs network/bridge.subnet, one that nobody else uses, "
                       "as 10.88.0.0/16");
    rc = parse_subnet(subnet, err);
    if (rc == 0)
        rc = parse_name(name ? name : BRIDGE, err);
    if (rc == 0)
        rc = parse_masquerade(masquerade ? masquerade : "yes", err);
    if (rc == 0)
        rc = check_kernel(host, err);
    if (rc == 0)
        rc = bridge_own(bridge.now.name, err);
    if (rc < 0)
        return rc;
    bridge.namespace_fd = open(OWN_NAMESPACE, O_RDONLY | O_CLOEXEC);
    if (bridge.namespace_fd < 0) {
        rc = err_errno(err, -errno, "cannot open our own network namespace");
        bridge_leave();
        return rc;
    }
    bridge.is_used = mem_calloc(addresses_count() / 8 + 1, 1);
    kept_each(KEPT, mark_kept, NULL);
    return 0;
}

/* --- the bridge ---------------------------------------------------------------------------------- */

/* Of the whole host, as every program does that routes for others. */
static int allow_forwarding(struct err *err)
{
    CLEANUP(close_fd) int fd = open("/proc/sys/net/ipv4/ip_forward", O_RDWR | O_CLOEXEC);
    char now = '0';

    if (fd < 0 || read(fd, &now, 1) != 1)
        return err_errno(err, -errno, "cannot read net.ipv4.ip_forward");
    if (now != '0')
        return 0;
    if (pwrite(fd, "1", 1, 0) != 1)
        return err_errno(err, -errno, "cannot set net.ipv4.ip_forward");
    return 0;
}

static int make_table(struct err *err)
{
    const struct nat_bridge want = {bridge.now.name, bridge.now.subnet, bridge.now.prefix,
                                    bridge.is_masqueraded};
    struct netlink net;
    int rc = netlink_open(&net, NETLINK_NETFILTER, err);

    if (rc < 0)
        return rc;
    rc = nat_make(&net, &want, err);
    netlink_close(&net);
    return rc;
}

static bool is_needed(const char *name)
{
    for (const struct network *one = &bridge.now; one; one = one->next)
        if (one->tasks && strcmp(one->name, name) == 0)
            return true;
    return false;
}

/* Unless somebody is in it. */
static void remove_bridge(const struct network *network, struct netlink *net)
{
    struct netlink filter;

    if (is_needed(network->name))
        return;
    links_remove(net, network->name, NULL);
    if (netlink_open(&filter, NETLINK_NETFILTER, NULL) < 0)
        return;
    nat_remove(&filter, network->name, NULL);
    netlink_close(&filter);
}

static int make_bridge(struct netlink *net, struct err *err)
{
    int rc = check_others(err);

    if (rc < 0)
        return rc;
    rc = links_make_bridge(net, bridge.now.name, bridge.now.subnet + 1, bridge.now.prefix, err);
    if (rc == 0)
        rc = allow_forwarding(err);
    if (rc == 0)
        rc = make_table(err);
    if (rc < 0)
        remove_bridge(&bridge.now, net);
    return rc;
}

/* --- a task's network ---------------------------------------------------------------------------- */

/* There is one thread, and for a moment it is in the new namespace; to stay there would be the end of everything. */
static int make_namespace(struct netlink *ret_inside, int *ret_fd, struct err *err)
{
    int fd = -1, rc = 0;

    if (unshare(CLONE_NEWNET) < 0)
        return err_errno(err, -errno, "cannot make a network namespace");
    fd = open(OWN_NAMESPACE, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        rc = err_errno(err, -errno, "cannot open the new network namespace");
    if (rc == 0)
        rc = netlink_open(ret_inside, NETLINK_ROUTE, err);
    BUG_ON(setns(bridge.namespace_fd, CLONE_NEWNET) < 0);
    if (rc < 0)
        close_fd(&fd);
    else
        *ret_fd = fd;
    return rc;
}

static int make_link(struct bridge_state *self, struct netlink *net, struct err *err)
{
    struct netlink inside;
    char name[IFNAMSIZ];
    int rc = make_namespace(&inside, &self->namespace_fd, err);

    if (rc < 0)
        return rc;
    print_link(self->address, name);
    links_remove(net, name, NULL); /* of one whose namespace is still on its way out */
    rc = links_make_veth(net, name, bridge.now.name, self->namespace_fd, err);
    if (rc == 0)
        rc = links_raise(&inside, self->address, bridge.now.prefix, bridge.now.subnet + 1, err);
    netlink_close(&inside);
    return rc;
}

static void unmap_first(const struct bridge_state *self, size_t count)
{
    struct netlink filter;

    if (!count || netlink_open(&filter, NETLINK_NETFILTER, NULL) < 0)
        return;
    while (count-- > 0)
        nat_unmap(&filter, self->network->name, &self->mappings[count], NULL);
    netlink_close(&filter);
}

static int map_all(const struct bridge_state *self, struct err *err)
{
    struct netlink filter;
    size_t i = 0;
    int rc = 0;

    if (!self->mappings_count)
        return 0;
    rc = netlink_open(&filter, NETLINK_NETFILTER, err);
    if (rc < 0)
        return rc;
    for (; i < self->mappings_count && rc == 0; i++)
        rc = nat_map(&filter, bridge.now.name, &self->mappings[i], err);
    netlink_close(&filter);
    if (rc < 0)
        unmap_first(self, i - 1);
    return rc;
}

/* --- what it asks for ---------------------------------------------------------------------------- */

static int take_mappings(struct bridge_state *self, const struct isolation *want, struct err *err)
{
    const struct isolation_info *asks = want->asks;
    size_t count = asks->port_mappings_count;
    CLEANUP(free_p) int64_t *ports = mem_calloc(count + 1, sizeof(*ports));

    self->mappings = mem_calloc(count + 1, sizeof(self->mappings[0]));
    for (size_t i = 0; i < count; i++)
        ports[i] = asks->port_mappings[i].host_port;
    host_ports_choose(&want->limits, ports, count);
    for (size_t i = 0; i < count; i++) {
        const struct port_mapping *one = &asks->port_mappings[i];

        if (!ports[i])
            return err_set(err, -EPERM,
                           "it maps %zu ports and is granted less: each needs one of the host's",
                           count);
        if (!host_ports_has(&want->limits, ports[i]) || ports[i] > HOST_PORT_MAX)
            return err_set(err, -EPERM,
                           "it asks for port %" PRId64 " of the host, which it is not granted",
                           ports[i]);
        self->mappings[self->mappings_count++] = (struct nat_mapping){
            .is_udp = one->protocol && strcmp(one->protocol, "udp") == 0,
            .host_port = (uint16_t)ports[i],
            .port = (uint16_t)(one->container_port ? one->container_port : ports[i]),
            .address = self->address,
        };
    }
    return 0;
}

static int keep(const struct bridge_state *self, struct err *err)
{
    CLEANUP(buf_fini) struct buf text = {0};

    buf_printf(&text, "address %" PRIu32 "\nbridge %s\nsubnet %" PRIu32 "\nprefix %d\n",
               self->address, self->network->name, self->network->subnet, self->network->prefix);
    for (size_t i = 0; i < self->mappings_count; i++)
        buf_printf(&text, "mapping %s %u %u\n", self->mappings[i].is_udp ? "udp" : "tcp",
                   self->mappings[i].host_port, self->mappings[i].port);
    return kept_write(self->id, KEPT, &text, err);
}

/* --- life ---------------------------------------------------------------------------------------- */

static void print_address(struct bridge_state *self)
{
    const struct in_addr address = {htonl(self->address)};

    inet_ntop(AF_INET, &address, self->text, sizeof(self->text));
}

/* Its address, link and file; its mappings are gone. */
static void give_back(struct bridge_state *self, struct netlink *net)
{
    char name[IFNAMSIZ];

    print_link(self->address, name);
    links_remove(net, name, NULL);
    kept_remove(self->id, KEPT);
    mark(self->address, false);
    bridge_free(self);
}

static int start(struct bridge_state *self, const struct isolation *want, struct netlink *net,
                 struct spawn *spawn, struct err *err)
{
    int rc = take_mappings(self, want, err);

    if (rc == 0)
        rc = keep(self, err); /* before there is anything to be found again */
    if (rc == 0 && bridge.now.tasks == 0)
        rc = make_bridge(net, err);
    if (rc == 0)
        rc = make_link(self, net, err);
    if (rc == 0)
        rc = spawn_join(spawn, CLONE_NEWNET, self->namespace_fd, err);
    if (rc == 0)
        rc = map_all(self, err);
    return rc;
}

static int bridge_prepare(const struct isolation *want, struct spawn *spawn, void **ret_state,
                          struct err *err)
{
    struct bridge_state *self;
    struct netlink net;
    uint32_t address = 0;
    int rc;

    if (strcmp(want->asks->network, "bridge") != 0)
        return 0;
    rc = netlink_open(&net, NETLINK_ROUTE, err);
    if (rc < 0)
        return rc;
    rc = take_address(&address, err);
    if (rc == 0) {
        self = mem_new(struct bridge_state);
        self->id = mem_strdup(want->container_id);
        self->address = address;
        self->network = &bridge.now;
        self->namespace_fd = -1;
        print_address(self);
        rc = start(self, want, &net, spawn, err);
        if (rc < 0) {
            give_back(self, &net);
            remove_bridge(&bridge.now, &net);
        } else {
            bridge.now.tasks++;
            *ret_state = self;
        }
    }
    netlink_close(&net);
    return rc;
}

static int bridge_recover(const struct isolation *was, void **ret_state, struct err *err)
{
    struct bridge_state *self = read_kept(was->container_id);

    if (!self)
        return err_set(err, -ENOENT, "it has no bridged network");
    print_address(self);
    self->network->tasks++;
    *ret_state = self;
    return 0;
}

static void bridge_destroy(void **state_p)
{
    struct bridge_state *self = TAKE(*state_p);
    struct network *network;
    struct netlink net;

    if (!self)
        return;
    if (isolation_is_left() || netlink_open(&net, NETLINK_ROUTE, NULL) < 0) {
        bridge_free(self);
        return;
    }
    network = self->network;
    unmap_first(self, self->mappings_count);
    give_back(self, &net);
    network->tasks--;
    remove_bridge(network, &net);
    netlink_close(&net);
}

static int bridge_usage(void *state, struct usage_info *usage, struct err *err)
{
    const struct bridge_state *self = state;

    (void)err;
    if (self)
        usage_more(usage)->address = self->text;
    return 0;
}

struct settling {
    const struct isolator_living *living;
    struct netlink *net;
};

static void settle_one(void *owner, const char *container_id)
{
    struct settling *self = owner;
    const struct network *network;
    struct bridge_state *kept;

    if (self->living->has(self->living->owner, container_id) || !(kept = read_kept(container_id)))
        return;
    network = kept->network;
    unmap_first(kept, kept->mappings_count);
    give_back(kept, self->net);
    remove_bridge(network, self->net);
}

static void bridge_settled(const struct isolator_living *living)
{
    struct netlink net;
    struct settling settling = {.living = living, .net = &net};

    if (netlink_open(&net, NETLINK_ROUTE, NULL) < 0)
        return;
    kept_each(KEPT, settle_one, &settling);
    netlink_close(&net);
}

static const struct isolator_option bridge_options[] = {
    {"subnet", "of the tasks, one that nobody else uses: 10.88.0.0/16"},
    {"bridge", "name of the link, and of the nftables table (proffer0)"},
    {"masquerade", "no: what leaves the subnet keeps its address"},
    {NULL, NULL},
};

const struct isolator_ops isolator_network_bridge = {
    .name = "network/bridge",
    .needs = ISOLATOR_ROOT,
    .options = bridge_options,
    .setup = bridge_setup,
    .prepare = bridge_prepare,
    .recover = bridge_recover,
    .usage = bridge_usage,
    .destroy = bridge_destroy,
    .settled = bridge_settled,
    .leave = bridge_leave,
};
