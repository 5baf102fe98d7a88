/* isolators/worker.h - a process of an isolator, for what takes long: the launcher's loop waits for nobody.
 *
 * It is forked, sees all that its isolator has in memory as it was then, writes what it finds into a pipe that the isolator
 * reads in its `check`, and ends. It dies with the launcher, which waits for it as for all its children.
 */
#ifndef PROFFER_ISOLATORS_WORKER_H
#define PROFFER_ISOLATORS_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct worker {
    int process_fd; /* owned: its pidfd; -1: there is none */
    int result_fd;  /* owned */
};

#define WORKER_NONE ((struct worker){-1, -1})
#define WORKER_KEPT 4 /* descriptors that it may keep, at most */

/* What is done: writes into `result_fd`. All descriptors are closed but that and those that are kept. */
typedef void worker_run(const void *arg, int result_fd);

/* `kept`: descriptors, -1 is none. -errno: none was started. */
int worker_start(struct worker *self, const int kept[], size_t kept_count, worker_run *run,
                 const void *arg);
static inline bool worker_is_there(const struct worker *self)
{
    return self->process_fd >= 0;
}
/* The next `size` bytes, which were written at once and are PIPE_BUF at most. 1; 0: it has ended, and has said all that it
 * will; -EAGAIN: nothing yet. */
int worker_read(const struct worker *self, void *ret_data, size_t size);
void worker_signal(const struct worker *self, int signal);
/* Is that child of ours one, and not something that was left by others? Until it is said that it was waited for. */
bool workers_have(pid_t pid);
void workers_reaped(pid_t pid);
/* Killed, if it still works; forgotten in any case. */
void worker_end(struct worker *self);

#endif
