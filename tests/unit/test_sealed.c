/* Programs in memory that nobody can write to. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/sealed.h"

static void what_is_sealed_cannot_be_changed_by_its_owner(void **state)
{
    CLEANUP(close_fd) int fd = -1;
    CLEANUP(close_fd) int again = -1;
    char path[32], text[8] = "";
    struct err err;

    (void)state;
    assert_int_equal(sealed_from_bytes("test", "content", 7, 0700, &fd, &err), 0);
    assert_true(is_sealed(fd));
    assert_int_equal(pwrite(fd, "x", 1, 0), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_int_equal(ftruncate(fd, 100), -1);
    assert_ptr_equal(mmap(NULL, 7, PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    again = open(path, O_RDWR | O_TRUNC | O_CLOEXEC);
    assert_true(again < 0 || pwrite(again, "x", 1, 0) < 0);
    assert_int_equal(pread(fd, text, 7, 0), 7);
    assert_string_equal(text, "content");
    assert_int_equal(fcntl(fd, F_ADD_SEALS, 0), -1); /* nor its seals */
}

static void it_is_closed_by_an_exec_and_has_its_mode(void **state)
{
    CLEANUP(close_fd) int fd = -1;
    struct stat info;

    (void)state;
    assert_int_equal(sealed_from_bytes("test", "x", 1, 0111, &fd, NULL), 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(fstat(fd, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0111);
}

static void a_copy_of_a_program_runs(void **state)
{
    CLEANUP(close_fd) int file = open("/bin/true", O_RDONLY | O_CLOEXEC);
    CLEANUP(close_fd) int fd = -1;
    char name[] = "true";
    char *const argv[] = {name, NULL}, *const envp[] = {NULL};
    int status;
    pid_t pid;

    (void)state;
    assert_false(is_sealed(file));
    assert_int_equal(sealed_from_file("true", file, &fd, NULL), 0);
    pid = fork();
    if (pid == 0) {
        syscall(SYS_execveat, fd, "", argv, envp, AT_EMPTY_PATH);
        _exit(126);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void what_cannot_be_read_is_an_error(void **state)
{
    CLEANUP(close_fd) int folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct err err;
    int fd = -7;

    (void)state;
    assert_true(sealed_from_file("folder", folder, &fd, &err) < 0);
    assert_non_null(strstr(err.text, "cannot copy folder into memory"));
    assert_int_equal(fd, -7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_sealed_cannot_be_changed_by_its_owner),
        cmocka_unit_test(it_is_closed_by_an_exec_and_has_its_mode),
        cmocka_unit_test(a_copy_of_a_program_runs),
        cmocka_unit_test(what_cannot_be_read_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
