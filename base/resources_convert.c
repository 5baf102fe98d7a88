/* What a reservation or a volume makes of resources: the same quantities under another key. */
#include "base/resources.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/portion.h"
#include "base/units.h"

/* Change the copy of one portion. */
typedef int convert_fn(struct resource *portion, const void *how, struct err *err);

static int convert(const struct resources *from, convert_fn *change, const void *how,
                   struct resources *ret, struct err *err)
{
    CLEANUP(resources_fini) struct resources sum = {0};

    for (size_t i = 0; i < from->count; i++) {
        CLEANUP(portion_fini) struct resource portion = {0};
        int rc;

        portion_copy(&portion, &from->items[i]);
        rc = change(&portion, how, err);
        if (rc >= 0)
            rc = portion_normalize(&portion, err);
        if (rc >= 0)
            rc = resources_adopt(&sum, &portion, err);
        if (rc < 0)
            return rc;
    }
    resources_swap(ret, &sum);
    return 0;
}

static struct resource_terms *terms_of(struct resource *portion)
{
    if (!portion->terms)
        portion->terms = mem_new(struct resource_terms);
    return portion->terms;
}

static int refuse_volume(const struct resource *portion, struct err *err)
{
    const struct volume *volume = resource_volume(portion);

    return volume ? err_set(err, -EINVAL, "%s: it is volume %.80s: destroy that first",
                            portion->name, volume->id)
                  : 0;
}

/* --- reservations ----------------------------------------------------------------------------- */

static void push(struct resource_terms *self, const struct reservation *reservation)
{
    self->stack = mem_resize(self->stack, self->depth + 1, sizeof(self->stack[0]));
    reservation_copy(&self->stack[self->depth++], reservation);
}

static int reserve(struct resource *portion, const void *how, struct err *err)
{
    const struct reserving *reserving = how;
    /* Borrowed: push makes copies. */
    const struct reservation added = {
        .role = (char *)reserving->role,
        .principal = (char *)reserving->principal,
        .labels = (struct label *)reserving->labels,
        .labels_count = reserving->labels_count,
        .is_dynamic = true,
    };
    const struct reservation fixed = {.role = portion->role};
    int rc = refuse_volume(portion, err);

    if (rc < 0)
        return rc;
    if (portion->role && !terms_of(portion)->depth)
        push(portion->terms, &fixed);
    push(terms_of(portion), &added);
    free_p(&portion->role);
    return 0;
}

int resources_reserve(const struct resources *from, const struct reserving *how,
                      struct resources *ret, struct err *err)
{
    return convert(from, reserve, how, ret, err);
}

static int unreserve(struct resource *portion, const void *how, struct err *err)
{
    struct resource_terms *terms = portion->terms;
    int rc = refuse_volume(portion, err);

    (void)how;
    if (rc < 0)
        return rc;
    if (!portion->role)
        return err_set(err, -EINVAL, "%s is not reserved", portion->name);
    if (!terms)
        return err_set(
            err, -EINVAL,
            "%s: the reservation for %.80s is static: only the agent's settings can end it",
            portion->name, portion->role);
    reservation_fini(&terms->stack[--terms->depth]);
    free_p(&portion->role);
    return 0;
}

int resources_unreserve(const struct resources *from, struct resources *ret, struct err *err)
{
    return convert(from, unreserve, NULL, ret, err);
}

void resources_strip(const struct resources *from, struct resources *ret)
{
    CLEANUP(resources_fini) struct resources sum = {0};

    for (size_t i = 0; i < from->count; i++) {
        CLEANUP(portion_fini) struct resource portion = {0};
        const struct resource *there;

        portion_copy(&portion, &from->items[i]);
        free_p(&portion.role);
        terms_free(&portion.terms);
        if (portion.kind == RESOURCE_SCALAR)
            portion.copies = 0;
        there = resources_find(&sum, portion.name, NULL, portion.revocable);
        /* Two keys may have the same number or member. */
        if (there && portion.kind != RESOURCE_SCALAR)
            portion_subtract(&portion, there);
        /* What fails is a sum beyond the largest scalar: it stays what it is. */
        resources_adopt(&sum, &portion, NULL);
    }
    resources_swap(ret, &sum);
}

static int undo(struct resource *portion, const void *how, struct err *err)
{
    struct resource_terms *terms = portion->terms;

    (void)how, (void)err;
    if (!terms)
        return 0;
    if (terms->volume && terms->volume->is_shared)
        portion->copies = 0;
    volume_free(&terms->volume);
    if (terms->depth) {
        while (terms->depth && terms->stack[terms->depth - 1].is_dynamic)
            reservation_fini(&terms->stack[--terms->depth]);
        free_p(&portion->role);
    }
    return 0;
}

int resources_undo(const struct resources *from, struct resources *ret, struct err *err)
{
    return convert(from, undo, NULL, ret, err);
}

/* --- volumes ---------------------------------------------------------------------------------- */

static int make_volume(struct resource *portion, const void *how, struct err *err)
{
    int rc = refuse_volume(portion, err);

    if (rc >= 0)
        terms_of(portion)->volume = volume_copy(how);
    return rc;
}

int resources_make_volume(const struct resources *from, const struct volume *volume,
                          struct resources *ret, struct err *err)
{
    if (from->count != 1)
        return err_set(err, -EINVAL, "volume %.80s: it must be made of one portion of disk",
                       volume->id);
    return convert(from, make_volume, volume, ret, err);
}

static int unmake_volume(struct resource *portion, const void *how, struct err *err)
{
    (void)how;
    if (!resource_volume(portion))
        return err_set(err, -EINVAL, "%s is no volume", portion->name);
    volume_free(&portion->terms->volume);
    portion->copies = 0;
    return 0;
}

int resources_unmake_volumes(const struct resources *from, struct resources *ret, struct err *err)
{
    return convert(from, unmake_volume, NULL, ret, err);
}

static int check_resize(const struct resources *from, int64_t milli, struct err *err)
{
    const struct resource *portion = &from->items[0];
    const struct volume *volume = from->count == 1 ? resource_volume(portion) : NULL;

    if (!volume)
        return err_set(err, -EINVAL, "want one volume to be made larger or smaller");
    if (volume->is_shared)
        return err_set(err, -EINVAL, "volume %.80s is shared: its size cannot be changed",
                       volume->id);
    if (milli == 0)
        return err_set(err, -ERANGE, "volume %.80s: by how much is not said", volume->id);
    if (milli > RESOURCE_MILLI_MAX - portion->milli)
        return err_set(err, -ERANGE, "volume %.80s would be too large", volume->id);
    if (milli <= -portion->milli) {
        CLEANUP(buf_fini) struct buf size = {0};

        units_print_milli(portion->milli, &size);
        return err_set(err, -ERANGE, "volume %.80s has %s MiB: some must be left", volume->id,
                       buf_text(&size));
    }
    return 0;
}

static int resize(struct resource *portion, const void *how, struct err *err)
{
    (void)err;
    portion->milli = *(const int64_t *)how;
    return 0;
}

int resources_resize_volume(const struct resources *from, int64_t milli, struct resources *ret,
                            struct resources *ret_disk, struct err *err)
{
    CLEANUP(resources_fini) struct resources piece = {0}, volume = {0}, disk = {0};
    int rc = check_resize(from, milli, err);
    int64_t size, amount;

    if (rc < 0)
        return rc;
    size = from->items[0].milli + milli;
    amount = milli < 0 ? -milli : milli;
    rc = convert(from, resize, &size, &volume, err);
    if (rc >= 0)
        rc = convert(from, resize, &amount, &piece, err);
    if (rc >= 0)
        rc = resources_unmake_volumes(&piece, &disk, err);
    if (rc < 0)
        return rc;
    resources_swap(ret, &volume);
    resources_swap(ret_disk, &disk);
    return 0;
}

/* --- both or none ------------------------------------------------------------------------------ */

int resources_exchange(struct resources *self, const struct resources *from,
                       const struct resources *to, struct err *err)
{
    CLEANUP(resources_fini) struct resources result = {0};
    int rc;

    resources_copy(&result, self);
    rc = resources_subtract(&result, from, err);
    if (rc >= 0)
        rc = resources_add(&result, to, err);
    if (rc >= 0)
        resources_swap(self, &result);
    return rc;
}
