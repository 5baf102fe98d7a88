/* A filter made shorter answers every call as it did: filters that libseccomp makes are run before and after. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "isolators/seccomp_shrink.h"
#include "tests/unit/bpf_run.h"

#define NUMBERS_MAX 500

static const uint32_t arches[] = {
    0, 1, AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64, AUDIT_ARCH_X86_64, AUDIT_ARCH_S390, UINT32_MAX};
static const uint64_t values[] = {0, 1, 2, 40, UINT32_MAX, UINT64_C(1) << 32, UINT64_MAX};

static struct seccomp_program copy_of(const struct seccomp_program *program)
{
    struct seccomp_program copy = {mem_calloc(program->count, sizeof(program->code[0])),
                                   program->count};

    memcpy(copy.code, program->code, program->count * sizeof(program->code[0]));
    return copy;
}

static struct seccomp_program exported(scmp_filter_ctx filter)
{
    CLEANUP(close_fd) int fd = memfd_create("test", MFD_CLOEXEC);
    struct seccomp_program program = {0};
    off_t size;

    assert_int_equal(seccomp_export_bpf(filter, fd), 0);
    seccomp_release(filter);
    size = lseek(fd, 0, SEEK_END);
    program.code = mem_calloc((size_t)size, 1);
    assert_int_equal(pread(fd, program.code, (size_t)size, 0), size);
    program.count = (unsigned short)((size_t)size / sizeof(program.code[0]));
    return program;
}

static void compare(const struct seccomp_program *a, const struct seccomp_program *b,
                    struct seccomp_data data)
{
    for (size_t v = 0; v < ARRAY_SIZE(values); v++) {
        data.args[0] = values[v];
        data.args[1] = values[(v * 3 + 1) % ARRAY_SIZE(values)];
        if (bpf_run(a, &data) != bpf_run(b, &data))
            fail_msg("arch %x call %d: %x before, %x after", data.arch, data.nr, bpf_run(a, &data),
                     bpf_run(b, &data));
    }
}

static void expect_same_answers(const struct seccomp_program *before,
                                const struct seccomp_program *after)
{
    for (size_t a = 0; a < ARRAY_SIZE(arches); a++) {
        for (int number = -2; number < 2 * NUMBERS_MAX; number++)
            compare(before, after, (struct seccomp_data){.nr = number, .arch = arches[a]});
        for (int number = 0x3ffffffe; number < 0x40000000 + NUMBERS_MAX; number++)
            compare(before, after, (struct seccomp_data){.nr = number, .arch = arches[a]});
    }
}

/* How long it is then. */
static size_t shrunk(scmp_filter_ctx filter, size_t *ret_before)
{
    CLEANUP(seccomp_program_fini) struct seccomp_program before = exported(filter);
    CLEANUP(seccomp_program_fini) struct seccomp_program after = copy_of(&before);

    seccomp_shrink(&after);
    expect_same_answers(&before, &after);
    *ret_before = before.count;
    return after.count;
}

/* With machines beside our own, and rules for arguments, in the order of a seed. */
static scmp_filter_ctx random_filter(unsigned seed)
{
    static const uint32_t actions[] = {SCMP_ACT_ALLOW, SCMP_ACT_ERRNO(1), SCMP_ACT_ERRNO(13),
                                       SCMP_ACT_KILL_PROCESS, SCMP_ACT_TRAP};
    uint32_t usual = actions[seed % ARRAY_SIZE(actions)];
    scmp_filter_ctx filter = seccomp_init(usual);

    seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 1 + seed % 2);
    if (seed % 3 == 0 && seccomp_arch_native() == SCMP_ARCH_X86_64)
        seccomp_arch_add(filter, SCMP_ARCH_X86);
    for (unsigned i = 0; i < 20 + seed % 100; i++) {
        uint32_t action = actions[(unsigned)rand_r(&seed) % ARRAY_SIZE(actions)];
        int number = rand_r(&seed) % 450;
        uint64_t value = values[(unsigned)rand_r(&seed) % ARRAY_SIZE(values)];

        if (action == usual)
            continue;
        if (i % 4)
            seccomp_rule_add(filter, action, number, 0);
        else
            seccomp_rule_add(
                filter, action, number, 1,
                SCMP_CMP64(i % 2, i % 8 ? SCMP_CMP_EQ : SCMP_CMP_MASKED_EQ, value, value & 0xff));
    }
    return filter;
}

static void whatever_the_rules_every_call_is_answered_as_before(void **state)
{
    size_t before;

    (void)state;
    for (unsigned seed = 0; seed < 40; seed++)
        assert_true(shrunk(random_filter(seed), &before) <= before);
}

static void a_profile_of_the_usual_kind_becomes_a_third(void **state)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(1));
    size_t before, after;

    (void)state;
    for (int number = 0; number < 430; number++)
        if (number % 10)
            seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
    after = shrunk(filter, &before);
    assert_true(after < before / 3);
}

/* Jumps between conditions are short: what is farther away is reached in two. */
static void a_long_one_stays_right(void **state)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(1));
    size_t before;

    (void)state;
    for (int number = 0; number < 440; number++)
        seccomp_rule_add(filter, SCMP_ACT_ERRNO((uint32_t)number + 2), number, 0);
    for (int number = 300; number < 320; number++)
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 1, SCMP_A0(SCMP_CMP_EQ, 7));
    assert_true(shrunk(filter, &before) <= before);
}

static void what_is_not_understood_is_left_as_it_is(void **state)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 1),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
    };
    const struct seccomp_program before = {code, ARRAY_SIZE(code)};
    CLEANUP(seccomp_program_fini) struct seccomp_program after = copy_of(&before);

    (void)state;
    seccomp_shrink(&after);
    assert_int_equal(after.count, before.count);
    assert_memory_equal(after.code, before.code, sizeof(code));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_the_rules_every_call_is_answered_as_before),
        cmocka_unit_test(a_profile_of_the_usual_kind_becomes_a_third),
        cmocka_unit_test(a_long_one_stays_right),
        cmocka_unit_test(what_is_not_understood_is_left_as_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
