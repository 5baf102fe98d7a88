/* isolators/quota_filter.h - a task cannot give its files to another project: ioctl FS_IOC_FSSETXATTR and FS_IOC_SETFLAGS
 * (chattr) and file_setattr(2) answer EPERM, by a seccomp filter of its own. The kernel leaves that to any owner of a
 * file outside of user namespaces. Programs of another instruction set than the launcher's are refused whole, as their
 * calls have other numbers. */
#ifndef PROFFER_ISOLATORS_QUOTA_FILTER_H
#define PROFFER_ISOLATORS_QUOTA_FILTER_H

#include "base/err.h"

struct spawn_step;
struct spawned;

/* A step of SPAWN_FILTER. */
int quota_filter_install(const struct spawn_step *step, struct spawned *spawned, struct err *err);

#endif
