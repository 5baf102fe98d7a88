#include "isolators/cgroup_state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"

int cgroup_state_new(const struct isolation *want, const char *controller,
                     struct cgroup_state **ret_state, struct err *err)
{
    const struct cgroups_controller *found;
    struct cgroup_state *self;
    size_t size;
    int rc;

    if (!want->cgroups)
        return err_set(err, -ENOENT, "there are no cgroups here");
    rc = cgroups_find(want->cgroups, controller, &found, err);
    if (rc < 0)
        return rc;
    size = strlen(want->container_id) + 1;
    self = mem_calloc(1, sizeof(*self) + size);
    memcpy(self->id, want->container_id, size);
    self->cgroups = want->cgroups;
    self->group = (struct cgfs){found->dir, self->id};
    self->is_unified = found->is_unified;
    *ret_state = self;
    return 0;
}

int cgroup_state_recover(const struct isolation *was, const char *controller, void **ret_state,
                         struct err *err)
{
    CLEANUP(cgroup_state_destroy_typed) struct cgroup_state *self = NULL;
    int rc = cgroup_state_new(was, controller, &self, err);

    if (rc < 0)
        return rc;
    if (!cgfs_has(self->group, "cgroup.procs"))
        return err_set(err, -ENOENT, "its cgroup is gone");
    *ret_state = TAKE(self);
    return 0;
}

void cgroup_state_destroy_typed(struct cgroup_state **state_p)
{
    free(TAKE(*state_p));
}

void cgroup_state_destroy(void **state_p)
{
    free(TAKE(*state_p));
}

int cgroup_state_write(const struct cgroup_state *self, const char *file, int64_t value,
                       struct err *err)
{
    int rc = cgfs_write_int(self->group, file, value);

    return rc < 0 ? err_errno(err, rc, "cannot set %s to %" PRId64, file, value) : 0;
}

int cgroup_state_write_text(const struct cgroup_state *self, const char *file, const char *value,
                            struct err *err)
{
    int rc = cgfs_write(self->group, file, value);

    return rc < 0 ? err_errno(err, rc, "cannot set %s to %s", file, value) : 0;
}

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=1234" */
static void read_total(const char *text, const char *kind, int64_t *ret_us)
{
    const char *line = strstr(text, kind);
    const char *total = line ? strstr(line, "total=") : NULL;

    if (total)
        sscanf(total, "total=%" SCNd64, ret_us);
}

void cgroup_state_read_pressure(const struct cgroup_state *self, const char *file,
                                int64_t *ret_some_us, int64_t *ret_full_us)
{
    char text[256];

    if (self->cgroups->unified < 0 ||
        cgfs_read((struct cgfs){self->cgroups->unified, self->id}, file, text, sizeof(text)) <= 0)
        return;
    read_total(text, "some ", ret_some_us);
    read_total(text, "full ", ret_full_us);
}
