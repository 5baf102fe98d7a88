/* tests/unit/bpf_run.h - runs a seccomp filter on a made-up call, as the kernel would. */
#ifndef PROFFER_TESTS_UNIT_BPF_RUN_H
#define PROFFER_TESTS_UNIT_BPF_RUN_H

#include <stdint.h>

#include <linux/seccomp.h>

#include "isolators/seccomp_profile.h"

/* Classic BPF, as far as libseccomp makes it: what the filter answers. Fails the test if it is anything else, or has no end. */
uint32_t bpf_run(const struct seccomp_program *program, const struct seccomp_data *data);

#endif
