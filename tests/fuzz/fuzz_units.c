/* Any text as each of the quantities. What is taken is not negative; what is printed exactly reads as it
 * was. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/units.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef int parse_fn(const char *text, int64_t *ret_value, struct err *err);
typedef void print_fn(int64_t value, struct buf *out);

static void check(const char *text, parse_fn *parse, print_fn *print, bool is_exact)
{
    CLEANUP(buf_fini) struct buf out = {0};
    struct err err = {""};
    int64_t value = -1, again = -1;
    int rc = parse(text, &value, &err);

    BUG_ON((rc < 0) != (*err.text != '\0'));
    BUG_ON((rc < 0) != (value < 0));
    if (rc < 0)
        return;
    print(value, &out);
    rc = parse(buf_text(&out), &again, NULL);
    if (is_exact)
        BUG_ON(rc < 0 || again != value);
}

static void check_int(const char *text)
{
    int64_t value = 77;

    if (units_parse_int(text, -1000, 1000, &value, NULL) < 0)
        BUG_ON(value != 77);
    else
        BUG_ON(value < -1000 || value > 1000);
    units_parse_int(text, INT64_MIN, INT64_MAX, &value, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(free_p) char *text = mem_alloc(size + 1);

    memcpy(text, data, size);
    text[size] = '\0';
    check(text, units_parse_duration_ms, units_print_duration, true);
    check(text, units_parse_milli, units_print_milli, true);
    check(text, units_parse_bytes, units_print_bytes, false);
    check_int(text);
    return 0;
}
