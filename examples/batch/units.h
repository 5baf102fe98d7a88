/* examples/batch/units.h - durations as people write and read them. */
#ifndef PROFFER_BATCH_UNITS_H
#define PROFFER_BATCH_UNITS_H

#include <stddef.h>
#include <stdint.h>

/* "30" (seconds), "1.5s", "90s", "5m", "1h30m", "2d". -EINVAL. */
int units_parse_ms(const char *text, int64_t *ret_ms);
/* "0:07", "3:25", "2:00:09" */
void units_print_clock(double seconds, char *text, size_t size);

#endif
