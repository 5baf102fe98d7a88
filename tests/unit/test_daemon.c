/* What the daemons' shells share. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/daemon.h"
#include "base/deadlines.h"
#include "base/mem.h"
#include "base/options.h"
#include "base/options_shown.h"
#include "tests/unit/agent_site.h"

static void readiness_is_told_with_the_address(void **state)
{
    char text[64] = {0};
    int ends[2];
    struct err err;

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(daemon_tell_ready(ends[1], "10.0.0.2:5051", &err), 0);
    assert_int_equal(read(ends[0], text, sizeof(text) - 1), 20);
    assert_string_equal(text, "READY\n10.0.0.2:5051\n");
    assert_int_equal(read(ends[0], text, sizeof(text) - 1), 0);
    close(ends[0]);
    assert_int_equal(daemon_tell_ready(-1, "x", &err), 0);
    unsetenv("NOTIFY_SOCKET");
    assert_int_equal(daemon_tell_systemd("READY=1", &err), 0);
}

static void systemd_is_told_by_a_datagram(void **state)
{
    CLEANUP(temporary_dir_destroy) char *dir = temporary_dir_new();
    CLEANUP(free_p) char *path = mem_printf("%s/notify", dir);
    CLEANUP(close_fd) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char text[32] = {0};
    struct err err;

    (void)state;
    memcpy(address.sun_path, path, strlen(path));
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    setenv("NOTIFY_SOCKET", path, 1);
    assert_int_equal(daemon_tell_systemd("READY=1", &err), 0);
    assert_int_equal(recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT), 7);
    assert_string_equal(text, "READY=1");
    setenv("NOTIFY_SOCKET", "@proffer-test-nobody-listens", 1);
    assert_int_equal(daemon_tell_systemd("READY=1", &err), -ECONNREFUSED);
    unsetenv("NOTIFY_SOCKET");
}

static void signals_come_by_a_descriptor(void **state)
{
    CLEANUP(daemon_loop_close) struct daemon_loop loop = DAEMON_LOOP;
    struct signalfd_siginfo info;
    struct pollfd poll_fd;
    struct err err;

    (void)state;
    if (daemon_loop_open(&loop, SIGUSR1, &err) < 0)
        fail_msg("%s", err.text);
    poll_fd = (struct pollfd){loop.epoll_fd, POLLIN, 0};
    assert_int_equal(poll(&poll_fd, 1, 0), 0);
    kill(getpid(), SIGUSR1);
    assert_int_equal(poll(&poll_fd, 1, 10000), 1);
    assert_int_equal(read(loop.signal_fd, &info, sizeof(info)), sizeof(info));
    assert_int_equal(info.ssi_signo, SIGUSR1);
    assert_int_equal(daemon_watch(&loop, -1, &err), -EBADF);
}

static void waiting_is_rounded_up(void **state)
{
    int64_t now_us = clock_now().mono_us;
    int ms = daemon_wait_ms(now_us + 5 * US_PER_S + 1);

    (void)state;
    assert_true(ms > 0 && ms <= 5001);
    assert_int_equal(daemon_wait_ms(DEADLINE_NEVER), -1);
    assert_int_equal(daemon_wait_ms(now_us), 0);
    assert_int_equal(daemon_wait_ms(DEADLINE_NEVER - 1), INT_MAX);
}

static void addresses_are_printed_and_checked(void **state)
{
    char text[DAEMON_ADDRESS_MAX];
    struct err err;

    (void)state;
    daemon_print_address(text, "10.0.0.1", 5050);
    assert_string_equal(text, "10.0.0.1:5050");
    daemon_print_address(text, "::1", 1);
    assert_string_equal(text, "[::1]:1");
    assert_int_equal(daemon_check_addresses("10.0.0.1", "", &err), 0);
    assert_int_equal(daemon_check_addresses("0.0.0.0", "10.0.0.1", &err), 0);
    assert_int_equal(daemon_check_addresses("::", "", &err), -EINVAL);
    assert_non_null(strstr(err.text, "--advertise-address"));
    assert_int_equal(daemon_check_addresses("host", "", &err), -EINVAL);
    assert_int_equal(daemon_check_addresses("10.0.0.1", "host", &err), -EINVAL);
}

static void options_are_shown_as_text(void **state)
{
    bool flag = true;
    const char *text = "x", *empty = "";
    int64_t number = 7, time_ms = 90000;
    const struct option_def options[] = {
        {OPTION_FLAG, "a-flag", 0, NULL, "", &flag, 0, 0, false},
        {OPTION_STRING, "text", 0, "T", "", &text, 0, 0, false},
        {OPTION_STRING, "empty", 0, "T", "", &empty, 0, 0, false},
        {OPTION_INT, "number", 0, "N", "", &number, 0, 0, false},
        {OPTION_DURATION, "time", 0, "T", "", &time_ms, 0, 0, false},
        {.name = NULL},
    };
    CLEANUP(options_shown_fini) struct options_shown shown = {0};

    (void)state;
    options_show(options, &shown);
    assert_int_equal(shown.count, 4);
    assert_string_equal(shown.items[0].name, "a_flag");
    assert_string_equal(shown.items[0].value, "true");
    assert_string_equal(shown.items[1].value, "x");
    assert_string_equal(shown.items[2].name, "number");
    assert_string_equal(shown.items[2].value, "7");
    assert_string_equal(shown.items[3].name, "time");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readiness_is_told_with_the_address),
        cmocka_unit_test(systemd_is_told_by_a_datagram),
        cmocka_unit_test(signals_come_by_a_descriptor),
        cmocka_unit_test(waiting_is_rounded_up),
        cmocka_unit_test(addresses_are_printed_and_checked),
        cmocka_unit_test(options_are_shown_as_text),
    };

    return cmocka_run_group_tests_name("daemon", tests, NULL, NULL);
}
