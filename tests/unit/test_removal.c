/* Removing what tasks have left: real files, as bad as a task can make them. */
#include "agent/launcher/removal.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"

#define DEPTH 10000

/* A folder with three in it: tree/ (to go), trash/, outside/ with a file that must stay. */
struct place {
    char dir[64];
    int fd;
    struct removal removal;
};

static void write_file(int fd, const char *name, const char *text)
{
    int file = openat(fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

    assert_true(file >= 0);
    assert_int_equal(write(file, text, strlen(text)), strlen(text));
    close(file);
}

static void place_init(struct place *self)
{
    const char *tmp = getenv("TMPDIR");
    char trash[96];
    struct err err;

    snprintf(self->dir, sizeof(self->dir), "%s/proffer-test-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(self->dir));
    self->fd = open(self->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(mkdirat(self->fd, "tree", 0755), 0);
    assert_int_equal(mkdirat(self->fd, "outside", 0755), 0);
    write_file(self->fd, "outside/precious", "gold");
    snprintf(trash, sizeof(trash), "%s/trash", self->dir);
    if (removal_open(&self->removal, trash, &err) < 0)
        fail_msg("%s", err.text);
}

static bool has(const struct place *self, const char *path)
{
    struct stat info;

    return fstatat(self->fd, path, &info, AT_SYMLINK_NOFOLLOW) == 0;
}

static void place_fini(struct place *self)
{
    assert_true(has(self, "outside/precious"));
    assert_int_equal(unlinkat(self->fd, "outside/precious", 0), 0);
    assert_int_equal(unlinkat(self->fd, "outside", AT_REMOVEDIR), 0);
    removal_close(&self->removal);
    assert_int_equal(unlinkat(self->fd, "trash", AT_REMOVEDIR), 0);
    assert_int_equal(rmdir(self->dir), 0);
    close(self->fd);
}

static void take_and_empty(struct place *self)
{
    struct err err;

    if (removal_take(&self->removal, self->fd, "tree", &err) < 0)
        fail_msg("%s", err.text);
    assert_false(has(self, "tree"));
    removal_empty(&self->removal);
}

static void assert_empty(const struct place *self)
{
    if (self->removal.stuck)
        fail_msg("%s", self->removal.why.text);
}

static void files_and_folders_go_and_are_counted(void **state)
{
    CLEANUP(place_fini) struct place place;

    (void)state;
    place_init(&place);
    assert_int_equal(mkdirat(place.fd, "tree/a", 0755), 0);
    write_file(place.fd, "tree/a/one", "1234");
    write_file(place.fd, "tree/two", "1234");
    take_and_empty(&place);
    assert_empty(&place);
    assert_true(place.removal.bytes > 0);
}

static void links_out_are_removed_and_not_followed(void **state)
{
    CLEANUP(place_fini) struct place place;
    int64_t bytes;

    (void)state;
    place_init(&place);
    assert_int_equal(symlinkat("../outside", place.fd, "tree/folder"), 0);
    assert_int_equal(symlinkat("../outside/precious", place.fd, "tree/file"), 0);
    assert_int_equal(symlinkat("/", place.fd, "tree/root"), 0);
    assert_int_equal(symlinkat("loop", place.fd, "tree/loop"), 0);
    assert_int_equal(linkat(place.fd, "outside/precious", place.fd, "tree/hard", 0), 0);
    take_and_empty(&place);
    assert_empty(&place);
    bytes = place.removal.bytes;
    assert_int_equal(bytes, 0); /* what has another name is still there */
}

static void pipes_sockets_and_closed_folders_go(void **state)
{
    CLEANUP(place_fini) struct place place;

    (void)state;
    place_init(&place);
    assert_int_equal(mkfifoat(place.fd, "tree/fifo", 0600), 0);
    assert_int_equal(mknodat(place.fd, "tree/socket", S_IFSOCK | 0600, 0), 0);
    assert_int_equal(mkdirat(place.fd, "tree/closed", 0755), 0);
    write_file(place.fd, "tree/closed/file", "x");
    assert_int_equal(fchmodat(place.fd, "tree/closed", 0, 0), 0);
    assert_int_equal(fchmodat(place.fd, "tree", 0, 0), 0);
    take_and_empty(&place);
    assert_empty(&place);
}

/* No path reaches its end, and one descriptor a level would not suffice. */
static void tree_of_ten_thousand_levels_goes(void **state)
{
    CLEANUP(place_fini) struct place place;
    int fd;

    (void)state;
    place_init(&place);
    fd = openat(place.fd, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < DEPTH; i++) {
        int below;

        assert_int_equal(mkdirat(fd, "d", 0755), 0);
        below = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(below >= 0);
        close(fd);
        fd = below;
    }
    write_file(fd, "bottom", "x");
    close(fd);
    take_and_empty(&place);
    assert_empty(&place);
}

static void many_files_in_one_folder_go(void **state)
{
    CLEANUP(place_fini) struct place place;
    char name[32];

    (void)state;
    place_init(&place);
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof(name), "tree/%d", i);
        if (i % 10)
            write_file(place.fd, name, "");
        else
            assert_int_equal(mkdirat(place.fd, name, 0755), 0);
    }
    take_and_empty(&place);
    assert_empty(&place);
}

/* It holds the folders open from before they were taken, and swaps one for a link to the outside, again and
 * again, while they are removed. */
static pid_t start_swapping(const struct place *place)
{
    int tree = openat(place->fd, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int ready[2];
    char byte;
    pid_t pid;

    assert_true(tree >= 0);
    assert_int_equal(pipe(ready), 0);
    pid = fork();
    if (pid == 0) {
        char outside[96];

        snprintf(outside, sizeof(outside), "%s/outside", place->dir);
        (void)!write(ready[1], "x", 1);
        for (;;) {
            int folder;

            mkdirat(tree, "a", 0755);
            folder = openat(tree, "a", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            if (folder >= 0) {
                mkdirat(folder, "b", 0755);
                close(folder);
            }
            (void)!symlinkat(outside, tree, "link");
            syscall(SYS_renameat2, tree, "a", tree, "link", 2 /* RENAME_EXCHANGE */);
        }
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(tree);
    return pid;
}

static void folder_that_is_swapped_for_a_link_leads_nowhere(void **state)
{
    CLEANUP(place_fini) struct place place;
    pid_t pid;

    (void)state;
    place_init(&place);
    pid = start_swapping(&place);
    for (int i = 0; i < 200 && has(&place, "tree"); i++)
        write_file(place.fd, "tree/file", "x");
    assert_int_equal(removal_take(&place.removal, place.fd, "tree", NULL), 0);
    for (int i = 0; i < 300; i++) {
        removal_empty(&place.removal);
        assert_true(has(&place, "outside/precious"));
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    removal_empty(&place.removal);
    assert_empty(&place);
}

static void mount_in_it_is_not_entered_and_told(void **state)
{
    CLEANUP(place_fini) struct place place;
    char target[96], outside[96], found[160];
    FILE *mounts;

    (void)state;
    if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        print_message("skip: cannot mount\n");
        skip();
    }
    place_init(&place);
    assert_int_equal(mkdirat(place.fd, "tree/mnt", 0755), 0);
    write_file(place.fd, "tree/file", "x");
    snprintf(target, sizeof(target), "%s/tree/mnt", place.dir);
    snprintf(outside, sizeof(outside), "%s/outside", place.dir);
    assert_int_equal(mount(outside, target, NULL, MS_BIND, NULL), 0);
    take_and_empty(&place);
    assert_int_equal(place.removal.stuck, 1);
    assert_non_null(strstr(place.removal.why.text, "something is mounted at 'mnt'"));
    assert_true(has(&place, "outside/precious"));

    mounts = fopen("/proc/self/mountinfo", "re");
    assert_non_null(mounts);
    for (*target = '\0'; fscanf(mounts, "%*d %*d %*s %*s %159s%*[^\n]", found) == 1;)
        if (strstr(found, "/trash/") && !strncmp(found, place.dir, strlen(place.dir)))
            assert_int_equal(umount(found), 0);
    fclose(mounts);
    removal_empty(&place.removal);
    assert_empty(&place);
}

static void trash_of_somebody_else_is_refused(void **state)
{
    CLEANUP(place_fini) struct place place;
    struct removal other;
    struct err err;
    char path[96];

    (void)state;
    place_init(&place);
    snprintf(path, sizeof(path), "%s/tree", place.dir);
    assert_int_equal(removal_open(&other, path, &err), -EPERM);
    assert_non_null(strstr(err.text, "must belong to the agent"));
    take_and_empty(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_and_folders_go_and_are_counted),
        cmocka_unit_test(links_out_are_removed_and_not_followed),
        cmocka_unit_test(pipes_sockets_and_closed_folders_go),
        cmocka_unit_test(tree_of_ten_thousand_levels_goes),
        cmocka_unit_test(many_files_in_one_folder_go),
        cmocka_unit_test(folder_that_is_swapped_for_a_link_leads_nowhere),
        cmocka_unit_test(mount_in_it_is_not_entered_and_told),
        cmocka_unit_test(trash_of_somebody_else_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
