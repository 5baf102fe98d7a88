/* framework-sdk/tasks.h - a task as a framework's author writes it, into what goes over the wire.
 */
#ifndef PROFFER_SDK_TASKS_H
#define PROFFER_SDK_TASKS_H

#include <proffer/types.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/resources.h"
#include "proto/schema.h"

/* Replaces *ret_want by task->resources. -EINVAL, -ERANGE, -EEXIST. */
int sdk_task_parse_resources(const struct proffer_task *task, struct resources *ret_want,
                             struct err *err);
/* Lives in `arena` and borrows nothing of the task. -EINVAL, checked by the schema's limits too, or
 * -EMSGSIZE when the arena's limit is reached. Errors begin with "task ID: ". */
int sdk_task_to_info(const struct proffer_task *task, const char *agent_id,
                     const struct resources *granted, struct arena *arena,
                     const struct task_info **ret_info, struct err *err);
/* "cpus:4;io_write@8:0:10"; in `arena`, or borrowed of the text. */
int sdk_limits_to_info(const char *text, struct arena *arena, const struct limit_info **ret_limits,
                       size_t *ret_count, struct err *err);
/* "name", "value" pairs until a NULL name. */
const struct label_info *sdk_labels_to_info(const struct proffer_pair *pairs, struct arena *arena,
                                            size_t *ret_count);

#endif
