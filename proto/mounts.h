/* proto/mounts.h - where a task sees its volumes: one rule for those who check it and for the one who
 * does it.
 */
#ifndef PROFFER_PROTO_MOUNTS_H
#define PROFFER_PROTO_MOUNTS_H

#include "base/arena.h"
#include "base/err.h"
#include "base/resources.h"
#include "proto/schema.h"

#define MOUNTS_MAX 64

/* Does each name a volume that is among the resources, and a place in the sandbox that is no other's?
 * 0, or -errno with a text. */
int mounts_check(const struct mount_info *mounts, size_t count, const struct resources *resources,
                 struct err *err);

/* --- in a group ---------------------------------------------------------------------------------
 *
 * A task may mount a volume of another one of its group: by its mounts alone, as it is that one's.
 */

/* Does `task` mount a volume of `owner`, and has none of that name itself? */
bool mounts_borrow(const struct task_info *task, const struct task_info *owner);
/* Is that volume among its resources? */
bool mounts_has(const struct task_info *task, const struct resource *volume);
/* *seen, its own resources at first, is more by those volumes. -errno with a text: as that of resources. */
int mounts_add_borrowed(struct resources *seen, const struct task_info *task,
                        const struct task_info *owner, struct err *err);
/* Of one of `count` tasks of a group: what it has, and what it mounts of the others. */
int mounts_seen(const struct task_info *tasks, size_t count, const struct task_info *task,
                struct resources *seen, struct err *err);

/* One volume of a task. */
struct mounted {
    const struct resource *portion; /* borrowed of the resources */
    bool is_read_only;
    const char *path; /* below the sandbox; borrowed of the mount or the volume */
};

/* All volumes of a task whose mounts passed the check, in `arena`. */
const struct mounted *mounts_list(const struct mount_info *mounts, size_t count,
                                  const struct resources *resources, struct arena *arena,
                                  size_t *ret_count);

#endif
