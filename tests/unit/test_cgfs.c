/* Files of a cgroup, on a directory tree that only looks like one. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "isolators/cgfs.h"

struct tree {
    char path[64];
    int dir;
    struct cgfs group; /* "g" in it */
};

static int tree_setup(void **state)
{
    static struct tree tree;

    snprintf(tree.path, sizeof(tree.path), "/tmp/proffer-cgfs-XXXXXX");
    assert_non_null(mkdtemp(tree.path));
    tree.dir = open(tree.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(tree.dir >= 0);
    tree.group = (struct cgfs){tree.dir, "g"};
    assert_int_equal(cgfs_make(tree.group), 0);
    *state = &tree;
    return 0;
}

/* A real group is removed with its files; here they have to go first. */
static void remove_files(int dir, const char *const *files)
{
    for (; *files; files++)
        unlinkat(dir, *files, 0);
}

static int tree_teardown(void **state)
{
    static const char *const files[] = {
        "g/value", "g/stat", "g/cgroup.procs", "g/in/cgroup.procs", "g/link", "elsewhere", NULL};
    struct tree *tree = *state;

    remove_files(tree->dir, files);
    cgfs_remove(tree->group);
    close(tree->dir);
    return rmdir(tree->path);
}

static void put(const struct tree *tree, const char *path, const char *text)
{
    int fd = openat(tree->dir, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void a_value_is_written_whole_and_read_back(void **state)
{
    const struct tree *tree = *state;
    char text[32];
    int64_t value = 0;

    put(tree, "g/value", "");
    assert_int_equal(cgfs_write(tree->group, "value", "50000 100000"), 0);
    assert_int_equal(cgfs_read(tree->group, "value", text, sizeof(text)), 12);
    assert_string_equal(text, "50000 100000");
    assert_int_equal(cgfs_read_int(tree->group, "value", &value), 0);
    assert_int_equal(value, 50000);
    put(tree, "g/value", "");
    assert_int_equal(cgfs_write_int(tree->group, "value", -1), 0);
    assert_int_equal(cgfs_read(tree->group, "value", text, sizeof(text)), 2);
    assert_string_equal(text, "-1");
}

static void a_text_longer_than_asked_for_is_cut(void **state)
{
    const struct tree *tree = *state;
    char text[5];

    put(tree, "g/value", "123456789");
    assert_int_equal(cgfs_read(tree->group, "value", text, sizeof(text)), 4);
    assert_string_equal(text, "1234");
}

static void max_is_unlimited_and_so_is_what_no_integer_holds(void **state)
{
    const struct tree *tree = *state;
    int64_t value = 0;

    put(tree, "g/value", "max\n");
    assert_int_equal(cgfs_read_int(tree->group, "value", &value), 0);
    assert_true(value == CGFS_UNLIMITED);
    put(tree, "g/value", "18446744073709551615\n");
    assert_int_equal(cgfs_read_int(tree->group, "value", &value), 0);
    assert_true(value == CGFS_UNLIMITED);
}

static void what_is_no_number_is_refused_and_nothing_is_written(void **state)
{
    const struct tree *tree = *state;
    static const char *const bad[] = {"", "x", "-5", "\n", "99999999999999999999999"};

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        int64_t value = 77;

        put(tree, "g/value", bad[i]);
        assert_int_equal(cgfs_read_int(tree->group, "value", &value), -EINVAL);
        assert_int_equal(value, 77);
    }
}

static void what_is_missing_is_said(void **state)
{
    const struct tree *tree = *state;
    const struct cgfs absent = {tree->dir, "absent"};
    int64_t value;

    assert_int_equal(cgfs_write(tree->group, "value", "1"), -ENOENT);
    assert_int_equal(cgfs_read_int(tree->group, "value", &value), -ENOENT);
    assert_int_equal(cgfs_write(absent, "value", "1"), -ENOENT);
    assert_int_equal(cgfs_signal(absent, SIGKILL), -ENOENT);
    assert_int_equal(cgfs_count_processes(absent), -ENOENT);
    assert_false(cgfs_has(tree->group, "value"));
    put(tree, "g/value", "1");
    assert_true(cgfs_has(tree->group, "value"));
    assert_int_equal(cgfs_make(tree->group), -EEXIST);
}

static void names_that_are_too_long_are_refused(void **state)
{
    const struct tree *tree = *state;
    char name[400];

    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(cgfs_write((struct cgfs){tree->dir, name}, "value", "1"), -ENAMETOOLONG);
    assert_false(cgfs_has((struct cgfs){tree->dir, name}, "value"));
}

static void a_link_is_not_followed(void **state)
{
    const struct tree *tree = *state;

    put(tree, "elsewhere", "precious");
    assert_int_equal(symlinkat("../elsewhere", tree->dir, "g/link"), 0);
    assert_int_equal(cgfs_write(tree->group, "link", "1"), -ELOOP);
}

static void keys_are_found_by_their_whole_name(void **state)
{
    const struct tree *tree = *state;
    int64_t oom = 0, kills = 0, absent = 55;
    const struct cgfs_key keys[] = {{"oom", &oom}, {"oom_kill", &kills}, {"none", &absent}};

    put(tree, "g/stat", "low 0\nhigh 3\noom 4\noom_kill 5\noom_group_kill 6\n");
    assert_int_equal(cgfs_read_keys(tree->group, "stat", keys, ARRAY_SIZE(keys)), 2);
    assert_int_equal(oom, 4);
    assert_int_equal(kills, 5);
    assert_int_equal(absent, 55);
    put(tree, "g/stat", "");
    assert_int_equal(cgfs_read_keys(tree->group, "stat", keys, ARRAY_SIZE(keys)), 0);
}

static void groups_inside_are_removed_from_the_inside(void **state)
{
    const struct tree *tree = *state;

    assert_int_equal(mkdirat(tree->dir, "g/a", 0755), 0);
    assert_int_equal(mkdirat(tree->dir, "g/a/b", 0755), 0);
    assert_int_equal(mkdirat(tree->dir, "g/c", 0755), 0);
    assert_int_equal(cgfs_remove(tree->group), 0);
    assert_int_equal(faccessat(tree->dir, "g", F_OK, 0), -1);
    assert_int_equal(cgfs_remove(tree->group), 0); /* it is gone, which is what was wanted */
}

static pid_t sleeper(void)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0)
        for (;;)
            pause();
    return pid;
}

static void assert_killed(pid_t pid)
{
    int status = 0;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
}

static void every_process_is_signalled_inner_groups_included(void **state)
{
    const struct tree *tree = *state;
    pid_t pids[3] = {sleeper(), sleeper(), sleeper()};
    char text[64];

    assert_int_equal(mkdirat(tree->dir, "g/in", 0755), 0);
    snprintf(text, sizeof(text), "%d\n%d\n", pids[0], pids[1]);
    put(tree, "g/cgroup.procs", text);
    snprintf(text, sizeof(text), "%d\n", pids[2]);
    put(tree, "g/in/cgroup.procs", text);

    assert_int_equal(cgfs_count_processes(tree->group), 3);
    assert_int_equal(cgfs_signal(tree->group, SIGKILL), 3);
    assert_int_equal(cgfs_wait(tree->group, 10000), 3);
    for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
        assert_killed(pids[i]);
}

static int count_group(void *owner, struct cgfs group)
{
    (void)group;
    return ++*(int *)owner == 2 ? -ECANCELED : 0;
}

static void each_stops_when_it_is_told_to(void **state)
{
    const struct tree *tree = *state;
    int seen = 0;

    put(tree, "elsewhere", "a file, not a group");
    assert_int_equal(cgfs_each(tree->dir, count_group, &seen), 0);
    assert_int_equal(seen, 1);
    assert_int_equal(mkdirat(tree->dir, "h", 0755), 0);
    seen = 0;
    assert_int_equal(cgfs_each(tree->dir, count_group, &seen), -ECANCELED);
    assert_int_equal(unlinkat(tree->dir, "h", AT_REMOVEDIR), 0);
}

#define TREE_TEST(name) cmocka_unit_test_setup_teardown(name, tree_setup, tree_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TREE_TEST(a_value_is_written_whole_and_read_back),
        TREE_TEST(a_text_longer_than_asked_for_is_cut),
        TREE_TEST(max_is_unlimited_and_so_is_what_no_integer_holds),
        TREE_TEST(what_is_no_number_is_refused_and_nothing_is_written),
        TREE_TEST(what_is_missing_is_said),
        TREE_TEST(names_that_are_too_long_are_refused),
        TREE_TEST(a_link_is_not_followed),
        TREE_TEST(keys_are_found_by_their_whole_name),
        TREE_TEST(groups_inside_are_removed_from_the_inside),
        TREE_TEST(every_process_is_signalled_inner_groups_included),
        TREE_TEST(each_stops_when_it_is_told_to),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
