/* isolators/kept.h - what an isolator must know of a container that a later launcher adopts.
 *
 * A small text for each, in a file beside the container's record: lines "name value". It is written before the task
 * starts and removed in `destroy`, unless the container is only left (isolation_is_left). Whoever keeps anything has a
 * `settled` that removes what no container is there for. It need not outlive the host: no container does.
 */
#ifndef PROFFER_ISOLATORS_KEPT_H
#define PROFFER_ISOLATORS_KEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "isolators/isolator.h"

/* For the launcher, once: the folder, borrowed for good; -1: nothing can be kept. */
void kept_open(int dir);
int kept_folder(void); /* on the file system of the agent's work folder */

/* `kind` is the isolator's own, "ports". Replaces what was there. */
int kept_write(const char *container_id, const char *kind, const struct buf *text, struct err *err);
/* The caller's to free; NULL: there is none. */
char *kept_read(const char *container_id, const char *kind);
void kept_remove(const char *container_id, const char *kind);
/* Calls `each` with every container that has one; it may remove it. */
void kept_each(const char *kind, void (*each)(void *owner, const char *container_id), void *owner);

/* Removes those of containers that are not there. */
void kept_drop_others(const char *kind, const struct isolator_living *living);

/* The value of the number-th line of that name, cut at its end: copied into ret_value. False: there is no such line, or
 * it is longer than `size`. */
bool kept_get(const char *text, const char *name, size_t number, char *ret_value, size_t size);
int64_t kept_get_int(const char *text, const char *name); /* 0: none */

#endif
