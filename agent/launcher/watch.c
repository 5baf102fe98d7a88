/* What the kernel tells isolators while containers run: who is beyond a limit is killed at once. */
#include <poll.h>

#include "agent/launcher/state.h"
#include "base/clock.h"

size_t launcher_watched(const struct launcher *self, struct pollfd ret_fds[])
{
    size_t count = 0;

    for (size_t i = 0; i < self->isolators.count; i++) {
        const struct isolator_ops *ops = self->isolators.items[i];
        int fd = ops->events_fd ? ops->events_fd() : -1;

        if (fd >= 0)
            ret_fds[count++] = (struct pollfd){fd, POLLIN, 0};
    }
    return count;
}

/* The kernel tells that a process is to be killed before it has chosen and killed one: so it is looked again, a few
 * times, ever later. */
#define LOOK_FIRST_MS 2
#define LOOKS         10

static void check_all(struct launcher *self)
{
    struct launched *launched, *next;

    for (size_t i = 0; i < self->isolators.count; i++)
        if (self->isolators.items[i]->on_event)
            HASH_ITER (by_id, self->by_id, launched, next)
                if (launched->state != LAUNCHED_ENDING && !launched_check(launched, i))
                    launcher_kill(launched);
}

static void look_again(void *owner, struct deadline *deadline);

static void look(struct launcher *self)
{
    int64_t pause_ms = (int64_t)LOOK_FIRST_MS << self->watch_rounds;

    check_all(self);
    if (++self->watch_rounds > LOOKS)
        return;
    self->watch_again.due = look_again;
    deadline_set(&self->deadlines, &self->watch_again, clock_now().mono_us + pause_ms * US_PER_MS);
}

static void look_again(void *owner, struct deadline *deadline)
{
    (void)deadline;
    look(owner);
}

void launcher_on_events(struct launcher *self)
{
    bool has_happened = false;

    for (size_t i = 0; i < self->isolators.count; i++) {
        const struct isolator_ops *ops = self->isolators.items[i];

        if (ops->on_event && ops->on_event())
            has_happened = true;
    }
    if (!has_happened)
        return;
    deadline_cancel(&self->deadlines, &self->watch_again);
    self->watch_rounds = 0;
    look(self);
}
