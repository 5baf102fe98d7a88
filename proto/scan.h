/* proto/scan.h - a look at msgpack bytes before any library allocates for them.
 *
 * msgpack-c believes a count: five bytes make it ask for gigabytes. So each claimed
 * count is held against the bytes that are left (every element takes at least one), depth and the number
 * of nodes are bounded, and extension types are refused. Touches nothing but the bytes; no recursion.
 */
#ifndef PROFFER_PROTO_SCAN_H
#define PROFFER_PROTO_SCAN_H

#include <stddef.h>

#include "base/err.h"

#define SCAN_DEPTH_MAX 16
#define SCAN_NODES_MAX (1024 * 1024)

/* 0 when `data` is exactly one well-formed msgpack object within the bounds, else -EBADMSG. */
int scan_check(const void *data, size_t size, struct err *err);

#endif
