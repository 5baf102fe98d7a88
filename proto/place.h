/* proto/place.h - where in a message something is wrong, told as "RUN_TASK: task.env[3].name: is
 * missing".
 *
 * Places are a chain on the stack of whoever goes through a record; nothing is built unless it is
 * needed for an error. For the files of proto only.
 */
#ifndef PROFFER_PROTO_PLACE_H
#define PROFFER_PROTO_PLACE_H

#include <stddef.h>

#include "base/err.h"

#define PLACE_NO_INDEX ((size_t)-1)

struct place {
    const struct place *up; /* NULL: a field of the outermost record */
    const char *name;
    size_t index; /* of an element, or PLACE_NO_INDEX */
};

/* How whoever asked wants to be told. */
struct report {
    const char *subject; /* the message or record; NULL: left out */
    int code;            /* -EBADMSG from the wire, -EINVAL from a user */
    struct err *err;     /* may be NULL */
};

/* Write the text and answer the report's code. `place` NULL: the record as a whole. */
int report_at(const struct report *report, const struct place *place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
