#include "proto/scan.h"

#include <errno.h>
#include <stdint.h>

/* What the byte in front of an object says about it. */
struct shape {
    size_t head;    /* bytes of its own, the first one and the length or number included */
    uint64_t bytes; /* of text or binary data behind the head */
    uint64_t items; /* objects behind the head; a map's pairs count twice */
    enum { SHAPE_LEAF, SHAPE_CONTAINER, SHAPE_REFUSED } kind;
};

static uint64_t big_endian(const unsigned char *data, size_t size)
{
    uint64_t value = 0;

    for (size_t i = 0; i < size; i++)
        value = value << 8 | data[i];
    return value;
}

/* 0xc0 to 0xdf: how many bytes of length or number follow, and what they count. */
struct prefix {
    unsigned char extra;
    enum { COUNTS_NOTHING, COUNTS_BYTES, COUNTS_ITEMS, COUNTS_PAIRS, NOT_OURS } counts;
};

/* clang-format off */
static const struct prefix prefixes[32] = {
    [0x00] = {0, COUNTS_NOTHING}, /* nil */
    [0x01] = {0, NOT_OURS},       /* never used */
    [0x02] = {0, COUNTS_NOTHING}, /* false, true */
    [0x03] = {0, COUNTS_NOTHING},
    [0x04] = {1, COUNTS_BYTES},   /* bin 8, 16, 32 */
    [0x05] = {2, COUNTS_BYTES},
    [0x06] = {4, COUNTS_BYTES},
    [0x07] = {0, NOT_OURS},       /* ext 8, 16, 32 */
    [0x08] = {0, NOT_OURS},
    [0x09] = {0, NOT_OURS},
    [0x0a] = {4, COUNTS_NOTHING}, /* float 32, 64 */
    [0x0b] = {8, COUNTS_NOTHING},
    [0x0c] = {1, COUNTS_NOTHING}, /* uint 8, 16, 32, 64 */
    [0x0d] = {2, COUNTS_NOTHING},
    [0x0e] = {4, COUNTS_NOTHING},
    [0x0f] = {8, COUNTS_NOTHING},
    [0x10] = {1, COUNTS_NOTHING}, /* int 8, 16, 32, 64 */
    [0x11] = {2, COUNTS_NOTHING},
    [0x12] = {4, COUNTS_NOTHING},
    [0x13] = {8, COUNTS_NOTHING},
    [0x14] = {0, NOT_OURS},       /* fixext 1, 2, 4, 8, 16 */
    [0x15] = {0, NOT_OURS},
    [0x16] = {0, NOT_OURS},
    [0x17] = {0, NOT_OURS},
    [0x18] = {0, NOT_OURS},
    [0x19] = {1, COUNTS_BYTES},   /* str 8, 16, 32 */
    [0x1a] = {2, COUNTS_BYTES},
    [0x1b] = {4, COUNTS_BYTES},
    [0x1c] = {2, COUNTS_ITEMS},   /* array 16, 32 */
    [0x1d] = {4, COUNTS_ITEMS},
    [0x1e] = {2, COUNTS_PAIRS},   /* map 16, 32 */
    [0x1f] = {4, COUNTS_PAIRS},
};
/* clang-format on */

/* `head` of the answer may be more than `left`; the counts are then 0. */
static struct shape shape_with_prefix(const unsigned char *data, size_t left)
{
    const struct prefix *prefix = &prefixes[data[0] & 0x1f];
    struct shape shape = {.head = 1U + prefix->extra};
    uint64_t count = shape.head <= left ? big_endian(data + 1, prefix->extra) : 0;

    switch (prefix->counts) {
    case COUNTS_NOTHING:
        break;
    case COUNTS_BYTES:
        shape.bytes = count;
        break;
    case COUNTS_ITEMS:
        shape.kind = SHAPE_CONTAINER;
        shape.items = count;
        break;
    case COUNTS_PAIRS:
        shape.kind = SHAPE_CONTAINER;
        shape.items = count * 2;
        break;
    case NOT_OURS:
        shape.kind = SHAPE_REFUSED;
        break;
    }
    return shape;
}

static struct shape shape_of(const unsigned char *data, size_t left)
{
    unsigned char first = data[0];

    if (first < 0x80 || first >= 0xe0)
        return (struct shape){.head = 1};
    if (first < 0x90)
        return (struct shape){.head = 1, .items = (first & 0x0fU) * 2, .kind = SHAPE_CONTAINER};
    if (first < 0xa0)
        return (struct shape){.head = 1, .items = first & 0x0fU, .kind = SHAPE_CONTAINER};
    if (first < 0xc0)
        return (struct shape){.head = 1, .bytes = first & 0x1fU};
    return shape_with_prefix(data, left);
}

int scan_check(const void *data, size_t size, struct err *err)
{
    const unsigned char *next = data;
    const unsigned char *end = next + size;
    uint64_t open[SCAN_DEPTH_MAX]; /* objects still to come in each container that is open */
    uint64_t owed = 1;             /* objects still to come in all: each takes at least one byte */
    size_t depth = 0;

    for (size_t nodes = 1; owed > 0; nodes++) {
        struct shape shape;

        if (next == end)
            return err_set(err, -EBADMSG, "cut short after %zu bytes", size);
        if (nodes > SCAN_NODES_MAX)
            return err_set(err, -EBADMSG, "more than %d values", SCAN_NODES_MAX);
        shape = shape_of(next, (size_t)(end - next));
        if (shape.kind == SHAPE_REFUSED)
            return err_set(err, -EBADMSG, "type 0x%02x is not taken", next[0]);
        owed += shape.items - 1;
        if (shape.head > (size_t)(end - next) ||
            shape.bytes + owed > (uint64_t)(end - next) - shape.head)
            return err_set(err, -EBADMSG, "claims more than the %zu bytes that are there", size);
        next += shape.head + shape.bytes;
        if (depth > 0)
            open[depth - 1]--;
        if (shape.items > 0) {
            if (depth == SCAN_DEPTH_MAX)
                return err_set(err, -EBADMSG, "nested deeper than %d", SCAN_DEPTH_MAX);
            open[depth++] = shape.items;
        }
        while (depth > 0 && open[depth - 1] == 0)
            depth--;
    }
    if (next != end)
        return err_set(err, -EBADMSG, "%zu bytes too many at the end", (size_t)(end - next));
    return 0;
}
