/* base/table.h - hash tables: uthash (intrusive, kept in order of insertion, so that a run can be
 * repeated) with a keyed hash, because the keys are ids that users and peers choose.
 *
 * Use uthash's own macros (HASH_ADD_KEYPTR, HASH_FIND_STR, HASH_DEL, HASH_ITER); see its manual.
 */
#ifndef PROFFER_BASE_TABLE_H
#define PROFFER_BASE_TABLE_H

#include <stddef.h>

/* SipHash-2-4 (libsodium's crypto_shorthash) under the process's key. */
unsigned table_hash(const void *key, size_t size);
/* Draw a random key. Call once, before the first table; without it the key is fixed (tests, simulator). */
void table_randomize(void);

#define HASH_FUNCTION(key, size, hash) ((hash) = table_hash((key), (size)))
#include <uthash.h>
#include <utlist.h>

#endif
