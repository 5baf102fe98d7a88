/* agent/shim/fetch.h - before the command: what its URIs name is fetched, by a program in its container.
 *
 * proffer-fetcher runs in the container's cgroups and not in its namespaces, with the shim as its parent: it
 * goes on when agent and launcher are started anew, and ends with the container.
 */
#ifndef PROFFER_AGENT_SHIM_FETCH_H
#define PROFFER_AGENT_SHIM_FETCH_H

#include <stdint.h>

#include "agent/launcher/accounts.h"
#include "base/err.h"
#include "isolators/cgroups.h"
#include "proto/schema.h"

/* Everything borrowed for the call. */
struct shim_fetch {
    const char *container_id;
    const struct command_info *command;
    const struct fetcher_info *settings;
    const char *program;
    const struct account *account; /* NULL: stay who we are */
    const struct cgroups *cgroups; /* NULL: none */
    int sandbox_fd;
    int signals_fd;
    void (*on_progress)(void *owner, int64_t uri, int64_t bytes);
    void *owner;
};

/* Returns when all is there and nothing of the program is left. -ECANCELED: we were told to end; any other
 * -errno with a text. */
int shim_fetch(const struct shim_fetch *want, struct err *err);

#endif
