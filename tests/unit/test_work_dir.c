/* The work folder: made, laid out, and held by one agent only. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/work_dir.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "tests/unit/agent_site.h"

static bool is_folder(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static void folder_is_made_with_its_parents_and_rooms(void **state)
{
    CLEANUP(temporary_dir_destroy) char *dir = temporary_dir_new();
    CLEANUP(free_p) char *path = mem_printf("%s/a/b/./work", dir);
    CLEANUP(work_dir_close) struct work_dir work = WORK_DIR_NONE;
    struct err err;

    (void)state;
    if (work_dir_open(path, &work, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(work.path[0], '/');
    assert_null(strstr(work.path, "/./"));
    assert_true(is_folder(work.sandboxes));
    assert_true(is_folder(work.records));
    assert_int_equal(strncmp(work.unique, "agent-", 6), 0);
    assert_true(fcntl(work.lock_fd, F_GETFD) & FD_CLOEXEC);
}

static void second_agent_is_told_who_holds_the_folder(void **state)
{
    CLEANUP(temporary_dir_destroy) char *dir = temporary_dir_new();
    CLEANUP(work_dir_close) struct work_dir first = WORK_DIR_NONE;
    CLEANUP(work_dir_close) struct work_dir second = WORK_DIR_NONE;
    char pid[32];
    struct err err;

    (void)state;
    assert_int_equal(work_dir_open(dir, &first, &err), 0);
    assert_int_equal(work_dir_open(dir, &second, &err), -EBUSY);
    snprintf(pid, sizeof(pid), "pid %d", (int)getpid());
    assert_non_null(strstr(err.text, pid));
    assert_non_null(strstr(err.text, "--work-dir"));
    work_dir_close(&first);
    assert_int_equal(work_dir_open(dir, &second, &err), 0);
}

/* A keeper is killed, and what it has forked holds the lock a moment longer. */
static void what_a_dead_agent_leaves_is_waited_for(void **state)
{
    CLEANUP(temporary_dir_destroy) char *dir = temporary_dir_new();
    CLEANUP(work_dir_close) struct work_dir work = WORK_DIR_NONE;
    int ends[2], status;
    pid_t pid;
    char byte;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    pid = fork();
    if (pid == 0) {
        struct work_dir held = WORK_DIR_NONE;

        if (work_dir_open(dir, &held, NULL) < 0)
            _exit(1);
        if (fork() == 0) {
            poll(NULL, 0, 300);
            _exit(0);
        }
        _exit(write(ends[1], "x", 1) != 1);
    }
    assert_int_equal(read(ends[0], &byte, 1), 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(work_dir_open(dir, &work, NULL), 0);
    close(ends[0]);
    close(ends[1]);
}

static void checkpoint_changes_hands_and_nothing_else_does(void **state)
{
    CLEANUP(temporary_dir_destroy) char *dir = temporary_dir_new();
    CLEANUP(free_p) char *file = mem_printf("%s/checkpoint/agent.db", dir);
    CLEANUP(free_p) char *link = mem_printf("%s/checkpoint/link", dir);
    CLEANUP(free_p) char *hard = mem_printf("%s/checkpoint/hard", dir);
    CLEANUP(free_p) char *other = mem_printf("%s/other", dir);
    CLEANUP(work_dir_close) struct work_dir work = WORK_DIR_NONE;
    struct stat info;

    (void)state;
    if (geteuid() != 0) {
        print_message("skip: not root\n");
        skip();
    }
    assert_int_equal(work_dir_open(dir, &work, NULL), 0);
    assert_int_equal(work_dir_give(&work, 1, 1, NULL), 0);
    close(open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    assert_int_equal(chown(file, 1, 1), 0);
    close(open(other, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    assert_int_equal(symlink(other, link), 0);
    assert_int_equal(linkat(AT_FDCWD, other, AT_FDCWD, hard, 0), 0);
    assert_int_equal(work_dir_give(&work, 2, 2, NULL), 0);
    assert_int_equal(stat(file, &info), 0);
    assert_int_equal(info.st_uid, 2);
    assert_int_equal(stat(other, &info), 0);
    assert_int_equal(info.st_uid, 0);
    assert_int_equal(fstat(work.checkpoint_fd, &info), 0);
    assert_int_equal(info.st_uid, 2);
    assert_int_equal(stat(work.records, &info), 0);
    assert_int_equal(info.st_uid, 0);
}

static void folders_have_names_of_their_own(void **state)
{
    CLEANUP(temporary_dir_destroy) char *dir = temporary_dir_new();
    CLEANUP(free_p) char *a = mem_printf("%s/a", dir);
    CLEANUP(free_p) char *b = mem_printf("%s/b", dir);
    CLEANUP(work_dir_close) struct work_dir first = WORK_DIR_NONE;
    CLEANUP(work_dir_close) struct work_dir second = WORK_DIR_NONE;
    CLEANUP(free_p) char *before = NULL;

    (void)state;
    assert_int_equal(work_dir_open(a, &first, NULL), 0);
    assert_int_equal(work_dir_open(b, &second, NULL), 0);
    assert_string_not_equal(first.unique, second.unique);
    before = mem_strdup(first.unique);
    work_dir_close(&first);
    assert_int_equal(work_dir_open(a, &first, NULL), 0);
    assert_string_equal(first.unique, before);
}

static void folder_that_cannot_be_is_an_error_with_advice(void **state)
{
    CLEANUP(work_dir_close) struct work_dir work = WORK_DIR_NONE;
    struct err err;

    (void)state;
    assert_true(work_dir_open("/proc/nothing/work", &work, &err) < 0);
    assert_non_null(strstr(err.text, "--work-dir"));
    assert_int_equal(work_dir_open("", &work, &err), -EINVAL);
    assert_true(work_dir_open("/dev/null", &work, &err) < 0);
}

static void lock_file_that_is_a_link_is_not_followed(void **state)
{
    CLEANUP(temporary_dir_destroy) char *dir = temporary_dir_new();
    CLEANUP(free_p) char *link = mem_printf("%s/agent.lock", dir);
    CLEANUP(work_dir_close) struct work_dir work = WORK_DIR_NONE;
    struct err err;

    (void)state;
    assert_int_equal(symlink("/tmp/proffer-test-target", link), 0);
    assert_int_equal(work_dir_open(dir, &work, &err), -ELOOP);
}

static void write_port_file(const char *dir, const char *text)
{
    CLEANUP(free_p) char *path = mem_printf("%s/agent.port", dir);
    CLEANUP(close_fd) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void port_is_noted_for_the_next_agent(void **state)
{
    static const char *const nonsense[] = {"",     "\n",   "0\n",    "65536\n",
                                           "-1\n", "4000", "port\n", "99999999\n"};
    CLEANUP(temporary_dir_destroy) char *dir = temporary_dir_new();
    CLEANUP(work_dir_close) struct work_dir work = WORK_DIR_NONE;
    struct err err;

    (void)state;
    assert_int_equal(work_dir_open(dir, &work, &err), 0);
    work_dir_note_port(&work, 4001); /* nobody wants to know */
    assert_int_equal(work_dir_port(&work), 0);
    work_dir_open_port(&work);
    assert_int_equal(work_dir_port(&work), 0);
    work_dir_note_port(&work, 65535);
    work_dir_note_port(&work, 4000);
    assert_int_equal(work_dir_port(&work), 4000);
    for (size_t i = 0; i < ARRAY_SIZE(nonsense); i++) {
        write_port_file(dir, nonsense[i]);
        assert_int_equal(work_dir_port(&work), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folder_is_made_with_its_parents_and_rooms),
        cmocka_unit_test(second_agent_is_told_who_holds_the_folder),
        cmocka_unit_test(what_a_dead_agent_leaves_is_waited_for),
        cmocka_unit_test(checkpoint_changes_hands_and_nothing_else_does),
        cmocka_unit_test(folders_have_names_of_their_own),
        cmocka_unit_test(folder_that_cannot_be_is_an_error_with_advice),
        cmocka_unit_test(lock_file_that_is_a_link_is_not_followed),
        cmocka_unit_test(port_is_noted_for_the_next_agent),
    };

    return cmocka_run_group_tests_name("work dir", tests, NULL, NULL);
}
