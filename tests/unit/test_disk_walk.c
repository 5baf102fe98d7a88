/* What a tree takes: against trees whose size is known. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "isolators/disk_walk.h"

#define KIB 1024

static char dir[64];

static const char *at(const char *name)
{
    static char path[256];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

static void write_kib(const char *name, int kib)
{
    static char zeros[KIB];
    int fd = open(at(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    memset(zeros, 'x', sizeof(zeros));
    for (int i = 0; i < kib; i++)
        assert_int_equal(write(fd, zeros, sizeof(zeros)), (int)sizeof(zeros));
    assert_int_equal(fsync(fd), 0); /* allocated now */
    close(fd);
}

static struct disk_walk walk(void)
{
    struct disk_walk found = {0};

    assert_int_equal(disk_walk_add(&found, dir), 0);
    disk_walk_fini(&(struct disk_walk){.seen = found.seen});
    found.seen = NULL;
    return found;
}

static int64_t bytes(void)
{
    return walk().bytes;
}

static int make(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/proffer-walk-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int drop(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    return system(command);
}

static void what_is_written_counts_and_a_hole_does_not(void **state)
{
    int64_t before = bytes(), after;

    (void)state;
    write_kib("a", 512);
    after = bytes();
    assert_true(after - before >= 512 * KIB);
    assert_true(after - before < 600 * KIB);
    assert_int_equal(truncate(at("a"), 1 << 30), 0);
    assert_true(bytes() - before < 600 * KIB);
}

static void a_file_of_many_names_counts_once(void **state)
{
    char name[256], link_name[512];
    int64_t before;

    (void)state;
    write_kib("a", 256);
    before = bytes();
    snprintf(name, sizeof(name), "%s", at("a"));
    for (int i = 0; i < 500; i++) {
        snprintf(link_name, sizeof(link_name), "%s-%d", name, i);
        assert_int_equal(link(name, link_name), 0);
    }
    assert_true(bytes() - before < 128 * KIB); /* the folder itself has grown */
    assert_int_equal(walk().files, 2);
}

static void links_and_other_file_systems_are_not_entered(void **state)
{
    int64_t before;

    (void)state;
    before = bytes();
    assert_int_equal(symlink("/usr", at("usr")), 0);
    assert_int_equal(symlink("/proc", at("proc")), 0);
    assert_int_equal(symlink(".", at("loop")), 0);
    assert_true(bytes() - before <= 16 * KIB);
    assert_int_equal(walk().files, 4);
}

static void a_tree_is_walked_whole(void **state)
{
    char name[64];

    (void)state;
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof(name), "d%d", i);
        assert_int_equal(mkdir(at(name), 0700), 0);
        for (int j = 0; j < 5; j++) {
            snprintf(name, sizeof(name), "d%d/e%d", i, j);
            assert_int_equal(mkdir(at(name), 0700), 0);
            strcat(name, "/f");
            write_kib(name, 1);
        }
    }
    assert_int_equal(walk().files, 1 + 5 + 25 + 25);
    assert_false(walk().is_too_deep);
}

static void a_pit_is_told(void **state)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    (void)state;
    for (int i = 0; i < DISK_WALK_DEPTH_MAX + 5; i++) {
        int next;

        assert_int_equal(mkdirat(fd, "d", 0700), 0);
        next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close(fd);
        fd = next;
    }
    close(fd);
    assert_true(walk().is_too_deep);
}

static void what_is_no_folder_is_an_error(void **state)
{
    struct disk_walk found = {0};

    (void)state;
    assert_int_equal(disk_walk_add(&found, at("nothing")), -ENOENT);
    assert_int_equal(symlink("/usr", at("usr")), 0);
    assert_true(disk_walk_add(&found, at("usr")) < 0);
    assert_int_equal(found.bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_counts_and_a_hole_does_not, make, drop),
        cmocka_unit_test_setup_teardown(a_file_of_many_names_counts_once, make, drop),
        cmocka_unit_test_setup_teardown(links_and_other_file_systems_are_not_entered, make, drop),
        cmocka_unit_test_setup_teardown(a_tree_is_walked_whole, make, drop),
        cmocka_unit_test_setup_teardown(a_pit_is_told, make, drop),
        cmocka_unit_test_setup_teardown(what_is_no_folder_is_an_error, make, drop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
