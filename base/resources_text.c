/* Resources as people write them. A recursive descent over the text: no copy of it, no split. */
#include "base/resources.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/portion.h"
#include "base/units.h"
#include "base/utf8.h"

#define REVOCABLE_MARK  "{REV}"
#define SCALAR_TEXT_MAX 64
#define EXCERPT_BYTES   24

struct parser {
    const char *at;
    struct err *err; /* borrowed */
};

/* --- tokens ----------------------------------------------------------------------------------- */

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void skip_space(struct parser *parser)
{
    while (is_space(*parser->at))
        parser->at++;
}

static bool take_char(struct parser *parser, char c)
{
    skip_space(parser);
    if (*parser->at != c)
        return false;
    parser->at++;
    skip_space(parser);
    return true;
}

static int refuse(const struct parser *parser, const char *wanted)
{
    if (!*parser->at)
        return err_set(parser->err, -EINVAL, "resources end where %s should follow", wanted);
    return err_set(parser->err, -EINVAL, "\"%.*s\" in the resources, where %s should stand",
                   EXCERPT_BYTES, parser->at, wanted);
}

/* What stands before any of `ends`, without the space behind it; NULL when that is nothing. */
static char *take_until(struct parser *parser, const char *ends)
{
    size_t size = strcspn(parser->at, ends), kept = size;
    char *token;

    while (kept > 0 && is_space(parser->at[kept - 1]))
        kept--;
    if (kept == 0)
        return NULL;
    token = mem_alloc(kept + 1);
    memcpy(token, parser->at, kept);
    token[kept] = '\0';
    parser->at += size;
    return token;
}

/* --- values ----------------------------------------------------------------------------------- */

static int parse_scalar(struct parser *parser, struct resource *portion)
{
    CLEANUP(free_p) char *token = take_until(parser, ";");
    bool is_cpus = !strcmp(portion->name, "cpus");
    char last;
    int rc;

    if (!token)
        return refuse(parser, "a value, as in cpus:4, ports:[31000-32000] or disks:{d1,d2},");
    last = token[strlen(token) - 1];
    /* mem:500m or mem:8G would be read as something else than was meant. */
    if (!is_cpus && (last | 0x20) >= 'a' && (last | 0x20) <= 'z')
        return err_set(parser->err, -EINVAL,
                       "%s:%.*s: a plain number is wanted (mem and disk count MiB: mem:8192)",
                       portion->name, SCALAR_TEXT_MAX, token);
    rc = units_parse_milli(token, &portion->milli, parser->err);
    return rc < 0 ? err_wrap(parser->err, rc, "%s", portion->name) : 0;
}

static int parse_number(struct parser *parser, uint64_t *ret_number)
{
    uint64_t number = 0;

    if (*parser->at < '0' || *parser->at > '9')
        return refuse(parser, "a range, as in [31000-32000],");
    for (; *parser->at >= '0' && *parser->at <= '9'; parser->at++)
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(*parser->at - '0'), &number))
            return err_set(parser->err, -ERANGE, "a number in a range is beyond 64 bits");
    skip_space(parser);
    *ret_number = number;
    return 0;
}

/* Room for one more, doubling; -ERANGE at the limit. */
static int grow(struct parser *parser, void *items_p, size_t count, size_t size, size_t max)
{
    void **items = items_p;

    if (count >= max)
        return err_set(parser->err, -ERANGE, "more than %zu ranges or members", max);
    if ((count & (count - 1)) == 0)
        *items = mem_resize(*items, count ? count * 2 : 1, size);
    return 0;
}

static int parse_range(struct parser *parser, struct ranges *ranges)
{
    struct range range;
    int rc = grow(parser, &ranges->items, ranges->count, sizeof(range), RESOURCE_RANGES_MAX);

    if (rc >= 0)
        rc = parse_number(parser, &range.begin);
    if (rc < 0)
        return rc;
    range.end = range.begin;
    if (take_char(parser, '-'))
        rc = parse_number(parser, &range.end);
    if (rc < 0)
        return rc;
    ranges->items[ranges->count++] = range;
    return 0;
}

static int parse_ranges(struct parser *parser, struct resource *portion)
{
    portion->kind = RESOURCE_RANGES;
    portion->ranges = (struct ranges){0};
    if (take_char(parser, ']'))
        return 0;
    do {
        int rc = parse_range(parser, &portion->ranges);

        if (rc < 0)
            return rc;
    } while (take_char(parser, ','));
    return take_char(parser, ']') ? 0 : refuse(parser, "\",\" or \"]\"");
}

static int parse_set(struct parser *parser, struct resource *portion)
{
    struct string_set *set = &portion->set;

    portion->kind = RESOURCE_SET;
    *set = (struct string_set){0};
    if (take_char(parser, '}'))
        return 0;
    do {
        char *member;
        int rc = grow(parser, &set->items, set->count, sizeof(set->items[0]), RESOURCE_SET_MAX);

        if (rc < 0)
            return rc;
        member = take_until(parser, ",;{}[]");
        if (!member)
            return refuse(parser, "a member, as in disks:{d1,d2},");
        set->items[set->count++] = member;
    } while (take_char(parser, ','));
    return take_char(parser, '}') ? 0 : refuse(parser, "\",\" or \"}\"");
}

/* --- portions --------------------------------------------------------------------------------- */

static int parse_key(struct parser *parser, struct resource *portion)
{
    int rc;

    portion->name = take_until(parser, "(){}[]:;");
    if (!portion->name)
        return refuse(parser, "a name, as in cpus:4,");
    rc = terms_parse(&parser->at, portion, parser->err);
    if (rc < 0)
        return rc;
    if (!strncmp(parser->at, REVOCABLE_MARK, strlen(REVOCABLE_MARK))) {
        parser->at += strlen(REVOCABLE_MARK);
        portion->revocable = true;
    }
    return take_char(parser, ':') ? 0 : refuse(parser, "\":\" and a value, as in cpus:4,");
}

static int parse_portion(struct parser *parser, struct resources *sum)
{
    CLEANUP(portion_fini) struct resource portion = {0};
    int rc = parse_key(parser, &portion);

    if (rc < 0)
        return rc;
    if (take_char(parser, '['))
        rc = parse_ranges(parser, &portion);
    else if (take_char(parser, '{'))
        rc = parse_set(parser, &portion);
    else
        rc = parse_scalar(parser, &portion);
    if (rc >= 0)
        rc = portion_normalize(&portion, parser->err);
    return rc < 0 ? rc : resources_adopt(sum, &portion, parser->err);
}

int resources_parse(struct resources *self, const char *text, struct err *err)
{
    CLEANUP(resources_fini) struct resources sum = {0};
    struct parser parser = {.at = text, .err = err};
    size_t portions = 0;

    for (;;) {
        int rc;

        while (take_char(&parser, ';'))
            ;
        if (!*parser.at)
            break;
        if (portions++ == RESOURCES_MAX)
            return err_set(err, -ERANGE, "more than %d portions of resources", RESOURCES_MAX);
        rc = parse_portion(&parser, &sum);
        if (rc < 0)
            return rc;
        if (*parser.at && *parser.at != ';')
            return refuse(&parser, "\";\"");
    }
    resources_swap(self, &sum);
    return 0;
}

/* --- printing --------------------------------------------------------------------------------- */

void portion_print_key(const struct resource *self, struct buf *out)
{
    buf_puts(out, self->name);
    terms_print(self, out);
    if (self->revocable)
        buf_puts(out, REVOCABLE_MARK);
}

static void print_ranges(const struct ranges *ranges, struct buf *out)
{
    buf_puts(out, "[");
    for (size_t i = 0; i < ranges->count; i++)
        buf_printf(out, "%s%" PRIu64 "-%" PRIu64, i ? ", " : "", ranges->items[i].begin,
                   ranges->items[i].end);
    buf_puts(out, "]");
}

void resource_print_value(const struct resource *resource, struct buf *out)
{
    if (resource->kind == RESOURCE_SCALAR) {
        units_print_milli(resource->milli, out);
    } else if (resource->kind == RESOURCE_RANGES) {
        print_ranges(&resource->ranges, out);
    } else {
        buf_puts(out, "{");
        for (size_t i = 0; i < resource->set.count; i++) {
            buf_puts(out, i ? ", " : "");
            buf_puts(out, resource->set.items[i]);
        }
        buf_puts(out, "}");
    }
}

void resources_print(const struct resources *self, struct buf *out)
{
    for (size_t i = 0; i < self->count; i++) {
        buf_puts(out, i ? ";" : "");
        portion_print_key(&self->items[i], out);
        buf_puts(out, ":");
        resource_print_value(&self->items[i], out);
    }
}

/* --- roles ------------------------------------------------------------------------------------ */

static int check_role_part(const char *part, size_t size, const char *role, struct err *err)
{
    if (size == 0)
        return err_set(err, -EINVAL, "role \"%s\" has an empty part", role);
    if (part[0] == '-')
        return err_set(err, -EINVAL, "role \"%s\": no part may begin with '-'", role);
    if ((size == 1 && (part[0] == '.' || part[0] == '*')) || (size == 2 && !memcmp(part, "..", 2)))
        return err_set(err, -EINVAL, "role \"%s\": \"%.*s\" cannot be a part", role, (int)size,
                       part);
    return 0;
}

int role_check(const char *role, struct err *err)
{
    size_t size = strlen(role);

    if (!strcmp(role, RESOURCE_ROLE_ANY))
        return 0;
    if (size == 0)
        return err_set(err, -EINVAL, "the role is empty; \"*\" is the unreserved pool");
    if (size > 255)
        return err_set(err, -EINVAL, "the role is %zu bytes long, at most 255 are allowed", size);
    if (!utf8_is_valid(role, size))
        return err_set(err, -EINVAL, "the role is not valid UTF-8");
    for (const char *c = role; *c; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7f || *c == ')')
            return err_set(err, -EINVAL,
                           "role \"%s\": no white space, control character or ')' is allowed",
                           role);
    for (const char *part = role;; part++) {
        size_t part_size = strcspn(part, "/");
        int rc = check_role_part(part, part_size, role, err);

        if (rc < 0)
            return rc;
        part += part_size;
        if (!*part)
            return 0;
    }
}

bool role_is_within(const char *role, const char *ancestor)
{
    size_t size = strlen(ancestor);

    return !strncmp(role, ancestor, size) && (role[size] == '\0' || role[size] == '/');
}
