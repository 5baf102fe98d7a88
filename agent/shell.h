/* agent/shell.h - the world around the agent's core: one loop over the link to the master, the channel to
 * the launcher, signals, deadlines and the view's questions. It holds no policy.
 */
#ifndef PROFFER_AGENT_SHELL_H
#define PROFFER_AGENT_SHELL_H

#include "agent/flags.h"
#include "base/err.h"

/* Start everything, run until a signal or the core ends it, stop everything. The exit code, or -errno with
 * a text when it could not start. `argv`: the command line, with which the program is executed anew when
 * its launcher has died; then this does not return. */
int agent_shell_run(const struct agent_flags *flags, char **argv, struct err *err);

#endif
