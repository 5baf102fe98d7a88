/* tests/system/plugin_crash.c - a plug-in that is never loaded: what runs as soon as it is in memory ends the process, or,
 * with HANGS, never ends. */
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "isolators/isolator.h"

__attribute__((constructor)) static void begin(void)
{
#ifdef HANGS
    for (;;)
        pause();
#else
    abort();
#endif
}

static const struct isolator_ops *const isolators[] = {NULL};

PROFFER_ISOLATOR_PLUGIN("crash", isolators);
