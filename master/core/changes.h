/* master/core/changes.h - the public state: each change is published once, numbered without gaps.
 */
#ifndef PROFFER_MASTER_CORE_CHANGES_H
#define PROFFER_MASTER_CORE_CHANGES_H

#include "master/core/state.h"

void publish_master(struct master *master);
void publish_agent(struct master *master, const struct agent *agent);
void publish_agent_removed(struct master *master, const struct agent *agent,
                           enum removal_reason reason);
void publish_role(struct master *master, const struct msg_kept_role *role);
struct window;
struct inverse_offer;
void publish_window(struct master *master, const struct window *window);
void publish_window_removed(struct master *master, const char *id);
void publish_answer(struct master *master, const struct inverse_offer *offer);
void publish_framework(struct master *master, const struct framework *framework);
void publish_framework_removed(struct master *master, const struct framework *framework,
                               enum removal_reason reason);
/* A new task, by the only description that the core ever has of it. `status` may be NULL. */
void publish_task(struct master *master, const struct task *task, const struct task_info *info,
                  const struct task_status *status);
/* `status` NULL: only the state moved. */
void publish_task_status(struct master *master, const struct task *task,
                         const struct task_status *status);
/* Its limits are others now. */
void publish_task_limits(struct master *master, const struct task *task,
                         const struct msg_limits_changed *changed);
void publish_task_removed(struct master *master, const struct task *task);
/* `info` as it is offered. */
void publish_offer(struct master *master, const struct offer_info *info);
void publish_offer_removed(struct master *master, const struct offer *offer);

#endif
