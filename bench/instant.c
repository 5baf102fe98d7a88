/* bench/instant.c - a launcher whose containers start and end at once, without a process: what is left is the way
 * of updates through agent, master and framework.
 *
 *     proffer-agent --launcher build/bench/instant ...
 */
#include <poll.h>
#include <stdio.h>

#include "base/clock.h"
#include "proto/channel.h"

#define CHANNEL_FD 3

static void answer(struct channel *channel, const struct message *message)
{
    static const struct exit_info exit = {.code = 0};
    const char *id;

    switch (message->type) {
    case MSG_LAUNCHER_RECOVER:
        channel_send(channel, &MESSAGE(LAUNCHER_READY, launcher_ready, .cgroups = "none"), NULL);
        break;
    case MSG_LAUNCH_CONTAINER:
        id = message->launch_container->container_id;
        channel_send(channel,
                     &MESSAGE(CONTAINER_STARTED, container_started, .container_id = id, .pid = 1,
                              .started_us = clock_now().wall_us),
                     NULL);
        channel_send(channel,
                     &MESSAGE(CONTAINER_EXITED, container_exited, .container_id = id, .exit = &exit,
                              .ended_us = clock_now().wall_us),
                     NULL);
        break;
    case MSG_USAGE_REQUEST:
        channel_send(channel,
                     &MESSAGE(USAGE_REPLY, usage_reply, .number = message->usage_request->number),
                     NULL);
        break;
    default:
        break;
    }
}

static int answer_all(struct channel *channel)
{
    struct arena *arena = arena_new(0);
    struct message message;
    struct err err;
    int r;

    while ((r = channel_next(channel, arena, &message, &err)) > 0)
        answer(channel, &message);
    arena_destroy(&arena);
    return r;
}

int main(void)
{
    struct channel channel;
    struct pollfd fd = {.fd = CHANNEL_FD};

    channel_init(&channel, CHANNEL_FD);
    for (;;) {
        fd.events = (short)(POLLIN | (channel_has_output(&channel) ? POLLOUT : 0));
        if (poll(&fd, 1, -1) < 0)
            continue;
        if ((fd.revents & (POLLIN | POLLHUP)) && channel_fill(&channel) == 0)
            return 0;
        if (answer_all(&channel) < 0 || channel_flush(&channel) < 0)
            return 1;
    }
}
