#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/fetcher/fetcher.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/version.h"
#include "proto/uris.h"

#define REDIRECTS_MAX 5L
#define CONNECT_MS    30000L
#define STALL_S       60L /* without a byte */
#define PROGRESS_US   ((int64_t)5 * US_PER_S)
#define COPY_BYTES    65536
#define HTTP_OK       200

/* What is on its way into a file. */
struct flow {
    const struct fetch_job *job;
    int fd;
    int64_t max_bytes;
    int64_t bytes;
    int64_t told_us;
    crypto_hash_sha256_state hash;
    int rc; /* of the last write */
};

static void flow_begin(struct flow *self, const struct fetch_job *job, int fd, int64_t max_bytes)
{
    *self =
        (struct flow){.job = job, .fd = fd, .max_bytes = max_bytes, .told_us = clock_now().mono_us};
    crypto_hash_sha256_init(&self->hash);
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

static void tell_now_and_then(struct flow *self)
{
    int64_t now_us = clock_now().mono_us;

    if (now_us - self->told_us < PROGRESS_US)
        return;
    self->told_us = now_us;
    fetch_tell_progress(self->job, self->bytes);
}

static int flow_add(struct flow *self, const char *data, size_t size)
{
    self->bytes += (int64_t)size;
    if (self->max_bytes && self->bytes > self->max_bytes)
        self->rc = -EFBIG;
    else
        self->rc = write_all(self->fd, data, size);
    crypto_hash_sha256_update(&self->hash, (const unsigned char *)data, size);
    tell_now_and_then(self);
    return self->rc;
}

static int say_too_large(const struct flow *self, struct err *err)
{
    if (!self->max_bytes)
        return err_set(err, -EFBIG, "its length is no number");
    return err_set(err, -EFBIG, "it has more than the %lld bytes that may be fetched",
                   (long long)self->max_bytes);
}

static int say_wrong(const struct flow *self, struct err *err)
{
    if (self->rc == -EFBIG)
        return say_too_large(self, err);
    return err_errno(err, self->rc, "cannot write");
}

static int flow_end(struct flow *self, struct err *err)
{
    unsigned char sum[crypto_hash_sha256_BYTES];
    char text[2 * sizeof(sum) + 1];
    const char *wanted = self->job->uri->sha256;

    crypto_hash_sha256_final(&self->hash, sum);
    sodium_bin2hex(text, sizeof(text), sum, sizeof(sum));
    if (*wanted && strcasecmp(wanted, text) != 0)
        return err_set(err, -EBADMSG, "its sha256 is %s, expected %s", text, wanted);
    return 0;
}

/* --- from the web ------------------------------------------------------------------------------- */

static size_t on_data(char *data, size_t size, size_t count, void *owner)
{
    return flow_add(owner, data, size * count) < 0 ? 0 : size * count;
}

static int on_progress(void *owner, curl_off_t total, curl_off_t now, curl_off_t up_total,
                       curl_off_t up_now)
{
    struct flow *self = owner;

    (void)total;
    (void)now;
    (void)up_total;
    (void)up_now;
    tell_now_and_then(self);
    return 0;
}

static void set_options(CURL *curl, struct flow *flow, char *error)
{
    const char *url = flow->job->uri->value;
    const char *ca_file = flow->job->fetch->settings->ca_file;
    bool is_tls = strncmp(url, "https:", 6) == 0;

    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    /* What began safely goes on so. */
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, is_tls ? "https" : "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, REDIRECTS_MAX);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, STALL_S);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    /* With a limit libcurl refuses a length that is no number, too, instead of going by the end of the connection. */
    curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE,
                     (curl_off_t)(flow->max_bytes ? flow->max_bytes : INT64_MAX));
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "proffer/" PROFFER_VERSION);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, flow);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, flow);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    if (*ca_file)
        curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file);
}

static int say_curl(const struct flow *flow, CURL *curl, CURLcode code, const char *error,
                    struct err *err)
{
    long status = 0;

    if (flow->rc < 0)
        return say_wrong(flow, err);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (code == CURLE_HTTP_RETURNED_ERROR)
        return err_set(err, -EREMOTEIO, "HTTP status %ld", status);
    if (code == CURLE_FILESIZE_EXCEEDED)
        return say_too_large(flow, err);
    if (code == CURLE_TOO_MANY_REDIRECTS)
        return err_set(err, -ELOOP, "it redirects more than %ld times", REDIRECTS_MAX);
    return err_set(err, -EIO, "%s%s%.120s", curl_easy_strerror(code), *error ? ": " : "", error);
}

/* Any other is not what was asked for, though no error to libcurl: a part, nothing, a choice, a redirect to nowhere. */
static int check_status(CURL *curl, struct err *err)
{
    long status = 0;

    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    return status == HTTP_OK ? 0 : err_set(err, -EREMOTEIO, "HTTP status %ld", status);
}

static int from_web(struct flow *flow, struct err *err)
{
    char error[CURL_ERROR_SIZE] = "";
    CURL *curl = curl_easy_init();
    CURLcode code;
    int rc = 0;

    if (!curl)
        return err_set(err, -ENOMEM, "libcurl");
    set_options(curl, flow, error);
    code = curl_easy_perform(curl);
    if (code != CURLE_OK)
        rc = say_curl(flow, curl, code, error, err);
    else
        rc = check_status(curl, err);
    curl_easy_cleanup(curl);
    return rc;
}

/* --- from this host ----------------------------------------------------------------------------- */

static int copy(struct flow *flow, int from_fd, struct err *err)
{
    char data[COPY_BYTES];
    ssize_t size;

    while ((size = read(from_fd, data, sizeof(data))) != 0) {
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return err_errno(err, -errno, "cannot read");
        if (flow_add(flow, data, (size_t)size) < 0)
            return say_wrong(flow, err);
    }
    return 0;
}

/* -ENOENT: not in that folder. */
static int open_in(const char *folder, const char *path, int *ret_fd, struct err *err)
{
    struct open_how how = {
        .flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    CLEANUP(close_fd) int root = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    size_t size = strlen(folder);
    long fd;

    while (size > 1 && folder[size - 1] == '/')
        size--;
    if (strncmp(path, folder, size) != 0 || path[size] != '/')
        return -ENOENT;
    if (root < 0)
        return err_errno(err, -errno, "%.100s", folder);
    path += size;
    path += strspn(path, "/");
    fd = syscall(SYS_openat2, root, path, &how, sizeof(how));
    if (fd < 0)
        return err_errno(err, -errno, "%.100s in %.80s", path, folder);
    *ret_fd = (int)fd;
    return 0;
}

static int open_file(const struct fetch_job *job, int *ret_fd, struct err *err)
{
    const struct fetcher_info *settings = job->fetch->settings;
    const char *path = uri_path(job->uri->value);
    struct stat info;
    int rc = -ENOENT;

    err_set(err, -EACCES, "the agent gives no files out of there (--fetcher-files)");
    for (size_t i = 0; i < settings->files_count && rc == -ENOENT; i++) {
        struct err why = {""};

        rc = open_in(settings->files[i], path, ret_fd, &why);
        if (rc < 0 && *why.text) {
            *err = why;
            return rc;
        }
    }
    if (rc < 0)
        return -EACCES;
    if (fstat(*ret_fd, &info) < 0 || !S_ISREG(info.st_mode)) {
        close_fd(ret_fd);
        return err_set(err, -EINVAL, "it is no plain file");
    }
    return 0;
}

static int from_file(struct flow *flow, struct err *err)
{
    CLEANUP(close_fd) int fd = -1;
    int rc = open_file(flow->job, &fd, err);

    return rc < 0 ? rc : copy(flow, fd, err);
}

int download(const struct fetch_job *job, int fd, int64_t max_bytes, struct err *err)
{
    struct flow flow;
    int rc;

    flow_begin(&flow, job, fd, max_bytes);
    rc = uri_path(job->uri->value) ? from_file(&flow, err) : from_web(&flow, err);
    return rc < 0 ? rc : flow_end(&flow, err);
}

int copy_checked(const struct fetch_job *job, int from_fd, int to_fd, struct err *err)
{
    struct flow flow;
    int rc;

    flow_begin(&flow, job, to_fd, job->fetch->settings->max_bytes);
    if (lseek(from_fd, 0, SEEK_SET) < 0)
        return err_errno(err, -errno, "cannot read what was cached");
    rc = copy(&flow, from_fd, err);
    return rc < 0 ? rc : flow_end(&flow, err);
}
