/* proto/checks.h - what a check of a task may be, and what it is when nothing is said: one rule for the
 * master, the agent and the SDK.
 */
#ifndef PROFFER_PROTO_CHECKS_H
#define PROFFER_PROTO_CHECKS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "proto/schema.h"

#define CHECK_INTERVAL_MS 10000
#define CHECK_TIMEOUT_MS  20000
#define CHECK_GRACE_MS    10000
#define CHECK_FAILURES    3
#define CHECK_ADDRESS     "127.0.0.1"

/* Both checks of a task. 0, or -errno with a text that names the check. */
int task_checks_check(const struct task_info *task, struct err *err);

enum check_kind check_kind_of(const struct check_info *info);
/* `value`, or what stands for 0. */
int64_t check_value(int64_t value, int64_t otherwise);
/* How long it may take: a week at most, whoever has checked it. */
int64_t check_timeout_ms(const struct check_info *info);
/* The port to look at: the check's own, or the task's first; 0: it has none. */
int64_t check_port(const struct check_info *info, const struct task_info *task);

#endif
