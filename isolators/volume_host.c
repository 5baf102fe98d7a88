/* volume/host: folders and files of the host in a task's tree: those below what the operator allows, and no others. */
#include "isolators/builtin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "isolators/mounting.h"
#include "isolators/volumes.h"

#define ALLOWED_MAX 32

static struct {
    char *path; /* owned */
    bool is_read_only;
} allowed[ALLOWED_MAX];
static size_t allowed_count;

static int allow(const struct isolator_host *host, const char *key, bool is_read_only,
                 struct err *err)
{
    const char *list = isolator_option(host, "volume/host", key);

    while (list && *list) {
        size_t size = strcspn(list, ":");

        if (allowed_count == ALLOWED_MAX)
            return err_set(err, -ISOLATOR_WRONG_SETTING, "%s: more than %d folders", key,
                           ALLOWED_MAX);
        if (*list != '/')
            return err_set(err, -ISOLATOR_WRONG_SETTING,
                           "%s: '%.*s': want absolute paths, with colons between", key, (int)size,
                           list);
        while (size > 1 && list[size - 1] == '/')
            size--;
        allowed[allowed_count].path = mem_printf("%.*s", (int)size, list);
        allowed[allowed_count++].is_read_only = is_read_only;
        list += strcspn(list, ":");
        list += *list == ':';
    }
    return 0;
}

static int host_setup(const struct isolator_host *host, struct err *err)
{
    int rc;

    while (allowed_count > 0)
        free(allowed[--allowed_count].path);
    rc = allow(host, "allow", false, err);
    return rc < 0 ? rc : allow(host, "allow_read_only", true, err);
}

/* What of `path` comes behind the folder; NULL: it is not in it. */
static const char *beneath(const char *folder, const char *path)
{
    size_t size = strcmp(folder, "/") == 0 ? 0 : strlen(folder);

    if (strncmp(path, folder, size) != 0 || (path[size] != '/' && path[size] != '\0'))
        return NULL;
    return path + size + strspn(path + size, "/");
}

/* NULL: none; the first that allows it as it is asked for. */
static const char *find_folder(const char *path, bool is_read_only)
{
    for (size_t i = 0; i < allowed_count; i++)
        if (beneath(allowed[i].path, path) && (is_read_only || !allowed[i].is_read_only))
            return allowed[i].path;
    return NULL;
}

/* The operator's folder may be reached by links; below it, where others may write, none is followed. */
static int bind_one(const struct spawn_step *step, struct spawned *spawned, struct err *err)
{
    const struct binding *binding = step->data;
    const char *folder = find_folder(binding->source, binding->is_read_only);
    CLEANUP(close_fd) int folder_fd = open(folder, O_PATH | O_CLOEXEC);
    CLEANUP(close_fd) int source_fd = -1;
    const char *rest = beneath(folder, binding->source);
    int rc = 0;

    if (folder_fd < 0)
        return err_errno(err, -errno, "%.150s", folder);
    if (*rest)
        rc = mounting_open(folder_fd, rest, MOUNTING_NO_LINKS, &source_fd, err);
    if (rc < 0)
        return err_wrap(err, rc, "%.100s (below it no links are followed)", folder);
    return bindings_bind(spawned, *rest ? source_fd : folder_fd, binding, err);
}

static int check(const struct isolation_mount *mount, struct err *err)
{
    if (mount->source_kind != MOUNT_HOST || find_folder(mount->source, mount->read_only))
        return 0;
    if (find_folder(mount->source, true))
        return err_set(err, -EPERM, "%.150s is allowed only read-only", mount->source);
    return err_set(err, -EPERM,
                   "%.150s is not among the folders that this agent allows (volume/host.allow)",
                   mount->source);
}

static int host_prepare(const struct isolation *want, struct spawn *spawn, void **ret_state,
                        struct err *err)
{
    const struct spawn_step step = {
        .phase = SPAWN_VOLUMES, .what = "mount a folder of the host", .run = bind_one};

    for (size_t i = 0; i < want->asks->mounts_count; i++) {
        int rc = check(&want->asks->mounts[i], err);

        if (rc < 0)
            return rc;
    }
    return bindings_prepare(want, MOUNT_HOST, &step, spawn, ret_state, err);
}

static const struct isolator_option host_options[] = {
    {"allow", "folders of the host that tasks may have, with colons between"},
    {"allow_read_only", "likewise, but not to write"},
    {NULL, NULL},
};

static const char *const host_with[] = {"namespaces/mount", NULL};

const struct isolator_ops isolator_volume_host = {
    .name = "volume/host",
    .needs = ISOLATOR_PRIVILEGED,
    .with = host_with,
    .options = host_options,
    .setup = host_setup,
    .prepare = host_prepare,
    .destroy = bindings_destroy,
};
