/* linux/capabilities: which of root's rights a task can have at most, whatever it executes. */
#include "isolators/builtin.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cap-ng.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "isolators/capabilities.h"

#define BIT(number) (UINT64_C(1) << (number))
/* What root programs that leave the machine alone work with: Docker's, but for MKNOD. */
#define DEFAULT                                                                                    \
    (BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_FOWNER) | BIT(CAP_FSETID) | BIT(CAP_KILL) |  \
     BIT(CAP_SETGID) | BIT(CAP_SETUID) | BIT(CAP_SETPCAP) | BIT(CAP_NET_BIND_SERVICE) |            \
     BIT(CAP_NET_RAW) | BIT(CAP_SYS_CHROOT) | BIT(CAP_AUDIT_WRITE) | BIT(CAP_SETFCAP))

static bool is_in_use;
static uint64_t known;   /* to this kernel */
static uint64_t usual;   /* of a task that does not say */
static uint64_t allowed; /* to be asked for */

struct capabilities {
    uint64_t bounding;
    uint64_t ambient;
};

/* --- names ------------------------------------------------------------------------------------------ */

static int add_name(const char *name, uint64_t *set, struct err *err)
{
    int number = strcasecmp(name, "ALL") == 0 ? 0 : capability_number(name);

    if (number < 0)
        return err_set(err, -EINVAL,
                       "there is no capability '%.64s': want CAP_NET_ADMIN and the like, or ALL",
                       name);
    *set |= strcasecmp(name, "ALL") == 0 ? known : BIT(number);
    return 0;
}

static int parse(const char *list, uint64_t *ret_set, struct err *err)
{
    uint64_t set = 0;

    while (*list) {
        size_t size = strcspn(list, ":");
        char name[64];
        int rc;

        snprintf(name, sizeof(name), "%.*s", (int)size, list);
        rc = strcasecmp(name, "none") == 0 ? 0 : add_name(name, &set, err);
        if (rc < 0)
            return rc;
        list += size + (list[size] == ':');
    }
    *ret_set = set;
    return 0;
}

static int parse_all(const char *const *names, size_t count, uint64_t *ret_set, struct err *err)
{
    int rc = 0;

    *ret_set = 0;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = add_name(names[i], ret_set, err);
    return rc;
}

/* --- which ------------------------------------------------------------------------------------------ */

static uint64_t find_known(void)
{
    uint64_t set = 0;

    for (int number = 0; number < 64 && prctl(PR_CAPBSET_READ, number, 0, 0, 0) >= 0; number++)
        set |= BIT(number);
    return set;
}

/* It takes CAP_SETPCAP, which root in somebody else's container may lack. */
static int try_dropping(const struct isolator_host *host, struct err *err)
{
    pid_t pid;
    int status;

    if (isolator_is_wanted(host, "namespaces/user"))
        return 0;
    pid = fork();
    if (pid == 0)
        _exit(prctl(PR_CAPBSET_DROP, CAP_CHOWN, 0, 0, 0) < 0 ? errno : 0);
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        return err_errno(err, -errno, "cannot try to drop one");
    if (status)
        return err_errno(err, -(WIFEXITED(status) ? WEXITSTATUS(status) : EIO),
                         "cannot drop capabilities");
    return 0;
}

static int capabilities_setup(const struct isolator_host *host, struct err *err)
{
    const char *text = isolator_option(host, "linux/capabilities", "default");
    int rc;

    rc = try_dropping(host, err);
    if (rc < 0)
        return rc;
    known = find_known();
    usual = DEFAULT & known;
    rc = text ? parse(text, &usual, err) : 0;
    if (rc < 0)
        return err_wrap(err, -ISOLATOR_WRONG_SETTING, "default");
    allowed = usual;
    text = isolator_option(host, "linux/capabilities", "allow");
    rc = text ? parse(text, &allowed, err) : 0;
    if (rc < 0)
        return err_wrap(err, -ISOLATOR_WRONG_SETTING, "allow");
    is_in_use = true;
    return 0;
}

/* As it is written everywhere but in libcap-ng. */
static int refuse(uint64_t set, struct err *err)
{
    char name[64];

    snprintf(name, sizeof(name), "%s", capng_capability_to_name((unsigned)__builtin_ctzll(set)));
    for (char *letter = name; *letter; letter++)
        *letter = (char)toupper((unsigned char)*letter);
    return err_set(err, -EPERM,
                   "it asks for CAP_%s, which this agent does not allow (linux/capabilities.allow)",
                   name);
}

static int resolve(const struct isolation *want, struct capabilities *ret_self, struct err *err)
{
    const struct isolation_info *asks = want->asks;
    uint64_t add, drop;
    int rc = parse_all(asks->capabilities_add, asks->capabilities_add_count, &add, err);

    if (rc == 0)
        rc = parse_all(asks->capabilities_drop, asks->capabilities_drop_count, &drop, err);
    if (rc < 0)
        return rc;
    if (add & ~(allowed | usual))
        return refuse(add & ~(allowed | usual), err);
    ret_self->bounding = (usual & ~drop) | add;
    ret_self->ambient = asks->ambient ? add : 0;
    return 0;
}

static bool is_root_inside(const struct isolation *want)
{
    return want->asks->inner_root || (want->has_user ? want->uid : geteuid()) == 0;
}

/* Who is not root gets none by an exec, under no_new_privs. */
int capabilities_of(const struct isolation *want, uint64_t *ret_set, struct err *err)
{
    struct capabilities self = {.bounding = UINT64_MAX};
    int rc = is_in_use ? resolve(want, &self, err) : 0;

    if (rc < 0)
        return rc;
    *ret_set = is_root_inside(want) || want->asks->new_privileges ? self.bounding : self.ambient;
    return 0;
}

/* --- steps -------------------------------------------------------------------------------------------- */

void capabilities_narrow(void)
{
    /* Helpers that we execute as root (the fetcher) become their task's user, too. */
    uint64_t others = is_in_use ? known & ~(usual | allowed | DEFAULT) : 0;

    for (; others; others &= others - 1)
        prctl(PR_CAPBSET_DROP, __builtin_ctzll(others), 0, 0, 0);
}

/* To look first is a tenth of the work, and most of them are gone already (but in a user namespace all are there again). */
static int bound(const struct spawn_step *step, struct spawned *spawned, struct err *err)
{
    const struct capabilities *self = step->data;
    uint64_t others = known & ~self->bounding;

    (void)spawned;
    (void)err;
    for (; others; others &= others - 1)
        if (prctl(PR_CAPBSET_READ, __builtin_ctzll(others), 0, 0, 0) != 0 &&
            prctl(PR_CAPBSET_DROP, __builtin_ctzll(others), 0, 0, 0) < 0)
            return -errno;
    return 0;
}

static int capset_all(uint64_t set)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

    for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        uint32_t word = (uint32_t)(set >> (32 * i));

        data[i] = (struct __user_cap_data_struct){word, word, word};
    }
    return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

/* Who is not root keeps capabilities over an exec by the ambient set alone. */
static int raise_ambient(const struct spawn_step *step, struct spawned *spawned, struct err *err)
{
    const struct capabilities *self = step->data;
    int rc = capset_all(self->ambient);

    (void)spawned;
    (void)err;
    for (uint64_t left = self->ambient; left && rc == 0; left &= left - 1)
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, __builtin_ctzll(left), 0, 0) < 0)
            rc = -errno;
    return rc;
}

static int add_steps(const struct capabilities *self, struct spawn *spawn, struct err *err)
{
    const struct spawn_step first = {
        .phase = SPAWN_BOUNDING, .what = "give up capabilities", .run = bound, .data = self};
    const struct spawn_step then = {.phase = SPAWN_CAPABILITIES,
                                    .what = "raise its ambient capabilities",
                                    .run = raise_ambient,
                                    .data = self};
    int rc = spawn_add_step(spawn, &first, err);

    if (rc < 0 || !self->ambient)
        return rc;
    spawn->keeps_capabilities = true;
    return spawn_add_step(spawn, &then, err);
}

static int capabilities_prepare(const struct isolation *want, struct spawn *spawn, void **ret_state,
                                struct err *err)
{
    CLEANUP(free_p) struct capabilities *self = mem_new(struct capabilities);
    int rc = resolve(want, self, err);

    if (rc < 0)
        return rc;
    if (is_root_inside(want))
        self->ambient = 0; /* root has the bounding set after an exec */
    rc = add_steps(self, spawn, err);
    if (rc < 0)
        return rc;
    spawn->cannot_reach_shim = !(self->bounding & ~DEFAULT);
    *ret_state = TAKE(self);
    return 0;
}

static void capabilities_destroy(void **state_p)
{
    free(*state_p);
    *state_p = NULL;
}

static const struct isolator_option capabilities_options[] = {
    {"default", "what tasks have at most that do not say, with colons between; none, ALL"},
    {"allow", "what tasks may ask for, likewise"},
    {NULL, NULL},
};

const struct isolator_ops isolator_linux_capabilities = {
    .name = "linux/capabilities",
    .needs = ISOLATOR_PRIVILEGED,
    .options = capabilities_options,
    .setup = capabilities_setup,
    .prepare = capabilities_prepare,
    .enter = capabilities_prepare,
    .destroy = capabilities_destroy,
};
