/* base/http_target.h - what stands between method and version in a request line: path and query.
 *
 * Pure text, no server: so that it can be fuzzed alone. Percent-decoding happens here and once.
 */
#ifndef PROFFER_BASE_HTTP_TARGET_H
#define PROFFER_BASE_HTTP_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define HTTP_TARGET_MAX       8192 /* bytes */
#define HTTP_CALLBACK_MAX     128
#define HTTP_HEADER_VALUE_MAX 256

struct http_parameter {
    const char *name; /* borrowed from text */
    const char *value;
};

struct http_target {
    const char *path; /* decoded, begins with '/', a trailing '/' removed; borrowed from text */
    struct http_parameter *parameters; /* owned */
    size_t count;
    char *text; /* owned */
};

/* "/state?jsonp=f", also "http://host/state". Replaces nothing: *ret_target was zeroed. -E2BIG
 * beyond HTTP_TARGET_MAX, -EINVAL for a broken percent sign, an encoded NUL, no '/' in front. */
int http_target_parse(struct http_target *ret_target, const char *raw, struct err *err);
void http_target_fini(struct http_target *self);
/* The first parameter of that name, decoded ('+' is a space); NULL: none. "?a" has the value "". */
const char *http_target_query(const struct http_target *self, const char *name);

/* A JavaScript name, or several with dots between (angular.callbacks._0), at most HTTP_CALLBACK_MAX
 * bytes: nothing else may be written in front of a JSONP answer. */
bool http_callback_is_plain(const char *callback);

/* attachment; filename="..." with whatever could end or break it replaced by '_', cut to fit. */
void http_disposition(const char *download_name, char ret_value[HTTP_HEADER_VALUE_MAX]);

#endif
