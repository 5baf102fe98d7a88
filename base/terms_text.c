/* Reservations and volumes as people write them, behind a resource's name. */
#include "base/terms.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"

#define EXCERPT_BYTES 24
#define WORD_DYNAMIC  "dynamic"
#define WORD_BY       "by"
#define WORD_SHARED   "shared"

/* --- tokens ----------------------------------------------------------------------------------- */

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("_-./@+", c));
}

static void skip_space(const char **at_p)
{
    while (is_space(**at_p))
        (*at_p)++;
}

static bool take_char(const char **at_p, char c)
{
    skip_space(at_p);
    if (**at_p != c)
        return false;
    (*at_p)++;
    skip_space(at_p);
    return true;
}

/* A word of ours, which nothing plain follows. */
static bool take_word(const char **at_p, const char *word)
{
    size_t size = strlen(word);

    skip_space(at_p);
    if (strncmp(*at_p, word, size) != 0 || is_plain((*at_p)[size]))
        return false;
    *at_p += size;
    skip_space(at_p);
    return true;
}

static int refuse(const char *at, const char *wanted, struct err *err)
{
    if (!*at)
        return err_set(err, -EINVAL, "resources end where %s should follow", wanted);
    return err_set(err, -EINVAL, "\"%.*s\" in the resources, where %s should stand", EXCERPT_BYTES,
                   at, wanted);
}

/* In quotes, or plain characters. */
static int take_text(const char **at_p, char **ret_text, const char *wanted, struct err *err)
{
    CLEANUP(buf_fini) struct buf text = {0};
    const char *at = *at_p;

    if (*at == '"') {
        for (at++; *at && *at != '"'; at++) {
            if (*at == '\\' && at[1])
                at++;
            buf_append(&text, at, 1);
        }
        if (!*at)
            return refuse(at, "a closing quote", err);
        at++;
    } else {
        for (; is_plain(*at); at++)
            buf_append(&text, at, 1);
        if (!text.size)
            return refuse(at, wanted, err);
    }
    *ret_text = mem_strdup(buf_text(&text));
    *at_p = at;
    skip_space(at_p);
    return 0;
}

/* --- reading ---------------------------------------------------------------------------------- */

static int parse_label(const char **at_p, struct reservation *self, struct err *err)
{
    struct label *label;
    int rc;

    if (self->labels_count == RESERVATION_LABELS_MAX)
        return err_set(err, -E2BIG, "more than %d labels", RESERVATION_LABELS_MAX);
    self->labels = mem_resize(self->labels, self->labels_count + 1, sizeof(*label));
    label = &self->labels[self->labels_count++];
    *label = (struct label){0};
    rc = take_text(at_p, &label->key, "a label, as in {rack=a, disk=ssd},", err);
    if (rc < 0)
        return rc;
    if (!take_char(at_p, '='))
        return refuse(*at_p, "\"=\" and the label's value", err);
    return take_text(at_p, &label->value, "the label's value", err);
}

static int parse_labels(const char **at_p, struct reservation *self, struct err *err)
{
    do {
        int rc = parse_label(at_p, self, err);

        if (rc < 0)
            return rc;
    } while (take_char(at_p, ','));
    return take_char(at_p, '}') ? 0 : refuse(*at_p, "\",\" or \"}\"", err);
}

static char *take_role(const char **at_p)
{
    size_t size = 0;
    char *role;

    skip_space(at_p);
    while ((*at_p)[size] && (*at_p)[size] != ')' && !is_space((*at_p)[size]))
        size++;
    if (!size)
        return NULL;
    role = mem_alloc(size + 1);
    memcpy(role, *at_p, size);
    role[size] = '\0';
    *at_p += size;
    return role;
}

/* Behind the opening parenthesis. */
static int parse_reservation(const char **at_p, struct reservation *self, struct err *err)
{
    int rc = 0;

    self->role = take_role(at_p);
    if (!self->role)
        return refuse(*at_p, "a role, as in cpus(ads):4,", err);
    if (take_word(at_p, WORD_DYNAMIC)) {
        self->is_dynamic = true;
        if (take_word(at_p, WORD_BY))
            rc = take_text(at_p, &self->principal, "a principal", err);
        if (rc >= 0 && take_char(at_p, '{'))
            rc = parse_labels(at_p, self, err);
    }
    if (rc < 0)
        return rc;
    if (take_char(at_p, ')'))
        return 0;
    return refuse(*at_p, "\")\" (there is no white space in a role), or \"dynamic\",", err);
}

static struct resource_terms *terms_of(struct resource *portion)
{
    if (!portion->terms)
        portion->terms = mem_new(struct resource_terms);
    return portion->terms;
}

static int parse_level(const char **at_p, struct resource *portion, struct err *err)
{
    struct resource_terms *terms = terms_of(portion);

    if (terms->depth == RESERVATIONS_MAX)
        return err_set(err, -E2BIG, "more than %d reservations on top of each other",
                       RESERVATIONS_MAX);
    terms->stack = mem_resize(terms->stack, terms->depth + 1, sizeof(terms->stack[0]));
    terms->stack[terms->depth] = (struct reservation){0};
    return parse_reservation(at_p, &terms->stack[terms->depth++], err);
}

static int parse_copies(const char **at_p, struct resource *portion, struct err *err)
{
    char *end;

    portion->copies = 1;
    skip_space(at_p);
    if (**at_p != 'x')
        return 0;
    errno = 0;
    portion->copies = strtoll(*at_p + 1, &end, 10);
    if (errno || end == *at_p + 1 || portion->copies < 1 || portion->copies > RESOURCE_COPIES_MAX)
        return refuse(*at_p, "how often the shared volume is there, as x2,", err);
    *at_p = end;
    return 0;
}

/* Behind the opening bracket. */
static int parse_volume(const char **at_p, struct resource *portion, struct err *err)
{
    struct volume *volume = terms_of(portion)->volume = mem_new(struct volume);
    int rc;

    skip_space(at_p);
    rc = take_text(at_p, &volume->id, "a volume's id, as in disk(ads)[db1]:100,", err);
    if (rc >= 0 && take_word(at_p, WORD_BY))
        rc = take_text(at_p, &volume->principal, "a principal", err);
    if (rc >= 0 && take_word(at_p, WORD_SHARED)) {
        volume->is_shared = true;
        rc = parse_copies(at_p, portion, err);
    }
    if (rc < 0)
        return rc;
    return take_char(at_p, ']') ? 0 : refuse(*at_p, "\"]\"", err);
}

/* "(*)" and "(ads)" are what they always were. */
static void simplify(struct resource *portion)
{
    struct resource_terms *terms = portion->terms;

    if (terms->depth != 1 || terms->stack[0].is_dynamic)
        return;
    portion->role = TAKE(terms->stack[0].role);
    free_p(&terms->stack);
    terms->depth = 0;
    if (!terms->volume)
        terms_free(&portion->terms);
}

int terms_parse(const char **at_p, struct resource *portion, struct err *err)
{
    int rc = 0;

    while (rc >= 0 && take_char(at_p, '('))
        rc = parse_level(at_p, portion, err);
    if (rc >= 0 && take_char(at_p, '['))
        rc = parse_volume(at_p, portion, err);
    if (rc >= 0 && portion->terms)
        simplify(portion);
    return rc;
}

/* --- printing --------------------------------------------------------------------------------- */

static void print_text(const char *text, struct buf *out)
{
    const char *c = text;

    while (is_plain(*c))
        c++;
    if (*text && !*c) {
        buf_puts(out, text);
        return;
    }
    buf_puts(out, "\"");
    for (c = text; *c; c++) {
        if (*c == '"' || *c == '\\')
            buf_puts(out, "\\");
        buf_append(out, c, 1);
    }
    buf_puts(out, "\"");
}

static void print_principal(const char *principal, struct buf *out)
{
    if (!principal)
        return;
    buf_puts(out, " " WORD_BY " ");
    print_text(principal, out);
}

static void print_reservation(const struct reservation *self, struct buf *out)
{
    buf_printf(out, "(%s%s", self->role, self->is_dynamic ? " " WORD_DYNAMIC : "");
    print_principal(self->principal, out);
    for (size_t i = 0; i < self->labels_count; i++) {
        buf_puts(out, i ? ", " : " {");
        print_text(self->labels[i].key, out);
        buf_puts(out, "=");
        print_text(self->labels[i].value, out);
    }
    buf_puts(out, self->labels_count ? "})" : ")");
}

static void print_volume(const struct resource *portion, struct buf *out)
{
    const struct volume *volume = portion->terms->volume;

    buf_puts(out, "[");
    print_text(volume->id, out);
    print_principal(volume->principal, out);
    if (volume->is_shared)
        buf_puts(out, " " WORD_SHARED);
    if (portion->copies > 1)
        buf_printf(out, " x%" PRId64, portion->copies);
    buf_puts(out, "]");
}

void terms_print(const struct resource *portion, struct buf *out)
{
    const struct resource_terms *terms = portion->terms;

    if (portion->role && (!terms || !terms->depth))
        buf_printf(out, "(%s)", portion->role);
    for (size_t i = 0; terms && i < terms->depth; i++)
        print_reservation(&terms->stack[i], out);
    if (terms && terms->volume)
        print_volume(portion, out);
}
