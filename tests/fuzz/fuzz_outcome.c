/* Any packets as what a helper of the launcher sends of its look at a container, some of them with descriptors. What is taken
 * can be told to the agent; no descriptor stays open, unless it is the mark of a helper that may send one.
 *
 * The input: one byte, is a mark taken? Then packets: descriptors that go with it, size / 4, bytes. */
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/launcher/check_outcome.h"
#include "base/bug.h"
#include "base/cleanup.h"
#include "proto/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FDS_MAX 4 /* one packet's */

static void send_packet(int fd, const uint8_t *data, size_t size, size_t fds)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
    } control = {.bytes = {0}};
    struct iovec part = {(void *)(uintptr_t)data, size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

    if (fds) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(fds * sizeof(int));
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(fds * sizeof(int));
        for (size_t i = 0; i < fds; i++)
            memcpy(CMSG_DATA(&control.header) + i * sizeof(int), &fd, sizeof(int));
    }
    (void)!sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void send_all(int fd, const uint8_t *data, size_t size)
{
    for (size_t at = 0; at + 2 <= size;) {
        const size_t fds = data[at] % (FDS_MAX + 1), wanted = (size_t)data[at + 1] * 4;
        const size_t left = size - at - 2, count = wanted < left ? wanted : left;

        send_packet(fd, data + at + 2, count, fds);
        at += 2 + count;
    }
}

static void check(const struct check_outcome *outcome)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    CLEANUP(buf_fini) struct buf frame = {0};
    const struct check_status status = check_outcome_status(outcome, CHECK_COMMAND), *again;
    struct message message = MESSAGE(CONTAINER_CHECKED, container_checked, .container_id = "t1",
                                     .number = 1, .result = &status);

    BUG_ON(message_encode(&message, &frame, NULL) < 0);
    BUG_ON(message_decode(frame.data, frame.size, arena, &message, NULL) < 0);
    again = message.container_checked->result;
    BUG_ON(strcmp(again->message, outcome->message) != 0 || again->passed != !!outcome->passed);
    BUG_ON(again->exit_code != outcome->exit_code || again->http_status != outcome->http_status);
}

static bool is_readable(int fd)
{
    return poll(&(struct pollfd){fd, POLLIN, 0}, 1, 0) > 0;
}

static int count_open(void)
{
    int count = 0;

    for (int fd = 0; fd < 64; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct check_outcome outcome = {0};
    const bool has_marks = size && data[0] & 1;
    int ends[2], mark_fd = -1, open;

    BUG_ON(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0);
    open = count_open();
    if (size)
        send_all(ends[1], data + 1, size - 1);
    while (is_readable(ends[0]))
        if (check_outcome_receive(ends[0], has_marks ? &mark_fd : NULL, &outcome))
            check(&outcome);
    BUG_ON(!has_marks && mark_fd >= 0);
    close_fd(&mark_fd);
    BUG_ON(count_open() != open);
    close(ends[0]);
    close(ends[1]);
    return 0;
}
