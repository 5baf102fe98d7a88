/* Reservations and volumes in a fit: what the offers have is found out here, so that an author names only
 * what he wants. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "framework-sdk/err.h"
#include "framework-sdk/fit.h"
#include "framework-sdk/offers.h"
#include "framework-sdk/scheduler.h"
#include "proto/message.h"
#include "proto/resources_info.h"

/* An operation in the making. */
struct making {
    struct proffer_fit *fit;
    struct heap *heap;
    struct resources from, to; /* what it does to the heap */
    struct resource_change change;
};

static void making_fini(struct making *self)
{
    resources_fini(&self->from);
    resources_fini(&self->to);
}

static struct heap *heap_of_offer(const struct proffer_fit *fit, const char *offer_id)
{
    for (size_t i = 0; i < fit->heaps_count; i++)
        for (size_t j = 0; j < fit->heaps[i].offers_count; j++)
            if (!strcmp(fit->heaps[i].offer_ids[j], offer_id))
                return &fit->heaps[i];
    return NULL;
}

static int begin(struct proffer_fit *fit, const char *offer_id, const char *operation_id,
                 struct making *ret_making, struct err *err)
{
    struct heap *heap = offer_id ? heap_of_offer(fit, offer_id) : NULL;

    if (!heap)
        return err_set(err, -ENOENT, "offer %s is not in this fit", offer_id ? offer_id : "(none)");
    *ret_making =
        (struct making){.fit = fit, .heap = heap, .change.id = operation_id ? operation_id : ""};
    return 0;
}

/* `named` is what the message says: one side of it, or a part of that. */
static int finish(struct making *self, enum operation_kind kind, const struct resources *named,
                  struct err *err)
{
    CLEANUP(arena_destroy) struct arena *scratch = arena_new(0);
    CLEANUP(resources_fini) struct resources left = {0};
    struct heap *heap = self->heap;
    const struct resource_change *change;
    int rc;

    resources_copy(&left, &heap->left);
    rc = resources_exchange(&left, &self->from, &self->to, err);
    if (rc < 0)
        return rc;
    self->change.resources = resources_to_info(named, scratch, &self->change.resources_count);
    rc = record_check(&resource_change_def, &self->change, err);
    if (rc < 0)
        return err_wrap(err, -EINVAL, "the operation");
    change = record_copy(&resource_change_def, &self->change, heap_arena(heap));
    if (!change)
        return err_set(err, -EMSGSIZE, "the operations do not fit in one message");
    heap->operations =
        mem_resize(heap->operations, heap->operations_count + 1, sizeof(*heap->operations));
    heap->operations[heap->operations_count++] =
        (struct operation_info){.kind = kind, .change = change};
    resources_swap(&heap->left, &left);
    free_p(&self->fit->want_text); /* the heaps are to be measured again */
    return 0;
}

/* --- reservations ----------------------------------------------------------------------------- */

static const char *role_of(const struct heap *heap)
{
    return *heap->first->role ? heap->first->role : RESOURCE_ROLE_ANY;
}

/* What is not reserved for this very role, and no volume. */
static void reservable(const struct heap *heap, struct resources *ret)
{
    CLEANUP(resources_fini) struct resources rest = {0};

    for (size_t i = 0; i < heap->left.count; i++) {
        const struct resource *portion = &heap->left.items[i];
        const struct resources one = {.items = (struct resource *)portion, .count = 1};

        if (!resource_volume(portion) && !portion->revocable &&
            strcmp(resource_role(portion), role_of(heap)) != 0)
            resources_add(&rest, &one, NULL);
    }
    resources_swap(ret, &rest);
}

static size_t labels_of(const struct proffer_pair *pairs, struct label *ret_labels)
{
    size_t count = 0;

    while (pairs && pairs[count].name && count < RESERVATION_LABELS_MAX) {
        ret_labels[count] = (struct label){(char *)pairs[count].name, (char *)pairs[count].value};
        count++;
    }
    return count;
}

int proffer_fit_reserve(struct proffer_fit *fit, const char *offer_id, const char *resources,
                        const struct proffer_pair *labels, const char *operation_id,
                        struct proffer_err *err)
{
    CLEANUP(making_fini) struct making making = {0};
    CLEANUP(resources_fini) struct resources want = {0}, have = {0};
    struct label list[RESERVATION_LABELS_MAX];
    struct reserving how = {.labels = list, .labels_count = labels_of(labels, list)};
    int rc = begin(fit, offer_id, operation_id, &making, sdk_err(err));

    if (rc >= 0 && labels && labels[how.labels_count].name)
        rc = err_set(sdk_err(err), -EINVAL, "more than %d labels", RESERVATION_LABELS_MAX);
    if (rc >= 0)
        rc = resources_parse(&want, resources ? resources : "", sdk_err(err));
    if (rc < 0)
        return rc;
    how.role = role_of(making.heap);
    how.principal = driver_principal(fit->scheduler->driver);
    reservable(making.heap, &have);
    rc = resources_pick(&have, how.role, &want, &making.from, sdk_err(err));
    if (rc >= 0)
        rc = resources_reserve(&making.from, &how, &making.to, sdk_err(err));
    return rc < 0 ? rc : finish(&making, OPERATION_RESERVE, &making.to, sdk_err(err));
}

int proffer_fit_unreserve(struct proffer_fit *fit, const char *offer_id, const char *resources,
                          const char *operation_id, struct proffer_err *err)
{
    CLEANUP(making_fini) struct making making = {0};
    CLEANUP(resources_fini) struct resources want = {0};
    int rc = begin(fit, offer_id, operation_id, &making, sdk_err(err));

    if (rc >= 0)
        rc = resources_parse(&want, resources ? resources : "", sdk_err(err));
    if (rc >= 0)
        rc = resources_pick(&making.heap->left, NULL, &want, &making.from, sdk_err(err));
    if (rc >= 0)
        rc = resources_unreserve(&making.from, &making.to, sdk_err(err));
    return rc < 0 ? rc : finish(&making, OPERATION_UNRESERVE, &making.from, sdk_err(err));
}

/* --- volumes ---------------------------------------------------------------------------------- */

static int64_t milli_of(double mib)
{
    return (int64_t)(mib * 1000 + (mib < 0 ? -0.5 : 0.5));
}

/* The smallest portion of disk, reserved for the role, that is large enough. */
static const struct resource *disk_for(const struct heap *heap, int64_t milli)
{
    const struct resource *best = NULL;

    for (size_t i = 0; i < heap->left.count; i++) {
        const struct resource *portion = &heap->left.items[i];

        if (strcmp(portion->name, "disk") != 0 || portion->kind != RESOURCE_SCALAR ||
            resource_volume(portion) || portion->revocable ||
            strcmp(resource_role(portion), role_of(heap)) != 0 || portion->milli < milli)
            continue;
        if (!best || portion->milli < best->milli)
            best = portion;
    }
    return best;
}

int proffer_fit_create(struct proffer_fit *fit, const char *offer_id, const char *volume_id,
                       double size_mib, bool shared, const char *operation_id,
                       struct proffer_err *err)
{
    CLEANUP(making_fini) struct making making = {0};
    int rc = begin(fit, offer_id, operation_id, &making, sdk_err(err));
    const struct volume volume = {
        .id = (char *)(volume_id ? volume_id : ""),
        .principal = (char *)driver_principal(fit->scheduler->driver),
        .is_shared = shared,
    };
    const struct resource *disk;

    if (rc < 0)
        return rc;
    if (!(size_mib > 0 && size_mib < 1e12))
        return err_set(sdk_err(err), -EINVAL, "volume %s: %g MiB cannot be its size", volume.id,
                       size_mib);
    disk = disk_for(making.heap, milli_of(size_mib));
    if (!disk)
        return err_set(
            sdk_err(err), -ERANGE,
            "volume %s: no portion of %g MiB of disk is reserved for role %.64s: reserve "
            "it first",
            volume.id, size_mib, role_of(making.heap));
    rc = resources_add_portion(&making.from, disk, sdk_err(err));
    if (rc < 0)
        return rc;
    making.from.items[0].milli = milli_of(size_mib);
    rc = resources_make_volume(&making.from, &volume, &making.to, sdk_err(err));
    return rc < 0 ? rc : finish(&making, OPERATION_CREATE, &making.to, sdk_err(err));
}

static int find_volume(struct making *self, const char *volume_id, struct err *err)
{
    const struct resources *left = &self->heap->left;

    for (size_t i = 0; i < left->count; i++) {
        const struct volume *volume = resource_volume(&left->items[i]);
        struct resource once = left->items[i]; /* borrowed */

        if (!volume || !volume_id || strcmp(volume->id, volume_id) != 0 ||
            strcmp(resource_role(&once), role_of(self->heap)) != 0)
            continue;
        once.copies = once.copies ? 1 : 0;
        return resources_add_portion(&self->from, &once, err);
    }
    return err_set(err, -ERANGE, "there is no volume %s of role %.64s in the offers",
                   volume_id ? volume_id : "(none)", role_of(self->heap));
}

int proffer_fit_destroy_volume(struct proffer_fit *fit, const char *offer_id, const char *volume_id,
                               const char *operation_id, struct proffer_err *err)
{
    CLEANUP(making_fini) struct making making = {0};
    int rc = begin(fit, offer_id, operation_id, &making, sdk_err(err));

    if (rc >= 0)
        rc = find_volume(&making, volume_id, sdk_err(err));
    if (rc >= 0)
        rc = resources_unmake_volumes(&making.from, &making.to, sdk_err(err));
    return rc < 0 ? rc : finish(&making, OPERATION_DESTROY, &making.from, sdk_err(err));
}

int proffer_fit_resize(struct proffer_fit *fit, const char *offer_id, const char *volume_id,
                       double more_mib, const char *operation_id, struct proffer_err *err)
{
    CLEANUP(making_fini) struct making making = {0};
    CLEANUP(resources_fini) struct resources disk = {0}, volume = {0};
    bool is_more = more_mib > 0;
    int rc = begin(fit, offer_id, operation_id, &making, sdk_err(err));

    if (rc >= 0 && !(more_mib > -1e12 && more_mib < 1e12))
        rc = err_set(sdk_err(err), -EINVAL, "%g MiB cannot be", more_mib);
    if (rc >= 0)
        rc = find_volume(&making, volume_id, sdk_err(err));
    if (rc >= 0)
        rc = resources_resize_volume(&making.from, milli_of(more_mib), &making.to, &disk,
                                     sdk_err(err));
    if (rc < 0)
        return rc;
    resources_copy(&volume, &making.from);
    making.change.amount = milli_of(is_more ? more_mib : -more_mib);
    rc = resources_add(is_more ? &making.from : &making.to, &disk, sdk_err(err));
    return rc < 0 ? rc
                  : finish(&making, is_more ? OPERATION_GROW_VOLUME : OPERATION_SHRINK_VOLUME,
                           &volume, sdk_err(err));
}
