/* Seccomp profiles: what is made of a text, and what is said of a wrong one. The program is run here on made-up calls,
 * as the kernel would. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include <linux/audit.h>
#include <linux/seccomp.h>

#include "base/cleanup.h"
#include "isolators/seccomp_profile.h"
#include "tests/unit/bpf_run.h"

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#else
#define ARCH AUDIT_ARCH_AARCH64
#endif

static uint32_t answer(const struct seccomp_program *program, int number, uint64_t first)
{
    return bpf_run(program, &(struct seccomp_data){.nr = number, .arch = ARCH, .args = {first}});
}

static struct seccomp_program made_of(const char *text, uint64_t capabilities)
{
    struct seccomp_program program = {0};
    struct err err;

    if (seccomp_profile_compile(text, strlen(text), capabilities, &program, &err) < 0)
        fail_msg("%s", err.text);
    return program;
}

static void expect_error(const char *text, const char *part)
{
    struct seccomp_program program = {0};
    struct err err = {""};

    assert_true(seccomp_profile_compile(text, strlen(text), 0, &program, &err) < 0);
    if (!strstr(err.text, part))
        fail_msg("'%s' does not say '%s'", err.text, part);
    assert_null(program.code);
}

#define ALLOW_READ                                                                                 \
    "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[\"read\",\"no_such_call\"],"  \
    "\"action\":\"SCMP_ACT_ALLOW\"}"

static void what_is_listed_is_allowed_and_the_rest_is_not(void **state)
{
    CLEANUP(seccomp_program_fini) struct seccomp_program program = made_of(ALLOW_READ "]}", 0);

    (void)state;
    assert_int_equal(answer(&program, SYS_read, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(answer(&program, SYS_write, 0),
                     SECCOMP_RET_ERRNO | ENOSYS); /* younger than read */
}

static void a_call_younger_than_the_profile_does_not_exist(void **state)
{
    CLEANUP(seccomp_program_fini)
    struct seccomp_program program =
        made_of(ALLOW_READ ",{\"names\":[\"openat2\"],\"action\":\"SCMP_ACT_ALLOW\"}]}", 0);

    (void)state;
    assert_int_equal(answer(&program, SYS_write, 0), SECCOMP_RET_ERRNO | EPERM);
    assert_int_equal(answer(&program, SYS_openat2, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(answer(&program, SYS_clone3, 0),
                     SECCOMP_RET_ERRNO | ENOSYS); /* 435, below 437 */
    assert_int_equal(answer(&program, SYS_faccessat2, 0), SECCOMP_RET_ERRNO | ENOSYS);
    assert_int_equal(answer(&program, 4000, 0), SECCOMP_RET_ERRNO | ENOSYS);
}

static void arguments_are_compared(void **state)
{
    CLEANUP(seccomp_program_fini)
    struct seccomp_program program = made_of(
        ALLOW_READ ",{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,"
                   "\"value\":40,\"op\":\"SCMP_CMP_NE\"}]}]}",
        0);

    (void)state;
    assert_int_equal(answer(&program, SYS_socket, 2), SECCOMP_RET_ALLOW);
    assert_int_equal(answer(&program, SYS_socket, 40), SECCOMP_RET_ERRNO | EPERM);
}

static void rules_are_for_whom_they_say(void **state)
{
    const char *text = ALLOW_READ ",{\"names\":[\"mount\"],\"action\":\"SCMP_ACT_ALLOW\","
                                  "\"includes\":{\"caps\":[\"CAP_SYS_ADMIN\"]}}"
                                  ",{\"names\":[\"mount\"],\"action\":\"SCMP_ACT_ERRNO\","
                                  "\"errnoRet\":13,\"excludes\":{\"caps\":[\"CAP_SYS_ADMIN\"]}}"
                                  ",{\"names\":[\"ptrace\"],\"action\":\"SCMP_ACT_ALLOW\","
                                  "\"includes\":{\"minKernel\":\"999.1\"}}"
                                  ",{\"names\":[\"getpid\"],\"action\":\"SCMP_ACT_ALLOW\","
                                  "\"includes\":{\"arches\":[\"s390x\"]}}"
                                  ",{\"names\":[\"umount2\"],\"action\":\"SCMP_ACT_ALLOW\"}]}";
    CLEANUP(seccomp_program_fini) struct seccomp_program none = made_of(text, 0);
    CLEANUP(seccomp_program_fini) struct seccomp_program admin = made_of(text, UINT64_C(1) << 21);

    (void)state;
    assert_int_equal(answer(&none, SYS_mount, 0), SECCOMP_RET_ERRNO | EACCES);
    assert_int_equal(answer(&admin, SYS_mount, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(answer(&admin, SYS_ptrace, 0), SECCOMP_RET_ERRNO | EPERM);
    assert_int_equal(answer(&admin, SYS_getpid, 0), SECCOMP_RET_ERRNO | EPERM);
}

static void a_profile_that_allows_by_default_allows_what_is_new(void **state)
{
    CLEANUP(seccomp_program_fini)
    struct seccomp_program program =
        made_of("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"name\":\"read\",\"action\":"
                "\"SCMP_ACT_KILL_PROCESS\"}]}",
                0);

    (void)state;
    assert_int_equal(answer(&program, SYS_read, 0), SECCOMP_RET_KILL_PROCESS);
    assert_int_equal(answer(&program, 4000, 0), SECCOMP_RET_ALLOW);
}

static void another_machine_is_not_let_in(void **state)
{
    CLEANUP(seccomp_program_fini) struct seccomp_program program = made_of(ALLOW_READ "]}", 0);

    (void)state;
    assert_int_equal(
        bpf_run(&program, &(struct seccomp_data){.nr = SYS_read, .arch = AUDIT_ARCH_S390X}) &
            SECCOMP_RET_ACTION_FULL,
        SECCOMP_RET_KILL_THREAD);
}

static void what_is_wrong_with_a_profile_is_told(void **state)
{
    (void)state;
    expect_error("", "line");
    expect_error("[]", "it is no object");
    expect_error("{}", "defaultAction: there is no action ''");
    expect_error("{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}",
                 "there is no action 'SCMP_ACT_NOTIFY' here");
    expect_error("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":-1}",
                 "-1 cannot be an errno");
    expect_error("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":{}}", "syscalls: want a list");
    expect_error("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[1]}",
                 "syscalls[0]: it is no object");
    expect_error(
        "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":[\"VAX\"],\"syscalls\":[]}",
        "there is no machine 'VAX'");
    expect_error("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"listenerPath\":\"/x\",\"syscalls\":[]}",
                 "listenerPath");
    expect_error(ALLOW_READ ",{\"names\":[\"write\"],\"action\":\"X\"}]}",
                 "syscalls[1]: there is no action 'X'");
    expect_error(ALLOW_READ ",{\"names\":[7],\"action\":\"SCMP_ACT_ALLOW\"}]}",
                 "a name that is no text");
    expect_error(ALLOW_READ ",{\"names\":[\"write\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{"
                            "\"index\":9,\"op\":\"SCMP_CMP_EQ\"}]}]}",
                 "an argument has an index from 0 to 5");
    expect_error(
        ALLOW_READ
        ",{\"names\":[\"write\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"op\":\"LIKE\"}]}]}",
        "there is no comparison 'LIKE'");
}

static void a_text_of_brackets_is_an_error(void **state)
{
    char *text = malloc(SECCOMP_PROFILE_MAX);
    struct seccomp_program program = {0};

    (void)state;
    memset(text, '[', SECCOMP_PROFILE_MAX);
    assert_true(seccomp_profile_compile(text, SECCOMP_PROFILE_MAX, 0, &program, NULL) < 0);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_listed_is_allowed_and_the_rest_is_not),
        cmocka_unit_test(a_call_younger_than_the_profile_does_not_exist),
        cmocka_unit_test(arguments_are_compared),
        cmocka_unit_test(rules_are_for_whom_they_say),
        cmocka_unit_test(a_profile_that_allows_by_default_allows_what_is_new),
        cmocka_unit_test(another_machine_is_not_let_in),
        cmocka_unit_test(what_is_wrong_with_a_profile_is_told),
        cmocka_unit_test(a_text_of_brackets_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
