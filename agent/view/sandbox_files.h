/* agent/view/sandbox_files.h - files below the sandboxes, as the launcher opens them.
 *
 * The agent itself may not read what tasks have written. The launcher opens it with the rights of whom the sandbox
 * belongs to, and so that nothing leads out (agent/launcher/files.h); what comes is a descriptor. For one thread, which
 * waits for each answer.
 */
#ifndef PROFFER_AGENT_VIEW_SANDBOX_FILES_H
#define PROFFER_AGENT_VIEW_SANDBOX_FILES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/err.h"
#include "proto/desk.h"

struct sandbox_files {
    char *dir; /* absolute; owned */
    struct desk desk;
    struct arena *arena; /* owned; of the question at hand */
    int inotify_fd; /* owned; of the launcher's making, for what is watched. -1: nothing was yet */
};

struct sandbox_entry {
    char *name; /* owned */
    struct stat info;
};

struct sandbox_list {
    struct sandbox_entry *items; /* by name; owned */
    size_t count;
};

/* A copy of `desk_fd` is taken. */
void sandbox_files_init(struct sandbox_files *self, const char *dir, int desk_fd);
void sandbox_files_fini(struct sandbox_files *self); /* takes a zeroed one */

/* The path below the sandboxes folder ("." for itself), part of `path`; NULL: an absolute one of elsewhere. */
const char *sandbox_files_relative(const struct sandbox_files *self, const char *path);
/* A path is relative to the sandboxes or absolute and below them. The descriptor, for reading.
 * -ENOENT; -EACCES: it leads out, is neither a file nor a folder, or the task's user may not read it; -EISDIR or
 * -ENOTDIR: the other one; -ETIMEDOUT, -EPIPE: no launcher answers. */
int sandbox_files_open(struct sandbox_files *self, const char *path, struct stat *ret_info,
                       struct err *err);
/* Mode, links, size, time, user and group of each entry. */
int sandbox_files_list(struct sandbox_files *self, const char *path, struct sandbox_list *ret_list,
                       struct err *err);
void sandbox_list_fini(struct sandbox_list *list);
/* The same, watched in `inotify_fd` from before it is known how long it is. *ret_watch is inotify's number, or -1: then there
 * is nothing to wait for. */
int sandbox_files_open_watched(struct sandbox_files *self, const char *path, int *ret_watch,
                               struct err *err);
void sandbox_files_unwatch(struct sandbox_files *self, int watch);

#endif
