#include "proto/isolation.h"

#include <errno.h>
#include <string.h>

#include "base/folder.h"

#define PATH_TEXT_MAX 1000
#define HOSTNAME_MAX  63

static bool is_plain_absolute(const char *path)
{
    return path[0] == '/' && folder_is_plain(path + 1) && strlen(path) <= PATH_TEXT_MAX;
}

static bool is_in(const char *path, const char *folder)
{
    size_t size = strlen(folder);

    return !strncmp(path, folder, size) && (path[size] == '/' || path[size] == '\0');
}

/* What isolators make there themselves. */
static int check_place(const char *path, struct err *err)
{
    static const char *const ours[] = {"/proc", "/sys", "/dev", ISOLATION_SANDBOX,
                                       ISOLATION_EXECUTORS};

    if (!is_plain_absolute(path))
        return err_set(err, -EINVAL,
                       "isolation: \"%.80s\" is no place: want an absolute path such as /data",
                       path);
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        if (is_in(path, ours[i]))
            return err_set(err, -EINVAL, "isolation: nothing can be mounted at %.80s", path);
    return 0;
}

/* A name, and a place anywhere in its tree or, relative, in its sandbox. */
static int check_group_mount(const struct isolation_mount *mount, struct err *err)
{
    if (strchr(mount->source, '/') || !folder_is_plain(mount->source))
        return err_set(err, -EINVAL, "isolation: \"%.80s\" is no name of a group's volume",
                       mount->source);
    if (mount->container_path[0] == '/')
        return check_place(mount->container_path, err);
    return folder_is_plain(mount->container_path) && strlen(mount->container_path) <= PATH_TEXT_MAX
               ? 0
               : err_set(err, -EINVAL, "isolation: \"%.80s\" is no path in the sandbox",
                         mount->container_path);
}

static int check_mount(const struct isolation_mount *mount, struct err *err)
{
    int rc = mount->source_kind == MOUNT_GROUP ? check_group_mount(mount, err)
                                               : check_place(mount->container_path, err);

    if (rc < 0 || mount->source_kind == MOUNT_GROUP)
        return rc;
    switch (mount->source_kind) {
    case MOUNT_HOST:
        return is_plain_absolute(mount->source)
                   ? 0
                   : err_set(err, -EINVAL, "isolation: \"%.80s\" is no absolute path of a host",
                             mount->source);
    case MOUNT_SANDBOX:
        return folder_is_plain(mount->source) && strlen(mount->source) <= PATH_TEXT_MAX
                   ? 0
                   : err_set(err, -EINVAL, "isolation: \"%.80s\" is no path in the sandbox",
                             mount->source);
    case MOUNT_TMPFS:
        return !*mount->source
                   ? 0
                   : err_set(err, -EINVAL, "isolation: a tmpfs has no source: \"%.80s\"",
                             mount->source);
    default:
        return err_set(err, -EINVAL, "isolation: what is mounted at %.80s is not known here",
                       mount->container_path);
    }
}

static int check_mounts(const struct isolation_info *info, struct err *err)
{
    int rc = 0;

    if (info->mounts_count > ISOLATION_MOUNTS_MAX)
        return err_set(err, -E2BIG, "isolation: %zu mounts, at most %d are allowed",
                       info->mounts_count, ISOLATION_MOUNTS_MAX);
    for (size_t i = 0; i < info->mounts_count && rc == 0; i++)
        rc = check_mount(&info->mounts[i], err);
    return rc;
}

static int check_hostname(const char *name, struct err *err)
{
    size_t size = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.");

    if (name[size] || size > HOSTNAME_MAX || *name == '-' || *name == '.')
        return err_set(err, -EINVAL, "isolation: \"%.80s\" cannot be a host name", name);
    return 0;
}

/* A name on the agent, or ./path in the sandbox. */
static int check_rootfs(const char *name, struct err *err)
{
    const char *path = strncmp(name, "./", 2) ? name : name + 2;

    if (*name && (!folder_is_plain(path) || strlen(path) > PATH_TEXT_MAX))
        return err_set(err, -EINVAL,
                       "isolation: \"%.80s\" is no root: want a name, or ./path in the sandbox",
                       name);
    return 0;
}

static int check_privileges(const struct isolation_info *info, struct err *err)
{
    const size_t count = info->capabilities_add_count + info->capabilities_drop_count;

    if (count > ISOLATION_CAPABILITIES_MAX)
        return err_set(err, -E2BIG, "isolation: %zu capabilities, there are not that many", count);
    if (strchr(info->seccomp_profile, '/') || info->seccomp_profile[0] == '.')
        return err_set(err, -EINVAL, "isolation: \"%.80s\" is no name of a seccomp profile",
                       info->seccomp_profile);
    /* A setuid program believes its files. */
    if (info->new_privileges && (info->mounts_count || !strncmp(info->rootfs, "./", 2)))
        return err_set(
            err, -EINVAL,
            "isolation: new_privileges cannot be had with mounts or a root of the sandbox");
    return 0;
}

static int check_mapping(const struct port_mapping *mapping, struct err *err)
{
    const char *protocol = mapping->protocol;

    if (mapping->host_port > 65535 || mapping->container_port > 65535)
        return err_set(err, -EINVAL, "isolation: a port that is mapped is one up to 65535");
    if (protocol && *protocol && strcmp(protocol, "tcp") != 0 && strcmp(protocol, "udp") != 0)
        return err_set(err, -EINVAL, "isolation: \"%.8s\" cannot be mapped: want tcp or udp",
                       protocol);
    return 0;
}

static int check_mappings(const struct isolation_info *info, struct err *err)
{
    int rc = 0;

    if (!info->port_mappings_count)
        return 0;
    if (strcmp(info->network, "bridge") != 0)
        return err_set(err, -EINVAL, "isolation: ports are mapped only for the network bridge");
    if (info->port_mappings_count > ISOLATION_MAPPINGS_MAX)
        return err_set(err, -E2BIG, "isolation: more than %d ports to map", ISOLATION_MAPPINGS_MAX);
    for (size_t i = 0; i < info->port_mappings_count && rc == 0; i++)
        rc = check_mapping(&info->port_mappings[i], err);
    return rc;
}

int isolation_info_check(const struct isolation_info *info, struct err *err)
{
    int rc;

    if (!info)
        return 0;
    rc = check_rootfs(info->rootfs, err);
    if (rc == 0 && info->rootfs_read_only && !*info->rootfs)
        rc = err_set(err, -EINVAL, "isolation: rootfs_read_only is said, but no rootfs");
    if (rc == 0)
        rc = check_mounts(info, err);
    if (rc == 0)
        rc = check_hostname(info->hostname, err);
    if (rc == 0)
        rc = check_mappings(info, err);
    return rc < 0 ? rc : check_privileges(info, err);
}
