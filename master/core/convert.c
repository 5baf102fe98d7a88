#include "master/core/convert.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "proto/message.h"
#include "proto/resources_info.h"

void conversion_fini(struct conversion *self)
{
    resources_fini(&self->consumed);
    resources_fini(&self->converted);
}

const char *operation_verb(enum operation_kind kind)
{
    static const char prefix[] = "OPERATION_";
    const char *name = operation_kind_name(kind);

    return strncmp(name, prefix, strlen(prefix)) != 0 ? "an unknown operation"
                                                      : name + strlen(prefix);
}

/* --- whose ------------------------------------------------------------------- */

static bool is_same_principal(const char *a, const char *b)
{
    return !strcmp(a ? a : "", b ? b : "");
}

static int check_principal(const struct converting *by, const char *principal, const char *what,
                           struct err *err)
{
    if (!by->role || is_same_principal(principal, by->principal))
        return 0;
    return err_set(err, -EPERM, "%s names principal \"%.64s\", but the framework's is \"%.64s\"",
                   what, principal ? principal : "", by->principal);
}

/* A framework changes only what is reserved for the role of its offers: what is reserved for a role
 * above belongs to others too. */
static int check_role(const struct converting *by, const struct resource *portion, struct err *err)
{
    if (!by->role || !strcmp(resource_role(portion), by->role))
        return 0;
    return err_set(err, -EPERM,
                   "%s is for role %.64s, but the offers are to role %.64s: only frameworks of "
                   "%.64s, or an operator, may change that",
                   portion->name, resource_role(portion), by->role, resource_role(portion));
}

static int check_roles(const struct converting *by, const struct resources *resources,
                       struct err *err)
{
    int rc = 0;

    for (size_t i = 0; i < resources->count && rc == 0; i++)
        rc = check_role(by, &resources->items[i], err);
    return rc;
}

/* --- reservations ------------------------------------------------------------ */

static const struct reservation *innermost(const struct resource *portion)
{
    const struct resource_terms *terms = portion->terms;

    return terms && terms->depth ? &terms->stack[terms->depth - 1] : NULL;
}

static int check_reserved(const struct converting *by, const struct resource *portion,
                          struct err *err)
{
    const struct reservation *reservation = innermost(portion);

    if (!reservation || !reservation->is_dynamic)
        return err_set(err, -EINVAL,
                       "%s has no dynamic reservation: RESERVE names resources as they will be",
                       portion->name);
    if (resource_volume(portion))
        return err_set(err, -EINVAL, "volume %.80s cannot be reserved again",
                       resource_volume(portion)->id);
    return check_principal(by, reservation->principal, "the reservation", err);
}

/* The same quantities, under another reservation. */
static int take_source(const struct resource_change *change, struct conversion *ret,
                       struct err *err)
{
    CLEANUP(resources_fini) struct resources before = {0}, after = {0};
    int rc = resources_from_info(&ret->consumed, change->source, change->source_count, err);

    if (rc < 0)
        return err_wrap(err, rc, "source");
    for (size_t i = 0; i < ret->consumed.count; i++)
        if (resource_volume(&ret->consumed.items[i]))
            return err_set(err, -EINVAL, "source: volume %.80s cannot be reserved otherwise",
                           resource_volume(&ret->consumed.items[i])->id);
    resources_strip(&ret->consumed, &before);
    resources_strip(&ret->converted, &after);
    if (!resources_are_equal(&before, &after))
        return err_set(err, -EINVAL, "source and resources are not the same quantities");
    return 0;
}

static int reserve(const struct converting *by, const struct resource_change *change,
                   struct conversion *ret, struct err *err)
{
    int rc = resources_from_info(&ret->converted, change->resources, change->resources_count, err);

    for (size_t i = 0; i < ret->converted.count && rc >= 0; i++)
        rc = check_reserved(by, &ret->converted.items[i], err);
    if (rc >= 0)
        rc = check_roles(by, &ret->converted, err);
    if (rc < 0)
        return rc;
    if (!change->source_count)
        return resources_unreserve(&ret->converted, &ret->consumed, err);
    if (by->role)
        return err_set(err, -EPERM, "only an operator may reserve what is reserved otherwise");
    return take_source(change, ret, err);
}

static int unreserve(const struct converting *by, const struct resource_change *change,
                     struct conversion *ret, struct err *err)
{
    int rc = resources_from_info(&ret->consumed, change->resources, change->resources_count, err);

    if (rc >= 0)
        rc = resources_unreserve(&ret->consumed, &ret->converted, err);
    return rc < 0 ? rc : check_roles(by, &ret->consumed, err);
}

/* --- volumes ----------------------------------------------------------------- */

static bool is_same_volume(const struct resource *a, const struct resource *b)
{
    return resource_volume(a) && resource_volume(b) &&
           !strcmp(resource_volume(a)->id, resource_volume(b)->id) &&
           !strcmp(resource_role(a), resource_role(b));
}

static bool has_volume(const struct resources *resources, const struct resource *wanted,
                       size_t before)
{
    for (size_t i = 0; i < resources->count && i < before; i++)
        if (is_same_volume(&resources->items[i], wanted))
            return true;
    return false;
}

static int check_new_volume(const struct converting *by, const struct resources *made, size_t index,
                            struct err *err)
{
    const struct resource *portion = &made->items[index];
    const struct volume *volume = resource_volume(portion);
    int rc = check_principal(by, volume->principal, "the volume", err);

    if (rc < 0)
        return rc;
    if (has_volume(by->total, portion, SIZE_MAX) || has_volume(made, portion, index))
        return err_set(err, -EEXIST, "role %.64s has a volume %.80s on this agent already",
                       portion->role, volume->id);
    return check_role(by, portion, err);
}

static int create(const struct converting *by, const struct resource_change *change,
                  struct conversion *ret, struct err *err)
{
    int rc = resources_from_info(&ret->converted, change->resources, change->resources_count, err);

    if (rc >= 0)
        rc = resources_unmake_volumes(&ret->converted, &ret->consumed, err);
    for (size_t i = 0; i < ret->converted.count && rc >= 0; i++)
        rc = check_new_volume(by, &ret->converted, i, err);
    return rc;
}

static int destroy(const struct converting *by, const struct resource_change *change,
                   struct conversion *ret, struct err *err)
{
    int rc = resources_from_info(&ret->consumed, change->resources, change->resources_count, err);

    if (rc >= 0)
        rc = resources_unmake_volumes(&ret->consumed, &ret->converted, err);
    return rc < 0 ? rc : check_roles(by, &ret->consumed, err);
}

static int grow(const struct converting *by, const struct resource_change *change,
                struct conversion *ret, struct err *err)
{
    CLEANUP(resources_fini) struct resources disk = {0};
    int rc = resources_from_info(&ret->consumed, change->resources, change->resources_count, err);

    if (rc >= 0)
        rc = resources_resize_volume(&ret->consumed, change->amount, &ret->converted, &disk, err);
    if (rc >= 0)
        rc = check_roles(by, &ret->consumed, err);
    return rc < 0 ? rc : resources_add(&ret->consumed, &disk, err);
}

static int shrink(const struct converting *by, const struct resource_change *change,
                  struct conversion *ret, struct err *err)
{
    CLEANUP(resources_fini) struct resources disk = {0};
    int rc = resources_from_info(&ret->consumed, change->resources, change->resources_count, err);

    if (rc >= 0)
        rc = resources_resize_volume(&ret->consumed, -change->amount, &ret->converted, &disk, err);
    if (rc >= 0)
        rc = check_roles(by, &ret->consumed, err);
    return rc < 0 ? rc : resources_add(&ret->converted, &disk, err);
}

/* --- all --------------------------------------------------------------------- */

int conversion_make(const struct converting *by, const struct operation_info *operation,
                    struct conversion *ret, struct err *err)
{
    static int (*const kinds[])(const struct converting *, const struct resource_change *,
                                struct conversion *, struct err *) = {
        [OPERATION_RESERVE] = reserve,  [OPERATION_UNRESERVE] = unreserve,
        [OPERATION_CREATE] = create,    [OPERATION_DESTROY] = destroy,
        [OPERATION_GROW_VOLUME] = grow, [OPERATION_SHRINK_VOLUME] = shrink,
    };
    unsigned kind = operation->kind;
    int rc;

    if (kind >= ARRAY_SIZE(kinds) || !kinds[kind])
        return err_set(err, -EOPNOTSUPP, "this master does not know the kind of operation");
    if (!operation->change || !operation->change->resources_count)
        return err_set(err, -EINVAL, "%s names no resources", operation_verb(kind));
    rc = kinds[kind](by, operation->change, ret, err);
    return rc < 0 ? err_wrap(err, rc, "%s", operation_verb(kind)) : 0;
}
