/* agent/shim/shim.h - the process that holds one task: its parent, its reaper, its log writer.
 *
 * Forked by the launcher, without an exec: what it needs is there already. Of a task with a PID namespace it is the first
 * process, where that may be (child.h). It lives in a process group of its own and outside the task's cgroups, and needs
 * neither launcher nor agent to be alive: whoever comes next finds it by its record (record.h), which it takes before it
 * starts anything, and ends with CONTAINER_EXITED when everything in the container has ended. It starts nothing once its
 * launcher has died: the next one may have looked for it already.
 *
 * Signals to a shim: SIGTERM is passed on to the command's process group; SIGUSR2 means SIGKILL for
 * everything in the container.
 */
#ifndef PROFFER_AGENT_SHIM_SHIM_H
#define PROFFER_AGENT_SHIM_SHIM_H

#include <signal.h>
#include <stdint.h>

#include "agent/launcher/accounts.h"
#include "agent/launcher/sandboxes.h"
#include "isolators/cgroups.h"
#include "isolators/isolator.h"
#include "proto/schema.h"

#define SHIM_SIGNAL_TERM SIGTERM
#define SHIM_SIGNAL_KILL SIGUSR2

/* The bytes of the FIFO that a launcher has locked for as long as it rules: the one that only one can have, and one of its
 * own, as a lock tells nobody in another PID namespace whose it is. */
#define SHIM_LOCK_OF_ALL       0
#define SHIM_LOCK_OF(launcher) (1 + (off_t)(launcher))

/* Everything borrowed; the shim has its own copy of it by the fork. Signals are blocked. */
struct shim_plan {
    const struct msg_launch_container *order;
    const struct account *account;         /* NULL: stay who we are */
    const struct msg_container_kept *kept; /* NULL: nobody is to look at it */
    const struct cgroups *cgroups;         /* NULL: none; the container's groups are made */
    struct spawn *spawn; /* with what the isolators asked for; the shim adds to it */
    struct sandbox sandbox;
    int records_dir;
    const char *spare; /* name there of a file for the record */
    pid_t launcher;    /* our parent, as it calls itself; it may have ended */
    int proc_fd;       /* the launcher's /proc, for numbers of processes as the launcher has them */
    bool is_init;      /* we were made the first process of the task's PID namespace */
    int notes_fd;      /* where struct shim_note goes, and which a launcher that lives has locked */
    int signals_fd;    /* signalfd for SIGCHLD, SIGTERM and SIGUSR2 */
    int channel_fd;    /* the launcher's, to be closed first of all; or: */
    void (*leave_launcher)(void *launcher); /* that, and all else that is the launcher's alone */
    void *launcher_self;
    const struct rlimit *files; /* RLIMIT_NOFILE for tasks, NULL: as the launcher's */
    int64_t log_max_bytes;
    int64_t log_files;
    const struct fetcher_info *fetcher; /* NULL: nothing can be fetched */
    const char *fetcher_program;
};

enum shim_note_kind {
    SHIM_STARTED,  /* value: the command's pid */
    SHIM_ENDED,    /* value: a wait status; only when the record could not be written */
    SHIM_FAILED,   /* value: -errno, why the command never ran; likewise */
    SHIM_FETCHING, /* value: bytes of the URI whose index is in wall_us */
};

/* What shims tell the launcher over one shared FIFO; far below PIPE_BUF, so never torn. A note says
 * early what the record says already, or what had no room there. */
struct shim_note {
    int32_t shim_pid;
    uint16_t kind;
    uint16_t
        container; /* shim_note_mark of its id, as its pid may have been another's; 0: an older shim, which does not say */
    int64_t value;
    int64_t wall_us;
};

/* Never 0. */
uint16_t shim_note_mark(const char *container_id);

/* The rest of a forked process's life. */
__attribute__((noreturn)) void shim_run(const struct shim_plan *plan);

#endif
