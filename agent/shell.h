/* agent/shell.h - the world around the agent's core: one loop over the link to the master, the channel to
 * the launcher, signals, deadlines and the view's questions. It holds no policy.
 */
#ifndef PROFFER_AGENT_SHELL_H
#define PROFFER_AGENT_SHELL_H

#include "agent/flags.h"
#include "base/err.h"

struct kept;

/* Start everything, run until a signal or the core ends it, stop everything. The exit code, or -errno with
 * a text when it could not start. `argv`: the command line, with which the program is executed anew when
 * its launcher has died; then this does not return. `kept`: what a keeper has made ready, taken over; then all rights
 * are given up, and it is the keeper that begins anew. NULL: we do all of it ourselves, with the rights that we have. */
int agent_shell_run(const struct agent_flags *flags, char **argv, const struct kept *kept,
                    struct err *err);

#endif
