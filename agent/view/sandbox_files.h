/* agent/view/sandbox_files.h - files below the sandboxes, opened so that no task can lead out of them.
 *
 * What a task left there is hostile: links are not followed, "..", mounts of /proc and absolute paths do
 * not lead out (openat2), and only regular files and folders are ever opened: a fifo would hang, a device
 * would act. Stateless; any thread.
 */
#ifndef PROFFER_AGENT_VIEW_SANDBOX_FILES_H
#define PROFFER_AGENT_VIEW_SANDBOX_FILES_H

#include <stddef.h>
#include <sys/stat.h>

#include "base/err.h"

#define SANDBOX_LIST_MAX 10000 /* entries of a folder that are listed */

struct sandbox_files {
    char *dir; /* absolute; owned */
};

struct sandbox_entry {
    char *name; /* owned */
    struct stat info;
};

struct sandbox_list {
    struct sandbox_entry *items; /* by name; owned */
    size_t count;
};

int sandbox_files_init(struct sandbox_files *self, const char *dir, struct err *err);
void sandbox_files_fini(struct sandbox_files *self); /* takes a zeroed one */

/* The path below the sandboxes folder ("." for itself), part of `path`; NULL: an absolute one of elsewhere. */
const char *sandbox_files_relative(const struct sandbox_files *self, const char *path);
/* A path is relative to the sandboxes or absolute and below them. The descriptor, for reading.
 * -ENOENT; -EACCES: it leads out, or is neither a file nor a folder; -EISDIR or -ENOTDIR: the other one. */
int sandbox_files_open(const struct sandbox_files *self, const char *path, struct stat *ret_info,
                       struct err *err);
int sandbox_files_list(const struct sandbox_files *self, const char *path,
                       struct sandbox_list *ret_list, struct err *err);
void sandbox_list_fini(struct sandbox_list *list);

#endif
