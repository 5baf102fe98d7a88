/* Any bytes as a frame. What is taken must pass the check, fit its memory, and mean the same again.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "proto/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void assert_encodes_to(const struct message *message, const struct buf *expected)
{
    CLEANUP(buf_fini) struct buf out = {0};

    BUG_ON(message_encode(message, &out, NULL) < 0);
    BUG_ON(out.size != expected->size || memcmp(out.data, expected->data, out.size) != 0);
}

static void follow_up(const struct message *message, struct arena *arena)
{
    CLEANUP(buf_fini) struct buf frame = {0};
    struct message again;
    struct message copy = *message;

    BUG_ON(message_check(message, NULL) < 0);
    BUG_ON(message_encode(message, &frame, NULL) < 0);
    BUG_ON(message_decode(frame.data, frame.size, arena, &again, NULL) < 0);
    assert_encodes_to(&again, &frame);
    copy.body = message_copy_body(message->type, message->body, arena);
    BUG_ON(!copy.body);
    assert_encodes_to(&copy, &frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    struct message message;
    struct err err = {""};
    int result = message_decode(data, size, arena, &message, &err);

    BUG_ON(arena_used(arena) > MESSAGE_MEMORY_MAX(size));
    BUG_ON(result < 0 && !*err.text);
    if (result == 0)
        follow_up(&message, arena);
    return 0;
}
