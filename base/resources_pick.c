/* Choosing among portions: by role, and the part of a sum that serves a request. */
#include "base/resources.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/portion.h"

/* --- by role ---------------------------------------------------------------------------------- */

typedef bool portion_test(const struct resource *portion, const char *role);

static bool is_of_role(const struct resource *portion, const char *role)
{
    return !strcmp(resource_role(portion), role);
}

static bool is_for_role(const struct resource *portion, const char *role)
{
    return !portion->role || role_is_within(role, portion->role);
}

static bool is_unshared(const struct resource *portion, const char *role)
{
    (void)role;
    return !resource_is_shared(portion);
}

static void select_portions(struct resources *self, const struct resources *from,
                            portion_test *test, const char *role)
{
    struct resources chosen = {0};

    for (size_t i = 0; i < from->count; i++) {
        CLEANUP(portion_fini) struct resource copy = {0};

        if (!test(&from->items[i], role))
            continue;
        portion_copy(&copy, &from->items[i]);
        BUG_ON(resources_adopt(&chosen, &copy, NULL) < 0); /* a part of a valid sum is valid */
    }
    resources_swap(self, &chosen);
    resources_fini(&chosen);
}

void resources_for_role(struct resources *self, const struct resources *from, const char *role)
{
    select_portions(self, from, is_for_role, role);
}

void resources_of_role(struct resources *self, const struct resources *from, const char *role)
{
    select_portions(self, from, is_of_role, role ? role : RESOURCE_ROLE_ANY);
}

void resources_unshared(struct resources *self, const struct resources *from)
{
    select_portions(self, from, is_unshared, NULL);
}

bool resources_have_shared(const struct resources *self)
{
    for (size_t i = 0; i < self->count; i++)
        if (resource_is_shared(&self->items[i]))
            return true;
    return false;
}

void resources_drop_revocable(struct resources *self)
{
    size_t kept = 0;

    for (size_t i = 0; i < self->count; i++) {
        if (self->items[i].revocable)
            portion_fini(&self->items[i]);
        else
            self->items[kept++] = self->items[i];
    }
    self->count = kept;
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

/* What of it `want` asks for, which shrinks by that, is moved from left to taken. */
static int pick_from(struct pick *pick, const struct resource *have, struct resource *want,
                     struct err *err)
{
    CLEANUP(resources_fini) struct resources part = {0};
    CLEANUP(portion_fini) struct resource portion = {0};
    int rc;

    portion_copy(&portion, have);
    if (resource_volume(have)) {
        portion.copies = portion.copies ? 1 : 0;
        want->milli = 0;
    } else {
        portion_intersect(&portion, want);
        portion_subtract(want, &portion);
    }
    rc = resources_adopt(&part, &portion, err);
    if (rc >= 0)
        rc = resources_subtract(&pick->left, &part, err);
    return rc < 0 ? rc : resources_add(&pick->taken, &part, err);
}

/* A request for a volume names it; its size is the least. */
static bool is_wanted_volume(const struct resource *have, const struct resource *want)
{
    const struct volume *there = resource_volume(have), *wanted = resource_volume(want);

    return there && !strcmp(there->id, wanted->id) && have->milli >= want->milli &&
           is_of_role(have, resource_role(want));
}

/* Can it serve the request, as far as that is for `role` (NULL: the unreserved pool)? */
static bool can_serve(const struct resource *have, const struct resource *want, const char *role)
{
    if (have->kind != want->kind || have->revocable != want->revocable ||
        strcmp(have->name, want->name) != 0)
        return false;
    if (resource_volume(want))
        return is_wanted_volume(have, want);
    if (resource_volume(have))
        return false;
    if (want->terms)
        return portion_compare_keys(have, want) == 0;
    return role ? have->role && !strcmp(have->role, role) : !have->role;
}

static int pick_of_role(struct pick *pick, struct resource *want, const char *role, struct err *err)
{
    size_t i = 0;

    while (i < pick->left.count && !portion_is_empty(want)) {
        size_t count = pick->left.count;
        int rc;

        if (!can_serve(&pick->left.items[i], want, role)) {
            i++;
            continue;
        }
        rc = pick_from(pick, &pick->left.items[i], want, err);
        if (rc < 0)
            return rc;
        if (pick->left.count == count) /* something of it is left: it serves no further */
            i++;
    }
    return 0;
}

/* From the role itself, then from those above it. */
static int pick_of_roles(struct pick *pick, struct resource *want, const char *role,
                         struct err *err)
{
    CLEANUP(free_p) char *above = mem_strdup(role);
    int rc = pick_of_role(pick, want, above, err);
    char *slash;

    while (rc >= 0 && !portion_is_empty(want) && (slash = strrchr(above, '/'))) {
        *slash = '\0';
        rc = pick_of_role(pick, want, above, err);
    }
    return rc;
}

static int pick_portion(struct pick *pick, const struct resource *want, const char *role,
                        struct err *err)
{
    CLEANUP(portion_fini) struct resource rest = {0};
    bool is_bound = want->role || want->terms;
    int rc = 0;

    portion_copy(&rest, want);
    if (is_bound)
        rc = pick_of_role(pick, &rest, want->role, err);
    else if (role && strcmp(role, RESOURCE_ROLE_ANY) != 0)
        rc = pick_of_roles(pick, &rest, role, err);
    if (rc >= 0 && !is_bound)
        rc = pick_of_role(pick, &rest, NULL, err);
    return rc < 0 ? rc : resources_adopt(&pick->missing, &rest, err);
}

/* In how many ways can it be served: 0 exactly one, 1 whatever is of its role, 2 what is for its role. */
static int looseness(const struct resource *want)
{
    if (want->terms)
        return 0;
    return want->role ? 1 : 2;
}

int resources_pick(const struct resources *from, const char *role, const struct resources *want,
                   struct resources *ret_taken, struct err *err)
{
    CLEANUP(pick_fini) struct pick pick = {0};
    int rc = 0;

    resources_copy(&pick.left, from);
    /* What is bound to a role goes first: what is not can still be served from elsewhere. */
    for (int pass = 0; pass < 3 && rc >= 0; pass++)
        for (size_t i = 0; i < want->count && rc >= 0; i++)
            if (looseness(&want->items[i]) == pass)
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
