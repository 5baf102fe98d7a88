#include "cli/http.h"

#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "cli/cli.h"

#define CONNECT_TIMEOUT_MS 5000
#define TIMEOUT_S          60L
#define ANSWER_MAX         (1024 * 1024 * 1024)

static size_t on_bytes(char *data, size_t size, size_t count, void *user)
{
    struct buf *out = user;

    if (out->size + size * count > ANSWER_MAX)
        return 0;
    buf_append(out, data, size * count);
    return size * count;
}

/* One for the process, so that connections are kept. */
static CURL *handle(void)
{
    static CURL *curl;

    if (!curl) {
        curl_global_init(CURL_GLOBAL_DEFAULT);
        curl = curl_easy_init();
    }
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, TIMEOUT_S);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
    return curl;
}

static int perform(CURL *curl, const char *address, const char *path, struct buf *out,
                   long *ret_status)
{
    CLEANUP(free_p) char *url = mem_printf("http://%s%s", address, path);
    CURLcode code;

    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, out);
    code = curl_easy_perform(curl);
    if (code != CURLE_OK)
        return cli_fail(EXIT_UNREACHABLE,
                        "%s does not answer: %s; is it running? (--http, PROFFER_HTTP)", address,
                        curl_easy_strerror(code));
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, ret_status);
    return 0;
}

/* What {"code":404,"message":"..."} says. */
static int refuse(const char *address, const char *path, long status, const struct buf *body)
{
    json_t *answer = json_loadb(buf_text(body), body->size, 0, NULL);
    const char *message = json_string_value(json_object_get(answer, "message"));
    int code = EXIT_FAILED;

    if (status == 404)
        code = EXIT_NOT_FOUND;
    else if (status == 401 || status == 403)
        code = EXIT_DENIED;
    if (message)
        cli_fail(code, "%s: %s", address, message);
    else
        cli_fail(code, "http://%s%s answers %ld", address, path, status);
    json_decref(answer);
    return code;
}

json_t *http_get(const char *address, const char *path, int *ret_exit)
{
    CLEANUP(buf_fini) struct buf body = {0};
    json_error_t error;
    json_t *answer;
    long status = 0;

    *ret_exit = perform(handle(), address, path, &body, &status);
    if (*ret_exit)
        return NULL;
    if (status != 200) {
        *ret_exit = refuse(address, path, status, &body);
        return NULL;
    }
    answer = json_loadb(buf_text(&body), body.size, 0, &error);
    if (!answer)
        *ret_exit =
            cli_fail(EXIT_FAILED, "http://%s%s is not JSON: %s; is this the HTTP port of a master?",
                     address, path, error.text);
    return answer;
}

int http_post(const char *address, const char *path, json_t *object)
{
    CLEANUP(free_p) char *text = json_dumps(object, JSON_COMPACT);
    CLEANUP(buf_fini) struct buf body = {0};
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    CURL *curl = handle();
    long status = 0;
    int code;

    json_decref(object);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, text);
    code = perform(curl, address, path, &body, &status);
    curl_slist_free_all(headers);
    if (code == 0 && (status < 200 || status > 299))
        code = refuse(address, path, status, &body);
    return code;
}

int http_delete(const char *address, const char *path)
{
    CLEANUP(buf_fini) struct buf body = {0};
    CURL *curl = handle();
    long status = 0;
    int code;

    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "DELETE");
    code = perform(curl, address, path, &body, &status);
    if (code == 0 && (status < 200 || status > 299))
        code = refuse(address, path, status, &body);
    return code;
}

char *http_escape(const char *text)
{
    char *escaped = curl_easy_escape(handle(), text, 0);
    char *copy = mem_strdup(escaped);

    curl_free(escaped);
    return copy;
}
