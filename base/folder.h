/* base/folder.h - a daemon's folder: made with its parents when it is not there, and its own. */
#ifndef PROFFER_BASE_FOLDER_H
#define PROFFER_BASE_FOLDER_H

#include <sys/types.h>

#include "base/err.h"

/* *ret_path is absolute, without symbolic links; from malloc. */
int folder_make(const char *path, mode_t mode, char **ret_path, struct err *err);
/* Hold `name` in it by flock, with our pid in it. The lock goes with the descriptor, which the caller
 * closes. -EBUSY names who has it; `who` is what we are ("master"). */
int folder_lock(const char *path, const char *name, const char *who, int *ret_fd, struct err *err);

#endif
