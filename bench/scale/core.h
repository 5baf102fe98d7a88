/* bench/scale/core.h - the same load on the master's core alone, without sockets, on virtual time: as many agents as
 * there is memory for. The processor time that the core takes is measured and passes; nothing else takes any. */
#ifndef PROFFER_BENCH_SCALE_CORE_H
#define PROFFER_BENCH_SCALE_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An exit status. */
int run_core(size_t agents, size_t frameworks, int64_t task_ms, int64_t seconds, bool has_needs);

#endif
