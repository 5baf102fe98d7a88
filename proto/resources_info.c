#include "proto/resources_info.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/units.h"

/* --- from the wire
 * -------------------------------------------------------------------------------- */

static int ranges_from_info(const struct resource_info *info, struct range **ret_ranges,
                            struct err *err)
{
    CLEANUP(free_p) struct range *ranges = NULL;

    if (info->ranges_count > RESOURCE_RANGES_MAX)
        return err_set(err, -ERANGE, "%s: %zu ranges, at most %d are allowed", info->name,
                       info->ranges_count, RESOURCE_RANGES_MAX);
    ranges = mem_calloc(info->ranges_count, sizeof(*ranges));
    for (size_t i = 0; i < info->ranges_count; i++) {
        if (info->ranges[i].begin < 0 || info->ranges[i].end < 0)
            return err_set(err, -EINVAL, "%s: a range with a negative end", info->name);
        ranges[i].begin = (uint64_t)info->ranges[i].begin;
        ranges[i].end = (uint64_t)info->ranges[i].end;
    }
    *ret_ranges = TAKE(ranges);
    return 0;
}

/* What a portion's `terms` are made of; the texts are the message's. */
struct borrowed_terms {
    struct resource_terms terms;
    struct reservation stack[RESERVATIONS_MAX]; /* their arrays of labels are owned */
    struct volume volume;
};

static void borrowed_terms_fini(struct borrowed_terms *self)
{
    for (size_t i = 0; i < self->terms.depth; i++)
        free(self->stack[i].labels);
}

static void borrow_reservation(struct reservation *self, const struct reservation_info *info)
{
    *self = (struct reservation){
        .role = (char *)info->role,
        .principal = (char *)info->principal,
        .is_dynamic = info->dynamic,
        .labels = mem_calloc(info->labels_count, sizeof(self->labels[0])),
        .labels_count = info->labels_count,
    };
    for (size_t i = 0; i < info->labels_count; i++)
        self->labels[i] = (struct label){
            .key = (char *)info->labels[i].key,
            .value = (char *)info->labels[i].value,
        };
}

static int borrow_terms(struct borrowed_terms *self, const struct resource_info *info,
                        struct err *err)
{
    self->terms = (struct resource_terms){.stack = self->stack};
    if (info->reservations_count > RESERVATIONS_MAX)
        return err_set(err, -E2BIG,
                       "%s: %zu reservations on top of each other, at most %d are "
                       "allowed",
                       info->name, info->reservations_count, RESERVATIONS_MAX);
    for (size_t i = 0; i < info->reservations_count; i++) {
        if (info->reservations[i].labels_count > RESERVATION_LABELS_MAX)
            return err_set(err, -E2BIG, "%s: a reservation with %zu labels, at most %d are allowed",
                           info->name, info->reservations[i].labels_count, RESERVATION_LABELS_MAX);
        borrow_reservation(&self->stack[self->terms.depth++], &info->reservations[i]);
    }
    if (!info->volume)
        return 0;
    self->volume = (struct volume){
        .id = (char *)info->volume->id,
        .principal = (char *)info->volume->principal,
        .is_shared = info->volume->shared,
    };
    self->terms.volume = &self->volume;
    return 0;
}

static int add_info(struct resources *self, const struct resource_info *info, struct err *err)
{
    CLEANUP(borrowed_terms_fini) struct borrowed_terms terms; /* mostly not needed: not zeroed */
    CLEANUP(free_p) struct range *ranges = NULL;
    /* Borrowed: resources_add_portion makes its own copy and changes nothing here. */
    struct resource portion = {
        .name = (char *)info->name,
        .role = info->role && *info->role ? (char *)info->role : NULL,
        .revocable = info->revocable,
    };
    int result;

    terms.terms.depth = 0;
    if (info->reservations_count || info->volume) {
        result = borrow_terms(&terms, info, err);
        if (result < 0)
            return result;
        portion.terms = &terms.terms;
    }
    switch (info->kind) {
    case VALUE_SCALAR:
        portion.kind = RESOURCE_SCALAR;
        portion.milli = info->scalar;
        portion.copies = info->copies;
        break;
    case VALUE_RANGES:
        result = ranges_from_info(info, &ranges, err);
        if (result < 0)
            return result;
        portion.kind = RESOURCE_RANGES;
        portion.ranges.items = ranges;
        portion.ranges.count = info->ranges_count;
        break;
    case VALUE_SET:
        portion.kind = RESOURCE_SET;
        portion.set.items = (char **)info->items;
        portion.set.count = info->items_count;
        break;
    case VALUE_TEXT:
    default:
        return err_set(err, -EINVAL, "%s: neither a scalar nor ranges nor a set", info->name);
    }
    return resources_add_portion(self, &portion, err);
}

int resources_from_info(struct resources *self, const struct resource_info *items, size_t count,
                        struct err *err)
{
    CLEANUP(resources_fini) struct resources sum = {0};

    for (size_t i = 0; i < count; i++) {
        int result = add_info(&sum, &items[i], err);

        if (result < 0)
            return result;
    }
    resources_swap(self, &sum);
    return 0;
}

/* --- to the wire
 * ---------------------------------------------------------------------------------- */

static const struct range_info *ranges_to_info(const struct range *ranges, size_t count,
                                               struct arena *arena)
{
    struct range_info *infos = arena_array(arena, count, sizeof(*infos));

    for (size_t i = 0; infos && i < count; i++) {
        infos[i].begin = (int64_t)ranges[i].begin;
        infos[i].end = (int64_t)ranges[i].end;
    }
    return infos;
}

static const struct label_info *labels_to_info(const struct label *labels, size_t count,
                                               struct arena *arena)
{
    struct label_info *infos = arena_array(arena, count, sizeof(*infos));

    for (size_t i = 0; infos && i < count; i++)
        infos[i] = (struct label_info){.key = labels[i].key, .value = labels[i].value};
    return infos;
}

static bool stack_to_info(const struct resource_terms *terms, struct resource_info *ret_info,
                          struct arena *arena)
{
    struct reservation_info *infos = arena_array(arena, terms->depth, sizeof(*infos));

    for (size_t i = 0; infos && i < terms->depth; i++) {
        const struct reservation *level = &terms->stack[i];

        infos[i] = (struct reservation_info){
            .role = level->role,
            .dynamic = level->is_dynamic,
            .principal = level->principal ? level->principal : "",
            .labels = labels_to_info(level->labels, level->labels_count, arena),
            .labels_count = level->labels_count,
        };
        if (!infos[i].labels)
            return false;
    }
    ret_info->reservations = infos;
    ret_info->reservations_count = terms->depth;
    return infos != NULL;
}

static bool terms_to_info(const struct resource_terms *terms, struct resource_info *ret_info,
                          struct arena *arena)
{
    struct volume_info *volume;

    if (terms->depth && !stack_to_info(terms, ret_info, arena))
        return false;
    if (!terms->volume)
        return true;
    volume = arena_alloc(arena, sizeof(*volume));
    if (!volume)
        return false;
    *volume = (struct volume_info){
        .id = terms->volume->id,
        .principal = terms->volume->principal ? terms->volume->principal : "",
        .shared = terms->volume->is_shared,
    };
    ret_info->volume = volume;
    return true;
}

static bool portion_to_info(const struct resource *portion, struct resource_info *ret_info,
                            struct arena *arena)
{
    *ret_info = (struct resource_info){
        .name = portion->name,
        .role = portion->role ? portion->role : "",
        .revocable = portion->revocable,
    };
    if (portion->terms && !terms_to_info(portion->terms, ret_info, arena))
        return false;
    switch (portion->kind) {
    case RESOURCE_SCALAR:
        ret_info->kind = VALUE_SCALAR;
        ret_info->scalar = portion->milli;
        ret_info->copies = portion->copies > 1 ? portion->copies : 0;
        break;
    case RESOURCE_RANGES:
        ret_info->kind = VALUE_RANGES;
        ret_info->ranges = ranges_to_info(portion->ranges.items, portion->ranges.count, arena);
        ret_info->ranges_count = portion->ranges.count;
        return ret_info->ranges != NULL;
    case RESOURCE_SET:
        ret_info->kind = VALUE_SET;
        ret_info->items = (const char *const *)portion->set.items;
        ret_info->items_count = portion->set.count;
        break;
    case RESOURCE_KIND_MAX:
        break;
    }
    return true;
}

const struct resource_info *resources_to_info(const struct resources *from, struct arena *arena,
                                              size_t *ret_count)
{
    struct resource_info *infos = arena_array(arena, from->count, sizeof(*infos));

    if (!infos)
        return NULL;
    for (size_t i = 0; i < from->count; i++)
        if (!portion_to_info(&from->items[i], &infos[i], arena))
            return NULL;
    *ret_count = from->count;
    return infos;
}

/* --- attributes
 * ----------------------------------------------------------------------------------- */

static int no_memory(const char *text, struct err *err)
{
    return err_set(err, -ENOMEM, "attributes: %zu bytes are too many", strlen(text));
}

/* "[1-10, 20-20]": exactly what a resource of ranges may be. */
static int parse_span(struct attribute_info *attribute, struct arena *arena, struct err *err)
{
    CLEANUP(resources_fini) struct resources span = {0};
    const char *as_resource = arena_printf(arena, "span:%s", attribute->text);
    int result =
        as_resource ? resources_parse(&span, as_resource, err) : no_memory(attribute->text, err);

    if (result < 0)
        return err_wrap(err, result, "attribute %s", attribute->name);
    if (span.count != 1 || span.items[0].kind != RESOURCE_RANGES)
        return err_set(err, -EINVAL, "attribute %s: \"%s\" has no range, expected [BEGIN-END]",
                       attribute->name, attribute->text);
    attribute->kind = VALUE_RANGES;
    attribute->ranges =
        ranges_to_info(span.items[0].ranges.items, span.items[0].ranges.count, arena);
    attribute->ranges_count = span.items[0].ranges.count;
    attribute->text = "";
    return attribute->ranges ? 0 : no_memory(as_resource, err);
}

/* A number with nothing around it; "500m" and "1.2.3" are texts. */
static bool is_number(const char *text)
{
    const char *digits = *text == '-' ? text + 1 : text;
    size_t whole = strspn(digits, "0123456789");
    size_t fraction = digits[whole] == '.' ? 1 + strspn(digits + whole + 1, "0123456789") : 0;

    return whole > 0 && fraction != 1 && digits[whole + fraction] == '\0';
}

static int parse_number(struct attribute_info *attribute, struct err *err)
{
    bool is_negative = *attribute->text == '-';
    int64_t milli;
    int result = units_parse_milli(attribute->text + is_negative, &milli, err);

    if (result < 0)
        return err_wrap(err, result, "attribute %s", attribute->name);
    attribute->kind = VALUE_SCALAR;
    attribute->scalar = is_negative ? -milli : milli;
    attribute->text = "";
    return 0;
}

/* Cut the white space around a text that ends at `end`. */
static char *trim(char *text, char *end)
{
    static const char space[] = " \t\r\n";

    while (end > text && strchr(space, end[-1]))
        end--;
    *end = '\0';
    return text + strspn(text, space);
}

static int parse_attribute(char *text, struct arena *arena, struct attribute_info *ret_attribute,
                           struct err *err)
{
    char *colon = strchr(text, ':');
    struct attribute_info attribute = {.kind = VALUE_TEXT};
    int result = 0;

    if (!colon)
        return err_set(err, -EINVAL, "attribute \"%.60s\" has no value, expected NAME:VALUE", text);
    attribute.text = trim(colon + 1, strchr(colon, '\0'));
    attribute.name = trim(text, colon);
    if (!*attribute.name || !*attribute.text)
        return err_set(err, -EINVAL, "attribute \"%.60s:%.60s\" lacks its %s, expected NAME:VALUE",
                       attribute.name, attribute.text, *attribute.name ? "value" : "name");
    if (strlen(attribute.name) > TEXT_MAX || strlen(attribute.text) > TEXT_MAX)
        return err_set(err, -EINVAL, "attribute %.60s is longer than %d bytes", attribute.name,
                       TEXT_MAX);
    if (*attribute.text == '{')
        return err_set(err, -EINVAL,
                       "attribute %s: a set is not possible, expected a number, "
                       "a text or [BEGIN-END]",
                       attribute.name);
    if (*attribute.text == '[')
        result = parse_span(&attribute, arena, err);
    else if (is_number(attribute.text))
        result = parse_number(&attribute, err);
    if (result == 0)
        *ret_attribute = attribute;
    return result;
}

static size_t count_parts(const char *text)
{
    size_t count = 1;

    for (; *text; text++)
        count += *text == ';' || *text == '\n';
    return count;
}

int attributes_parse(const char *text, struct arena *arena, const struct attribute_info **ret_items,
                     size_t *ret_count, struct err *err)
{
    struct attribute_info *items = arena_array(arena, count_parts(text), sizeof(*items));
    char *part = arena_strdup(arena, text);
    size_t count = 0;

    if (!items || !part)
        return no_memory(text, err);
    while (*part) {
        char *end = part + strcspn(part, ";\n");
        char *next = *end ? end + 1 : end;

        part = trim(part, end);
        if (*part) {
            int result = parse_attribute(part, arena, &items[count], err);

            if (result < 0)
                return result;
            count++;
        }
        part = next;
    }
    *ret_items = items;
    *ret_count = count;
    return 0;
}

/* --- domains ------------------------------------------------------------------------------------
 */

int domain_parse(const char *text, struct arena *arena, const struct domain_info **ret_domain,
                 struct err *err)
{
    const char *slash = strchr(text, '/');
    struct domain_info *domain;

    *ret_domain = NULL;
    if (!*text)
        return 0;
    if (!slash || slash == text || !slash[1] || strchr(slash + 1, '/') || strlen(text) > ID_TEXT)
        return err_set(err, -EINVAL, "\"%.80s\": expected REGION/ZONE, as eu-west/a", text);
    domain = arena_alloc(arena, sizeof(*domain));
    domain->region = arena_memdup(arena, text, (size_t)(slash - text));
    domain->zone = arena_strdup(arena, slash + 1);
    *ret_domain = domain;
    return 0;
}
