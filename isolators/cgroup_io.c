/* cgroup/io: a share of each disk under contention (weight), ceilings on bytes and operations a second of one disk
 * (throttles), and what was read and written. v1 calls it blkio. What a kernel does not have it refuses with the reason:
 * weights need the BFQ scheduler, or io.cost on v2.
 *
 * On v1 only what goes past the page cache is held to the ceiling on writes: the kernel's own writing is nobody's.
 * Source: the kernel's admin-guide/cgroup-v2.rst, cgroup-v1/blkio-controller.rst. */
#include "isolators/builtin.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "isolators/block_device.h"
#include "isolators/cgroup_state.h"

#define MIB            ((int64_t)1024 * 1024)
#define WEIGHT_MAX     10000 /* of io.weight; 100 is usual */
#define BFQ_WEIGHT_MAX 1000
#define STAT_SIZE      65536

struct io_state {
    struct cgroup_state *group; /* owned */
    char *sandbox;              /* owned; "": not known any more */
};

static const struct throttle {
    const char *name;
    const char *v1;
    const char *v2;
    int64_t unit; /* bytes or operations a unit of the limit */
} throttles[] = {
    {"io_read", "blkio.throttle.read_bps_device", "rbps", MIB},
    {"io_write", "blkio.throttle.write_bps_device", "wbps", MIB},
    {"io_read_ops", "blkio.throttle.read_iops_device", "riops", 1},
    {"io_write_ops", "blkio.throttle.write_iops_device", "wiops", 1},
};

static const struct throttle *find_throttle(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(throttles); i++)
        if (!strcmp(throttles[i].name, name))
            return &throttles[i];
    return NULL;
}

/* --- throttles ----------------------------------------------------------------------------------- */

/* 0 is no limit on v1; so a limit of less than one unit is one. */
static int64_t value_of(const struct throttle *throttle, const struct limit_info *limit)
{
    int64_t value = limit->scalar > INT64_MAX / throttle->unit
                        ? INT64_MAX
                        : limit->scalar * throttle->unit / 1000;

    return value < 1 ? 1 : value;
}

static void print_order(const struct cgroup_state *self, const struct throttle *throttle,
                        const struct limit_info *limit, dev_t device, char ret_text[96])
{
    bool v2 = self->is_unified;
    int size = snprintf(ret_text, 96, "%u:%u %s%s", major(device), minor(device),
                        v2 ? throttle->v2 : "", v2 ? "=" : "");

    if (limit->unlimited)
        snprintf(ret_text + size, 96 - (size_t)size, "%s", v2 ? "max" : "0");
    else
        snprintf(ret_text + size, 96 - (size_t)size, "%" PRId64, value_of(throttle, limit));
}

static int set_throttle(const struct io_state *self, const struct throttle *throttle,
                        const struct limit_info *limit, struct err *err)
{
    const char *file = self->group->is_unified ? "io.max" : throttle->v1;
    char text[96];
    dev_t device;
    int rc = block_device_find(limit->device ? limit->device : "", self->sandbox, &device, err);

    if (rc < 0)
        return err_wrap(err, rc, "%s", throttle->name);
    print_order(self->group, throttle, limit, device, text);
    rc = cgfs_write(self->group->group, file, text);
    if (rc == -ENOENT)
        return err_set(err, -EOPNOTSUPP, "%s: this kernel has no %s (CONFIG_BLK_DEV_THROTTLING)",
                       throttle->name, file);
    return rc < 0 ? err_errno(err, rc, "%s: cannot set %s to %s", throttle->name, file, text) : 0;
}

/* --- weight -------------------------------------------------------------------------------------- */

/* The same ratio in the range of BFQ, whose usual weight is 100 too. */
static int set_weight(const struct cgroup_state *self, const struct limit_info *limit,
                      struct err *err)
{
    int64_t weight = limit->scalar / 1000;
    int rc = -ENOENT;

    if (limit->unlimited || weight < 1 || weight > WEIGHT_MAX)
        return err_set(err, -EINVAL, "io_weight goes from 1 to %d, and is 100 if it is not said",
                       WEIGHT_MAX);
    if (self->is_unified)
        rc = cgfs_write_int(self->group, "io.weight", weight);
    if (weight > BFQ_WEIGHT_MAX)
        weight = BFQ_WEIGHT_MAX;
    if (rc == -ENOENT)
        rc = cgfs_write_int(self->group, self->is_unified ? "io.bfq.weight" : "blkio.bfq.weight",
                            weight);
    if (rc == -ENOENT)
        rc = cgfs_write_int(self->group, "blkio.weight", weight); /* CFQ, before 5.0 */
    if (rc == -ENOENT)
        return err_set(
            err, -EOPNOTSUPP,
            "io_weight: no scheduler of this kernel knows weights (BFQ, or io.cost on cgroup v2)");
    return rc < 0 ? err_errno(err, rc, "cannot set the weight to %" PRId64, weight) : 0;
}

static int set_limits(const struct io_state *self, const struct isolation *want, struct err *err)
{
    int rc = 0;

    for (size_t i = 0; i < want->bursts_count && rc == 0; i++) {
        const struct limit_info *limit = &want->bursts[i];
        const struct throttle *throttle = find_throttle(limit->name);

        if (throttle)
            rc = set_throttle(self, throttle, limit, err);
        else if (!strcmp(limit->name, "io_weight"))
            rc = set_weight(self->group, limit, err);
    }
    return rc;
}

/* --- life ---------------------------------------------------------------------------------------- */

static void io_destroy(void **state_p)
{
    struct io_state *self = TAKE(*state_p);

    if (!self)
        return;
    cgroup_state_destroy_typed(&self->group);
    free(self->sandbox);
    free(self);
}

static void io_destroy_typed(struct io_state **self_p)
{
    void *self = TAKE(*self_p);

    io_destroy(&self);
}

/* v1 calls it otherwise, and cgroups_find knows it by either name. */
static int io_prepare(const struct isolation *want, struct spawn *spawn, void **ret_state,
                      struct err *err)
{
    CLEANUP(io_destroy_typed) struct io_state *self = mem_new(struct io_state);
    int rc = cgroup_state_new(want, "io", &self->group, err);

    (void)spawn;
    self->sandbox = mem_strdup(want->sandbox ? want->sandbox : "");
    if (rc == 0)
        rc = set_limits(self, want, err);
    if (rc < 0)
        return rc;
    *ret_state = TAKE(self);
    return 0;
}

static int io_recover(const struct isolation *was, void **ret_state, struct err *err)
{
    struct io_state *self;
    void *group = NULL;
    int rc = cgroup_state_recover(was, "io", &group, err);

    if (rc < 0)
        return rc;
    self = mem_new(struct io_state);
    self->group = group;
    self->sandbox = mem_strdup("");
    *ret_state = self;
    return 0;
}

/* Lift every ceiling that stands there: limits that are not named any more are none. v1 and v2 both print one line a
 * disk, "8:0 ...". */
static void lift(const struct cgroup_state *self, const char *file, const char *nothing)
{
    char text[CGFS_VALUE_MAX], order[64];

    if (cgfs_read(self->group, file, text, sizeof(text)) <= 0)
        return;
    for (char *line = text; line && *line; line = strchr(line, '\n')) {
        unsigned major, minor;

        line += *line == '\n';
        if (sscanf(line, "%u:%u", &major, &minor) != 2)
            continue;
        snprintf(order, sizeof(order), "%u:%u %s", major, minor, nothing);
        cgfs_write(self->group, file, order);
    }
}

static void lift_all(const struct cgroup_state *self)
{
    if (self->is_unified)
        lift(self, "io.max", "rbps=max wbps=max riops=max wiops=max");
    for (size_t i = 0; i < ARRAY_SIZE(throttles) && !self->is_unified; i++)
        lift(self, throttles[i].v1, "0");
}

static int io_update(void *state, const struct isolation *now, struct err *err)
{
    struct io_state *self = state;

    if (now->sandbox && !*self->sandbox) {
        free(self->sandbox);
        self->sandbox = mem_strdup(now->sandbox);
    }
    lift_all(self->group);
    return set_limits(self, now, err);
}

/* --- usage --------------------------------------------------------------------------------------- */

/* "8:0 Read 4096", "8:0 Total 4096", "Total 4096". */
static void read_v1(const struct cgroup_state *self, const char *file, int64_t *reads,
                    int64_t *writes)
{
    CLEANUP(free_p) char *text = mem_calloc(1, STAT_SIZE);

    if (cgfs_read(self->group, file, text, STAT_SIZE) <= 0)
        return;
    for (char *line = text; line && *line; line = strchr(line, '\n')) {
        char what[16];
        int64_t value;

        line += *line == '\n';
        if (sscanf(line, "%*u:%*u %15s %" SCNd64, what, &value) != 2)
            continue;
        if (!strcmp(what, "Read"))
            *reads += value;
        else if (!strcmp(what, "Write"))
            *writes += value;
    }
}

/* "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0" */
static void add_key(const char *line, const char *key, int64_t *sum)
{
    const char *at = strstr(line, key);
    int64_t value;

    if (at && sscanf(at + strlen(key), "=%" SCNd64, &value) == 1)
        *sum += value;
}

static void read_v2(const struct cgroup_state *self, struct usage_info *usage)
{
    CLEANUP(free_p) char *text = mem_calloc(1, STAT_SIZE);
    char *line, *rest = text;

    if (cgfs_read(self->group, "io.stat", text, STAT_SIZE) <= 0)
        return;
    while ((line = strsep(&rest, "\n"))) {
        add_key(line, "rbytes", &usage_more(usage)->io_read_bytes);
        add_key(line, "wbytes", &usage_more(usage)->io_write_bytes);
        add_key(line, "rios", &usage_more(usage)->io_reads);
        add_key(line, "wios", &usage_more(usage)->io_writes);
    }
}

static int io_usage(void *state, struct usage_info *usage, struct err *err)
{
    const struct cgroup_state *self = ((struct io_state *)state)->group;

    (void)err;
    if (self->is_unified) {
        read_v2(self, usage);
    } else {
        read_v1(self, "blkio.throttle.io_service_bytes_recursive",
                &usage_more(usage)->io_read_bytes, &usage_more(usage)->io_write_bytes);
        read_v1(self, "blkio.throttle.io_serviced_recursive", &usage_more(usage)->io_reads,
                &usage_more(usage)->io_writes);
    }
    cgroup_state_read_pressure(self, "io.pressure", &usage_more(usage)->io_some_us,
                               &usage_more(usage)->io_full_us);
    return 0;
}

const struct isolator_ops isolator_cgroup_io = {
    .name = "cgroup/io",
    .needs = ISOLATOR_CGROUPS,
    .controller = "io",
    .prepare = io_prepare,
    .recover = io_recover,
    .update = io_update,
    .usage = io_usage,
    .destroy = io_destroy,
};
