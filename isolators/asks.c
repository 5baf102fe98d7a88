/* Who sees to what a task asks for. */
#include "isolators/isolator.h"

#include "proto/limits.h"

#include <errno.h>
#include <string.h>

const struct isolation_info isolation_asks_nothing = {
    .rootfs = "",
    .hostname = "",
    .network = "",
    .seccomp_profile = "",
};

/* A thing asked for, and the isolator that does it. */
struct ask {
    const char *what;
    const char *isolator;
};

#define ASKS_MAX 24

static void add(struct ask *asks, size_t *count, bool is_asked, const char *what,
                const char *isolator)
{
    if (is_asked && *count < ASKS_MAX)
        asks[(*count)++] = (struct ask){what, isolator};
}

static bool has_mount(const struct isolation_info *asks, enum mount_source kind)
{
    for (size_t i = 0; i < asks->mounts_count; i++)
        if (asks->mounts[i].source_kind == kind)
            return true;
    return false;
}

/* Elsewhere than in its sandbox, or not to be written: links cannot do that. */
static bool has_group_mount(const struct isolation_info *asks)
{
    for (size_t i = 0; i < asks->mounts_count; i++)
        if (asks->mounts[i].source_kind == MOUNT_GROUP &&
            (asks->mounts[i].container_path[0] == '/' || asks->mounts[i].read_only))
            return true;
    return false;
}

static bool has_read_only(const struct isolation *want)
{
    for (size_t i = 0; i < want->volumes_count; i++)
        if (want->volumes[i].read_only)
            return true;
    return false;
}

static size_t list(const struct isolation *want, struct ask ret_asks[ASKS_MAX])
{
    const struct isolation_info *asks = want->asks;
    size_t count = 0;

    add(ret_asks, &count, *asks->rootfs, "a root of its own", "filesystem/rootfs");
    add(ret_asks, &count, has_mount(asks, MOUNT_HOST), "a folder of the host", "volume/host");
    add(ret_asks, &count, has_mount(asks, MOUNT_SANDBOX), "a folder of its sandbox elsewhere",
        "volume/sandbox");
    add(ret_asks, &count, has_mount(asks, MOUNT_TMPFS), "a tmpfs", "namespaces/mount");
    add(ret_asks, &count, has_group_mount(asks), "a volume of its group as a mount",
        "volume/group");
    add(ret_asks, &count, has_read_only(want), "a volume that is read-only", "volume/persistent");
    add(ret_asks, &count, *asks->hostname, "a host name", "namespaces/uts");
    add(ret_asks, &count, strcmp(asks->network, "none") == 0, "no network", "namespaces/net");
    add(ret_asks, &count, strcmp(asks->network, "bridge") == 0, "a bridged network",
        "network/bridge");
    add(ret_asks, &count, asks->port_mappings_count, "port mappings", "network/bridge");
    add(ret_asks, &count, asks->capabilities_add_count || asks->capabilities_drop_count,
        "capabilities", "linux/capabilities");
    add(ret_asks, &count, *asks->seccomp_profile, "a seccomp profile", "linux/seccomp");
    add(ret_asks, &count, asks->new_privileges, "new privileges", "linux/nnp");
    add(ret_asks, &count, asks->inner_root, "root inside", "namespaces/user");
    add(ret_asks, &count, want->cpus && *want->cpus, "cores of its own", "cgroup/cpuset");
    add(ret_asks, &count, want->gpus_count, "a GPU", "gpu/devices");
    add(ret_asks, &count, asks->shm_bytes, "a size of /dev/shm", "namespaces/ipc");
    add(ret_asks, &count, want->command && want->command->rlimits_count, "limits of setrlimit",
        "posix/rlimits");
    return count;
}

static bool is_used(const char *name, const struct isolator_ops *const used[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(used[i]->name, name) == 0)
            return true;
    return false;
}

static bool is_network(const char *name)
{
    return !*name || strcmp(name, "host") == 0 || strcmp(name, "none") == 0 ||
           strcmp(name, "bridge") == 0;
}

/* Limits above what is granted only allow more: an agent that holds to nothing allows it too. */
static bool is_strict(const char *name)
{
    return strcmp(name, "cpus") != 0 && strcmp(name, "mem") != 0;
}

/* Without a root of its own a mount may be put onto a folder above its sandbox. */
static const char *hidden_by(const struct isolation *want)
{
    for (size_t i = 0; i < want->asks->mounts_count && want->sandbox && !*want->asks->rootfs; i++) {
        const char *place = want->asks->mounts[i].container_path;
        size_t size = strlen(place);

        if (!strncmp(want->sandbox, place, size) && want->sandbox[size] == '/')
            return place;
    }
    return NULL;
}

static int check_together(const struct isolation *want, const struct isolator_ops *const used[],
                          size_t used_count, struct err *err)
{
    const char *place = hidden_by(want);

    if (place)
        return err_set(err, -EINVAL, "what is mounted at %.80s would hide its sandbox, %.120s",
                       place, want->sandbox);
    if (!strcmp(want->asks->network, "bridge") && is_used("namespaces/user", used, used_count))
        return err_set(err, -ENOTSUP,
                       "network/bridge cannot be had with namespaces/user, which this agent uses");
    return 0;
}

int isolation_check_asks(const struct isolation *want, const struct isolator_ops *const used[],
                         size_t used_count, struct err *err)
{
    struct ask asks[ASKS_MAX];
    size_t count = list(want, asks);

    if (!is_network(want->asks->network))
        return err_set(err, -EINVAL, "there is no network '%.64s': it is host, none or bridge",
                       want->asks->network);
    for (size_t i = 0; i < want->bursts_count; i++) {
        const char *isolator = limits_isolator(want->bursts[i].name);

        if (isolator && !is_used(isolator, used, used_count) && is_strict(want->bursts[i].name))
            return err_set(err, -ENOTSUP, "it asks for %.64s, and this agent does not use %s",
                           want->bursts[i].name, isolator);
    }
    for (size_t i = 0; i < count; i++)
        if (!is_used(asks[i].isolator, used, used_count))
            return err_set(err, -ENOTSUP, "it asks for %s, and this agent does not use %s",
                           asks[i].what, asks[i].isolator);
    return check_together(want, used, used_count, err);
}
