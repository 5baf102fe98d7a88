/* isolators/init_image.h - the tiny program that is there and does nothing (init/init.c): the first process of a task's
 * PID namespace, and what holds the namespaces of a group of tasks. */
#ifndef PROFFER_ISOLATORS_INIT_IMAGE_H
#define PROFFER_ISOLATORS_INIT_IMAGE_H

#include "base/err.h"

/* A sealed file, made at the first call; borrowed for good. -ENOTSUP: there is none for this kind of machine. */
int init_image_fd(int *ret_fd, struct err *err);

#endif
