/* agent/launcher/lean.h - the launcher's memory, small before it is forked for each container.
 *
 * A fork copies where each page is, not the pages; with a thousand of them that is most of what it takes, and of what
 * its end takes. Libraries leave such: libcgroup clears tables of 2.4 MiB to note a dozen mounts in them.
 */
#ifndef PROFFER_AGENT_LAUNCHER_LEAN_H
#define PROFFER_AGENT_LAUNCHER_LEAN_H

/* Gives back to the kernel what is free, and what is nothing but zeroes; no value changes. */
void lean_make(void);

#endif
