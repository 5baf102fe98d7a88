/* agent/launcher/check_mark.h - what came of a check's command, known by a mark that it cannot take off.
 *
 * Where there are no cgroups, and a PID namespace whose init is the next parent of all orphans, nothing else tells a check's
 * processes from those of its task. The mark is a time namespace, with the clocks of the one that it was made in: it is
 * inherited by all that is forked, and to leave it takes CAP_SYS_ADMIN. Linux 5.6, CONFIG_TIME_NS.
 */
#ifndef PROFFER_AGENT_LAUNCHER_CHECK_MARK_H
#define PROFFER_AGENT_LAUNCHER_CHECK_MARK_H

/* Whoever we fork from now on has a new one. Its descriptor, by a folder /proc; -errno: there is none. */
int check_mark_make(int proc_fd);
/* SIGKILL for all that have it. How many these were; -errno. */
int check_mark_kill(int proc_fd, int mark_fd);

#endif
