#include "tests/unit/bpf_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <linux/filter.h>

#define STEPS_MAX 100000

uint32_t bpf_run(const struct seccomp_program *program, const struct seccomp_data *data)
{
    uint32_t a = 0, memory[BPF_MEMWORDS] = {0};

    for (size_t pc = 0, steps = 0; pc < program->count && steps < STEPS_MAX; pc++, steps++) {
        const struct sock_filter *code = &program->code[pc];

        switch (code->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            memcpy(&a, (const char *)data + code->k, sizeof(a));
            break;
        case BPF_LD | BPF_MEM:
            a = memory[code->k];
            break;
        case BPF_ST:
            memory[code->k] = a;
            break;
        case BPF_ALU | BPF_AND | BPF_K:
            a &= code->k;
            break;
        case BPF_JMP | BPF_JA:
            pc += code->k;
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
            pc += a == code->k ? code->jt : code->jf;
            break;
        case BPF_JMP | BPF_JGT | BPF_K:
            pc += a > code->k ? code->jt : code->jf;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            pc += a >= code->k ? code->jt : code->jf;
            break;
        case BPF_RET | BPF_K:
            return code->k;
        default:
            fail_msg("an instruction 0x%x", code->code);
        }
    }
    fail_msg("it has no end");
    return 0;
}
