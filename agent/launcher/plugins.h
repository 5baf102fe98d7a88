/* agent/launcher/plugins.h - isolators that were built outside of this tree.
 *
 * The launcher is a static program, for what a library maps and relocates every fork would copy; it cannot load
 * anything. A second one, proffer-launcher-modules, is the same linked dynamically; the agent starts that one when its
 * --modules names files. plugins.c is part of that one, no_plugins.c of the other.
 */
#ifndef PROFFER_AGENT_LAUNCHER_PLUGINS_H
#define PROFFER_AGENT_LAUNCHER_PLUGINS_H

#include <stddef.h>

#include "base/err.h"
#include "isolators/isolator.h"

#define PLUGINS_MAX 32

/* Loads a file for good; what it has is found by plugins_find from then on. -EPERM: others than root and we could
 * change it; -ENOEXEC: it is no isolator plug-in, or for another version. */
int plugins_load(const char *path, struct err *err);
/* NULL: no loaded one has it. */
const struct isolator_ops *plugins_find(const char *name);

#endif
