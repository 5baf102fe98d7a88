#include "isolators/listeners.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mem.h"

#define ANSWER_SIZE ((size_t)64 * 1024)
/* Of the kernel's enum for sk_state, which is not in its headers for others. */
#define STATE_CLOSE  7 /* UDP: not connected */
#define STATE_LISTEN 10

static void add(struct listeners *self, const struct listener *one)
{
    if (self->count == self->capacity) {
        self->capacity = self->capacity ? 2 * self->capacity : 64;
        self->items = mem_resize(self->items, self->capacity, sizeof(self->items[0]));
    }
    self->items[self->count++] = *one;
}

/* The ports that the kernel chooses for who does not say. */
static void read_own_choice(unsigned *ret_first, unsigned *ret_last)
{
    FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");

    if (!file || fscanf(file, "%u %u", ret_first, ret_last) != 2) {
        *ret_first = 32768;
        *ret_last = 60999;
    }
    if (file)
        fclose(file);
}

static int ask(int fd, int family, int protocol, struct err *err)
{
    struct {
        struct nlmsghdr header;
        struct inet_diag_req_v2 request;
    } message = {
        .header =
            {
                .nlmsg_len = sizeof(message),
                .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
            },
        .request =
            {
                .sdiag_family = (uint8_t)family,
                .sdiag_protocol = (uint8_t)protocol,
                .idiag_states = 1U << (protocol == IPPROTO_TCP ? STATE_LISTEN : STATE_CLOSE),
            },
    };

    if (send(fd, &message, sizeof(message), 0) != (ssize_t)sizeof(message))
        return err_errno(err, -errno, "cannot ask sock_diag");
    return 0;
}

static uint64_t find_cgroup(const struct nlmsghdr *header)
{
    const struct inet_diag_msg *found = NLMSG_DATA(header);
    const char *at = (const char *)(found + 1);
    const char *end = (const char *)header + header->nlmsg_len;

    while (end - at >= (ptrdiff_t)sizeof(struct nlattr)) {
        const struct nlattr *attribute = (const void *)at;
        uint64_t id;

        if (attribute->nla_len < sizeof(*attribute) || attribute->nla_len > end - at)
            break;
        if (attribute->nla_type == INET_DIAG_CGROUP_ID &&
            attribute->nla_len >= sizeof(*attribute) + sizeof(id)) {
            memcpy(&id, attribute + 1, sizeof(id));
            return id;
        }
        at += NLA_ALIGN(attribute->nla_len);
    }
    return 0;
}

/* 1: the last message of the answer. */
static int read_message(struct listeners *self, const struct nlmsghdr *header, bool is_udp,
                        struct err *err)
{
    const struct inet_diag_msg *found = NLMSG_DATA(header);
    struct listener one = {.is_udp = is_udp};

    if (header->nlmsg_type == NLMSG_DONE) {
        int rc = 0;

        if (header->nlmsg_len >= NLMSG_LENGTH(sizeof(rc)))
            memcpy(&rc, NLMSG_DATA(header), sizeof(rc));
        return rc < 0 ? err_errno(err, rc, "the kernel does not list %s sockets (%s)",
                                  is_udp ? "UDP" : "TCP",
                                  is_udp ? "CONFIG_INET_UDP_DIAG; udp=no does without"
                                         : "CONFIG_INET_DIAG")
                      : 1;
    }
    if (header->nlmsg_type == NLMSG_ERROR) {
        const struct nlmsgerr *refusal = NLMSG_DATA(header);

        return err_errno(err, refusal->error ? refusal->error : -EPROTO, "sock_diag");
    }
    if (header->nlmsg_len < NLMSG_LENGTH(sizeof(*found)))
        return err_set(err, -EPROTO, "sock_diag gives a message that is cut");
    one.inode = found->idiag_inode;
    one.port = ntohs(found->id.idiag_sport);
    one.cgroup_id = find_cgroup(header);
    if (one.port)
        add(self, &one);
    return 0;
}

static int read_answer(struct listeners *self, int fd, bool is_udp, struct err *err)
{
    CLEANUP(free_p) char *data = mem_alloc(ANSWER_SIZE);
    int rc = 0;

    while (rc == 0) {
        ssize_t size = recv(fd, data, ANSWER_SIZE, 0);
        const struct nlmsghdr *header = (const void *)data;

        if (size < 0)
            return err_errno(err, -errno, "cannot read of sock_diag");
        for (int left = (int)size; rc == 0 && NLMSG_OK(header, (unsigned)left);
             header = NLMSG_NEXT(header, left))
            rc = read_message(self, header, is_udp, err);
    }
    return rc < 0 ? rc : 0;
}

static int read_kind(struct listeners *self, int family, int protocol, struct err *err)
{
    CLEANUP(close_fd) int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    int rc;

    if (fd < 0)
        return err_errno(err, -errno, "cannot open a sock_diag socket");
    rc = ask(fd, family, protocol, err);
    return rc < 0 ? rc : read_answer(self, fd, protocol == IPPROTO_UDP, err);
}

static void drop_own_choice(struct listeners *self)
{
    unsigned first, last;
    size_t count = 0;

    read_own_choice(&first, &last);
    for (size_t i = 0; i < self->count; i++) {
        const struct listener *one = &self->items[i];

        if (!one->is_udp || one->port < first || one->port > last)
            self->items[count++] = *one;
    }
    self->count = count;
}

int listeners_read(struct listeners *self, bool with_udp, struct err *err)
{
    static const struct {
        int family, protocol;
    } kinds[] = {
        {AF_INET, IPPROTO_TCP},
        {AF_INET6, IPPROTO_TCP},
        {AF_INET, IPPROTO_UDP},
        {AF_INET6, IPPROTO_UDP},
    };
    int rc = 0;

    self->count = 0;
    for (size_t i = 0; i < (with_udp ? 4 : 2) && rc == 0; i++) {
        rc = read_kind(self, kinds[i].family, kinds[i].protocol, err);
        if (rc == -ENOENT && kinds[i].family == AF_INET6) /* a kernel without IPv6 */
            rc = 0;
    }
    if (rc == 0)
        drop_own_choice(self);
    else
        self->count = 0;
    return rc;
}

void listeners_fini(struct listeners *self)
{
    free(self->items);
    *self = (struct listeners){0};
}
