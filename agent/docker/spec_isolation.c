/* What a task asks of an agent's isolators, where a Docker Engine has the same. What it has not is refused by the agent
 * (agent/core/validate.c). */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/docker/spec_internal.h"
#include "base/cleanup.h"
#include "base/mem.h"

#define PROFILE_MAX        (1024 * 1024)
#define PROFILE_OURS       "default"
#define PROFILE_UNCONFINED "unconfined"

/* Both are told where a name leads only beneath the operator's folder. */
static int read_profile(const char *dir, const char *name, char **ret_text, struct err *err)
{
    CLEANUP(free_p) char *file = mem_printf("%s.json", name);
    CLEANUP(close_fd) int dir_fd = -1;
    CLEANUP(close_fd) int fd = -1;
    CLEANUP(free_p) char *text = NULL;
    struct stat info;

    if (!*dir)
        return err_set(err, -ENOENT, "linux/seccomp.dir is not set");
    if (strchr(name, '/') || *name == '.')
        return err_set(err, -EINVAL, "that cannot be its name");
    dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    fd = dir_fd < 0 ? -1 : openat(dir_fd, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) < 0)
        return err_errno(err, -errno, "%.100s/%.60s", dir, file);
    if (!S_ISREG(info.st_mode) || info.st_size > PROFILE_MAX)
        return err_set(err, -EFBIG, "%.100s/%.60s: want a file of at most 1 MiB", dir, file);
    text = mem_calloc(1, (size_t)info.st_size + 1);
    if (read(fd, text, (size_t)info.st_size) != info.st_size)
        return err_errno(err, -EIO, "%.100s/%.60s", dir, file);
    *ret_text = TAKE(text);
    return 0;
}

static int set_profile(const struct spec *self, const char *name, struct err *err)
{
    CLEANUP(free_p) char *profile = NULL;
    CLEANUP(free_p) char *option = NULL;
    int rc;

    if (!*name || !strcmp(name, PROFILE_OURS))
        return 0; /* Docker's own */
    if (!strcmp(name, PROFILE_UNCONFINED)) {
        spec_add(self->host, "SecurityOpt", json_string("seccomp=unconfined"));
        return spec_need(self, "unsafe-parameters", "container without a seccomp filter", err);
    }
    rc = read_profile(self->want->seccomp_dir, name, &profile, err);
    if (rc < 0)
        return err_wrap(err, rc, "docker: the seccomp profile %.60s", name);
    option = mem_printf("seccomp=%s", profile);
    spec_add(self->host, "SecurityOpt", json_string(option));
    return 0;
}

int spec_add_isolation(const struct spec *self, struct err *err)
{
    const struct isolation_info *asks = self->order->isolation;
    int rc = 0;

    if (!asks)
        return 0;
    if (*asks->hostname)
        json_object_set_new(self->root, "Hostname", json_string(asks->hostname));
    if (asks->shm_bytes)
        json_object_set_new(self->host, "ShmSize", json_integer(asks->shm_bytes));
    for (size_t i = 0; i < asks->mounts_count && rc == 0; i++)
        rc = spec_add_isolation_mount(self, &asks->mounts[i], err);
    return rc < 0 ? rc : set_profile(self, asks->seccomp_profile, err);
}

/* --- devices ------------------------------------------------------------------------------------ */

static const struct gpu_info *find_gpu(const struct msg_docker_configure *want, const char *name)
{
    for (size_t i = 0; i < want->gpus_count; i++)
        if (!strcmp(want->gpus[i].name, name))
            return &want->gpus[i];
    return NULL;
}

static bool asks_for_gpus(const struct msg_launch_container *order)
{
    for (size_t i = 0; i < order->resources_count; i++)
        if (!strcmp(order->resources[i].name, "gpus"))
            return true;
    return false;
}

int spec_add_gpus(const struct spec *self, struct err *err)
{
    const struct msg_launch_container *order = self->order;

    if (asks_for_gpus(order) && !order->gpus_count)
        return err_set(err, -ENOTSUP,
                       "docker: this agent has gpus that it cannot give out: that takes --gpus and "
                       "gpu/devices in --isolation");
    for (size_t i = 0; i < order->gpus_count; i++) {
        const struct gpu_info *gpu = find_gpu(self->want, order->gpus[i]);

        if (!gpu)
            return err_set(err, -ENOENT, "docker: this agent has no GPU %.60s", order->gpus[i]);
        for (size_t p = 0; p < gpu->paths_count; p++)
            spec_add(self->host, "Devices",
                     json_pack("{s:s,s:s,s:s}", "PathOnHost", gpu->paths[p], "PathInContainer",
                               gpu->paths[p], "CgroupPermissions", "rw"));
    }
    return 0;
}
