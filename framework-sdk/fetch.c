/* One fetch: its curl handle, what it writes, how it ends. */
#include "framework-sdk/fetch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/table.h"
#include "base/units.h"

#define CONNECT_TIMEOUT_MS (10 * 1000)
#define REFUSAL_MAX        65536             /* bytes of an answer that is not the file */
#define FOLLOW_PAUSE_US    (100 * US_PER_MS) /* before asking again for a file that is not there yet */
#define AWAY_PAUSE_MIN_US  (100 * US_PER_MS) /* before asking an agent again that is away */
#define AWAY_PAUSE_MAX_US  US_PER_S

#define OLDEST "oldest" /* no id of a file: an agent then begins with the oldest that it keeps */

#define HTTP_OK         200
#define HTTP_FORBIDDEN  403
#define HTTP_NOT_FOUND  404
#define HTTP_BEYOND_END 416

static void await_progress(struct fetch *fetch)
{
    deadline_set(&fetch->fetcher->deadlines, &fetch->deadline,
                 clock_now().mono_us + fetch->timeout_us);
}

static int write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, data, size);

        if (written < 0 && errno != EINTR)
            return -errno;
        if (written > 0) {
            data += written;
            size -= (size_t)written;
        }
    }
    return 0;
}

static size_t on_curl_data(char *data, size_t size, size_t count, void *user)
{
    struct fetch *fetch = user;
    size_t total = size * count, wanted = total;
    long status = 0;

    curl_easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status != HTTP_OK) {
        fetch->refusal_bytes += total;
        return fetch->refusal_bytes <= REFUSAL_MAX ? total : 0;
    }
    await_progress(fetch);
    if (fetch->bytes_max && (int64_t)total > fetch->bytes_max - fetch->bytes)
        wanted = (size_t)(fetch->bytes_max - fetch->bytes);
    fetch->error = write_all(fetch->fd, data, wanted);
    if (fetch->error < 0)
        return 0;
    fetch->bytes += (int64_t)wanted;
    if (fetch->place)
        fetch->place->offset += (int64_t)wanted;
    if (wanted < total)
        fetch->error = -EFBIG;
    return wanted;
}

/* The value of that header, without what is around it; false: it is another one. */
static bool read_header(const char *line, size_t size, const char *name, char *ret, size_t ret_size)
{
    size_t name_size = strlen(name);

    if (size <= name_size || strncasecmp(line, name, name_size) != 0 || line[name_size] != ':')
        return false;
    line += name_size + 1;
    size -= name_size + 1;
    for (; size && (*line == ' ' || *line == '\t'); line++)
        size--;
    while (size && (line[size - 1] == '\r' || line[size - 1] == '\n' || line[size - 1] == ' '))
        size--;
    if (size >= ret_size)
        return false;
    memcpy(ret, line, size);
    ret[size] = '\0';
    return true;
}

/* Where in what file the agent goes on; an agent that does not say so goes on where it was asked to. */
static size_t on_curl_header(char *line, size_t size, size_t count, void *user)
{
    struct fetch *fetch = user;
    struct proffer_log_place *place = fetch->place;
    char text[sizeof(place->file)];
    int64_t offset;

    size *= count;
    if (read_header(line, size, "X-Proffer-File", text, sizeof(text))) {
        fetch->had_place = *place->file != '\0';
        memcpy(place->file, text, sizeof(text));
    } else if (read_header(line, size, "X-Proffer-Offset", text, sizeof(text))) {
        if (units_parse_int(text, 0, INT64_MAX, &offset, NULL) == 0)
            place->offset = offset;
    } else if (read_header(line, size, "X-Proffer-Gap", text, sizeof(text))) {
        place->has_gap |= fetch->had_place;
    }
    return size;
}

/* --- life ------------------------------------------------------------------------------------- */

bool sdk_fetch_is_running(const struct fetch *fetch)
{
    return fetch->list == &fetch->fetcher->running;
}

/* Curl has those that run, and no others. `list` NULL: to none. */
static void move(struct fetch *fetch, struct fetch **list)
{
    struct proffer_fetcher *self = fetch->fetcher;

    if (sdk_fetch_is_running(fetch)) {
        curl_multi_remove_handle(self->multi, fetch->easy);
        self->running_count--;
    }
    if (fetch->list)
        DL_DELETE(*fetch->list, fetch);
    fetch->list = list;
    if (list)
        DL_APPEND(*list, fetch);
    if (sdk_fetch_is_running(fetch)) {
        curl_multi_add_handle(self->multi, fetch->easy);
        self->running_count++;
    }
}

void sdk_fetch_wait(struct fetch *fetch)
{
    move(fetch, &fetch->fetcher->waiting);
}

void sdk_fetch_free(struct fetch *fetch)
{
    struct proffer_fetcher *self = fetch->fetcher;

    move(fetch, NULL);
    curl_easy_cleanup(fetch->easy);
    self->count--;
    deadline_cancel(&self->deadlines, &fetch->deadline);
    free(fetch->url);
    free(fetch);
}

void sdk_fetch_finish(struct fetch *fetch, int error, const char *message)
{
    proffer_fetched_fn *done = fetch->done;
    bool is_wanted = !fetch->fetcher->is_doomed;
    int64_t bytes = fetch->bytes;
    void *user = fetch->user;

    sdk_fetch_free(fetch);
    if (is_wanted)
        done(user, error, message, bytes);
}

/* What is here already is not asked for again. */
static void aim(const struct fetch *fetch)
{
    CLEANUP(buf_fini) struct buf url = {0};
    struct fetch_range range = fetch->range;

    if (fetch->place) {
        range.offset = fetch->place->offset;
        range.file = *fetch->place->file || range.offset ? fetch->place->file : OLDEST;
    } else {
        range.offset += fetch->bytes;
    }
    if (range.length)
        range.length -= fetch->bytes;
    buf_puts(&url, fetch->url);
    fetch_url_range(&range, &url);
    curl_easy_setopt(fetch->easy, CURLOPT_URL, buf_text(&url));
}

/* No proxy of the environment, no other protocol, no other place than the one that was named: what
 * an agent answers must not send us elsewhere. */
static int open_easy(struct fetch *fetch)
{
    CURL *easy;

    if (fetch->easy)
        return 0;
    easy = curl_easy_init();
    if (!easy)
        return -ENOMEM;
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http");
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_curl_data);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, fetch);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, fetch);
    if (fetch->place) {
        curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_curl_header);
        curl_easy_setopt(easy, CURLOPT_HEADERDATA, fetch);
    }
    fetch->easy = easy;
    return 0;
}

int sdk_fetch_run(struct fetch *fetch)
{
    if (open_easy(fetch) < 0)
        return -ENOMEM;
    aim(fetch);
    await_progress(fetch);
    fetch->refusal_bytes = 0;
    move(fetch, &fetch->fetcher->running);
    return 0;
}

/* --- results ---------------------------------------------------------------------------------- */

static int error_of_curl(CURLcode result)
{
    switch (result) {
    case CURLE_OK:
        return 0;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT: /* only connecting has a time-out of curl's */
        return -EHOSTUNREACH;
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
        return -ECONNRESET;
    case CURLE_URL_MALFORMAT:
        return -EINVAL;
    case CURLE_OUT_OF_MEMORY:
        return -ENOMEM;
    default:
        return -EPROTO;
    }
}

static int error_of_http(long status)
{
    switch (status) {
    case HTTP_OK:
    case HTTP_BEYOND_END:
        return 0;
    case HTTP_NOT_FOUND:
        return -ENOENT;
    case HTTP_FORBIDDEN:
        return -EACCES;
    default:
        return -EPROTO;
    }
}

/* Nobody can say how long an agent is away: it is asked again and again, less and less often, until it
 * has sent nothing for as long as the fetcher's user wants to wait. When to ask; 0: no more. */
static int64_t next_try(struct fetch *fetch)
{
    int64_t now_us = clock_now().mono_us, again_us;

    if (!fetch->away_since_us || fetch->bytes > fetch->away_bytes) {
        fetch->away_since_us = now_us;
        fetch->away_bytes = fetch->bytes;
        fetch->away_pause_us = AWAY_PAUSE_MIN_US;
    }
    again_us = now_us + fetch->away_pause_us;
    fetch->away_pause_us *= 2;
    if (fetch->away_pause_us > AWAY_PAUSE_MAX_US)
        fetch->away_pause_us = AWAY_PAUSE_MAX_US;
    return again_us < fetch->away_since_us + fetch->fetcher->patience_us ? again_us : 0;
}

/* Somebody follows a file that is not there yet. (An agent that answers early with nothing at all has
 * said that nothing will come.) Or the agent is away. */
static bool pause_instead(struct fetch *fetch, int error)
{
    int64_t again_us = 0;

    if (error == -ENOENT && clock_now().mono_us + FOLLOW_PAUSE_US < fetch->follow_until_us)
        again_us = clock_now().mono_us + FOLLOW_PAUSE_US;
    else if (error == -EHOSTUNREACH || error == -ECONNRESET)
        again_us = next_try(fetch);
    if (!again_us)
        return false;
    move(fetch, &fetch->fetcher->pausing);
    deadline_set(&fetch->fetcher->deadlines, &fetch->deadline, again_us);
    return true;
}

void sdk_fetch_settle(struct fetch *fetch, CURLcode result)
{
    struct err err = {0};
    long status = 0;
    int error = error_of_curl(result);

    if (error == -ECONNRESET && fetch->range.length && fetch->bytes >= fetch->range.length)
        error = 0; /* all that was asked for is here */
    curl_easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &status);
    if (fetch->error == -EFBIG)
        error = err_set(&err, -EFBIG, "there is more than %" PRId64 " bytes", fetch->bytes_max);
    else if (fetch->error < 0)
        error = err_errno(&err, fetch->error, "cannot write");
    else if (error < 0)
        err_set(&err, error, "%s", curl_easy_strerror(result));
    else if (error_of_http(status) < 0)
        error = err_set(&err, error_of_http(status), "the agent answered HTTP %ld%s", status,
                        status == HTTP_NOT_FOUND ? ": there is no such file" : "");
    if (!pause_instead(fetch, error))
        sdk_fetch_finish(fetch, error, err.text);
}
