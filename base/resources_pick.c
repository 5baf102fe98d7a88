/* Choosing among portions: by role, and the part of a sum that serves a request. */
#include "base/resources.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/portion.h"

static bool is_same_role(const struct resource *portion, const char *role)
{
    return !strcmp(resource_role(portion), role ? role : RESOURCE_ROLE_ANY);
}

static void select_roles(struct resources *self, const struct resources *from, const char *role,
                         bool and_unreserved)
{
    struct resources chosen = {0};

    for (size_t i = 0; i < from->count; i++) {
        const struct resource *item = &from->items[i];
        CLEANUP(portion_fini) struct resource copy = {0};

        if (!is_same_role(item, role) && !(and_unreserved && !item->role))
            continue;
        portion_copy(&copy, item);
        BUG_ON(resources_adopt(&chosen, &copy, NULL) < 0); /* a part of a valid sum is valid */
    }
    resources_swap(self, &chosen);
    resources_fini(&chosen);
}

void resources_for_role(struct resources *self, const struct resources *from, const char *role)
{
    select_roles(self, from, role, true);
}

void resources_of_role(struct resources *self, const struct resources *from, const char *role)
{
    select_roles(self, from, role, false);
}

/* --- numbers ---------------------------------------------------------------------------------- */

/* The smallest numbers of one portion, at most `count`; answers how many they are. */
static size_t take_smallest(struct resource *ret_part, const struct resource *from, size_t count)
{
    size_t taken = 0;

    portion_copy_key(ret_part, from);
    ret_part->ranges.items = mem_resize(NULL, from->ranges.count, sizeof(struct range));
    for (size_t i = 0; i < from->ranges.count && taken < count; i++) {
        struct range range = from->ranges.items[i];

        if (range.end - range.begin >= count - taken)
            range.end = range.begin + (count - taken) - 1;
        taken += (size_t)(range.end - range.begin) + 1;
        ret_part->ranges.items[ret_part->ranges.count++] = range;
    }
    return taken;
}

int resources_take_numbers(const struct resources *self, const char *name, size_t count,
                           struct resources *ret_taken, struct err *err)
{
    CLEANUP(resources_fini) struct resources taken = {0};
    size_t missing = count;

    for (size_t i = 0; i < self->count && missing > 0; i++) {
        const struct resource *item = &self->items[i];
        CLEANUP(portion_fini) struct resource part = {0};

        if (item->kind != RESOURCE_RANGES || strcmp(item->name, name) != 0)
            continue;
        missing -= take_smallest(&part, item, missing);
        BUG_ON(resources_adopt(&taken, &part, NULL) < 0);
    }
    if (missing > 0)
        return err_set(err, -ERANGE, "lacks %zu of %zu %s", missing, count, name);
    resources_swap(ret_taken, &taken);
    return 0;
}

/* --- serving a request ------------------------------------------------------------------------ */

struct pick {
    struct resources left;    /* owned: what can still be taken */
    struct resources taken;   /* owned */
    struct resources missing; /* owned */
};

static void pick_fini(struct pick *pick)
{
    resources_fini(&pick->left);
    resources_fini(&pick->taken);
    resources_fini(&pick->missing);
}

/* Move what of `want` (which shrinks by it) the portion of `role` has from left to taken. */
static int pick_from(struct pick *pick, struct resource *want, const char *role, struct err *err)
{
    const struct resource *have = resources_find(&pick->left, want->name, role, want->revocable);
    CLEANUP(resources_fini) struct resources part = {0};
    CLEANUP(portion_fini) struct resource portion = {0};
    int rc;

    if (!have || have->kind != want->kind)
        return 0;
    portion_copy(&portion, have);
    portion_intersect(&portion, want);
    portion_subtract(want, &portion);
    rc = resources_adopt(&part, &portion, err);
    if (rc >= 0)
        rc = resources_subtract(&pick->left, &part, err);
    return rc < 0 ? rc : resources_add(&pick->taken, &part, err);
}

static int pick_portion(struct pick *pick, const struct resource *want, const char *role,
                        struct err *err)
{
    CLEANUP(portion_fini) struct resource rest = {0};
    int rc;

    portion_copy(&rest, want);
    rc = pick_from(pick, &rest, want->role ? want->role : role, err);
    if (rc >= 0 && !want->role)
        rc = pick_from(pick, &rest, NULL, err);
    return rc < 0 ? rc : resources_adopt(&pick->missing, &rest, err);
}

int resources_pick(const struct resources *from, const char *role, const struct resources *want,
                   struct resources *ret_taken, struct err *err)
{
    CLEANUP(pick_fini) struct pick pick = {0};
    int rc = 0;

    resources_copy(&pick.left, from);
    /* What is bound to a role goes first: what is not can still be served from elsewhere. */
    for (size_t i = 0; i < want->count && rc >= 0; i++)
        if (want->items[i].role)
            rc = pick_portion(&pick, &want->items[i], role, err);
    for (size_t i = 0; i < want->count && rc >= 0; i++)
        if (!want->items[i].role)
            rc = pick_portion(&pick, &want->items[i], role, err);
    if (rc < 0)
        return rc;
    if (!resources_are_empty(&pick.missing)) {
        CLEANUP(buf_fini) struct buf lack = {0};

        resources_describe_lack(&pick.left, &pick.missing, &lack);
        return err_set(err, -ERANGE, "lacks %s", buf_text(&lack));
    }
    resources_swap(ret_taken, &pick.taken);
    return 0;
}
