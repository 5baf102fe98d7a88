#include "base/portion.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/ranges.h"
#include "base/utf8.h"

static void free_strings(char **items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(items[i]);
    free(items);
}

/* Nearly all portions have one of these names: a million tasks need not have copies of them. */
static const char *const usual_names[] = {"cpus", "mem", "disk", "ports", "gpus"};

static const char *usual_name(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(usual_names); i++)
        if (name == usual_names[i] || !strcmp(name, usual_names[i]))
            return usual_names[i];
    return NULL;
}

static void name_free(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(usual_names); i++)
        if (name == usual_names[i])
            return;
    free((char *)name);
}

static const char *name_dup(const char *name)
{
    const char *usual = usual_name(name);

    return usual ? usual : mem_strdup(name);
}

void portion_fini(struct resource *self)
{
    if (self->kind == RESOURCE_RANGES)
        free(self->ranges.items);
    else if (self->kind == RESOURCE_SET)
        free_strings(self->set.items, self->set.count);
    name_free(self->name);
    free(self->role);
    if (self->terms)
        terms_free(&self->terms);
    *self = (struct resource){0};
}

void portion_copy_key(struct resource *ret_copy, const struct resource *from)
{
    bool is_reserved = from->role && strcmp(from->role, RESOURCE_ROLE_ANY) != 0;

    *ret_copy = (struct resource){
        .kind = from->kind,
        .revocable = from->revocable,
        .name = name_dup(from->name),
        .role = is_reserved ? mem_strdup(from->role) : NULL,
        .terms = from->terms ? terms_copy(from->terms) : NULL,
    };
}

static void copy_ranges(struct ranges *self, const struct ranges *from)
{
    self->count = from->count;
    self->items = NULL;
    if (!from->count)
        return;
    self->items = mem_resize(NULL, from->count, sizeof(self->items[0]));
    memcpy(self->items, from->items, from->count * sizeof(self->items[0]));
}

static void copy_set(struct string_set *self, const struct string_set *from)
{
    self->count = from->count;
    self->items = from->count ? mem_resize(NULL, from->count, sizeof(self->items[0])) : NULL;
    for (size_t i = 0; i < from->count; i++)
        self->items[i] = mem_strdup(from->items[i]);
}

void portion_copy(struct resource *ret_copy, const struct resource *from)
{
    portion_copy_key(ret_copy, from);
    if (from->kind == RESOURCE_SCALAR) {
        ret_copy->milli = from->milli;
        ret_copy->copies = from->copies;
    } else if (from->kind == RESOURCE_RANGES) {
        copy_ranges(&ret_copy->ranges, &from->ranges);
    } else {
        copy_set(&ret_copy->set, &from->set);
    }
}

/* --- canonical form --------------------------------------------------------------------------- */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int check_name(const char *name, struct err *err)
{
    size_t size = name ? strlen(name) : 0;

    if (size == 0)
        return err_set(err, -EINVAL, "a resource has no name; \"cpus:4\" would be right");
    if (size > RESOURCE_NAME_MAX)
        return err_set(err, -EINVAL, "a resource's name is %zu bytes long, at most %d are allowed",
                       size, RESOURCE_NAME_MAX);
    for (size_t i = 0; i < size; i++) {
        if (is_letter(name[i]))
            continue;
        if (i == 0 || !strchr("0123456789_-.", name[i]))
            return err_set(err, -EINVAL,
                           "\"%s\" is no resource name: a letter, then letters, digits, _, - and .",
                           name);
    }
    return 0;
}

static int check_member(const char *member, const char *name, struct err *err)
{
    size_t size = strlen(member);

    if (size == 0)
        return err_set(err, -EINVAL, "%s has an empty member", name);
    if (size > RESOURCE_MEMBER_MAX)
        return err_set(err, -EINVAL, "a member of %s is %zu bytes long, at most %d are allowed",
                       name, size, RESOURCE_MEMBER_MAX);
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)member[i] <= ' ' || strchr(",;{}[]\x7f", member[i]))
            return err_set(err, -EINVAL, "\"%s\" in %s: no space and none of ,;{}[] are allowed",
                           member, name);
    if (!utf8_is_valid(member, size))
        return err_set(err, -EINVAL, "a member of %s is not valid UTF-8", name);
    return 0;
}

/* The ranges are sorted. */
static int check_ports(const struct resource *self, struct err *err)
{
    const struct ranges *ranges = &self->ranges;
    uint64_t first, last;

    if (!ranges->count || strcmp(self->name, "ports") != 0)
        return 0;
    first = ranges->items[0].begin;
    last = ranges->items[ranges->count - 1].end;
    if (first >= RESOURCE_PORT_MIN && last <= RESOURCE_PORT_MAX)
        return 0;
    return err_set(err, -EINVAL, "%s: %" PRIu64 " is none: they are numbers from %d to %d",
                   self->name, first < RESOURCE_PORT_MIN ? first : last, RESOURCE_PORT_MIN,
                   RESOURCE_PORT_MAX);
}

static int normalize_ranges(struct resource *self, struct err *err)
{
    struct range bad;
    int rc;

    if (self->ranges.count > RESOURCE_RANGES_MAX)
        return err_set(err, -ERANGE, "%s has more than %d ranges", self->name, RESOURCE_RANGES_MAX);
    rc = ranges_normalize(&self->ranges, &bad);
    if (rc == -EINVAL)
        return err_set(err, rc, "%s: %" PRIu64 "-%" PRIu64 " ends before it begins", self->name,
                       bad.begin, bad.end);
    if (rc < 0)
        return err_set(err, rc, "%s: %" PRIu64 " is in it twice", self->name, bad.begin);
    return check_ports(self, err);
}

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int normalize_set(struct resource *self, struct err *err)
{
    struct string_set *set = &self->set;

    if (set->count > RESOURCE_SET_MAX)
        return err_set(err, -ERANGE, "%s has more than %d members", self->name, RESOURCE_SET_MAX);
    for (size_t i = 0; i < set->count; i++) {
        int rc = check_member(set->items[i], self->name, err);

        if (rc < 0)
            return rc;
    }
    if (set->count > 1)
        qsort(set->items, set->count, sizeof(set->items[0]), compare_strings);
    for (size_t i = 1; i < set->count; i++)
        if (!strcmp(set->items[i - 1], set->items[i]))
            return err_set(err, -EEXIST, "%s: %s is in it twice", self->name, set->items[i]);
    return 0;
}

static int normalize_scalar(struct resource *self, struct err *err)
{
    bool is_shared = resource_is_shared(self);

    if (self->milli < 0 || self->copies < 0)
        return err_set(err, -EINVAL, "%s is negative", self->name);
    if (self->milli > RESOURCE_MILLI_MAX)
        return err_set(err, -ERANGE, "%s is too large", self->name);
    if (self->copies > RESOURCE_COPIES_MAX)
        return err_set(err, -ERANGE, "%s: more than %d copies of a volume", self->name,
                       RESOURCE_COPIES_MAX);
    if (!is_shared || !self->milli)
        self->copies = 0;
    else if (!self->copies)
        self->copies = 1;
    return 0;
}

int portion_normalize(struct resource *self, struct err *err)
{
    int rc = check_name(self->name, err);

    if (rc >= 0)
        rc = terms_normalize(self, err);
    if (rc < 0)
        return rc;
    switch (self->kind) {
    case RESOURCE_SCALAR:
        return normalize_scalar(self, err);
    case RESOURCE_RANGES:
        return normalize_ranges(self, err);
    case RESOURCE_SET:
        return normalize_set(self, err);
    case RESOURCE_KIND_MAX:
        break;
    }
    return err_set(err, -EINVAL, "%s is of an unknown kind", self->name);
}

/* --- comparing -------------------------------------------------------------------------------- */

bool portion_is_empty(const struct resource *self)
{
    if (self->kind == RESOURCE_SCALAR)
        return self->milli == 0;
    if (self->kind == RESOURCE_RANGES)
        return self->ranges.count == 0;
    return self->set.count == 0;
}

bool portion_values_are_equal(const struct resource *a, const struct resource *b)
{
    if (a->kind == RESOURCE_SCALAR)
        return a->milli == b->milli && a->copies == b->copies;
    if (a->kind == RESOURCE_RANGES)
        return a->ranges.count == b->ranges.count &&
               (!a->ranges.count ||
                !memcmp(a->ranges.items, b->ranges.items, a->ranges.count * sizeof(struct range)));
    if (a->set.count != b->set.count)
        return false;
    for (size_t i = 0; i < a->set.count; i++)
        if (strcmp(a->set.items[i], b->set.items[i]) != 0)
            return false;
    return true;
}

static bool set_contains(const struct string_set *self, const struct string_set *other)
{
    size_t i = 0;

    for (size_t j = 0; j < other->count; j++, i++) {
        while (i < self->count && strcmp(self->items[i], other->items[j]) < 0)
            i++;
        if (i == self->count || strcmp(self->items[i], other->items[j]) != 0)
            return false;
    }
    return true;
}

/* A volume is there, with this size, or it is not. */
static bool scalar_contains(const struct resource *self, const struct resource *other)
{
    if (resource_volume(self))
        return self->milli == other->milli && self->copies >= other->copies;
    return self->milli >= other->milli;
}

bool portion_contains(const struct resource *self, const struct resource *other)
{
    if (self->kind == RESOURCE_SCALAR)
        return scalar_contains(self, other);
    if (self->kind == RESOURCE_RANGES)
        return ranges_contain(&self->ranges, &other->ranges);
    return set_contains(&self->set, &other->set);
}

/* --- arithmetic ------------------------------------------------------------------------------- */

static const char *first_common(const struct string_set *a, const struct string_set *b)
{
    size_t i = 0, j = 0;

    while (i < a->count && j < b->count) {
        int order = strcmp(a->items[i], b->items[j]);

        if (order == 0)
            return a->items[i];
        if (order < 0)
            i++;
        else
            j++;
    }
    return NULL;
}

static int check_add_ranges(const struct resource *self, const struct resource *other,
                            struct err *err)
{
    struct range common;

    if (ranges_overlap(&self->ranges, &other->ranges, &common))
        return err_set(err, -EEXIST, "%s: %" PRIu64 " is there already", self->name, common.begin);
    if (ranges_add(&self->ranges, &other->ranges, NULL) > RESOURCE_RANGES_MAX)
        return err_set(err, -ERANGE, "%s would have more than %d ranges", self->name,
                       RESOURCE_RANGES_MAX);
    return 0;
}

static int check_add_volume(const struct resource *self, const struct resource *other,
                            struct err *err)
{
    const struct volume *volume = self->terms->volume;

    if (!volume->is_shared)
        return err_set(err, -EEXIST, "volume %.80s is there already", volume->id);
    if (self->milli != other->milli)
        return err_set(err, -EINVAL, "volume %.80s has two sizes", volume->id);
    if (self->copies > RESOURCE_COPIES_MAX - other->copies)
        return err_set(err, -ERANGE, "volume %.80s: more than %d copies", volume->id,
                       RESOURCE_COPIES_MAX);
    return 0;
}

static int check_add_scalar(const struct resource *self, const struct resource *other,
                            struct err *err)
{
    if (!other->milli)
        return 0;
    if (resource_volume(self))
        return check_add_volume(self, other, err);
    if (self->milli > RESOURCE_MILLI_MAX - other->milli)
        return err_set(err, -ERANGE, "%s: the sum is too large", self->name);
    return 0;
}

int portion_check_add(const struct resource *self, const struct resource *other, struct err *err)
{
    if (self->kind == RESOURCE_SCALAR) {
        return check_add_scalar(self, other, err);
    } else if (self->kind == RESOURCE_RANGES) {
        return check_add_ranges(self, other, err);
    } else {
        const char *common = first_common(&self->set, &other->set);

        if (common)
            return err_set(err, -EEXIST, "%s: %s is there already", self->name, common);
        if (self->set.count + other->set.count > RESOURCE_SET_MAX)
            return err_set(err, -ERANGE, "%s would have more than %d members", self->name,
                           RESOURCE_SET_MAX);
    }
    return 0;
}

typedef size_t ranges_op(const struct ranges *a, const struct ranges *b, struct range *out);

static void replace_ranges(struct ranges *self, const struct ranges *other, ranges_op *operation)
{
    struct ranges result = {0};

    result.items = mem_resize(NULL, self->count + other->count, sizeof(result.items[0]));
    result.count = operation(self, other, result.items);
    free(self->items);
    *self = result;
}

static void add_set(struct string_set *self, const struct string_set *other)
{
    size_t i = 0, j = 0, count = self->count + other->count;
    char **items = mem_resize(NULL, count, sizeof(items[0]));

    for (size_t k = 0; k < count; k++) {
        bool is_own =
            j == other->count || (i < self->count && strcmp(self->items[i], other->items[j]) < 0);

        items[k] = is_own ? self->items[i++] : mem_strdup(other->items[j++]);
    }
    free(self->items);
    *self = (struct string_set){items, count};
}

static void add_scalar(struct resource *self, const struct resource *other)
{
    if (resource_volume(self))
        self->copies += other->copies;
    else
        self->milli += other->milli;
}

void portion_add(struct resource *self, const struct resource *other)
{
    if (self->kind == RESOURCE_SCALAR)
        add_scalar(self, other);
    else if (self->kind == RESOURCE_RANGES)
        replace_ranges(&self->ranges, &other->ranges, ranges_add);
    else
        add_set(&self->set, &other->set);
}

int portion_check_subtract(const struct resource *self, const struct resource *other,
                           struct err *err)
{
    if (self->kind == RESOURCE_RANGES &&
        self->ranges.count + other->ranges.count > RESOURCE_RANGES_MAX &&
        ranges_subtract(&self->ranges, &other->ranges, NULL) > RESOURCE_RANGES_MAX)
        return err_set(err, -ERANGE, "%s would be left with more than %d ranges", self->name,
                       RESOURCE_RANGES_MAX);
    return 0;
}

/* Keep the members whose being in `other` is as `wanted`. */
static void filter_set(struct string_set *self, const struct string_set *other, bool wanted)
{
    size_t j = 0, kept = 0;

    for (size_t i = 0; i < self->count; i++) {
        bool is_common;

        while (j < other->count && strcmp(other->items[j], self->items[i]) < 0)
            j++;
        is_common = j < other->count && !strcmp(other->items[j], self->items[i]);
        if (is_common == wanted)
            self->items[kept++] = self->items[i];
        else
            free(self->items[i]);
    }
    self->count = kept;
}

static void subtract_scalar(struct resource *self, const struct resource *other)
{
    if (!resource_volume(self)) {
        self->milli -= self->milli < other->milli ? self->milli : other->milli;
    } else if (self->milli == other->milli) {
        self->copies -= self->copies < other->copies ? self->copies : other->copies;
        if (!self->copies)
            self->milli = 0;
    }
}

void portion_subtract(struct resource *self, const struct resource *other)
{
    if (self->kind == RESOURCE_SCALAR)
        subtract_scalar(self, other);
    else if (self->kind == RESOURCE_RANGES)
        replace_ranges(&self->ranges, &other->ranges, ranges_subtract);
    else
        filter_set(&self->set, &other->set, false);
}

static void intersect_scalar(struct resource *self, const struct resource *other)
{
    if (!resource_volume(self)) {
        self->milli = self->milli < other->milli ? self->milli : other->milli;
    } else if (self->milli == other->milli) {
        self->copies = self->copies < other->copies ? self->copies : other->copies;
    } else {
        self->milli = 0;
        self->copies = 0;
    }
}

void portion_intersect(struct resource *self, const struct resource *other)
{
    if (self->kind == RESOURCE_SCALAR)
        intersect_scalar(self, other);
    else if (self->kind == RESOURCE_RANGES)
        replace_ranges(&self->ranges, &other->ranges, ranges_intersect);
    else
        filter_set(&self->set, &other->set, true);
}
