#include "base/terms.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/ids.h"
#include "base/mem.h"
#include "base/utf8.h"

#define PRINCIPAL_MAX   1024
#define LABEL_KEY_MAX   1024
#define LABEL_VALUE_MAX 4096

/* --- copies ------------------------------------------------------------------------------------ */

/* NULL stays NULL. */
static char *dup_or_null(const char *text)
{
    return text ? mem_strdup(text) : NULL;
}

void reservation_fini(struct reservation *self)
{
    for (size_t i = 0; i < self->labels_count; i++) {
        free(self->labels[i].key);
        free(self->labels[i].value);
    }
    free(self->labels);
    free(self->role);
    free(self->principal);
    *self = (struct reservation){0};
}

void reservation_copy(struct reservation *ret_copy, const struct reservation *from)
{
    *ret_copy = (struct reservation){
        .role = dup_or_null(from->role),
        .principal = dup_or_null(from->principal),
        .labels_count = from->labels_count,
        .is_dynamic = from->is_dynamic,
    };
    if (from->labels_count)
        ret_copy->labels = mem_calloc(from->labels_count, sizeof(ret_copy->labels[0]));
    for (size_t i = 0; i < from->labels_count; i++)
        ret_copy->labels[i] = (struct label){
            .key = mem_strdup(from->labels[i].key),
            .value = mem_strdup(from->labels[i].value),
        };
}

void volume_free(struct volume **self_p)
{
    struct volume *self = *self_p;

    if (!self)
        return;
    free(self->id);
    free(self->principal);
    free(self);
    *self_p = NULL;
}

struct volume *volume_copy(const struct volume *from)
{
    struct volume *copy;

    if (!from)
        return NULL;
    copy = mem_new(struct volume);
    *copy = (struct volume){
        .id = mem_strdup(from->id),
        .principal = dup_or_null(from->principal),
        .is_shared = from->is_shared,
    };
    return copy;
}

void terms_free(struct resource_terms **self_p)
{
    struct resource_terms *self = *self_p;

    if (!self)
        return;
    for (size_t i = 0; i < self->depth; i++)
        reservation_fini(&self->stack[i]);
    free(self->stack);
    volume_free(&self->volume);
    free(self);
    *self_p = NULL;
}

struct resource_terms *terms_copy(const struct resource_terms *from)
{
    struct resource_terms *copy;

    if (!from)
        return NULL;
    copy = mem_new(struct resource_terms);
    copy->depth = from->depth;
    if (from->depth)
        copy->stack = mem_calloc(from->depth, sizeof(copy->stack[0]));
    for (size_t i = 0; i < from->depth; i++)
        reservation_copy(&copy->stack[i], &from->stack[i]);
    copy->volume = volume_copy(from->volume);
    return copy;
}

/* --- order ------------------------------------------------------------------------------------- */

static int compare_texts(const char *a, const char *b)
{
    if (!a || !b)
        return (a != NULL) - (b != NULL);
    return strcmp(a, b);
}

static int compare_counts(size_t a, size_t b)
{
    return (a > b) - (a < b);
}

static int compare_labels(const void *a, const void *b)
{
    const struct label *x = a, *y = b;
    int order = strcmp(x->key, y->key);

    return order ? order : strcmp(x->value, y->value);
}

static int compare_reservations(const struct reservation *a, const struct reservation *b)
{
    int order = strcmp(a->role, b->role);

    if (order == 0)
        order = (int)a->is_dynamic - (int)b->is_dynamic;
    if (order == 0)
        order = compare_texts(a->principal, b->principal);
    if (order == 0)
        order = compare_counts(a->labels_count, b->labels_count);
    for (size_t i = 0; order == 0 && i < a->labels_count; i++)
        order = compare_labels(&a->labels[i], &b->labels[i]);
    return order;
}

static int compare_volumes(const struct volume *a, const struct volume *b)
{
    int order;

    if (!a || !b)
        return (a != NULL) - (b != NULL);
    order = strcmp(a->id, b->id);
    if (order == 0)
        order = compare_texts(a->principal, b->principal);
    return order ? order : (int)a->is_shared - (int)b->is_shared;
}

int terms_compare(const struct resource_terms *a, const struct resource_terms *b)
{
    int order;

    if (a == b)
        return 0;
    if (!a || !b)
        return (a != NULL) - (b != NULL);
    order = compare_counts(a->depth, b->depth);
    for (size_t i = 0; order == 0 && i < a->depth; i++)
        order = compare_reservations(&a->stack[i], &b->stack[i]);
    return order ? order : compare_volumes(a->volume, b->volume);
}

/* --- canonical form ---------------------------------------------------------------------------- */

static int check_text(const char *text, size_t max, const char *what, struct err *err)
{
    size_t size = text ? strlen(text) : 0;

    if (size > max)
        return err_set(err, -E2BIG, "%s is %zu bytes long, at most %zu are allowed", what, size,
                       max);
    if (size && !utf8_is_valid(text, size))
        return err_set(err, -EINVAL, "%s is not valid UTF-8", what);
    return 0;
}

static void empty_is_none(char **text_p)
{
    if (*text_p && !**text_p)
        free_p(text_p);
}

static int normalize_labels(struct reservation *self, struct err *err)
{
    if (self->labels_count > RESERVATION_LABELS_MAX)
        return err_set(err, -E2BIG, "a reservation with %zu labels, at most %d are allowed",
                       self->labels_count, RESERVATION_LABELS_MAX);
    for (size_t i = 0; i < self->labels_count; i++) {
        int rc = check_text(self->labels[i].key, LABEL_KEY_MAX, "a label's key", err);

        if (rc >= 0)
            rc = check_text(self->labels[i].value, LABEL_VALUE_MAX, "a label's value", err);
        if (rc >= 0 && !*self->labels[i].key)
            rc = err_set(err, -EINVAL, "a label of a reservation has no key");
        if (rc < 0)
            return rc;
    }
    if (self->labels_count > 1)
        qsort(self->labels, self->labels_count, sizeof(self->labels[0]), compare_labels);
    return 0;
}

static int normalize_reservation(struct reservation *self, const struct reservation *outer,
                                 struct err *err)
{
    int rc;

    if (!self->role)
        return err_set(err, -EINVAL, "a reservation without a role");
    rc = role_check(self->role, err);
    if (rc < 0)
        return rc;
    if (!strcmp(self->role, RESOURCE_ROLE_ANY))
        return err_set(err, -EINVAL, "nothing can be reserved for role *");
    if (outer && (!role_is_within(self->role, outer->role) || !strcmp(self->role, outer->role)))
        return err_set(err, -EINVAL,
                       "what is reserved for %.80s cannot be reserved for %.80s: want "
                       "a role below it, as %.60s/x",
                       outer->role, self->role, outer->role);
    if (outer && !self->is_dynamic)
        return err_set(err, -EINVAL,
                       "the reservation for %.80s is inside another one: it must be "
                       "dynamic",
                       self->role);
    empty_is_none(&self->principal);
    if (!self->is_dynamic && (self->principal || self->labels_count))
        return err_set(err, -EINVAL, "the static reservation for %.80s has a principal or labels",
                       self->role);
    rc = check_text(self->principal, PRINCIPAL_MAX, "a reservation's principal", err);
    return rc < 0 ? rc : normalize_labels(self, err);
}

static int normalize_stack(struct resource *portion, struct err *err)
{
    struct resource_terms *terms = portion->terms;
    const char *innermost;

    if (terms->depth > RESERVATIONS_MAX)
        return err_set(err, -E2BIG,
                       "%s: %zu reservations on top of each other, at most %d are "
                       "allowed",
                       portion->name, terms->depth, RESERVATIONS_MAX);
    for (size_t i = 0; i < terms->depth; i++) {
        int rc = normalize_reservation(&terms->stack[i], i ? &terms->stack[i - 1] : NULL, err);

        if (rc < 0)
            return err_wrap(err, rc, "%s", portion->name);
        if (terms->stack[i].is_dynamic && portion->revocable)
            return err_set(err, -EINVAL, "%s: what is revocable cannot be reserved", portion->name);
    }
    innermost = terms->stack[terms->depth - 1].role;
    if (portion->role && strcmp(portion->role, innermost) != 0)
        return err_set(err, -EINVAL,
                       "%s: its role is %.80s, but its innermost reservation is for "
                       "%.80s",
                       portion->name, portion->role, innermost);
    if (!portion->role)
        portion->role = mem_strdup(innermost);
    if (terms->depth == 1 && !terms->stack[0].is_dynamic) {
        reservation_fini(&terms->stack[0]);
        free_p(&terms->stack);
        terms->depth = 0;
    }
    return 0;
}

static int normalize_volume(struct resource *portion, struct err *err)
{
    struct volume *volume = portion->terms->volume;
    int rc = id_check(volume->id ? volume->id : "", "a volume's id", err);

    if (rc < 0)
        return rc;
    if (portion->kind != RESOURCE_SCALAR || strcmp(portion->name, "disk") != 0)
        return err_set(err, -EINVAL, "volume %.80s is made of %s: only disk can be a volume",
                       volume->id, portion->name);
    if (!portion->role)
        return err_set(err, -EINVAL, "volume %.80s is made of unreserved disk: reserve it first",
                       volume->id);
    if (portion->revocable)
        return err_set(err, -EINVAL, "volume %.80s is made of revocable disk", volume->id);
    empty_is_none(&volume->principal);
    return check_text(volume->principal, PRINCIPAL_MAX, "a volume's principal", err);
}

/* "*" is written as no role. */
static int normalize_role(struct resource *portion, struct err *err)
{
    int rc = portion->role ? role_check(portion->role, err) : 0;

    if (rc >= 0 && portion->role && !strcmp(portion->role, RESOURCE_ROLE_ANY))
        free_p(&portion->role);
    return rc;
}

int terms_normalize(struct resource *portion, struct err *err)
{
    int rc = normalize_role(portion, err);

    if (rc < 0 || !portion->terms)
        return rc;
    if (portion->terms->depth)
        rc = normalize_stack(portion, err);
    if (rc >= 0 && portion->terms->volume)
        rc = normalize_volume(portion, err);
    if (rc >= 0 && !portion->terms->depth && !portion->terms->volume)
        terms_free(&portion->terms);
    return rc;
}
