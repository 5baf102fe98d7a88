/* posix/rlimits: the limits of setrlimit(2) that a command asks for, under the names that Mesos
 * gives. */
#include "isolators/builtin.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

static const struct {
    const char *name;
    int resource;
} rlimit_names[] = {
    {"RLMT_AS", RLIMIT_AS},
    {"RLMT_CORE", RLIMIT_CORE},
    {"RLMT_CPU", RLIMIT_CPU},
    {"RLMT_DATA", RLIMIT_DATA},
    {"RLMT_FSIZE", RLIMIT_FSIZE},
    {"RLMT_LOCKS", RLIMIT_LOCKS},
    {"RLMT_MEMLOCK", RLIMIT_MEMLOCK},
    {"RLMT_MSGQUEUE", RLIMIT_MSGQUEUE},
    {"RLMT_NICE", RLIMIT_NICE},
    {"RLMT_NOFILE", RLIMIT_NOFILE},
    {"RLMT_NPROC", RLIMIT_NPROC},
    {"RLMT_RSS", RLIMIT_RSS},
    {"RLMT_RTPRIO", RLIMIT_RTPRIO},
    {"RLMT_RTTIME", RLIMIT_RTTIME},
    {"RLMT_SIGPENDING", RLIMIT_SIGPENDING},
    {"RLMT_STACK", RLIMIT_STACK},
};

static int find_resource(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(rlimit_names); i++)
        if (strcmp(rlimit_names[i].name, name) == 0)
            return rlimit_names[i].resource;
    return -EINVAL;
}

/* Without root a hard limit can only be lowered; better said here than by a failed exec. */
static int check_allowed(const char *name, int resource, const struct rlimit *wanted,
                         struct err *err)
{
    struct rlimit now;

    if (wanted->rlim_cur > wanted->rlim_max)
        return err_set(err, -EINVAL, "%s: the soft limit is above the hard limit", name);
    if (geteuid() == 0 || getrlimit(resource, &now) < 0 || wanted->rlim_max <= now.rlim_max)
        return 0;
    return err_set(err, -EPERM, "%s: above the agent's own hard limit of %llu, and it is not root",
                   name, (unsigned long long)now.rlim_max);
}

static int add(struct spawn *spawn, const struct rlimit_info *info, struct err *err)
{
    int resource = find_resource(info->name);
    struct rlimit limit = {(rlim_t)info->soft, (rlim_t)info->hard};
    int rc;

    if (resource < 0)
        return err_set(err, -EINVAL, "unknown limit '%.64s'; limits are RLMT_NOFILE and so on",
                       info->name);
    if (spawn->rlimits_count == SPAWN_RLIMITS_MAX)
        return err_set(err, -E2BIG, "more than %d limits", SPAWN_RLIMITS_MAX);
    if (info->unlimited)
        limit = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
    rc = check_allowed(info->name, resource, &limit, err);
    if (rc < 0)
        return rc;
    spawn->rlimits[spawn->rlimits_count].resource = resource;
    spawn->rlimits[spawn->rlimits_count].limit = limit;
    spawn->rlimits_count++;
    return 0;
}

/* Nothing outlives the exec. */
static int rlimits_prepare(const struct isolation *want, struct spawn *spawn, void **ret_state,
                           struct err *err)
{
    size_t before = spawn->rlimits_count;

    (void)ret_state;
    for (size_t i = 0; i < want->command->rlimits_count; i++) {
        int rc = add(spawn, &want->command->rlimits[i], err);

        if (rc < 0) {
            spawn->rlimits_count = before;
            return rc;
        }
    }
    return 0;
}

static int rlimits_recover(const struct isolation *was, void **ret_state, struct err *err)
{
    (void)was;
    (void)ret_state;
    (void)err;
    return 0;
}

static void rlimits_destroy(void **state_p)
{
    *state_p = NULL;
}

const struct isolator_ops isolator_posix_rlimits = {
    .name = "posix/rlimits",
    .prepare = rlimits_prepare,
    .enter = rlimits_prepare,
    .recover = rlimits_recover,
    .destroy = rlimits_destroy,
};
