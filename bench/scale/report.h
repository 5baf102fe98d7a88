/* bench/scale/report.h - lines "name_AGENTS value unit", and what processes have used. */
#ifndef PROFFER_BENCH_SCALE_REPORT_H
#define PROFFER_BENCH_SCALE_REPORT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

void report(const char *name, size_t agents, double value, const char *unit);
void sort_us(uint32_t *samples_us, size_t count);
/* Of sorted samples; 0 of none. */
double quantile_ms(const uint32_t *sorted_us, size_t count, double quantile);
double resident_mb(pid_t pid);
/* Seconds of a processor that a process has used; that all have used, of all processors together. */
double cpu_seconds(pid_t pid);
double cpu_seconds_of_all(void);

#endif
