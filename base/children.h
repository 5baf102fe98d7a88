/* base/children.h - which processes there are, and whose children, as a /proc tells it. Linux. */
#ifndef PROFFER_BASE_CHILDREN_H
#define PROFFER_BASE_CHILDREN_H

#include <stdbool.h>
#include <sys/types.h>

/* `proc_fd` is a folder /proc, opened in whatever way; pids are as that one counts them. -errno: it cannot be read. How many
 * calls there were, of processes that were there while it looked: one that begins meanwhile may be missing. */
int processes_each(int proc_fd, void (*each)(void *owner, pid_t pid), void *owner);
/* Those of that process's first thread, to which the kernel gives orphans, too. By one file, where the kernel has it
 * (CONFIG_PROC_CHILDREN), else by a search through all processes, which finds those of its other threads as well. */
int children_each(int proc_fd, pid_t parent, void (*each)(void *owner, pid_t child), void *owner);
/* The number that the caller has in there; 0: none. */
pid_t process_self(int proc_fd);
/* 0: there is none such. */
pid_t process_parent(int proc_fd, pid_t pid);

/* For tests: as if the kernel had no such file. */
extern bool children_are_searched;

#endif
