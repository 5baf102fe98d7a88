#include "agent/probe/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/cleanup.h"
#include "base/resources.h"
#include "base/version.h"
#include "proto/message.h"
#include "proto/resources_info.h"

#define MIB           (INT64_C(1024) * 1024)
#define MEM_KEPT_MIB  1024 /* for the system */
#define DISK_KEPT_MIB 5120
#define PORTS_DEFAULT "ports:[31000-32000]"
#define BOOT_ID_FILE  "/proc/sys/kernel/random/boot_id"

int64_t probe_share(int64_t total, int64_t keep)
{
    return total >= 2 * keep ? total - keep : total / 2;
}

static int64_t disk_mib(const char *path)
{
    struct statvfs info;

    if (statvfs(path, &info) < 0)
        return 0;
    return (int64_t)(info.f_blocks * (unsigned long long)info.f_frsize) / MIB;
}

static int detect(const char *work_dir, const struct topology_info *topology, size_t gpus,
                  struct resources *ret_resources, struct err *err)
{
    int64_t mem = probe_share(topology->mem_bytes / MIB, MEM_KEPT_MIB);
    int64_t disk = probe_share(disk_mib(work_dir), DISK_KEPT_MIB);
    int rc = resources_parse(ret_resources, PORTS_DEFAULT, err);

    if (rc == 0)
        rc = resources_add_scalar(ret_resources, "cpus", NULL, topology->threads * 1000, err);
    if (rc == 0)
        rc = resources_add_scalar(ret_resources, "mem", NULL, mem * 1000, err);
    if (rc == 0)
        rc = resources_add_scalar(ret_resources, "disk", NULL, disk * 1000, err);
    if (rc == 0 && gpus)
        rc = resources_add_scalar(ret_resources, "gpus", NULL, (int64_t)gpus * 1000, err);
    return rc;
}

static bool names(const struct resources *resources, const char *name)
{
    for (size_t i = 0; i < resources->count; i++)
        if (!strcmp(resources->items[i].name, name))
            return true;
    return false;
}

/* A name that was given as nothing ("gpus:0") is nothing: the algebra keeps no empty portions, so
 * what is given must be looked for in the text as well. */
static bool is_given(const struct resources *given, const char *text, const char *name)
{
    size_t size = strlen(name);

    if (names(given, name))
        return true;
    for (const char *at = strstr(text, name); at; at = strstr(at + 1, name)) {
        bool begins = at == text || strchr("; \t\n", at[-1]);

        if (begins && (at[size] == ':' || at[size] == '('))
            return true;
    }
    return false;
}

static int check_given(const struct resources *given, struct err *err)
{
    for (size_t i = 0; i < given->count; i++) {
        const struct resource *one = &given->items[i];

        if (one->terms)
            return err_set(err, -EINVAL,
                           "--resources: %s: dynamic reservations and volumes are made by "
                           "frameworks and operators; static ones, as cpus(ads):4, stand here",
                           one->name);
        if (!strcmp(one->name, "ports") && one->kind != RESOURCE_RANGES)
            return err_set(err, -EINVAL,
                           "--resources: ports: which ones must be said, as " PORTS_DEFAULT);
    }
    return 0;
}

static int merge(const struct resources *detected, const char *text, struct resources *ret_all,
                 struct err *err)
{
    CLEANUP(resources_fini) struct resources given = {0};
    int rc = resources_parse(&given, text, err);

    if (rc < 0)
        return err_wrap(err, rc, "--resources");
    rc = check_given(&given, err);
    if (rc < 0)
        return rc;
    resources_copy(ret_all, &given);
    for (size_t i = 0; i < detected->count && rc == 0; i++)
        if (!is_given(&given, text, detected->items[i].name))
            rc = resources_add_portion(ret_all, &detected->items[i], err);
    return rc;
}

static int fill_resources(const struct probe_settings *settings, struct arena *arena,
                          struct agent_info *info, struct err *err)
{
    CLEANUP(resources_fini) struct resources detected = {0};
    CLEANUP(resources_fini) struct resources all = {0};
    struct agent_info whole = {0};
    const struct agent_info *copy;
    int rc = detect(settings->work_dir, info->topology, settings->gpus, &detected, err);

    if (rc == 0)
        rc = merge(&detected, settings->resources, &all, err);
    if (rc < 0)
        return rc;
    /* What it gives borrows from `all`, hence the copy. */
    whole.resources = resources_to_info(&all, arena, &whole.resources_count);
    copy = record_copy(&agent_info_def, &whole, arena);
    info->resources = copy->resources;
    info->resources_count = copy->resources_count;
    return 0;
}

static const char *read_line(const char *path, struct arena *arena)
{
    CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    char text[128];
    ssize_t size = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

    text[size > 0 ? size : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return arena_strdup(arena, text);
}

const char *probe_boot_id(struct arena *arena)
{
    return read_line(BOOT_ID_FILE, arena);
}

static int fill_names(const struct probe_settings *settings, struct arena *arena,
                      struct agent_info *info, struct err *err)
{
    char hostname[256] = {0};
    int rc;

    if (!*settings->hostname && gethostname(hostname, sizeof(hostname) - 1) < 0)
        return err_errno(err, -errno, "hostname (say --hostname NAME)");
    info->hostname = arena_strdup(arena, *settings->hostname ? settings->hostname : hostname);
    info->version = PROFFER_VERSION;
    info->boot_id = probe_boot_id(arena);
    rc = attributes_parse(settings->attributes, arena, &info->attributes, &info->attributes_count,
                          err);
    if (rc < 0)
        return err_wrap(err, rc, "--attributes");
    rc = domain_parse(settings->domain ? settings->domain : "", arena, &info->domain, err);
    return rc < 0 ? err_wrap(err, rc, "--domain") : 0;
}

int probe_machine(const struct probe_settings *settings, struct arena *arena,
                  struct agent_info **ret_info, struct err *err)
{
    struct agent_info *info = arena_alloc(arena, sizeof(*info));
    struct topology_info *topology;
    int rc = probe_topology(arena, &topology, err);

    if (rc < 0)
        return rc;
    info->topology = topology;
    rc = fill_names(settings, arena, info, err);
    if (rc == 0)
        rc = fill_resources(settings, arena, info, err);
    if (rc < 0)
        return rc;
    *ret_info = info;
    return 0;
}
