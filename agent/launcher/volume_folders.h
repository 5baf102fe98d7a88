/* agent/launcher/volume_folders.h - the folders of persistent volumes.
 *
 *     <volumes>/<role>/<id>/   a volume; a '/' in the role is a space here
 *     <trash>/                 what was volumes, until it is removed (removal.h)
 *
 * Making and removing are a few system calls, and on disk when they return. Both folders are root's, and so is
 * that of a role: what is inside of a volume is a task's.
 */
#ifndef PROFFER_AGENT_LAUNCHER_VOLUME_FOLDERS_H
#define PROFFER_AGENT_LAUNCHER_VOLUME_FOLDERS_H

#include "base/err.h"

/* An empty folder. -EINVAL: `role` or `id` is no name; -EEXIST: there is one with something in it. */
int volume_folder_make(const char *volumes_dir, const char *role, const char *id, struct err *err);
/* Into the trash. One that is not there is no error. */
int volume_folder_remove(const char *volumes_dir, const char *trash_dir, const char *role,
                         const char *id, struct err *err);
/* What is in it goes for good, which takes a while. What cannot be removed is logged and stays. */
void volume_trash_empty(const char *trash_dir);

#endif
