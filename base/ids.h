/* base/ids.h - names that people and peers give to things, and names that we make. */
#ifndef PROFFER_BASE_IDS_H
#define PROFFER_BASE_IDS_H

#include "base/err.h"
#include "base/rng.h"

#define ID_MAX     255 /* bytes, as Mesos has it */
#define UUID_BYTES 16
#define UUID_TEXT  37 /* with its NUL */

/* 1 to 255 bytes, valid UTF-8, no control character, no '/' or '\', not "." or "..". 0 or -EINVAL;
 * `what` names the id in the text ("task_id"). */
int id_check(const char *id, const char *what, struct err *err);

/* RFC 4122 version 4, from a seeded generator: unique within a run, no secret. */
void uuid_make(struct rng *rng, unsigned char ret_uuid[UUID_BYTES]);
void uuid_print(const unsigned char uuid[UUID_BYTES], char ret_text[UUID_TEXT]);

#endif
