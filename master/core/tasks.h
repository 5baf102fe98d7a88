/* master/core/tasks.h - the records of tasks: what each counts as, what it holds, when it goes.
 *
 * A record lives from launch (or from an agent's registration) until its framework has acknowledged
 * the terminal update, or until the master itself has said how it ended. Its resources are free as
 * soon as the agent's newest state is terminal.
 */
#ifndef PROFFER_MASTER_CORE_TASKS_H
#define PROFFER_MASTER_CORE_TASKS_H

#include "master/core/state.h"

/* What the master itself says of a task. */
struct verdict {
    enum task_state state;
    enum task_reason reason;
    const char *text;
};

struct task *task_find(const struct framework *framework, const char *id);
/* Takes the resources over. It holds nothing until task_settle. The id is not in use. */
struct task *task_add(struct master *master, struct subscription *subscription, struct agent *agent,
                      const char *id, struct resources *resources, enum task_state state);
/* Forget it; whatever it held is free. */
void task_remove(struct master *master, struct task *task);
/* The same, and nobody is told. */
void task_drop(struct master *master, struct task *task);

/* Is it a state that a task can have on an agent? False for numbers that this version does not
 * know. */
bool task_state_is_of_agent(enum task_state state);
bool task_may_move(const struct task *task, enum task_state state);
/* The one place where its state changes; it must be allowed. Counts, and frees resources at its
 * end. */
void task_move(struct master *master, struct task *task, enum task_state state);
/* Make what it holds agree with its state: a live task on an agent in the pool holds its resources.
 */
void task_settle(struct master *master, struct task *task);
/* It holds nothing for now, whatever its state: its agent's books are being made anew. */
void task_release(struct master *master, struct task *task);
/* Is it an executor, or for one? */
void task_note_executor(struct task *task, const struct task_info *info);
/* An executor with live tasks: they end when it does. */
bool task_has_tasks(const struct task *task);
/* What its agent's newest status says of how it is: its health, its check, its container (NULL there: it is as before). */
void task_note_status(struct task *task, const struct task_status *status);
/* The same in a status by the master, in `arena`. */
void task_add_noted(const struct task *task, struct task_status *status, struct arena *arena);

/* --- what frameworks are told
 * ---------------------------------------------------------------------- */

/* A status by the master: without uuid, so it is not acknowledged. The texts are borrowed. */
struct task_status status_by_master(const struct master *master, const char *task_id,
                                    const char *agent_id, const struct verdict *verdict);
void framework_tell(struct master *master, const struct framework *framework,
                    const struct task_status *status);
/* Tell the framework that the task counts as this from now on; the record stays. */
void task_tell(struct master *master, struct task *task, const struct verdict *verdict);
/* The task ends by the master's word: tell, and forget it. One that had ended before, not yet
 * acknowledged, keeps that end. */
void task_end(struct master *master, struct task *task, const struct verdict *verdict);
/* A task that was never accepted: there is no record of it. */
void task_refuse(struct master *master, const struct framework *framework, const char *task_id,
                 const char *agent_id, const struct verdict *verdict);

#endif
