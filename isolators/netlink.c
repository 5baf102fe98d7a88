#include "isolators/netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"

int netlink_open(struct netlink *self, int protocol, struct err *err)
{
    const int on = 1;

    self->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
    if (self->fd < 0)
        return err_errno(err, -errno, "cannot open a netlink socket");
    /* Refusals without the order in them: they are short. */
    setsockopt(self->fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
    self->number = 0;
    self->orders = 0;
    self->size = self->begin = 0;
    return 0;
}

void netlink_close(struct netlink *self)
{
    close_fd(&self->fd);
}

/* Room for that many bytes, zeros behind them up to where the next may begin; NULL: it is full. */
static char *take(struct netlink *self, size_t size)
{
    size_t aligned = NLMSG_ALIGN(size);
    char *at = self->bytes + self->size;

    if (self->size + aligned > sizeof(self->bytes)) {
        self->size = sizeof(self->bytes) + 1; /* nothing fits any more, and netlink_send says so */
        return NULL;
    }
    memset(at, 0, aligned);
    self->size += aligned;
    return at;
}

static struct nlmsghdr *order_of(struct netlink *self)
{
    return (void *)(self->bytes + self->begin);
}

static void note_size(struct netlink *self)
{
    order_of(self)->nlmsg_len = (uint32_t)(self->size - self->begin);
}

void netlink_begin(struct netlink *self, int type, int flags, const void *header, size_t size)
{
    size_t begin = self->size;
    struct nlmsghdr *order = (void *)take(self, sizeof(*order));
    char *at = order ? take(self, size) : NULL;

    if (!at)
        return;
    self->begin = begin;
    order->nlmsg_type = (uint16_t)type;
    order->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | (flags < 0 ? 0 : NLM_F_ACK | flags));
    order->nlmsg_seq = ++self->number;
    self->orders += flags >= 0;
    memcpy(at, header, size);
    note_size(self);
}

void netlink_put(struct netlink *self, int type, const void *data, size_t size)
{
    struct nlattr *attribute = (void *)take(self, sizeof(*attribute) + size);

    if (!attribute)
        return;
    attribute->nla_type = (uint16_t)type;
    attribute->nla_len = (uint16_t)(sizeof(*attribute) + size);
    if (size)
        memcpy(attribute + 1, data, size);
    note_size(self);
}

void netlink_put_text(struct netlink *self, int type, const char *text)
{
    netlink_put(self, type, text, strlen(text) + 1);
}

void netlink_put_u32(struct netlink *self, int type, uint32_t value)
{
    netlink_put(self, type, &value, sizeof(value));
}

size_t netlink_enter(struct netlink *self, int type)
{
    size_t nest = self->size;

    netlink_put(self, type | NLA_F_NESTED, NULL, 0);
    return nest;
}

void netlink_leave(struct netlink *self, size_t nest)
{
    if (self->size <= sizeof(self->bytes))
        ((struct nlattr *)(void *)(self->bytes + nest))->nla_len = (uint16_t)(self->size - nest);
}

/* How many answers are in it; *rc: the first refusal. */
static uint32_t read_answers(const char *data, ssize_t size, int *rc)
{
    const struct nlmsghdr *header = (const void *)data;
    uint32_t answers = 0;

    for (int left = (int)size; NLMSG_OK(header, (unsigned)left);
         header = NLMSG_NEXT(header, left)) {
        const struct nlmsgerr *answer = NLMSG_DATA(header);

        if (header->nlmsg_type != NLMSG_ERROR ||
            header->nlmsg_len < NLMSG_LENGTH(sizeof(answer->error)))
            continue;
        answers++;
        if (answer->error && *rc == 0)
            *rc = answer->error;
    }
    return answers;
}

int netlink_send(struct netlink *self, struct err *err)
{
    const size_t size = self->size;
    uint32_t orders = self->orders;
    uint32_t data[2048];
    int rc = 0;

    self->size = self->begin = 0;
    self->orders = 0;
    if (size > sizeof(self->bytes))
        return err_set(err, -E2BIG, "too much for one netlink message");
    if (send(self->fd, self->bytes, size, 0) < 0)
        return err_errno(err, -errno, "netlink");
    while (orders > 0) {
        ssize_t got = recv(self->fd, data, sizeof(data), rc < 0 ? MSG_DONTWAIT : 0);
        uint32_t answers;

        if (got <= 0) /* a batch that is refused may have one answer for all of it */
            return err_errno(err, rc < 0 ? rc : got ? -errno : -EPROTO, "netlink");
        answers = read_answers((const char *)data, got, &rc);
        orders -= answers < orders ? answers : orders;
    }
    return rc < 0 ? err_errno(err, rc, "the kernel refuses it") : 0;
}
