/* cli/docker_options.h - options of `proffer run` for a task in a Docker container. */
#ifndef PROFFER_CLI_DOCKER_OPTIONS_H
#define PROFFER_CLI_DOCKER_OPTIONS_H

#include <proffer/proffer.h>

#include "base/options.h"

struct docker_options {
    const char *image; /* NULL: natively */
    const char *network, *pull, *user, *credentials;
    struct option_strings publish, volumes, parameters;
};

/* What the task points to; owned. */
struct docker_task {
    struct proffer_docker docker;
    struct proffer_port *ports;
    struct proffer_docker_volume *volumes;
    struct proffer_pair *parameters;
    char **texts; /* what was cut out of the options */
    size_t texts_count;
};

/* 0, or the exit code, with a word to the user. */
int docker_options_read(const struct docker_options *options, struct docker_task *ret_task);
void docker_task_fini(struct docker_task *self);
void docker_options_fini(struct docker_options *self);

#endif
