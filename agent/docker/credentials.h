/* agent/docker/credentials.h - what a registry wants to know before it gives one away. */
#ifndef PROFFER_AGENT_DOCKER_CREDENTIALS_H
#define PROFFER_AGENT_DOCKER_CREDENTIALS_H

#include <stddef.h>

#include "base/err.h"

/* The value of X-Registry-Auth out of a docker config.json (its "auths"), owned; NULL: it knows nothing of that registry.
 * -EINVAL: it makes no sense. Pure. */
int credentials_find(const char *config, size_t size, const char *registry, char **ret_value,
                     struct err *err);

/* The same from a file: `credentials` in `dir`, or, when that is "", `file` ("": none). That a task names credentials
 * that are not there, or not for that registry, is an error. */
int credentials_read(const char *dir, const char *credentials, const char *file,
                     const char *registry, char **ret_value, struct err *err);

#endif
