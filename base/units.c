#include "base/units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"

__extension__ typedef unsigned __int128 wide;

/* Decimals beyond these cannot change a rounded result that anyone could tell apart. */
#define FRACTION_DIGITS 18
#define FRACTION_ONE    UINT64_C(1000000000000000000)

struct decimal {
    uint64_t whole;
    uint64_t fraction; /* in 1/FRACTION_ONE */
};

struct unit {
    const char *name;
    int64_t size;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "12", "1.5", ".5"; moves *at behind it. -EINVAL: no number; -ERANGE: beyond 64 bits. */
static int read_decimal(const char **at, struct decimal *ret_value)
{
    struct decimal value = {0};
    const char *c = *at;
    bool has_digits = is_digit(*c);

    for (; is_digit(*c); c++)
        if (__builtin_mul_overflow(value.whole, 10, &value.whole) ||
            __builtin_add_overflow(value.whole, (uint64_t)(*c - '0'), &value.whole))
            return -ERANGE;
    if (*c == '.') {
        uint64_t place = FRACTION_ONE / 10;

        has_digits = is_digit(*++c);
        for (; is_digit(*c); c++, place /= 10)
            value.fraction += place * (uint64_t)(*c - '0');
    }
    if (!has_digits)
        return -EINVAL;
    *at = c;
    *ret_value = value;
    return 0;
}

/* value * unit, rounded to nearest. */
static int scale(const struct decimal *value, int64_t unit, int64_t *ret_result)
{
    wide result = (wide)value->whole * (uint64_t)unit;

    result += ((wide)value->fraction * (uint64_t)unit + FRACTION_ONE / 2) / FRACTION_ONE;
    if (result > INT64_MAX)
        return -ERANGE;
    *ret_result = (int64_t)result;
    return 0;
}

/* The unit whose name is the run of letters at *at, which moves behind it; NULL when there is none.
 */
static const struct unit *read_unit(const char **at, const struct unit *units)
{
    size_t size = 0;

    while (((*at)[size] | 0x20) >= 'a' && ((*at)[size] | 0x20) <= 'z')
        size++;
    for (const struct unit *unit = units; unit->name; unit++) {
        if (strlen(unit->name) == size && !strncasecmp(*at, unit->name, size)) {
            *at += size;
            return unit;
        }
    }
    return NULL;
}

static int refuse(struct err *err, int code, const char *text, const char *right)
{
    if (code == -ERANGE)
        return err_set(err, code, "\"%.64s\" is too large", text);
    return err_set(err, code, "\"%.64s\" is not %s", text, right);
}

/* --- durations -------------------------------------------------------------------------------- */

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)
#define WEEK_MS   (7 * DAY_MS)

static const struct unit duration_units[] = {
    {"ms", 1},        {"s", SECOND_MS},   {"sec", SECOND_MS},  {"secs", SECOND_MS},
    {"m", MINUTE_MS}, {"min", MINUTE_MS}, {"mins", MINUTE_MS}, {"h", HOUR_MS},
    {"hr", HOUR_MS},  {"hrs", HOUR_MS},   {"d", DAY_MS},       {"day", DAY_MS},
    {"days", DAY_MS}, {"w", WEEK_MS},     {"week", WEEK_MS},   {"weeks", WEEK_MS},
    {NULL, 0},
};

static int read_duration(const char *text, int64_t *ret_ms)
{
    int64_t sum = 0, smallest = INT64_MAX;
    const char *at = text;

    do {
        const struct unit *unit;
        struct decimal value;
        int64_t part;
        int rc = read_decimal(&at, &value);

        if (rc < 0)
            return rc;
        if (!*at && sum == 0 && smallest == INT64_MAX)
            return scale(&value, SECOND_MS, ret_ms);
        unit = read_unit(&at, duration_units);
        /* From large to small, each once: "30m1h" is more likely a slip than a wish. */
        if (!unit || unit->size >= smallest)
            return -EINVAL;
        smallest = unit->size;
        if (scale(&value, unit->size, &part) < 0 || __builtin_add_overflow(sum, part, &sum))
            return -ERANGE;
    } while (*at);
    *ret_ms = sum;
    return 0;
}

int units_parse_duration_ms(const char *text, int64_t *ret_ms, struct err *err)
{
    int rc = read_duration(text, ret_ms);

    if (rc < 0)
        return refuse(err, rc, text, "a duration; 500ms, 10s, 5m, 1h30m or 2d would be");
    return 0;
}

static uint64_t magnitude_of(int64_t value, struct buf *out)
{
    if (value >= 0)
        return (uint64_t)value;
    buf_puts(out, "-");
    return -(uint64_t)value;
}

void units_print_duration(int64_t ms, struct buf *out)
{
    static const struct unit units[] = {
        {"d", DAY_MS}, {"h", HOUR_MS}, {"m", MINUTE_MS}, {"s", SECOND_MS}, {"ms", 1},
    };
    uint64_t left = magnitude_of(ms, out);

    if (left == 0)
        buf_puts(out, "0s");
    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        uint64_t size = (uint64_t)units[i].size;

        if (left >= size)
            buf_printf(out, "%" PRIu64 "%s", left / size, units[i].name);
        left %= size;
    }
}

/* --- bytes ------------------------------------------------------------------------------------ */

#define KIB INT64_C(1024)
#define MIB (KIB * KIB)
#define GIB (MIB * KIB)
#define TIB (GIB * KIB)
#define PIB (TIB * KIB)

static const struct unit byte_units[] = {
    {"", 1},      {"B", 1},
    {"K", KIB},   {"Ki", KIB},
    {"KiB", KIB}, {"KB", INT64_C(1000)},
    {"M", MIB},   {"Mi", MIB},
    {"MiB", MIB}, {"MB", INT64_C(1000000)},
    {"G", GIB},   {"Gi", GIB},
    {"GiB", GIB}, {"GB", INT64_C(1000000000)},
    {"T", TIB},   {"Ti", TIB},
    {"TiB", TIB}, {"TB", INT64_C(1000000000000)},
    {"P", PIB},   {"Pi", PIB},
    {"PiB", PIB}, {"PB", INT64_C(1000000000000000)},
    {NULL, 0},
};

int units_parse_bytes(const char *text, int64_t *ret_bytes, struct err *err)
{
    const struct unit *unit = NULL;
    const char *at = text;
    struct decimal value;
    int rc = read_decimal(&at, &value);

    if (rc == 0) {
        unit = read_unit(&at, byte_units);
        rc = !unit || *at || (unit->size == 1 && value.fraction) ? -EINVAL : 0;
    }
    if (rc == 0)
        rc = scale(&value, unit->size, ret_bytes);
    if (rc < 0)
        return refuse(err, rc, text, "a number of bytes; 4096, 512MiB, 1.5GiB or 10MB would be");
    return 0;
}

void units_print_bytes(int64_t bytes, struct buf *out)
{
    static const char prefixes[] = "KMGTPE";
    uint64_t magnitude = magnitude_of(bytes, out), tenths;
    size_t i = 0;

    if (magnitude < (uint64_t)KIB) {
        buf_printf(out, "%" PRIu64 "B", magnitude);
        return;
    }
    /* Rounding may reach the next unit: 1023.99KiB is 1MiB. */
    for (unsigned shift = 10;; shift += 10, i++) {
        tenths = (uint64_t)((((wide)magnitude * 10) + ((wide)1 << (shift - 1))) >> shift);
        if (tenths < 10240 || !prefixes[i + 1])
            break;
    }
    buf_printf(out, "%" PRIu64, tenths / 10);
    if (tenths % 10)
        buf_printf(out, ".%" PRIu64, tenths % 10);
    buf_printf(out, "%ciB", prefixes[i]);
}

/* --- numbers ---------------------------------------------------------------------------------- */

int units_parse_milli(const char *text, int64_t *ret_milli, struct err *err)
{
    const char *at = text;
    struct decimal value;
    int64_t unit = 1000;
    int rc = read_decimal(&at, &value);

    if (rc == 0 && *at == 'm') {
        unit = 1;
        at++;
    }
    if (rc == 0 && *at)
        rc = -EINVAL;
    if (rc == 0)
        rc = scale(&value, unit, ret_milli);
    if (rc < 0)
        return refuse(err, rc, text, "a number; 4, 0.5 or 500m (thousandths) would be");
    return 0;
}

void units_print_milli(int64_t milli, struct buf *out)
{
    uint64_t magnitude = magnitude_of(milli, out);
    unsigned fraction = (unsigned)(magnitude % 1000);
    int digits = 3;

    buf_printf(out, "%" PRIu64, magnitude / 1000);
    if (fraction == 0)
        return;
    while (fraction % 10 == 0) {
        fraction /= 10;
        digits--;
    }
    buf_printf(out, ".%0*u", digits, fraction);
}

int units_parse_int(const char *text, int64_t min, int64_t max, int64_t *ret_value, struct err *err)
{
    bool is_negative = *text == '-';
    const char *c = text + is_negative;
    bool is_number = is_digit(*c), is_in_range = true;
    int64_t value = 0;

    for (; is_digit(*c); c++) {
        int digit = *c - '0';

        is_in_range = is_in_range && !__builtin_mul_overflow(value, 10, &value) &&
                      !__builtin_add_overflow(value, is_negative ? -digit : digit, &value);
    }
    if (!is_number || *c)
        return err_set(err, -EINVAL, "\"%.64s\" is not a whole number", text);
    if (is_in_range && value < min && max == INT64_MAX)
        return err_set(err, -ERANGE, "%.64s is too little, at least %" PRId64 " is possible", text,
                       min);
    if (!is_in_range || value < min || value > max)
        return err_set(err, -ERANGE, "%.64s is not within %" PRId64 " and %" PRId64, text, min,
                       max);
    *ret_value = value;
    return 0;
}
