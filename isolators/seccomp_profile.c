#include "isolators/seccomp_profile.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <jansson.h>
#include <linux/seccomp.h>
#include <seccomp.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "isolators/capabilities.h"
#include "isolators/seccomp_shrink.h"

#define NEW_FIRST   424 /* from here on numbers are the same on all machines; Linux 5.1 */
#define NUMBERS_MAX 1024
#define X32_BIT     0x40000000
#define RULES_MAX   4096
#define ARGS_MAX    6
#define PROGRAM_MAX (BPF_MAXINSNS - HEAD_SIZE)
#define HEAD_SIZE   6

struct compiler {
    scmp_filter_ctx filter;
    uint64_t capabilities;
    uint32_t action; /* by default */
    bool is_named[NUMBERS_MAX];
    int newest; /* the greatest number that is named */
    struct err *err;
};

static void json_release(json_t **self_p)
{
    json_decref(*self_p);
}

/* --- words ------------------------------------------------------------------------------------------- */

static int read_action(const struct compiler *self, const char *name, int errno_value,
                       uint32_t *ret_action)
{
    static const struct {
        const char *name;
        uint32_t action;
    } actions[] = {
        {"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW},
        {"SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD},
        {"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD},
        {"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS},
        {"SCMP_ACT_TRAP", SCMP_ACT_TRAP},
        {"SCMP_ACT_LOG", SCMP_ACT_LOG},
    };

    if (errno_value < 0 || errno_value > 4095)
        return err_set(self->err, -EINVAL, "%d cannot be an errno", errno_value);
    if (strcmp(name, "SCMP_ACT_ERRNO") == 0) {
        *ret_action = SCMP_ACT_ERRNO((uint32_t)errno_value);
        return 0;
    }
    for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
        if (strcmp(name, actions[i].name) == 0) {
            *ret_action = actions[i].action;
            return 0;
        }
    return err_set(self->err, -EINVAL, "there is no action '%.64s' here", name);
}

static int read_compare(const struct compiler *self, const char *name, enum scmp_compare *ret_op)
{
    static const struct {
        const char *name;
        enum scmp_compare op;
    } ops[] = {
        {"SCMP_CMP_NE", SCMP_CMP_NE},
        {"SCMP_CMP_LT", SCMP_CMP_LT},
        {"SCMP_CMP_LE", SCMP_CMP_LE},
        {"SCMP_CMP_EQ", SCMP_CMP_EQ},
        {"SCMP_CMP_GE", SCMP_CMP_GE},
        {"SCMP_CMP_GT", SCMP_CMP_GT},
        {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
    };

    for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
        if (strcmp(name, ops[i].name) == 0) {
            *ret_op = ops[i].op;
            return 0;
        }
    return err_set(self->err, -EINVAL, "there is no comparison '%.64s'", name);
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

static int errno_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    return json_is_integer(value) ? (int)json_integer_value(value) : EPERM;
}

/* --- whom a rule is for ------------------------------------------------------------------------------- */

static bool has_capability(const struct compiler *self, const char *name)
{
    int number = capability_number(name);

    return number >= 0 && (self->capabilities >> number & 1);
}

/* Docker's words for machines are those of Go. */
static bool is_this_machine(const char *name)
{
    switch (seccomp_arch_native()) {
    case SCMP_ARCH_X86_64:
        return !strcmp(name, "amd64") || !strcmp(name, "x86") || !strcmp(name, "x32");
    case SCMP_ARCH_AARCH64:
        return !strcmp(name, "arm64") || !strcmp(name, "arm");
    default:
        return false;
    }
}

static bool is_kernel_at_least(const char *version)
{
    int major = 0, minor = 0, our_major = 0, our_minor = 0;
    struct utsname name;

    uname(&name);
    if (sscanf(version, "%d.%d", &major, &minor) < 1 ||
        sscanf(name.release, "%d.%d", &our_major, &our_minor) < 1)
        return false;
    return our_major > major || (our_major == major && our_minor >= minor);
}

/* How many of the capabilities (or machines) named are ours, of how many. */
static size_t count_ours(const struct compiler *self, const json_t *list, bool is_caps)
{
    size_t count = 0;

    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));

        count += name && (is_caps ? has_capability(self, name) : is_this_machine(name));
    }
    return count;
}

static bool is_for_us(const struct compiler *self, const json_t *rule)
{
    const json_t *includes = json_object_get(rule, "includes");
    const json_t *excludes = json_object_get(rule, "excludes");
    const json_t *caps = json_object_get(includes, "caps");
    const json_t *arches = json_object_get(includes, "arches");
    const char *kernel = text_of(includes, "minKernel");

    if (count_ours(self, json_object_get(excludes, "caps"), true) ||
        count_ours(self, json_object_get(excludes, "arches"), false))
        return false;
    if (*text_of(excludes, "minKernel") && is_kernel_at_least(text_of(excludes, "minKernel")))
        return false;
    if (json_array_size(arches) && !count_ours(self, arches, false))
        return false;
    if (*kernel && !is_kernel_at_least(kernel))
        return false;
    return count_ours(self, caps, true) == json_array_size(caps);
}

/* --- rules ---------------------------------------------------------------------------------------------- */

static int read_args(const struct compiler *self, const json_t *list,
                     struct scmp_arg_cmp ret_args[ARGS_MAX], unsigned *ret_count)
{
    unsigned count = 0;

    if (json_array_size(list) > ARGS_MAX)
        return err_set(self->err, -EINVAL, "a system call has %d arguments", ARGS_MAX);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *arg = json_array_get(list, i);
        json_int_t index = json_integer_value(json_object_get(arg, "index"));
        uint64_t value = (uint64_t)json_integer_value(json_object_get(arg, "value"));
        uint64_t two = (uint64_t)json_integer_value(json_object_get(arg, "valueTwo"));
        enum scmp_compare op = SCMP_CMP_EQ;
        int rc = read_compare(self, text_of(arg, "op"), &op);

        if (rc < 0)
            return rc;
        if (index < 0 || index >= ARGS_MAX)
            return err_set(self->err, -EINVAL, "an argument has an index from 0 to 5");
        ret_args[count++] = SCMP_CMP64((unsigned)index, op, value, two);
    }
    *ret_count = count;
    return 0;
}

static int add_rule(struct compiler *self, const char *name, uint32_t action,
                    const struct scmp_arg_cmp *args, unsigned count)
{
    int number = seccomp_syscall_resolve_name(name);
    int rc;

    if (number == __NR_SCMP_ERROR)
        return 0;
    if (number >= 0 && number < NUMBERS_MAX) {
        self->is_named[number] = true;
        if (number > self->newest)
            self->newest = number;
    }
    if (action == self->action)
        return 0; /* libseccomp takes no rule that says what is said already */
    rc = seccomp_rule_add_array(self->filter, action, number, count, args);
    return rc < 0 && rc != -EEXIST ? err_errno(self->err, rc, "a rule for %.64s", name) : 0;
}

static int add_rules(struct compiler *self, const json_t *rule)
{
    const json_t *names = json_object_get(rule, "names");
    const char *name = text_of(rule, "name");
    struct scmp_arg_cmp args[ARGS_MAX];
    unsigned count = 0;
    uint32_t action;
    int rc = read_action(self, text_of(rule, "action"), errno_of(rule, "errnoRet"), &action);

    if (rc == 0)
        rc = read_args(self, json_object_get(rule, "args"), args, &count);
    if (rc == 0 && *name)
        rc = add_rule(self, name, action, args, count);
    for (size_t i = 0; i < json_array_size(names) && rc == 0; i++) {
        name = json_string_value(json_array_get(names, i));
        rc = name ? add_rule(self, name, action, args, count)
                  : err_set(self->err, -EINVAL, "a name that is no text");
    }
    return rc;
}

static int add_all_rules(struct compiler *self, const json_t *list)
{
    int rc = 0;

    if (!json_is_array(list) || json_array_size(list) > RULES_MAX)
        return err_set(self->err, -EINVAL, "syscalls: want a list of at most %d", RULES_MAX);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *rule = json_array_get(list, i);

        if (!json_is_object(rule))
            rc = err_set(self->err, -EINVAL, "it is no object");
        else if (is_for_us(self, rule))
            rc = add_rules(self, rule);
        if (rc < 0)
            return err_wrap(self->err, rc, "syscalls[%zu]", i);
    }
    return 0;
}

/* --- machines --------------------------------------------------------------------------------------------- */

static int add_arch(struct compiler *self, const char *name)
{
    uint32_t arch = strncmp(name, "SCMP_ARCH_", 10) == 0 ? 0 : UINT32_MAX;
    char lower[32];
    int rc;

    if (arch == UINT32_MAX)
        return err_set(self->err, -EINVAL, "there is no machine '%.64s'", name);
    snprintf(lower, sizeof(lower), "%s", name + 10);
    for (char *c = lower; *c; c++)
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 'a' - 'A' : *c);
    arch = seccomp_arch_resolve_name(lower);
    if (!arch)
        return err_set(self->err, -EINVAL, "there is no machine '%.64s'", name);
    rc = seccomp_arch_add(self->filter, arch);
    return rc < 0 && rc != -EEXIST ? err_errno(self->err, rc, "%.64s", name) : 0;
}

static bool is_native(const char *name)
{
    return seccomp_arch_native() == (strcmp(name, "SCMP_ARCH_X86_64") == 0    ? SCMP_ARCH_X86_64
                                     : strcmp(name, "SCMP_ARCH_AARCH64") == 0 ? SCMP_ARCH_AARCH64
                                                                              : 0);
}

static int add_arches(struct compiler *self, const json_t *list)
{
    int rc = 0;

    for (size_t i = 0; i < json_array_size(list) && rc == 0; i++) {
        const char *name = json_string_value(json_array_get(list, i));

        rc = name ? add_arch(self, name) : err_set(self->err, -EINVAL, "a machine is a text");
    }
    return rc;
}

static int read_arches(struct compiler *self, const json_t *root)
{
    const json_t *map = json_object_get(root, "archMap");
    int rc = add_arches(self, json_object_get(root, "architectures"));

    for (size_t i = 0; i < json_array_size(map) && rc == 0; i++) {
        const json_t *entry = json_array_get(map, i);

        if (is_native(text_of(entry, "architecture")))
            rc = add_arches(self, json_object_get(entry, "subArchitectures"));
    }
    return rc;
}

/* --- what is younger ------------------------------------------------------------------------------------------ */

static int deny_new_ones(struct compiler *self)
{
    const uint32_t action = SCMP_ACT_ERRNO(ENOSYS);
    int rc = 0;

    if (self->action == SCMP_ACT_ALLOW || self->action == SCMP_ACT_LOG || self->action == action)
        return 0;
    for (int number = NEW_FIRST; number <= self->newest && rc == 0; number++)
        if (!self->is_named[number])
            rc = seccomp_rule_add(self->filter, action, number, 0);
    return rc < 0 && rc != -EEXIST ? err_errno(self->err, rc, "a rule for new calls") : 0;
}

/* In front of libseccomp's own: whatever the profile says, there is no call with a greater number on this machine. */
static void write_head(const struct compiler *self, struct sock_filter head[HEAD_SIZE])
{
    const struct sock_filter code[HEAD_SIZE] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, seccomp_arch_native(), 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, (uint32_t)self->newest, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
    };

    memcpy(head, code, sizeof(code));
}

static bool has_head(const struct compiler *self)
{
    return self->action != SCMP_ACT_ALLOW && self->action != SCMP_ACT_LOG;
}

/* --- all of it ---------------------------------------------------------------------------------------------------- */

static int export(struct compiler *self, struct seccomp_program *ret_program)
{
    const size_t head = has_head(self) ? HEAD_SIZE : 0;
    CLEANUP(close_fd) int fd = memfd_create("seccomp", MFD_CLOEXEC);
    struct sock_filter *code;
    off_t size;
    int rc = fd < 0 ? -errno : seccomp_export_bpf(self->filter, fd);

    if (rc < 0)
        return err_errno(self->err, rc, "cannot be made into a program");
    size = lseek(fd, 0, SEEK_END);
    if (size <= 0 || (size_t)size / sizeof(*code) > PROGRAM_MAX)
        return err_set(self->err, -E2BIG, "becomes a program that is too long for the kernel");
    code = mem_calloc(head + (size_t)size / sizeof(*code), sizeof(*code));
    if (pread(fd, code + head, (size_t)size, 0) != size) {
        free(code);
        return err_errno(self->err, -EIO, "cannot be read back");
    }
    if (head)
        write_head(self, code);
    ret_program->code = code;
    ret_program->count = (unsigned short)(head + (size_t)size / sizeof(*code));
    return 0;
}

static int begin(struct compiler *self, const json_t *root)
{
    int rc;

    if (json_object_get(root, "listenerPath"))
        return err_set(self->err, -ENOTSUP, "listenerPath: nobody listens here");
    rc = read_action(self, text_of(root, "defaultAction"), errno_of(root, "defaultErrnoRet"),
                     &self->action);
    if (rc < 0)
        return err_wrap(self->err, rc, "defaultAction");
    self->filter = seccomp_init(self->action);
    if (!self->filter)
        return err_set(self->err, -EINVAL, "defaultAction: libseccomp does not take it");
    seccomp_attr_set(self->filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree; since 2.5 */
    return read_arches(self, root);
}

int seccomp_profile_compile(const char *text, size_t size, uint64_t capabilities,
                            struct seccomp_program *ret_program, struct err *err)
{
    struct compiler self = {.capabilities = capabilities, .err = err};
    json_error_t error;
    CLEANUP(json_release) json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    int rc;

    if (!root)
        return err_set(err, -EINVAL, "line %d: %.150s", error.line, error.text);
    rc = json_is_object(root) ? begin(&self, root) : err_set(err, -EINVAL, "it is no object");
    if (rc == 0)
        rc = add_all_rules(&self, json_object_get(root, "syscalls"));
    if (rc == 0)
        rc = deny_new_ones(&self);
    if (rc == 0)
        rc = export(&self, ret_program);
    if (rc == 0)
        seccomp_shrink(ret_program);
    if (self.filter)
        seccomp_release(self.filter);
    return rc;
}

void seccomp_program_fini(struct seccomp_program *self)
{
    free(self->code);
    *self = (struct seccomp_program){0};
}
