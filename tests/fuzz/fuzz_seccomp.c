/* Any bytes as a seccomp profile. What is made of it is a program that the kernel can take: each jump goes forward and stays
 * within, and the end is an answer. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/bpf_common.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "isolators/seccomp_profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_program(const struct seccomp_program *program)
{
    BUG_ON(!program->code || !program->count || program->count > BPF_MAXINSNS);
    for (size_t i = 0; i < program->count; i++) {
        const struct sock_filter *at = &program->code[i];
        size_t left = program->count - 1 - i;

        if (BPF_CLASS(at->code) != BPF_JMP)
            continue;
        if (BPF_OP(at->code) == BPF_JA)
            BUG_ON(at->k >= left);
        else
            BUG_ON(at->jt >= left || at->jf >= left);
    }
    BUG_ON(BPF_CLASS(program->code[program->count - 1].code) != BPF_RET);
}

static void compile(const char *text, size_t size, uint64_t capabilities)
{
    CLEANUP(seccomp_program_fini) struct seccomp_program program = {0};
    struct err err = {""};
    int rc = seccomp_profile_compile(text, size, capabilities, &program, &err);

    BUG_ON((rc < 0) != (*err.text != '\0'));
    if (rc < 0)
        BUG_ON(program.code || program.count);
    else
        check_program(&program);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    compile((const char *)data, size, 0);
    compile((const char *)data, size, UINT64_MAX);
    return 0;
}
