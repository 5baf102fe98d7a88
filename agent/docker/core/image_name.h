/* agent/docker/core/image_name.h - names of images, as a task writes them and as a Docker Engine shows them. Pure. */
#ifndef PROFFER_AGENT_DOCKER_CORE_IMAGE_NAME_H
#define PROFFER_AGENT_DOCKER_CORE_IMAGE_NAME_H

#include <stdbool.h>

#include "base/err.h"

#define IMAGE_PART_MAX 512
#define IMAGE_NAME_MAX (3 * IMAGE_PART_MAX + 16) /* of a whole name, its NUL included */

struct image_name {
    char name[IMAGE_PART_MAX];     /* "127.0.0.1:5000/busybox" */
    char tag[IMAGE_PART_MAX];      /* "v1", "latest" when none is said, or a digest "sha256:..." */
    char registry[IMAGE_PART_MAX]; /* "127.0.0.1:5000"; "docker.io" when none is said */
};

/* "[registry/]name[:tag][@digest]". -EINVAL: it is none. */
int image_name_parse(const char *text, struct image_name *ret_name, struct err *err);

/* The one name of all that mean the same: "docker.io/library/busybox:latest" of "busybox", "r:5000/x@sha256:..." of
 * "r:5000/x:1@sha256:...". What is no name stays as it is, cut. */
void image_name_normal(const char *text, char ret_text[IMAGE_NAME_MAX]);
/* As people write a normal one: without "docker.io/library/". Points into it. */
const char *image_name_familiar(const char *normal);

#endif
