/* base/folder.h - a daemon's folder: made with its parents when it is not there, and its own. */
#ifndef PROFFER_BASE_FOLDER_H
#define PROFFER_BASE_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

/* *ret_path is absolute, without symbolic links; from malloc. */
int folder_make(const char *path, mode_t mode, char **ret_path, struct err *err);
/* Hold `name` in it by flock, with our pid in it. The lock goes with the descriptor, which the caller
 * closes. One whose holder has ended, and which others of its kind still have for a moment, is waited for. -EBUSY
 * names who has it; `who` is what we are ("master"). */
int folder_lock(const char *path, const char *name, const char *who, int *ret_fd, struct err *err);
/* Is `path` so many plain names below `dir`: no "..", no ".", no empty one? Only the text is looked at; both are
 * absolute. */
bool folder_has(const char *dir, const char *path, size_t depth);
/* Is `path` relative, and of plain names only? Then only links lead out of where it begins. */
bool folder_is_plain(const char *path);

#endif
