#include "isolators/device_filter.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mem.h"

#define INSTRUCTIONS_A_RULE 7
#define INSTRUCTIONS_BESIDE 8

/* Registers: r1 is what the kernel hands in. */
enum { RESULT = BPF_REG_0, CONTEXT = BPF_REG_1, ACCESS, TYPE, MAJOR, MINOR, SPARE };

struct program {
    struct bpf_insn *items; /* owned */
    size_t count;
};

static void emit(struct program *self, uint8_t code, int to, int from, int offset, int32_t value)
{
    self->items[self->count++] = (struct bpf_insn){
        .code = code,
        .dst_reg = (uint8_t)to & 15,
        .src_reg = (uint8_t)from & 15,
        .off = (int16_t)offset,
        .imm = value,
    };
}

static void load_word(struct program *self, int to, size_t offset)
{
    emit(self, BPF_LDX | BPF_W | BPF_MEM, to, CONTEXT, (int)offset, 0);
}

/* access_type: what is wanted in the upper half, the kind of device in the lower. */
static void begin(struct program *self)
{
    load_word(self, ACCESS, offsetof(struct bpf_cgroup_dev_ctx, access_type));
    emit(self, BPF_ALU | BPF_MOV | BPF_X, TYPE, ACCESS, 0, 0);
    emit(self, BPF_ALU | BPF_AND | BPF_K, TYPE, 0, 0, 0xffff);
    emit(self, BPF_ALU | BPF_RSH | BPF_K, ACCESS, 0, 0, 16);
    load_word(self, MAJOR, offsetof(struct bpf_cgroup_dev_ctx, major));
    load_word(self, MINOR, offsetof(struct bpf_cgroup_dev_ctx, minor));
}

static void answer(struct program *self, int result)
{
    emit(self, BPF_ALU64 | BPF_MOV | BPF_K, RESULT, 0, 0, result);
    emit(self, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* Where it does not fit, on to the next rule: how far that is shows when this one is complete. */
static void add_rule(struct program *self, const struct device_rule *rule)
{
    size_t jumps[4];
    size_t count = 0;

    jumps[count++] = self->count;
    emit(self, BPF_JMP | BPF_JNE | BPF_K, TYPE, 0, 0,
         rule->type == 'c' ? BPF_DEVCG_DEV_CHAR : BPF_DEVCG_DEV_BLOCK);
    emit(self, BPF_ALU | BPF_MOV | BPF_X, SPARE, ACCESS, 0, 0);
    emit(self, BPF_ALU | BPF_AND | BPF_K, SPARE, 0, 0, (int32_t)(~rule->access & 7));
    jumps[count++] = self->count;
    emit(self, BPF_JMP | BPF_JNE | BPF_K, SPARE, 0, 0, 0);
    if (rule->major != DEVICE_ANY) {
        jumps[count++] = self->count;
        emit(self, BPF_JMP | BPF_JNE | BPF_K, MAJOR, 0, 0, (int32_t)rule->major);
    }
    if (rule->minor != DEVICE_ANY) {
        jumps[count++] = self->count;
        emit(self, BPF_JMP | BPF_JNE | BPF_K, MINOR, 0, 0, (int32_t)rule->minor);
    }
    answer(self, 1);
    for (size_t i = 0; i < count; i++)
        self->items[jumps[i]].off = (int16_t)(self->count - jumps[i] - 1);
}

static int bpf(enum bpf_cmd command, union bpf_attr *attributes)
{
    long rc = syscall(SYS_bpf, command, attributes, sizeof(*attributes));

    return rc < 0 ? -errno : (int)rc;
}

int device_filter_load(const struct device_rules *rules, struct err *err)
{
    static const char license[] = "Apache-2.0"; /* it calls none of the kernel's functions */
    CLEANUP(free_p) struct bpf_insn *items = NULL;
    struct program program = {0};
    union bpf_attr attributes;
    int rc;

    if (rules->count > DEVICE_FILTER_RULES_MAX)
        return err_set(err, -E2BIG, "%zu devices, at most %d are possible", rules->count,
                       DEVICE_FILTER_RULES_MAX);
    items = program.items =
        mem_calloc(rules->count * (INSTRUCTIONS_A_RULE + 2) + INSTRUCTIONS_BESIDE, sizeof(*items));
    begin(&program);
    for (size_t i = 0; i < rules->count; i++)
        add_rule(&program, &rules->items[i]);
    answer(&program, 0);
    memset(&attributes, 0, sizeof(attributes));
    attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
    attributes.insns = (uint64_t)(uintptr_t)program.items;
    attributes.insn_cnt = (uint32_t)program.count;
    attributes.license = (uint64_t)(uintptr_t)license;
    rc = bpf(BPF_PROG_LOAD, &attributes);
    return rc < 0 ? err_errno(err, rc, "the kernel takes no program for devices (bpf)") : rc;
}

int device_filter_attach(int program_fd, int group_fd, struct err *err)
{
    union bpf_attr attributes;
    int rc;

    memset(&attributes, 0, sizeof(attributes));
    attributes.target_fd = (uint32_t)group_fd;
    attributes.attach_bpf_fd = (uint32_t)program_fd;
    attributes.attach_type = BPF_CGROUP_DEVICE;
    attributes.attach_flags = BPF_F_ALLOW_MULTI;
    rc = bpf(BPF_PROG_ATTACH, &attributes);
    return rc < 0 ? err_errno(err, rc, "the program for devices cannot be attached to the group")
                  : 0;
}

bool device_filter_is_possible(struct err *err)
{
    const struct device_rules none = {0};
    CLEANUP(close_fd) int fd = device_filter_load(&none, err);

    return fd >= 0;
}
