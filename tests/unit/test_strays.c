/* What a process leaves behind, in a session of its own. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/docker/strays.h"
#include "base/children.h"
#include "base/cleanup.h"

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

static void end_them(void)
{
    pid_t own, left[2];

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

static void they_are_ended_with_what_they_have_started(void **state)
{
    (void)state;
    end_them();
}

/* CONFIG_PROC_CHILDREN is not everywhere. */
static void they_are_found_on_a_kernel_that_does_not_list_children(void **state)
{
    (void)state;
    children_are_searched = true;
    end_them();
    children_are_searched = false;
}

struct pids {
    pid_t items[8];
    int count;
};

static void note(void *owner, pid_t pid)
{
    struct pids *self = owner;

    if (self->count < 8)
        self->items[self->count] = pid;
    self->count++;
}

static void a_search_finds_what_the_kernel_lists(void **state)
{
    CLEANUP(close_fd) int proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    pid_t children[2] = {start_sleeper(), start_sleeper()};

    (void)state;
    for (int searched = 0; searched < 2; searched++) {
        struct pids found = {.count = 0};

        children_are_searched = searched;
        assert_int_equal(children_each(proc_fd, getpid(), note, &found), 2);
        assert_int_equal(found.count, 2);
        assert_true(found.items[0] == children[0] || found.items[1] == children[0]);
        assert_true(found.items[0] == children[1] || found.items[1] == children[1]);
        found.count = 0;
        assert_int_equal(children_each(proc_fd, children[0], note, &found), 0);
    }
    children_are_searched = false;
    assert_int_equal(strays_end(NULL, 0), 0);
    assert_int_equal(children_each(proc_fd, children[0], note, &(struct pids){.count = 0}), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_are_ended_with_what_they_have_started),
        cmocka_unit_test(they_are_found_on_a_kernel_that_does_not_list_children),
        cmocka_unit_test(a_search_finds_what_the_kernel_lists),
    };

    return cmocka_run_group_tests_name("strays", tests, NULL, NULL);
}
