/* agent/launcher/check_confine.h - who asks a container over the network, or looks after its check, shut in.
 *
 * What answers it is the task's, and may be out for its life: so it has nothing that it could open, and no system
 * calls but those that it works with. For the helper of the launcher and for proffer-check, as their own last step
 * before the first byte of a task's; needs no_new_privs.
 */
#ifndef PROFFER_AGENT_LAUNCHER_CHECK_CONFINE_H
#define PROFFER_AGENT_LAUNCHER_CHECK_CONFINE_H

#include "base/err.h"

enum check_filter {
    CHECK_FILTER_CONNECTION, /* sockets of IPv4 and IPv6, what a TLS library does, and no path */
    CHECK_FILTER_KEEPER,     /* waits, writes what it is told, ends */
};

/* All other system calls answer EPERM, those of other machines end the process. Not in a sanitizer's build, nor on a machine
 * whose calls are not known here. */
int check_filter(enum check_filter kind, struct err *err);

/* A descriptor of a folder with nothing in it that nobody can add to, and that is nowhere mounted. -EPERM and so on for who
 * may not mount. */
int check_open_nothing(void);
/* It is the root, and the only folder, from now on; the descriptor is closed. */
int check_enter_nothing(int *fd, struct err *err);
/* All of them, for good under no_new_privs. */
int check_clear_capabilities(void);

#endif
