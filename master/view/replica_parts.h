/* master/view/replica_parts.h - for replica*.c only: what each part does with a change, and with
 * its own when others go. Changes are answered as replica_apply says. */
#ifndef PROFFER_MASTER_VIEW_REPLICA_PARTS_H
#define PROFFER_MASTER_VIEW_REPLICA_PARTS_H

#include "master/view/replica.h"

/* replica_agents.c */
int replica_on_agent(struct replica *self, const struct msg_change_agent *change, struct err *err);
int replica_on_agent_removed(struct replica *self, const struct msg_change_agent_removed *change,
                             struct err *err);
void replica_free_agent(struct replica *self, struct agent *agent);
void replica_free_unreachable(struct replica *self, struct unreachable_agent *agent);

/* replica_frameworks.c */
int replica_on_framework(struct replica *self, const struct msg_change_framework *change,
                         struct err *err);
int replica_on_framework_removed(struct replica *self,
                                 const struct msg_change_framework_removed *change,
                                 struct err *err);
int replica_on_offer(struct replica *self, const struct msg_change_offer *change, struct err *err);
int replica_on_offer_removed(struct replica *self, const struct msg_change_offer_removed *change,
                             struct err *err);
void replica_free_framework(struct replica *self, struct framework *framework);
void replica_free_offer(struct replica *self, struct offer *offer);

/* replica_roles.c: NULL and "" are the role "*" */
struct role *replica_role(struct replica *self, const char *name);
int replica_on_role(struct replica *self, const struct msg_change_role *change);
void replica_free_role(struct replica *self, struct role *role);
void replica_drop_role_if_unused(struct replica *self, struct role *role);
void replica_join_roles(struct replica *self, struct framework *framework);
void replica_leave_roles(struct replica *self, struct framework *framework);
int replica_reserve(struct replica *self, const struct resources *total, struct err *err);
int replica_unreserve(struct replica *self, const struct resources *total, struct err *err);
/* Book it for `role`; unbook it and let go of a role that nobody needs any more. */
int replica_book(struct replica *self, struct claim *claim, const char *role, struct err *err);
int replica_unbook(struct replica *self, struct claim *claim, struct err *err);

/* replica_windows.c */
int replica_on_window(struct replica *self, const struct msg_change_window *change,
                      struct err *err);
void replica_free_window(struct replica *self, struct window *window);

/* replica_tasks.c */
int replica_on_task(struct replica *self, const struct msg_change_task *change, struct err *err);
int replica_on_task_status(struct replica *self, const struct msg_change_task_status *change,
                           struct err *err);
int replica_on_task_removed(struct replica *self, const struct msg_change_task_removed *change,
                            struct err *err);
/* It is history from now on: completed, the oldest of its framework's may go. */
int replica_complete_task(struct replica *self, struct task *task, struct err *err);
void replica_free_task(struct replica *self, struct task *task);

#endif
