/* Any bytes as what comes by a channel (agent, launcher, executors, Docker's side). What is taken does not depend on the
 * pieces in which it comes; a frame that is wrong is passed over, a length that is wrong is the end. */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "proto/channel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PIECE_MAX 16384 /* a socket holds that */

struct taken {
    size_t messages;
    size_t wrong;
    uint64_t types; /* of the messages, in their order */
    bool is_over;
};

static void take_all(struct channel *channel, struct taken *taken)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);

    while (!taken->is_over) {
        struct message message;
        struct err err = {""};
        int rc = channel_next(channel, arena, &message, &err);

        if (rc == 0)
            return;
        BUG_ON((rc < 0) != (*err.text != '\0'));
        taken->is_over = rc == -EMSGSIZE;
        taken->wrong += rc < 0;
        taken->messages += rc > 0;
        if (rc > 0) {
            BUG_ON(message_check(&message, NULL) < 0);
            taken->types = taken->types * 257 + (uint64_t)message.type;
        }
    }
}

static struct taken run(const uint8_t *data, size_t size, size_t piece)
{
    struct channel channel;
    struct taken taken = {0};
    int ends[2];

    BUG_ON(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0);
    channel_init(&channel, ends[0]);
    for (size_t at = 0; at < size && !taken.is_over; at += piece) {
        size_t count = size - at < piece ? size - at : piece;

        BUG_ON(write(ends[1], data + at, count) != (ssize_t)count);
        while (channel_fill(&channel) > 0)
            ;
        take_all(&channel, &taken);
    }
    close(ends[1]);
    channel_fini(&channel);
    return taken;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct taken whole = run(data, size, PIECE_MAX);
    struct taken parts = run(data, size, size / 64 + 1);

    BUG_ON(whole.messages != parts.messages || whole.wrong != parts.wrong);
    BUG_ON(whole.types != parts.types || whole.is_over != parts.is_over);
    return 0;
}
