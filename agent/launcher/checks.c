/* Isolators that look after what runs, or is still fetching: each in its own time, all containers in one go. */
#include "agent/launcher/state.h"
#include "base/clock.h"

static void on_check(void *owner, struct deadline *deadline)
{
    struct launcher *self = owner;
    const size_t number = (size_t)(deadline - self->checks);
    const struct isolator_ops *isolator = self->isolators.items[number];
    struct launched *launched, *next;

    HASH_ITER (by_id, self->by_id, launched, next)
        if (launched->state != LAUNCHED_ENDING && !launched_check(launched, number))
            launcher_kill(launched);
    deadline_set(&self->deadlines, deadline, clock_now().mono_us + isolator->check_ms * US_PER_MS);
}

void launcher_start_checks(struct launcher *self)
{
    for (size_t i = 0; i < self->isolators.count; i++) {
        if (!self->isolators.items[i]->check_ms)
            continue;
        self->checks[i].due = on_check;
        deadline_set(&self->deadlines, &self->checks[i],
                     clock_now().mono_us + self->isolators.items[i]->check_ms * US_PER_MS);
    }
}
