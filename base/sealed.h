/* base/sealed.h - programs in memory that nobody can write to: what runs inside a container and could be opened there
 * as /proc/<pid>/exe, or is open in a process that a container could get at, must not be a file of the host.
 *
 * A sealed descriptor can be read and executed; neither its content nor its size can be changed any more, by anybody.
 * (CVE-2019-5736, CVE-2019-0204: the helper of a container was overwritten from inside.)
 */
#ifndef PROFFER_BASE_SEALED_H
#define PROFFER_BASE_SEALED_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

/* Close-on-exec. With `mode` as its permissions: a process whose program its user cannot read (0111) cannot be traced
 * by that user either. -ENOSYS and so on: this kernel does not do it (memfd_create is in Linux 3.17). */
int sealed_from_bytes(const char *name, const void *data, size_t size, mode_t mode, int *ret_fd,
                      struct err *err);
int sealed_from_file(const char *name, int file_fd, int *ret_fd, struct err *err);
/* Is it sealed against writing, shrinking and growing? */
bool is_sealed(int fd);

#endif
