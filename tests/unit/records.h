/* tests/unit/records.h - records and messages made from the descriptors alone, for any test that
 * wants one of each kind. All are in an arena, and pass record_check unless said otherwise. */
#ifndef PROFFER_TESTS_UNIT_RECORDS_H
#define PROFFER_TESTS_UNIT_RECORDS_H

#include "base/arena.h"
#include "base/rng.h"
#include "proto/descriptor.h"
#include "proto/message.h"

/* Any fields, any values: edges of integers, several alphabets, empty and absent things. */
const void *record_random(const struct record_def *def, struct rng *rng, struct arena *arena);
/* Every field set, always to the same values; two elements in every array. */
const void *record_full(const struct record_def *def, struct arena *arena);
/* Only what is required. */
const void *record_least(const struct record_def *def, struct arena *arena);
bool record_is_equal(const struct record_def *def, const void *a, const void *b);
/* Are all fields set, in what it contains too? */
bool record_is_full(const struct record_def *def, const void *record);

/* Goes through all messages: 0 starts, 0 ends. */
enum msg_type message_next(enum msg_type type);
struct message message_random(enum msg_type type, struct rng *rng, struct arena *arena);
/* A frame in malloc'ed memory of exactly its size, so that a sanitizer sees a read beyond it. */
char *frame_of(const struct message *message, size_t *ret_size);
/* Check, encode, decode, encode: fails the test unless values and bytes stay the same. */
void assert_comes_back(const struct message *message);

#endif
