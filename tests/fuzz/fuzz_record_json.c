/* A byte that picks a message, then any bytes as JSON of its body. What is taken must pass the
 * check and be written and read as the same again. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "proto/descriptor.h"
#include "proto/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void follow_up(const struct record_def *def, const void *record, struct arena *arena)
{
    CLEANUP(buf_fini) struct buf once = {0}, twice = {0};
    const void *again;

    BUG_ON(record_check(def, record, NULL) < 0);
    record_write_json(def, record, &JSON(&once));
    BUG_ON(record_read_json(def, once.data, once.size, arena, &again, NULL) < 0);
    record_write_json(def, again, &JSON(&twice));
    BUG_ON(once.size != twice.size || memcmp(once.data, twice.data, once.size) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    const struct message_def *message = size > 0 ? message_def_get((enum msg_type)data[0]) : NULL;
    const void *record;
    struct err err = {""};
    int result;

    if (!message)
        return 0;
    result =
        record_read_json(message->body, (const char *)data + 1, size - 1, arena, &record, &err);
    BUG_ON(result < 0 && !*err.text);
    if (result == 0)
        follow_up(message->body, record, arena);
    return 0;
}
