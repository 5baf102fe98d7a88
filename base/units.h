/* base/units.h - quantities as people write them: exact integers, never floats.
 *
 * A plain K, M, G, T is a power of 1024 as with Docker, Slurm and Mesos, and so are Ki, KiB and so
 * on; KB, MB, GB, TB are powers of 1000. Signs, NaN, overflow, empty text and trailing text are
 * refused: -EINVAL (or -ERANGE) with a text that shows what was written and what would be right.
 */
#ifndef PROFFER_BASE_UNITS_H
#define PROFFER_BASE_UNITS_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* "500ms", "10s", "5m", "1h30m", "2d", "1w", also Mesos's "15secs", "10mins", "1weeks", "1.5s"; a
 * plain number is seconds. */
int units_parse_duration_ms(const char *text, int64_t *ret_ms, struct err *err);
/* "512MiB", "512Mi", "1.5GiB", "10MB", "4096" (bytes). */
int units_parse_bytes(const char *text, int64_t *ret_bytes, struct err *err);
/* Fixed point 1/1000: "0.5", "4", "0.125", also "500m" (thousandths, as Kubernetes has it). More
 * than three decimals round to nearest, as Mesos does. */
int units_parse_milli(const char *text, int64_t *ret_milli, struct err *err);
/* A whole number in min..max; "0x" forms are not taken. */
int units_parse_int(const char *text, int64_t min, int64_t max, int64_t *ret_value,
                    struct err *err);

void units_print_duration(int64_t ms, struct buf *out); /* "1h30m", "250ms" */
void units_print_bytes(int64_t bytes, struct buf *out); /* "1.5GiB": at most one decimal */
void units_print_milli(int64_t milli, struct buf *out); /* "0.5", "4" */

#endif
