/* proto/check.h - what the schema asks of a record beyond its shape; for the files of proto only.
 */
#ifndef PROFFER_PROTO_CHECK_H
#define PROFFER_PROTO_CHECK_H

#include "proto/descriptor.h"
#include "proto/place.h"

/* Required fields, lengths, UTF-8, ids, signs, down to the last element. 0 or the report's code. */
int check_record(const struct record_def *def, const void *record, const struct report *report,
                 const struct place *place);

#endif
