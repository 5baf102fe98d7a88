/* agent/launcher/files.h - a file of a sandbox, opened with the rights of whom the sandbox belongs to.
 *
 * What a task left there is hostile, and so may be who asks: links are not followed, nothing leads out of the
 * sandbox (openat2), only regular files and folders are ever opened: a fifo would hang, a device would act. Whose
 * rights are taken is what the file system says of the sandbox, and of nobody else. For a helper process, which
 * becomes that user for good.
 */
#ifndef PROFFER_AGENT_LAUNCHER_FILES_H
#define PROFFER_AGENT_LAUNCHER_FILES_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

#define FILES_LISTED_MAX 10000 /* entries of a folder that are listed */

/* `path` is beneath `sandboxes_dir`: <framework>/<container>/..., or a part of that, or ".". A descriptor for
 * reading; of a folder, that of a memory file with a FOLDER_LISTING. -ENOENT; -EACCES: it leads out, is neither a file
 * nor a folder, or that user may not read it; -EISDIR or -ENOTDIR: the other one. */
int files_open(const char *sandboxes_dir, const char *path, bool is_folder, int *ret_fd,
               struct err *err);
/* An inotify that counts to that user; 0: to us. */
int files_watches_new(uid_t uid, struct err *err);
/* Have it watch a file that files_open has opened, for writes and what takes its name away. Its number. */
int files_watch(int inotify_fd, int fd, struct err *err);

#endif
