/* cgroup/hugetlb: how much a task may have in huge pages, by their size: what it is granted of a resource such as
 * hugetlb_2MB, in MiB, and nothing where it is granted none. Source: the kernel's admin-guide/cgroup-v2.rst,
 * cgroup-v1/hugetlb.rst. */
#include "isolators/builtin.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "isolators/cgroup_state.h"

#define SIZES_MAX     16
#define SIZE_NAME_MAX 16
#define MIB           ((int64_t)1024 * 1024)

/* "2MB": the sizes that this kernel has. Looked up once; there is one launcher. */
static char sizes[SIZES_MAX][SIZE_NAME_MAX];
static size_t sizes_count;

/* "hugetlb.2MB.max" or "hugetlb.2MB.limit_in_bytes". */
static void note_size(const char *file, const char *suffix)
{
    static const char prefix[] = "hugetlb.";
    const char *size = file + strlen(prefix);
    const char *dot;

    if (strncmp(file, prefix, strlen(prefix)) != 0 || !(dot = strchr(size, '.')) ||
        strcmp(dot, suffix) != 0 || dot - size >= SIZE_NAME_MAX || sizes_count == SIZES_MAX)
        return;
    snprintf(sizes[sizes_count++], SIZE_NAME_MAX, "%.*s", (int)(dot - size), size);
}

static int find_sizes(const struct cgroup_state *self, struct err *err)
{
    int fd = openat(self->group.dir, self->group.name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *files = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;

    if (!files)
        return err_errno(err, -errno, "cannot look at the sizes of huge pages");
    while ((entry = readdir(files)))
        note_size(entry->d_name, self->is_unified ? ".max" : ".limit_in_bytes");
    closedir(files);
    return sizes_count ? 0 : err_set(err, -ENOENT, "this kernel has no huge pages");
}

static void name_file(char ret_file[64], const char *size, const char *what)
{
    snprintf(ret_file, 64, "hugetlb.%s.%s", size, what);
}

static int set_limit(const struct cgroup_state *self, const char *size,
                     const struct isolation *want, struct err *err)
{
    char file[64], name[64];
    int64_t milli, bytes;
    int rc;

    snprintf(name, sizeof(name), "hugetlb_%s", size);
    milli = isolation_limit(want, name);
    if (milli == ISOLATION_UNLIMITED)
        milli = INT64_MAX;
    bytes = milli > INT64_MAX / MIB ? INT64_MAX : milli * MIB / 1000;
    /* That of reservations, where the kernel has it (5.7), makes mmap fail; the other one kills who touches a page. */
    name_file(file, size, self->is_unified ? "rsvd.max" : "rsvd.limit_in_bytes");
    rc = cgfs_write_int(self->group, file, bytes);
    if (rc < 0 && rc != -ENOENT)
        return err_errno(err, rc, "cannot set %s to %" PRId64, file, bytes);
    name_file(file, size, self->is_unified ? "max" : "limit_in_bytes");
    return cgroup_state_write(self, file, bytes, err);
}

static int set_limits(const struct cgroup_state *self, const struct isolation *want,
                      struct err *err)
{
    int rc = sizes_count ? 0 : find_sizes(self, err);

    for (size_t i = 0; i < sizes_count && rc == 0; i++)
        rc = set_limit(self, sizes[i], want, err);
    return rc;
}

static int hugetlb_prepare(const struct isolation *want, struct spawn *spawn, void **ret_state,
                           struct err *err)
{
    CLEANUP(cgroup_state_destroy_typed) struct cgroup_state *self = NULL;
    int rc = cgroup_state_new(want, "hugetlb", &self, err);

    (void)spawn;
    if (rc == 0)
        rc = set_limits(self, want, err);
    if (rc < 0)
        return rc;
    *ret_state = TAKE(self);
    return 0;
}

static int hugetlb_recover(const struct isolation *was, void **ret_state, struct err *err)
{
    int rc = cgroup_state_recover(was, "hugetlb", ret_state, err);

    return rc < 0 || sizes_count ? rc : find_sizes(*ret_state, err);
}

static int hugetlb_update(void *state, const struct isolation *now, struct err *err)
{
    return set_limits(state, now, err);
}

static void add(const struct cgroup_state *self, const char *size, const char *what, int64_t *sum)
{
    char file[64];
    int64_t value = 0;

    name_file(file, size, what);
    if (cgfs_read_int(self->group, file, &value) == 0)
        *sum += value;
}

static int hugetlb_usage(void *state, struct usage_info *usage, struct err *err)
{
    const struct cgroup_state *self = state;

    (void)err;
    for (size_t i = 0; i < sizes_count; i++) {
        add(self, sizes[i], self->is_unified ? "current" : "usage_in_bytes",
            &usage_more(usage)->hugetlb_bytes);
        if (self->is_unified) {
            char file[64];
            int64_t max = 0;
            const struct cgfs_key keys[] = {{"max", &max}};

            name_file(file, sizes[i], "events");
            cgfs_read_keys(self->group, file, keys, 1);
            usage_more(usage)->hugetlb_refused += max;
        } else {
            add(self, sizes[i], "failcnt", &usage_more(usage)->hugetlb_refused);
        }
    }
    return 0;
}

const struct isolator_ops isolator_cgroup_hugetlb = {
    .name = "cgroup/hugetlb",
    .needs = ISOLATOR_CGROUPS,
    .controller = "hugetlb",
    .prepare = hugetlb_prepare,
    .recover = hugetlb_recover,
    .update = hugetlb_update,
    .usage = hugetlb_usage,
    .destroy = cgroup_state_destroy,
};
