#include "isolators/builtin.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "isolators/cgroups.h"

const struct isolator_ops *const isolators_builtin[] = {
    &isolator_cgroup_cpu,
    &isolator_cgroup_cpuset,
    &isolator_cgroup_devices,
    &isolator_cgroup_hugetlb,
    &isolator_cgroup_io,
    &isolator_cgroup_memory,
    &isolator_cgroup_pids,
    &isolator_gpu_devices,
    &isolator_namespaces_user,
    &isolator_namespaces_mount,
    &isolator_namespaces_pid,
    &isolator_namespaces_ipc,
    &isolator_namespaces_uts,
    &isolator_namespaces_net,
    &isolator_namespaces_cgroup,
    &isolator_filesystem_rootfs,
    &isolator_volume_persistent,
    &isolator_volume_host,
    &isolator_volume_sandbox,
    &isolator_volume_group,
    &isolator_linux_capabilities,
    &isolator_linux_nnp,
    &isolator_linux_seccomp,
    &isolator_posix_rlimits,
    &isolator_network_ports,
    &isolator_disk_usage,
    &isolator_disk_quota,
    &isolator_network_bridge,
    NULL,
};

const struct limit_info *isolation_find(const struct isolation *want, const char *name)
{
    for (size_t i = 0; i < want->bursts_count; i++)
        if (!strcmp(want->bursts[i].name, name))
            return &want->bursts[i];
    return NULL;
}

int64_t isolation_limit(const struct isolation *want, const char *name)
{
    const struct limit_info *limit = isolation_find(want, name);

    if (!limit)
        return resources_scalar(&want->limits, name);
    return limit->unlimited ? ISOLATION_UNLIMITED : limit->scalar;
}

const struct isolator_ops *isolator_find(const char *name)
{
    for (const struct isolator_ops *const *one = isolators_builtin; *one; one++)
        if (strcmp((*one)->name, name) == 0)
            return *one;
    return NULL;
}

const char *isolator_option(const struct isolator_host *host, const char *isolator, const char *key)
{
    char name[128];

    snprintf(name, sizeof(name), "%s.%s", isolator, key);
    for (size_t i = 0; i < host->options_count; i++)
        if (strcmp(host->options[i].key, name) == 0)
            return host->options[i].value;
    return NULL;
}

bool isolator_is_wanted(const struct isolator_host *host, const char *name)
{
    for (size_t i = 0; i < host->names_count; i++)
        if (strcmp(host->names[i], name) == 0)
            return true;
    return false;
}

void spawn_init(struct spawn *spawn)
{
    spawn->cgroup_fd = -1;
    spawn->procs_count = 0;
    spawn->rlimits_count = 0;
    spawn->namespaces = 0;
    spawn->joins_count = 0;
    spawn->steps_count = 0;
    spawn->keeps_capabilities = false;
    spawn->may_gain_privileges = false;
    spawn->cannot_reach_shim = false;
    spawn->inner_uid = 0;
    spawn->inner_gid = 0;
    spawn->init_fd = -1;
    spawn->work_folder = NULL;
}

int spawn_add_step(struct spawn *spawn, const struct spawn_step *step, struct err *err)
{
    if (spawn->steps_count == SPAWN_STEPS_MAX)
        return err_set(err, -E2BIG, "more than %d steps for one process", SPAWN_STEPS_MAX);
    spawn->steps[spawn->steps_count++] = *step;
    return 0;
}

int spawn_join(struct spawn *spawn, uint64_t kind, int fd, struct err *err)
{
    if (spawn->joins_count == SPAWN_JOINS_MAX)
        return err_set(err, -E2BIG, "more than %d namespaces to join", SPAWN_JOINS_MAX);
    spawn->joins[spawn->joins_count].kind = kind;
    spawn->joins[spawn->joins_count++].fd = fd;
    return 0;
}

int64_t isolation_granted(const struct isolation *want, const char *name)
{
    return resources_scalar(&want->limits, name);
}

static bool is_left;

bool isolation_is_left(void)
{
    return is_left;
}

void isolation_leave(void)
{
    is_left = true;
}

int isolation_cgroup(const struct isolation *want, const char *controller, int *ret_dir_fd,
                     bool *ret_is_unified, struct err *err)
{
    const struct cgroups_controller *found;
    int rc = -ENOENT;

    if (!want->cgroups)
        return err_set(err, rc, "there are no cgroups here");
    rc = cgroups_find(want->cgroups, controller, &found, err);
    if (rc < 0)
        return rc;
    *ret_dir_fd = found->dir;
    *ret_is_unified = found->is_unified;
    return 0;
}

int isolator_err(struct err *err, int code, const char *format, ...)
{
    char text[ERR_TEXT_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return err_set(err, code, "%s", text);
}
