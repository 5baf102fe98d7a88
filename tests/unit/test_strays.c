/* What a process leaves behind, in a session of its own. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/docker/strays.h"

static pid_t start_sleeper(void)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        pause();
        _exit(0);
    }
    return pid;
}

/* A process that ends, and leaves one with a child. The latter two's numbers. */
static void leave_two(pid_t ret_pids[2])
{
    int ends[2];
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        pid_t pids[2];

        if (fork() != 0)
            _exit(0);
        setsid();
        pids[0] = getpid();
        pids[1] = start_sleeper();
        (void)!write(ends[1], pids, sizeof(pids));
        pause();
        _exit(0);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(read(ends[0], ret_pids, 2 * sizeof(*ret_pids)), 2 * sizeof(*ret_pids));
    close(ends[0]);
    close(ends[1]);
}

static void they_are_ended_with_what_they_have_started(void **state)
{
    pid_t own, left[2];

    (void)state;
    strays_adopt();
    own = start_sleeper();
    leave_two(left);
    assert_int_equal(strays_end(&own, 1), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(kill(left[i], 0), -1);
        assert_int_equal(errno, ESRCH);
    }
    assert_int_equal(kill(own, 0), 0);
    assert_int_equal(strays_end(NULL, 0), 0);
    assert_int_equal(kill(own, 0), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_are_ended_with_what_they_have_started),
    };

    return cmocka_run_group_tests_name("strays", tests, NULL, NULL);
}
