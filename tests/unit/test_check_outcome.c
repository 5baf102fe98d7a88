/* What the launcher takes of what a helper sends of its look at a container; a service may have taken that over. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/launcher/check_outcome.h"
#include "base/cleanup.h"
#include "proto/message.h"

static void open_ends(int ends[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
}

static void say(int fd, const struct check_outcome *outcome)
{
    assert_int_equal(send(fd, outcome, sizeof(*outcome), MSG_NOSIGNAL), sizeof(*outcome));
}

/* The same one in `count` places, with `size` bytes. */
static void share(int fd, size_t count, size_t size)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(2 * sizeof(int))];
    } control = {.bytes = {0}};
    struct iovec data = {(char[]){0}, size};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = CMSG_SPACE(count * sizeof(int))};

    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
    for (size_t i = 0; i < count; i++)
        memcpy(CMSG_DATA(&control.header) + i * sizeof(int), &fd, sizeof(int));
    assert_int_equal(sendmsg(fd, &message, MSG_NOSIGNAL), size);
}

static int count_open(void)
{
    int count = 0;

    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void what_is_taken_can_be_told_to_the_agent(void **state)
{
    const struct check_outcome said = {
        .passed = 1, .signal = -9, .http_status = -200, .message = "caf\xe9"};
    struct check_outcome outcome;
    struct check_status status;
    int ends[2];

    (void)state;
    open_ends(ends);
    say(ends[1], &said);
    assert_true(check_outcome_receive(ends[0], NULL, &outcome));
    status = check_outcome_status(&outcome, CHECK_HTTP);
    assert_int_equal(message_check(&MESSAGE(CONTAINER_CHECKED, container_checked,
                                            .container_id = "t1", .result = &status),
                                   NULL),
                     0);
    assert_true(status.passed);
    assert_string_equal(status.message, "caf?");
    close(ends[0]);
    close(ends[1]);
}

static void who_sends_on_and_on_does_not_keep_the_launcher(void **state)
{
    struct check_outcome outcome = {0};
    int ends[2], turns = 0;

    (void)state;
    open_ends(ends);
    for (int i = 1; i <= 40; i++)
        say(ends[1], &(struct check_outcome){.exit_code = i});
    while (check_outcome_receive(ends[0], NULL, &outcome))
        assert_int_equal(outcome.exit_code, ++turns * 16 < 40 ? turns * 16 : 40);
    assert_int_equal(turns, 3);
    close(ends[0]);
    close(ends[1]);
}

static void another_size_is_no_outcome(void **state)
{
    struct check_outcome outcome = {.exit_code = 7}, two[2] = {{0}};
    int ends[2];

    (void)state;
    open_ends(ends);
    assert_int_equal(send(ends[1], two, sizeof(two[0]) - 1, 0), sizeof(two[0]) - 1);
    assert_int_equal(send(ends[1], two, sizeof(two[0]) + 1, 0), sizeof(two[0]) + 1);
    assert_false(check_outcome_receive(ends[0], NULL, &outcome));
    assert_int_equal(outcome.exit_code, 7);
    close(ends[0]);
    close(ends[1]);
}

static void a_descriptor_is_a_mark_and_several_are_none(void **state)
{
    struct check_outcome outcome;
    int ends[2], mark_fd = -1, open;

    (void)state;
    open_ends(ends);
    open = count_open();
    share(ends[1], 2, 1);
    assert_false(check_outcome_receive(ends[0], &mark_fd, &outcome));
    assert_int_equal(mark_fd, -1);
    share(ends[1], 1, 1);
    assert_false(check_outcome_receive(ends[0], NULL, &outcome));
    share(ends[1], 1, 1);
    share(ends[1], 1, 1);
    assert_false(check_outcome_receive(ends[0], &mark_fd, &outcome));
    assert_true(mark_fd >= 0);
    share(ends[1], 2, 0); /* an empty packet */
    assert_false(check_outcome_receive(ends[0], &mark_fd, &outcome));
    assert_int_equal(count_open(), open + 1);
    close(mark_fd);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_taken_can_be_told_to_the_agent),
        cmocka_unit_test(who_sends_on_and_on_does_not_keep_the_launcher),
        cmocka_unit_test(another_size_is_no_outcome),
        cmocka_unit_test(a_descriptor_is_a_mark_and_several_are_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
