/* isolators/seccomp_profile.h - a seccomp profile in Docker's JSON, made into the program that the kernel takes.
 *
 * What is read: defaultAction, defaultErrnoRet, architectures or archMap, syscalls with names (or name), action,
 * errnoRet, args, includes and excludes (caps, arches, minKernel). A name that libseccomp does not know is passed over,
 * as Docker does. System calls that are younger than all that a profile names, and those of Linux 5.1 and later that it
 * does not name, answer ENOSYS whatever its default is, because C libraries then do without, and do not if they are
 * told EPERM. A profile is text of the operator's; it is bounded all the same.
 */
#ifndef PROFFER_ISOLATORS_SECCOMP_PROFILE_H
#define PROFFER_ISOLATORS_SECCOMP_PROFILE_H

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define SECCOMP_PROFILE_MAX 1048576 /* bytes of text */

struct seccomp_program {
    struct sock_filter *code; /* owned */
    unsigned short count;
};

/* For a task with these capabilities. -EINVAL: says what is wrong with the text, and where. */
int seccomp_profile_compile(const char *text, size_t size, uint64_t capabilities,
                            struct seccomp_program *ret_program, struct err *err);
void seccomp_program_fini(struct seccomp_program *self);

#endif
