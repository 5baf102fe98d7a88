/* What of the host a container sees. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/docker/spec_internal.h"
#include "base/cleanup.h"
#include "base/mem.h"

static json_t *mount(const char *type, const char *source, const char *target, bool read_only)
{
    json_t *one = json_pack("{s:s,s:s,s:b}", "Type", type, "Target", target, "ReadOnly", read_only);

    if (source)
        json_object_set_new(one, "Source", json_string(source));
    return one;
}

static void add_bind(const struct spec *self, const char *source, const char *target,
                     bool read_only)
{
    spec_add(self->host, "Mounts", mount("bind", source, target, read_only));
}

static bool has_dots(const char *path)
{
    size_t size = strlen(path);

    return !strcmp(path, "..") || !strncmp(path, "../", 3) || strstr(path, "/../") ||
           (size >= 3 && !strcmp(path + size - 3, "/.."));
}

static bool is_beneath(const char *path, const char *folder)
{
    size_t size = strlen(folder);

    while (size > 1 && folder[size - 1] == '/')
        size--;
    if (size == 1)
        return true; /* all of it */
    return !strncmp(path, folder, size) && (path[size] == '/' || !path[size]);
}

/* As it is with all links followed: one in an allowed folder must not lead out of it. */
int spec_check_host_path(const struct spec *self, const char *path, struct err *err)
{
    CLEANUP(free_p) char *real = realpath(path, NULL);
    const char *found = real ? real : path;

    if (*path != '/' || has_dots(path))
        return err_set(err, -EINVAL, "docker: volume %.120s: expected a plain path", path);
    for (size_t i = 0; i < self->want->host_paths_count; i++)
        if (is_beneath(found, self->want->host_paths[i]))
            return 0;
    return err_set(err, -EPERM,
                   "docker: volume %.120s is not beneath what this agent allows "
                   "(--docker-host-paths)",
                   found);
}

static int check_target(const char *path, struct err *err)
{
    if (*path != '/' || has_dots(path) || !path[1])
        return err_set(err, -EINVAL,
                       "docker: volume at %.120s: expected an absolute path without ..", path);
    return 0;
}

static void add_tmpfs(const struct spec *self, const char *target, bool read_only, int64_t bytes)
{
    json_t *one = mount("tmpfs", NULL, target, read_only);

    if (bytes)
        json_object_set_new(one, "TmpfsOptions",
                            json_pack("{s:I}", "SizeBytes", (json_int_t)bytes));
    spec_add(self->host, "Mounts", one);
}

static int add_named(const struct spec *self, const struct docker_volume *volume, struct err *err)
{
    json_t *one = mount("volume", volume->name, volume->container_path, volume->read_only);

    if (*volume->driver)
        json_object_set_new(one, "VolumeOptions",
                            json_pack("{s:{s:s}}", "DriverConfig", "Name", volume->driver));
    spec_add(self->host, "Mounts", one);
    return spec_need(self, "named-volumes", "volumes of the Engine", err);
}

static int add_folder(const struct spec *self, const char *source, const char *target,
                      bool read_only, struct err *err)
{
    CLEANUP(free_p) char *path = NULL;

    if (*source == '/') {
        add_bind(self, source, target, read_only);
        return spec_check_host_path(self, source, err);
    }
    if (has_dots(source))
        return err_set(err, -EINVAL, "docker: volume %.120s leads out of the sandbox", source);
    path = mem_printf("%s/%s", self->order->sandbox, source);
    add_bind(self, path, target, read_only);
    return 0;
}

static int add_volume(const struct spec *self, const struct docker_volume *volume, struct err *err)
{
    int rc = check_target(volume->container_path, err);

    if (rc < 0)
        return rc;
    if (*volume->host_path && *volume->name)
        return err_set(err, -EINVAL, "docker: volume at %.120s: a path or a name, not both",
                       volume->container_path);
    if (*volume->host_path)
        return add_folder(self, volume->host_path, volume->container_path, volume->read_only, err);
    if (*volume->name)
        return add_named(self, volume, err);
    add_tmpfs(self, volume->container_path, volume->read_only, volume->tmpfs_bytes);
    return 0;
}

int spec_add_isolation_mount(const struct spec *self, const struct isolation_mount *mount,
                             struct err *err)
{
    int rc = check_target(mount->container_path, err);

    if (rc < 0)
        return rc;
    switch (mount->source_kind) {
    case MOUNT_HOST:
    case MOUNT_SANDBOX:
        if ((*mount->source == '/') != (mount->source_kind == MOUNT_HOST))
            return err_set(err, -EINVAL, "docker: %.120s cannot be mounted from there",
                           mount->source);
        return add_folder(self, mount->source, mount->container_path, mount->read_only, err);
    case MOUNT_TMPFS:
        add_tmpfs(self, mount->container_path, mount->read_only,
                  mount->size_bytes ? mount->size_bytes : spec_memory(self) / 2);
        return 0;
    default:
        return err_set(err, -EINVAL, "docker: what is mounted at %.80s is not known here",
                       mount->container_path);
    }
}

int spec_add_mounts(const struct spec *self, struct err *err)
{
    int rc = 0;

    add_bind(self, self->order->sandbox, DOCKER_SANDBOX, false);
    for (size_t i = 0; i < self->order->volumes_count; i++) {
        const struct volume_link *link = &self->order->volumes[i];
        CLEANUP(free_p) char *target = mem_printf("%s/%s", DOCKER_SANDBOX, link->container_path);

        add_bind(self, link->path, target, link->read_only);
    }
    for (size_t i = 0; i < self->docker->volumes_count && rc == 0; i++)
        rc = add_volume(self, &self->docker->volumes[i], err);
    return rc;
}
