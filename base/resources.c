#include "base/resources.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/portion.h"

/* --- keys ------------------------------------------------------------------------------------- */

/* Where the portion with this key is, or would be. */
static size_t find_slot(const struct resources *self, const struct resource *key, bool *ret_found)
{
    size_t low = 0, high = self->count;

    *ret_found = false;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = portion_compare_keys(&self->items[middle], key);

        if (order == 0) {
            *ret_found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct resource *resources_find(const struct resources *self, const char *name,
                                      const char *role, bool revocable)
{
    bool is_reserved = role && strcmp(role, RESOURCE_ROLE_ANY) != 0;
    const struct resource key = {
        .name = (char *)name,
        .role = is_reserved ? (char *)role : NULL,
        .revocable = revocable,
    };
    bool found;
    size_t slot = find_slot(self, &key, &found);

    return found ? &self->items[slot] : NULL;
}

static const struct resource *find_like(const struct resources *self, const struct resource *like)
{
    bool found;
    size_t slot = find_slot(self, like, &found);

    return found && self->items[slot].kind == like->kind ? &self->items[slot] : NULL;
}

/* --- the sum as a container ------------------------------------------------------------------- */

void resources_fini(struct resources *self)
{
    for (size_t i = 0; i < self->count; i++)
        portion_fini(&self->items[i]);
    free(self->items);
    *self = (struct resources){0};
}

void resources_swap(struct resources *a, struct resources *b)
{
    struct resources kept = *a;

    *a = *b;
    *b = kept;
}

void resources_copy(struct resources *self, const struct resources *from)
{
    struct resources copy = {.count = from->count, .capacity = from->count};

    if (from->count)
        copy.items = mem_resize(NULL, from->count, sizeof(copy.items[0]));
    for (size_t i = 0; i < from->count; i++)
        portion_copy(&copy.items[i], &from->items[i]);
    resources_swap(self, &copy);
    resources_fini(&copy);
}

static struct resource *insert_at(struct resources *self, size_t slot)
{
    if (self->count == self->capacity) {
        self->capacity = self->capacity ? self->capacity * 2 : 4;
        self->items = mem_resize(self->items, self->capacity, sizeof(self->items[0]));
    }
    memmove(&self->items[slot + 1], &self->items[slot],
            (self->count - slot) * sizeof(self->items[0]));
    self->count++;
    return &self->items[slot];
}

static void drop_empty_portions(struct resources *self)
{
    size_t kept = 0;

    for (size_t i = 0; i < self->count; i++) {
        if (portion_is_empty(&self->items[i]))
            portion_fini(&self->items[i]);
        else
            self->items[kept++] = self->items[i];
    }
    self->count = kept;
}

/* --- adding ----------------------------------------------------------------------------------- */

static const char *kind_name(enum resource_kind kind)
{
    static const char *const names[RESOURCE_KIND_MAX] = {
        [RESOURCE_SCALAR] = "a number",
        [RESOURCE_RANGES] = "ranges",
        [RESOURCE_SET] = "a set",
    };

    return names[kind];
}

/* Portions of one name stand side by side and are of one kind, so a look at the neighbours is
 * enough. */
static int check_kind(const struct resources *self, size_t slot, const struct resource *portion,
                      struct err *err)
{
    for (size_t i = slot ? slot - 1 : 0; i <= slot && i < self->count; i++)
        if (self->items[i].kind != portion->kind && !strcmp(self->items[i].name, portion->name))
            return err_set(err, -EINVAL, "%s is %s and cannot be %s as well", portion->name,
                           kind_name(self->items[i].kind), kind_name(portion->kind));
    return 0;
}

/* 1 when the portion's key is new to the sum, 0 when it is there. */
static int check_add(const struct resources *self, const struct resource *portion, struct err *err)
{
    bool found;
    size_t slot = find_slot(self, portion, &found);
    int rc = check_kind(self, slot, portion, err);

    if (rc < 0)
        return rc;
    return found ? portion_check_add(&self->items[slot], portion, err) : 1;
}

static int check_count(size_t count, struct err *err)
{
    if (count > RESOURCES_MAX)
        return err_set(err, -ERANGE, "more than %d portions of resources", RESOURCES_MAX);
    return 0;
}

int resources_adopt(struct resources *self, struct resource *portion, struct err *err)
{
    bool found;
    size_t slot;
    int rc = check_add(self, portion, err);

    if (rc < 0)
        return rc;
    if (!portion_is_empty(portion)) {
        rc = check_count(self->count + (size_t)rc, err);
        if (rc < 0)
            return rc;
        slot = find_slot(self, portion, &found);
        if (found) {
            portion_add(&self->items[slot], portion);
        } else {
            *insert_at(self, slot) = *portion;
            *portion = (struct resource){0};
        }
    }
    portion_fini(portion);
    return 0;
}

int resources_add_portion(struct resources *self, const struct resource *portion, struct err *err)
{
    CLEANUP(portion_fini) struct resource copy = {0};
    int rc;

    if ((unsigned)portion->kind >= RESOURCE_KIND_MAX || !portion->name)
        return err_set(err, -EINVAL, "a resource without a name or of an unknown kind");
    portion_copy(&copy, portion);
    rc = portion_normalize(&copy, err);
    return rc < 0 ? rc : resources_adopt(self, &copy, err);
}

int resources_add_scalar(struct resources *self, const char *name, const char *role, int64_t milli,
                         struct err *err)
{
    struct resource portion = {
        .kind = RESOURCE_SCALAR,
        .name = (char *)name,
        .role = (char *)role,
        .milli = milli,
    };

    return resources_add_portion(self, &portion, err);
}

int resources_add(struct resources *self, const struct resources *other, struct err *err)
{
    size_t count = self->count;

    for (size_t i = 0; i < other->count; i++) {
        int rc = check_add(self, &other->items[i], err);

        if (rc < 0)
            return rc;
        count += (size_t)rc;
    }
    if (check_count(count, err) < 0)
        return -ERANGE;
    for (size_t i = 0; i < other->count; i++) {
        const struct resource *portion = &other->items[i];
        bool found;
        size_t slot = find_slot(self, portion, &found);

        if (found)
            portion_add(&self->items[slot], portion);
        else
            portion_copy(insert_at(self, slot), portion);
    }
    return 0;
}

/* --- taking away ------------------------------------------------------------------------------ */

bool resources_contain(const struct resources *self, const struct resources *other)
{
    for (size_t i = 0; i < other->count; i++) {
        const struct resource *have = find_like(self, &other->items[i]);

        if (!have || !portion_contains(have, &other->items[i]))
            return false;
    }
    return true;
}

static int say_lack(const struct resources *self, const struct resources *want, struct err *err)
{
    CLEANUP(buf_fini) struct buf lack = {0};

    resources_describe_lack(self, want, &lack);
    return err_set(err, -ERANGE, "lacks %s", buf_text(&lack));
}

int resources_subtract(struct resources *self, const struct resources *other, struct err *err)
{
    if (self == other) {
        resources_fini(self);
        return 0;
    }
    if (!resources_contain(self, other))
        return say_lack(self, other, err);
    for (size_t i = 0; i < other->count; i++) {
        int rc = portion_check_subtract(find_like(self, &other->items[i]), &other->items[i], err);

        if (rc < 0)
            return rc;
    }
    for (size_t i = 0; i < other->count; i++) {
        const struct resource *portion = &other->items[i];
        bool found;
        size_t slot = find_slot(self, portion, &found);

        portion_subtract(&self->items[slot], portion);
    }
    drop_empty_portions(self);
    return 0;
}

void resources_cap(struct resources *self, size_t place, int64_t milli)
{
    struct resource *item = &self->items[place];

    BUG_ON(place >= self->count || item->kind != RESOURCE_SCALAR);
    if (item->milli <= milli)
        return;
    item->milli = milli;
    if (milli <= 0)
        drop_empty_portions(self);
}

void resources_intersect(struct resources *self, const struct resources *a,
                         const struct resources *b)
{
    struct resources common = {0};

    for (size_t i = 0; i < a->count; i++) {
        const struct resource *there = find_like(b, &a->items[i]);
        struct resource *portion;

        if (!there)
            continue;
        portion = insert_at(&common, common.count);
        portion_copy(portion, &a->items[i]);
        portion_intersect(portion, there);
    }
    drop_empty_portions(&common);
    resources_swap(self, &common);
    resources_fini(&common);
}

void resources_describe_lack(const struct resources *self, const struct resources *want,
                             struct buf *out)
{
    const char *separator = "";

    for (size_t i = 0; i < want->count; i++) {
        const struct resource *have = find_like(self, &want->items[i]);
        CLEANUP(portion_fini) struct resource lack = {0};

        portion_copy(&lack, &want->items[i]);
        if (have)
            portion_subtract(&lack, have);
        if (portion_is_empty(&lack))
            continue;
        buf_puts(out, separator);
        if (lack.kind == RESOURCE_SCALAR) {
            resource_print_value(&lack, out);
            buf_puts(out, " ");
            portion_print_key(&lack, out);
        } else {
            portion_print_key(&lack, out);
            buf_puts(out, " ");
            resource_print_value(&lack, out);
        }
        separator = ", ";
    }
}

/* --- looking ---------------------------------------------------------------------------------- */

bool resources_are_equal(const struct resources *a, const struct resources *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        const struct resource *x = &a->items[i], *y = &b->items[i];

        if (x->kind != y->kind || portion_compare_keys(x, y) != 0 ||
            !portion_values_are_equal(x, y))
            return false;
    }
    return true;
}

bool resources_are_empty(const struct resources *self)
{
    return self->count == 0;
}

int64_t resources_scalar(const struct resources *self, const char *name)
{
    const struct resource first = {.name = (char *)name};
    bool found;
    int64_t sum = 0;

    for (size_t i = find_slot(self, &first, &found);
         i < self->count && !strcmp(self->items[i].name, name); i++) {
        if (self->items[i].kind == RESOURCE_SCALAR &&
            __builtin_add_overflow(sum, self->items[i].milli, &sum))
            return INT64_MAX;
    }
    return sum;
}
