/* Any bytes as msgpack. What the scan takes must unpack, to no more objects than there are bytes.
 */
#include <stddef.h>
#include <stdint.h>

#include <msgpack/unpack.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "proto/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Recursion is safe: the scan has bounded the depth. */
static size_t count_objects(const msgpack_object *object, size_t depth)
{
    size_t count = 1;

    BUG_ON(depth > SCAN_DEPTH_MAX + 1);
    BUG_ON(object->type == MSGPACK_OBJECT_EXT);
    if (object->type == MSGPACK_OBJECT_ARRAY)
        for (size_t i = 0; i < object->via.array.size; i++)
            count += count_objects(&object->via.array.ptr[i], depth + 1);
    if (object->type == MSGPACK_OBJECT_MAP)
        for (size_t i = 0; i < object->via.map.size; i++)
            count += count_objects(&object->via.map.ptr[i].key, depth + 1) +
                     count_objects(&object->via.map.ptr[i].val, depth + 1);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(msgpack_zone_destroy) msgpack_zone zone;
    msgpack_object object;
    size_t offset = 0;
    struct err err = {""};
    int result = scan_check(data, size, &err);

    BUG_ON(!msgpack_zone_init(&zone, 1024));
    BUG_ON(result < 0 && !*err.text);
    if (result < 0)
        return 0;
    BUG_ON(msgpack_unpack((const char *)data, size, &offset, &zone, &object) !=
           MSGPACK_UNPACK_SUCCESS);
    BUG_ON(offset != size);
    BUG_ON(count_objects(&object, 0) > size);
    return 0;
}
