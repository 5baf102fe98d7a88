/* cli/run_health.h - the health check of `proffer run`, as options. */
#ifndef PROFFER_CLI_RUN_HEALTH_H
#define PROFFER_CLI_RUN_HEALTH_H

#include <stdint.h>

#include <proffer/proffer.h>

struct run_health {
    const char *command, *http, *https, *tcp; /* one of them, or none */
    int64_t interval_ms, timeout_ms, grace_ms, failures;
};

/* 0 and the check; 1: none is wanted; EXIT_USAGE, and it is said why. What it needs is in *self. */
int run_health_to_check(const struct run_health *self, struct proffer_check *ret_check);

#endif
