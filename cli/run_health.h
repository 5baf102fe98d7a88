/* cli/run_health.h - the health check of `proffer run`, as options. */
#ifndef PROFFER_CLI_RUN_HEALTH_H
#define PROFFER_CLI_RUN_HEALTH_H

#include <stdint.h>

#include <proffer/proffer.h>

struct run_health {
    const char *command, *http, *https, *tcp;  /* one of them, or none */
    int64_t interval_ms, timeout_ms, failures; /* 0: the default */
    int64_t grace_ms;                          /* negative: the default; 0: none */
};

#define RUN_HEALTH_MAX_MS (INT64_C(7) * 24 * 3600 * 1000)

/* 0 and the check; 1: none is wanted; EXIT_USAGE, and it is said why. What it needs is in *self. */
int run_health_to_check(const struct run_health *self, struct proffer_check *ret_check);

#endif
