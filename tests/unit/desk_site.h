/* tests/unit/desk_site.h - who answers at a desk as a launcher does, for tests of those who ask: a process with the
 * launcher's own code for files.
 */
#ifndef PROFFER_TESTS_DESK_SITE_H
#define PROFFER_TESTS_DESK_SITE_H

#include <sys/types.h>

/* It ends when the descriptor, which is the caller's, and all copies of it are closed. */
int desk_site_new(const char *sandboxes_dir, pid_t *ret_pid);
void desk_site_wait(pid_t pid);

#endif
