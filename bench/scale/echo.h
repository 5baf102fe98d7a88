/* bench/scale/echo.h - what the links alone allow: a server without a master behind it. */
#ifndef PROFFER_BENCH_SCALE_ECHO_H
#define PROFFER_BENCH_SCALE_ECHO_H

#include <stddef.h>
#include <stdint.h>

/* An exit status. */
int run_echo(size_t agents, int64_t seconds);

#endif
