/* agent/work_dir.h - the folder in which an agent keeps everything: one agent a folder, one folder
 * an agent.
 *
 *     <work>/agent.lock   held by flock, with the pid of the holder in it
 *     <work>/agent.port   the HTTP port that the kernel picked for an agent here
 *     <work>/sandboxes/   <framework id>/<container id>/ with what the task wrote
 *     <work>/records/     how tasks ended, written by their shims
 *     <work>/volumes/     persistent volumes, and
 *     <work>/trash/       those that were destroyed (agent/launcher/volume_folders.h)
 *     <work>/executors/   the socket for executors (agent/executor_socket.h); everybody may look into it
 *     <work>/checkpoint/  agent.db, what the next agent must know (agent/store)
 *
 * The checkpoint belongs to the user that the agent is (agent/agent_user.h), what is in sandboxes and volumes to tasks, all
 * else to who started it.
 */
#ifndef PROFFER_AGENT_WORK_DIR_H
#define PROFFER_AGENT_WORK_DIR_H

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct work_dir {
    char *path; /* absolute, without symbolic links; owned, as the next ones */
    char *sandboxes;
    char *records;
    char *volumes;
    char *trash;
    char *executors;
    char *checkpoint; /* the file */
    char *unique;     /* a name that no other folder of this host has: "agent-801-2f3a" */
    int lock_fd;      /* owned, as the next ones */
    /* For who may not reach the folder by its path, or may not open what is in it. */
    int dir_fd, sandboxes_fd, checkpoint_fd, executors_fd; /* O_PATH */
    int port_fd;                                           /* agent.port; -1: it cannot be */
};

#define WORK_DIR_NONE                                                                              \
    {                                                                                              \
        .lock_fd = -1, .dir_fd = -1, .sandboxes_fd = -1, .checkpoint_fd = -1, .executors_fd = -1,  \
        .port_fd = -1                                                                              \
    }

/* Made with its parents when it is not there. -EBUSY names the agent that has it. */
int work_dir_open(const char *path, struct work_dir *ret_dir, struct err *err);
/* So that the next two do something: while we may write to the folder. Without the file all goes on. */
void work_dir_open_port(struct work_dir *self);
/* The port that was noted last; 0: none. */
uint16_t work_dir_port(const struct work_dir *self);
/* For the next agent here: who reads what tasks write knows the port that this one has. On a full disk
 * that is lost, and nothing else. */
void work_dir_note_port(const struct work_dir *self, uint16_t port);
/* The checkpoint is that user's from now on, whoever had it before. Only root can. */
int work_dir_give(const struct work_dir *self, uid_t uid, gid_t gid, struct err *err);
/* Gives the lock back; the folder stays. Takes WORK_DIR_NONE. */
void work_dir_close(struct work_dir *self);

#endif
