/* master/core/errand_plan.c - which operation an operator means who names quantities, a role, an id. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/units.h"
#include "master/core/convert.h"
#include "master/core/errands.h"
#include "proto/resources_info.h"

#define DISK_MAX_MIB (RESOURCE_MILLI_MAX / 1000)

void errand_plan_fini(struct errand_plan *self)
{
    resources_fini(&self->before);
    resources_fini(&self->after);
}

static void set_change(struct errand_plan *self, struct master *master, enum operation_kind kind,
                       const struct resources *resources, const struct resources *source)
{
    self->change.id = "";
    self->change.resources =
        resources_to_info(resources, master->scratch, &self->change.resources_count);
    if (source)
        self->change.source =
            resources_to_info(source, master->scratch, &self->change.source_count);
    self->operation.kind = kind;
    self->operation.change = &self->change;
}

/* --- choosing ---------------------------------------------------------------- */

/* Which portions may be meant. */
typedef bool suits_fn(const struct resource *portion, const void *how);

static void keep_suiting(struct resources *sum, suits_fn *suits, const void *how)
{
    CLEANUP(resources_fini) struct resources kept = {0};

    for (size_t i = 0; i < sum->count; i++)
        if (suits(&sum->items[i], how))
            (void)resources_add_portion(&kept, &sum->items[i], NULL); /* it was in a sum */
    resources_swap(sum, &kept);
}

/* What is free is taken rather than what is offered, and that rather than what tasks have, which is then
 * refused with their names. */
static int choose(const struct agent *agent, const struct resources *want, suits_fn *suits,
                  const void *how, struct resources *ret, struct err *err)
{
    CLEANUP(resources_fini) struct resources from = {0};
    int rc;

    resources_copy(&from, &agent->free);
    keep_suiting(&from, suits, how);
    if (resources_pick(&from, NULL, want, ret, NULL) >= 0)
        return 0;
    errand_idle(agent, &from);
    keep_suiting(&from, suits, how);
    if (resources_pick(&from, NULL, want, ret, NULL) >= 0)
        return 0;
    resources_copy(&from, &agent->total);
    keep_suiting(&from, suits, how);
    rc = resources_pick(&from, NULL, want, ret, err);
    return rc < 0 ? err_wrap(err, rc, "agent %.64s has not so much of it", agent->id) : 0;
}

/* --- reservations ------------------------------------------------------------ */

static bool is_no_volume(const struct resource *portion, const void *how)
{
    (void)how;
    return !resource_volume(portion);
}

static struct label *labels_of(struct master *master, const struct label_info *infos, size_t count)
{
    struct label *labels = arena_array(master->scratch, count, sizeof(*labels));

    for (size_t i = 0; i < count; i++)
        labels[i] = (struct label){.key = (char *)infos[i].key, .value = (char *)infos[i].value};
    return labels;
}

static int plan_reserve(struct master *master, const struct agent *agent,
                        const struct msg_operator_reservation *call, struct errand_plan *ret,
                        struct err *err)
{
    const struct reserving how = {
        .role = call->role,
        .principal = call->principal,
        .labels = labels_of(master, call->labels, call->labels_count),
        .labels_count = call->labels_count,
    };
    CLEANUP(resources_fini) struct resources want = {0}, base = {0};
    int rc = resources_parse(&want, call->resources, err);

    if (rc >= 0 && resources_are_empty(&want))
        rc = err_set(err, -EINVAL, "expected what to reserve, as in cpus:2;mem:512");
    if (rc >= 0)
        rc = choose(agent, &want, is_no_volume, NULL, &ret->before, err);
    if (rc >= 0 && call->instead)
        rc = resources_unreserve(&ret->before, &base, err);
    if (rc < 0)
        return rc;
    rc = resources_reserve(call->instead ? &base : &ret->before, &how, &ret->after, err);
    if (rc >= 0)
        set_change(ret, master, OPERATION_RESERVE, &ret->after, &ret->before);
    return rc;
}

static bool has_labels(const struct reservation *reservation,
                       const struct msg_operator_reservation *call)
{
    for (size_t i = 0; i < call->labels_count; i++) {
        bool is_there = false;

        for (size_t j = 0; j < reservation->labels_count && !is_there; j++)
            is_there = !strcmp(reservation->labels[j].key, call->labels[i].key) &&
                       !strcmp(reservation->labels[j].value, call->labels[i].value);
        if (!is_there)
            return false;
    }
    return true;
}

/* Is it reserved for the role, in the end, by somebody who may be undone? */
static bool is_reserved_so(const struct resource *portion, const void *how)
{
    const struct msg_operator_reservation *call = how;
    const struct resource_terms *terms = portion->terms;
    const struct reservation *last;

    if (!terms || !terms->depth || terms->volume || strcmp(resource_role(portion), call->role) != 0)
        return false;
    last = &terms->stack[terms->depth - 1];
    if (*call->principal && strcmp(last->principal ? last->principal : "", call->principal) != 0)
        return false;
    return last->is_dynamic && has_labels(last, call);
}

/* What has no role in the call is of the role. */
static int read_of_role(const struct msg_operator_reservation *call, struct resources *ret,
                        struct err *err)
{
    CLEANUP(resources_fini) struct resources named = {0};
    int rc = resources_parse(&named, call->resources, err);

    for (size_t i = 0; i < named.count && rc >= 0; i++) {
        struct resource portion = named.items[i]; /* borrowed */

        if (portion.role && strcmp(portion.role, call->role) != 0)
            return err_set(err, -EINVAL, "%s is of role %.64s, but the role is %.64s", portion.name,
                           portion.role, call->role);
        portion.role = (char *)call->role;
        rc = resources_add_portion(ret, &portion, err);
    }
    return rc;
}

static int plan_unreserve(struct master *master, const struct agent *agent,
                          const struct msg_operator_reservation *call, struct errand_plan *ret,
                          struct err *err)
{
    CLEANUP(resources_fini) struct resources want = {0};
    int rc = read_of_role(call, &want, err);

    if (rc < 0)
        return rc;
    if (resources_are_empty(&want)) {
        resources_copy(&ret->before, &agent->total);
        keep_suiting(&ret->before, is_reserved_so, call);
    } else {
        rc = choose(agent, &want, is_reserved_so, call, &ret->before, err);
    }
    if (rc >= 0 && resources_are_empty(&ret->before))
        rc = err_set(err, -ENOENT,
                     "nothing is reserved so for role %.64s on agent %.64s, but volumes and what "
                     "its settings say",
                     call->role, agent->id);
    if (rc >= 0)
        set_change(ret, master, OPERATION_UNRESERVE, &ret->before, NULL);
    return rc;
}

int errand_plan_reservation(struct master *master, const struct agent *agent,
                            const struct msg_operator_reservation *call, struct errand_plan *ret,
                            struct err *err)
{
    int rc = role_check(call->role, err);

    if (rc < 0)
        return rc;
    if (!strcmp(call->role, RESOURCE_ROLE_ANY))
        return err_set(err, -EINVAL, "role *: what is for all is not reserved");
    if (call->kind == OPERATION_RESERVE)
        return plan_reserve(master, agent, call, ret, err);
    if (call->kind == OPERATION_UNRESERVE)
        return plan_unreserve(master, agent, call, ret, err);
    return err_set(err, -EINVAL, "expected OPERATION_RESERVE or OPERATION_UNRESERVE");
}

/* --- volumes ----------------------------------------------------------------- */

static bool is_disk_of(const struct resource *portion, const char *role)
{
    return portion->kind == RESOURCE_SCALAR && !portion->revocable && portion->role &&
           !resource_volume(portion) && !strcmp(portion->name, "disk") &&
           !strcmp(portion->role, role);
}

/* One portion that is large enough; the largest of all that are too small in *largest_p. */
static const struct resource *find_disk(const struct resources *from, const char *role,
                                        int64_t milli, int64_t *largest_p)
{
    for (size_t i = 0; i < from->count; i++) {
        if (!is_disk_of(&from->items[i], role))
            continue;
        if (from->items[i].milli >= milli)
            return &from->items[i];
        if (from->items[i].milli > *largest_p)
            *largest_p = from->items[i].milli;
    }
    return NULL;
}

static int make_volume(const struct resource *disk, const struct msg_operator_volume *call,
                       struct errand_plan *ret, struct err *err)
{
    const struct volume volume = {
        .id = (char *)call->volume_id,
        .principal = *call->principal ? (char *)call->principal : NULL,
        .is_shared = call->shared,
    };
    struct resource some = *disk; /* borrowed */
    const struct resources one = {.items = &some, .count = 1};

    some.milli = call->mib * 1000;
    return resources_make_volume(&one, &volume, &ret->after, err);
}

static int plan_create(struct master *master, const struct agent *agent,
                       const struct msg_operator_volume *call, struct errand_plan *ret,
                       struct err *err)
{
    CLEANUP(resources_fini) struct resources idle = {0};
    CLEANUP(buf_fini) struct buf text = {0};
    int64_t milli = call->mib * 1000, largest = 0;
    const struct resource *disk;
    int rc;

    errand_idle(agent, &idle);
    disk = find_disk(&agent->free, call->role, milli, &largest);
    if (!disk)
        disk = find_disk(&idle, call->role, milli, &largest);
    if (!disk)
        disk = find_disk(&agent->total, call->role, milli, &largest);
    units_print_milli(largest, &text);
    if (!disk && !largest)
        return err_set(err, -ERANGE,
                       "agent %.64s has no disk that is reserved for role %.64s: reserve it first",
                       agent->id, call->role);
    if (!disk)
        return err_set(err, -ERANGE,
                       "agent %.64s has %s MiB of disk in one reservation for role %.64s; asked "
                       "for are %" PRId64,
                       agent->id, buf_text(&text), call->role, call->mib);
    rc = make_volume(disk, call, ret, err);
    if (rc >= 0)
        set_change(ret, master, OPERATION_CREATE, &ret->after, NULL);
    return rc;
}

static int plan_change(struct master *master, const struct agent *agent,
                       const struct msg_operator_volume *call, struct errand_plan *ret,
                       struct err *err)
{
    for (size_t i = 0; i < agent->total.count; i++) {
        const struct resource *portion = &agent->total.items[i];
        const struct volume *volume = resource_volume(portion);

        if (!volume || strcmp(volume->id, call->volume_id) != 0 ||
            strcmp(resource_role(portion), call->role) != 0)
            continue;
        if (resources_add_portion(&ret->before, portion, err) < 0)
            return -EINVAL;
        set_change(ret, master, call->kind, &ret->before, NULL);
        if (call->kind != OPERATION_DESTROY)
            ret->change.amount = call->mib * 1000;
        return 0;
    }
    return err_set(err, -ENOENT, "role %.64s has no volume %.64s on agent %.64s", call->role,
                   call->volume_id, agent->id);
}

int errand_plan_volume(struct master *master, const struct agent *agent,
                       const struct msg_operator_volume *call, struct errand_plan *ret,
                       struct err *err)
{
    int rc = role_check(call->role, err);

    if (rc < 0)
        return rc;
    if (call->mib > DISK_MAX_MIB)
        return err_set(err, -ERANGE, "mib: at most %" PRId64, DISK_MAX_MIB);
    if (call->kind != OPERATION_DESTROY && !call->mib)
        return err_set(err, -EINVAL, "mib: expected a size in MiB, at least 1");
    if (call->kind == OPERATION_CREATE)
        return plan_create(master, agent, call, ret, err);
    if (call->kind == OPERATION_DESTROY || call->kind == OPERATION_GROW_VOLUME ||
        call->kind == OPERATION_SHRINK_VOLUME)
        return plan_change(master, agent, call, ret, err);
    return err_set(err, -EINVAL,
                   "expected OPERATION_CREATE, _DESTROY, _GROW_VOLUME or "
                   "_SHRINK_VOLUME");
}
