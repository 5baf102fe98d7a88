/* agent/docker/credentials.h - names of images, and what a registry wants to know before it gives one away. */
#ifndef PROFFER_AGENT_DOCKER_CREDENTIALS_H
#define PROFFER_AGENT_DOCKER_CREDENTIALS_H

#include <stddef.h>

#include "base/err.h"

#define IMAGE_PART_MAX 512

struct image_name {
    char name[IMAGE_PART_MAX];     /* "127.0.0.1:5000/busybox" */
    char tag[IMAGE_PART_MAX];      /* "v1", "latest" when none is said, or a digest "sha256:..." */
    char registry[IMAGE_PART_MAX]; /* "127.0.0.1:5000"; "docker.io" when none is said */
};

/* "[registry/]name[:tag][@digest]". -EINVAL: it is none. Pure. */
int image_name_parse(const char *text, struct image_name *ret_name, struct err *err);

/* The value of X-Registry-Auth out of a docker config.json (its "auths"), owned; NULL: it knows nothing of that registry.
 * -EINVAL: it makes no sense. Pure. */
int credentials_find(const char *config, size_t size, const char *registry, char **ret_value,
                     struct err *err);

/* The same from a file: `credentials` in `dir`, or, when that is "", `file` ("": none). That a task names credentials
 * that are not there, or not for that registry, is an error. */
int credentials_read(const char *dir, const char *credentials, const char *file,
                     const char *registry, char **ret_value, struct err *err);

#endif
