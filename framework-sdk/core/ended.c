/* The ends that were told lately. When the master ends a task by its own word it forgets it at once: a
 * question about the task that was on its way is then answered by one who knows nothing. Such an
 * answer is no news and is not told, so that an end is final. */
#include <stdlib.h>

#include "base/mem.h"
#include "framework-sdk/core/state.h"

#define ENDED_MAX 4096 /* far more than can be on the way */

struct driver_end {
    UT_hash_handle hh;
    char id[];
};

static struct driver_end *find(const struct driver *self, const char *task_id)
{
    struct driver_end *end;

    HASH_FIND_STR(self->ends, task_id, end);
    return end;
}

static void drop(struct driver *self, struct driver_end *end)
{
    HASH_DEL(self->ends, end);
    free(end);
}

void driver_note_end(struct driver *self, const char *task_id)
{
    size_t size = strlen(task_id) + 1;
    struct driver_end *end;

    if (find(self, task_id))
        return;
    end = mem_alloc(sizeof(*end) + size);
    memcpy(end->id, task_id, size);
    HASH_ADD_STR(self->ends, id, end);
    if (HASH_COUNT(self->ends) > ENDED_MAX)
        drop(self, self->ends);
}

void driver_forget_end(struct driver *self, const char *task_id)
{
    struct driver_end *end = find(self, task_id);

    if (end)
        drop(self, end);
}

void driver_forget_ends(struct driver *self)
{
    while (self->ends)
        drop(self, self->ends);
}

bool driver_is_late(const struct driver *self, const struct task_status *status)
{
    return status->reason == REASON_RECONCILIATION && !status->uuid.size &&
           find(self, status->task_id);
}
