/* base/terms.h - what a portion of resources carries beside its role: its stack of reservations, and
 * its volume. For base/portion.c and base/resources*.c only; see base/resources.h.
 */
#ifndef PROFFER_BASE_TERMS_H
#define PROFFER_BASE_TERMS_H

#include "base/resources.h"

/* Takes NULL, and half-built ones. */
void terms_free(struct resource_terms **self_p);
/* NULL for NULL. */
struct resource_terms *terms_copy(const struct resource_terms *from);
void reservation_copy(struct reservation *ret_copy, const struct reservation *from);
void reservation_fini(struct reservation *self);
struct volume *volume_copy(const struct volume *from);
void volume_free(struct volume **self_p);

/* A total order; NULL comes first. Both are canonical. */
int terms_compare(const struct resource_terms *a, const struct resource_terms *b);

/* Check the portion's role and terms and bring them into canonical form: no terms when there is only a
 * static reservation, "" is NULL, labels are sorted. -EINVAL, -E2BIG. */
int terms_normalize(struct resource *portion, struct err *err);

/* What stands behind the name: "(ads)", "(eng)(eng/db dynamic by ops)[db1]". In base/terms_text.c. */
void terms_print(const struct resource *portion, struct buf *out);
/* Read that from *at_p on, which is moved behind it, into the portion, whose role and terms were not
 * set. It may also be nothing. -EINVAL with a text. */
int terms_parse(const char **at_p, struct resource *portion, struct err *err);

#endif
