#include "agent/launcher/check_outcome.h"

#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/utf8.h"

/* Of one turn: who sends on and on does not keep us. */
#define PACKETS_MAX 16

/* A message with a descriptor is the mark of what the command starts; with several it is none. */
static void take_mark(struct msghdr *message, int *mark_fd)
{
    const struct cmsghdr *item = CMSG_FIRSTHDR(message);
    int fds[2] = {-1, -1};

    if (!item || item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS ||
        item->cmsg_len > CMSG_LEN(sizeof(fds)))
        return;
    memcpy(fds, CMSG_DATA(item), item->cmsg_len - CMSG_LEN(0));
    if (fds[1] < 0) {
        close_fd(mark_fd);
        *mark_fd = TAKE_FD(fds[0]);
    }
    close_fd(&fds[0]);
    close_fd(&fds[1]);
}

/* What is no number of that kind is none. */
static void tidy(struct check_outcome *self)
{
    self->message[sizeof(self->message) - 1] = '\0';
    utf8_repair(self->message);
    if (self->signal < 0)
        self->signal = 0;
    if (self->http_status < 0)
        self->http_status = 0;
}

bool check_outcome_receive(int fd, int *mark_fd, struct check_outcome *ret)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))]; /* padded, which is room for two */
    } control;
    bool has_some = false;

    for (int i = 0; i < PACKETS_MAX; i++) {
        struct check_outcome outcome;
        struct iovec data = {&outcome, sizeof(outcome)};
        struct msghdr message = {.msg_iov = &data,
                                 .msg_iovlen = 1,
                                 .msg_control = control.bytes,
                                 .msg_controllen = mark_fd ? sizeof(control.bytes) : 0};
        ssize_t size = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

        if (size < 0)
            break;
        if (mark_fd)
            take_mark(&message, mark_fd);
        if (size ==
            0) /* the end, or an empty packet, which may have brought a descriptor all the same */
            break;
        if (size != (ssize_t)sizeof(outcome) || message.msg_flags & MSG_TRUNC)
            continue;
        tidy(&outcome);
        *ret = outcome;
        has_some = true;
    }
    return has_some;
}

struct check_status check_outcome_status(const struct check_outcome *self, enum check_kind kind)
{
    return (struct check_status){
        .kind = kind,
        .passed = self->passed,
        .exit_code = self->exit_code,
        .signal = self->signal,
        .http_status = self->http_status,
        .timed_out = self->timed_out,
        .message = self->message,
    };
}
