/* cli/http.h - ask a daemon over HTTP and read its JSON. */
#ifndef PROFFER_CLI_HTTP_H
#define PROFFER_CLI_HTTP_H

#include <jansson.h>

/* GET http://ADDRESS/PATH. On failure NULL, the reason is on stderr and *ret_exit the exit code. */
json_t *http_get(const char *address, const char *path, int *ret_exit);
/* POST a JSON object (consumed). 0, or an exit code with the reason on stderr. */
int http_post(const char *address, const char *path, json_t *body);
/* DELETE, likewise. */
int http_delete(const char *address, const char *path);
/* `text` percent-encoded; the caller frees it. */
char *http_escape(const char *text);

#endif
