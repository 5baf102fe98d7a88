/* What fetches for a container of an Engine is held by the container's own limits, in groups beside it; on v1 or v2, whichever
 * there is. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/docker/fetch_groups.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "isolators/cgroups.h"

#define MIB        ((size_t)1024 * 1024)
#define MEM_MIB    32
#define TIMEOUT_US ((int64_t)20 * US_PER_S)

static char parent[64];

static struct fetch_groups *new_groups(void)
{
    struct fetch_groups *groups = NULL;
    struct err err;

    if (geteuid() != 0)
        skip();
    if (fetch_groups_new(parent, 17, &groups, &err) < 0)
        fail_msg("%s", err.text);
    return groups;
}

/* NULL, and the test is over: there are no cgroups here. */
static struct launched *make(struct fetch_groups *groups, const char *id)
{
    const struct resource_info resources[] = {
        {.name = "cpus", .kind = VALUE_SCALAR, .scalar = 500},
        {.name = "mem", .kind = VALUE_SCALAR, .scalar = MEM_MIB * 1000},
    };
    const struct command_info command = {.value = "true"};
    const struct msg_launch_container order = {
        .container_id = id,
        .resources = resources,
        .resources_count = ARRAY_SIZE(resources),
        .command = &command,
        .sandbox = "",
    };
    struct launched *group = NULL;
    struct err err;

    if (fetch_groups_make(groups, &order, &group, &err) < 0)
        fail_msg("%s", err.text);
    if (!group) {
        fetch_groups_destroy(&groups);
        skip();
    }
    return group;
}

/* In the group by the time this returns. */
static pid_t start(struct fetch_groups *groups, const struct launched *group, void (*run)(void))
{
    const int *fds;
    struct err err;
    int count = fetch_groups_open(groups, group, &fds, &err);
    int entered[2];
    pid_t pid;
    char byte;

    if (count <= 0)
        fail_msg("%d: %s", count, err.text);
    assert_int_equal(pipe(entered), 0);
    pid = fork();
    if (pid == 0) {
        for (int i = 0; i < count; i++)
            if (write(fds[i], "0", 1) != 1)
                _exit(126);
        (void)!write(entered[1], "x", 1);
        run();
        _exit(0);
    }
    fetch_groups_close(groups);
    close(entered[1]);
    assert_int_equal(read(entered[0], &byte, 1), 1);
    close(entered[0]);
    return pid;
}

static int wait_for(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

/* Is there a group of that name on any mount? */
static bool is_there(const char *id)
{
    char command[256];

    snprintf(command, sizeof(command),
             "find /sys/fs/cgroup -type d -path '*%s/" FETCH_GROUP_PREFIX "%s' | grep -q .", parent,
             id);
    return system(command) == 0;
}

static void wait_until_gone(struct fetch_groups *groups, const char *id)
{
    const int64_t until_us = clock_now().mono_us + TIMEOUT_US;

    while (is_there(id)) {
        assert_true(clock_now().mono_us < until_us);
        poll(&(struct pollfd){fetch_groups_fd(groups), POLLIN, 0}, 1, 1000);
        fetch_groups_run(groups);
    }
}

static void eat(void)
{
    char *memory =
        mmap(NULL, 4 * MEM_MIB * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    memset(memory, 'x', 4 * MEM_MIB * MIB);
}

static void rest(void)
{
    for (;;)
        pause();
}

/* As many as it may, less itself: each waits for its end. */
static void fork_on_and_on(void)
{
    int count = 1;
    pid_t pid;

    while ((pid = fork()) > 0)
        count++;
    if (pid == 0)
        rest();
    _exit(errno == EAGAIN ? count : 0);
}

/* --- tests --------------------------------------------------------------------------------------- */

static void what_takes_more_memory_than_its_container_has_is_ended(void **state)
{
    CLEANUP(fetch_groups_destroy) struct fetch_groups *groups = new_groups();
    struct launched *group = make(groups, "t1");
    struct limitation limitation;
    int status = wait_for(start(groups, group, eat));

    (void)state;
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    fetch_groups_end(groups, &group, &limitation);
    print_message("%s\n", limitation.message);
    assert_null(group);
    assert_int_equal(limitation.reason, REASON_CONTAINER_LIMITATION_MEMORY);
    assert_non_null(strstr(limitation.message, "Memory limit exceeded: the limit is 32MiB"));
    wait_until_gone(groups, "t1");
}

static void what_forks_has_the_processes_of_its_container(void **state)
{
    CLEANUP(fetch_groups_destroy) struct fetch_groups *groups = new_groups();
    struct launched *group = make(groups, "t1");
    struct limitation limitation;
    int status = wait_for(start(groups, group, fork_on_and_on));

    (void)state;
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 17);
    fetch_groups_end(groups, &group, &limitation); /* with those that it has left */
    assert_int_equal(limitation.reason, 0);
    wait_until_gone(groups, "t1");
}

static void what_is_in_it_ends_with_it_and_others_do_not(void **state)
{
    CLEANUP(fetch_groups_destroy) struct fetch_groups *groups = new_groups();
    struct launched *one = make(groups, "t1"), *other = make(groups, "t2");
    struct limitation limitation;
    pid_t pid = start(groups, one, rest), other_pid = start(groups, other, rest);
    int status;

    (void)state;
    fetch_groups_end(groups, &one, &limitation);
    status = wait_for(pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_int_equal(limitation.reason, 0);
    wait_until_gone(groups, "t1");
    assert_true(is_there("t2"));
    assert_int_equal(waitpid(other_pid, NULL, WNOHANG), 0);
    fetch_groups_end(groups, &other, &limitation);
    wait_for(other_pid);
    wait_until_gone(groups, "t2");
}

/* The process that made it was killed. */
static void what_an_earlier_process_has_left_is_ended(void **state)
{
    struct fetch_groups *groups = new_groups();
    int told[2];
    pid_t pid;
    char byte;

    (void)state;
    fetch_groups_destroy(&groups);
    assert_int_equal(pipe(told), 0);
    pid = fork();
    if (pid == 0) {
        groups = new_groups();
        start(groups, make(groups, "t1"), rest);
        _exit(write(told[1], "x", 1) < 0);
    }
    close(told[1]);
    if (wait_for(pid) != 0 || read(told[0], &byte, 1) != 1) {
        close(told[0]);
        skip();
    }
    close(told[0]);
    assert_true(is_there("t1"));
    groups = new_groups();
    assert_false(is_there("t1")); /* so nobody is in it */
    fetch_groups_destroy(&groups);
}

/* --- the site ------------------------------------------------------------------------------------ */

static int name_parent(void **state)
{
    (void)state;
    snprintf(parent, sizeof(parent), "proffer-fetch-test-%d/docker", getpid());
    return 0;
}

/* Whatever was made to put groups into. */
static int remove_parent(void **state)
{
    char command[256];

    (void)state;
    snprintf(
        command, sizeof(command),
        "for group in /sys/fs/cgroup/proffer-fetch-test-%d /sys/fs/cgroup/*/proffer-fetch-test-%d; "
        "do [ ! -d $group ] || find $group -depth -type d -exec rmdir {} +; done",
        getpid(), getpid());
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_takes_more_memory_than_its_container_has_is_ended),
        cmocka_unit_test(what_forks_has_the_processes_of_its_container),
        cmocka_unit_test(what_is_in_it_ends_with_it_and_others_do_not),
        cmocka_unit_test(what_an_earlier_process_has_left_is_ended),
    };

    return cmocka_run_group_tests(tests, name_parent, remove_parent);
}
