/* master/shell.h - the master's shell: sockets, threads, signals and time around the core.
 *
 * One loop on the main thread: what came on the link is read first, then what is due is done, so
 * that a burst is answered as one; then the view gets all changes of the turn. No policy lives
 * here.
 */
#ifndef PROFFER_MASTER_SHELL_H
#define PROFFER_MASTER_SHELL_H

#include "base/err.h"
#include "master/flags.h"

/* Serve until SIGTERM or SIGINT; 0 then. The caller has started no thread and no ZeroMQ context. */
int shell_run(const struct master_flags *flags, struct err *err);

#endif
