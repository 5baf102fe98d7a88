/* proffer-check: asks one URL over TLS and says what came; started by the launcher, as the user and in the
 * network of a task, with a socket as descriptor 3. Not for people.
 *
 *     proffer-check URL MILLISECONDS
 *
 * A certificate is not verified: a service is asked by its address, from next to it, as Mesos does. So who answers is
 * anybody: once the libraries are there it takes the empty folder that it was given as descriptor 4 for its root, gives up
 * its last capability, and has no more system calls than a connection takes.
 */
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/launcher/check_answer.h"
#include "agent/launcher/check_confine.h"
#include "agent/launcher/check_outcome.h"

#define OUTCOME_FD 3
#define NOTHING_FD 4 /* not there, if the launcher may not mount */
#define EXIT_USAGE 2

/* The status of the first answer is all that is wanted: nothing behind it is read. */
static size_t on_line(char *line, size_t size, size_t count, void *status_p)
{
    *(int *)status_p = check_answer_status(line, size * count, true);
    return 0;
}

static CURLcode ask(CURL *curl, const char *url, long timeout_ms, int *ret_status)
{
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    curl_easy_setopt(curl, CURLOPT_CAINFO, NULL);
    curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "proffer");
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_line);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, ret_status);
    return curl_easy_perform(curl);
}

static int confine(struct err *err)
{
    int nothing_fd = NOTHING_FD, rc = 0;

    if (fcntl(nothing_fd, F_GETFD) >= 0)
        rc = check_enter_nothing(&nothing_fd, err);
    if (rc == 0 && (check_clear_capabilities() < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0))
        rc = err_set(err, -EPERM, "cannot give up rights");
    return rc < 0 ? rc : check_filter(CHECK_FILTER_CONNECTION, err);
}

static void look(const char *url, long timeout_ms, struct check_outcome *ret)
{
    CURL *curl = curl_easy_init();
    int status = 0;
    CURLcode code = curl ? ask(curl, url, timeout_ms, &status) : CURLE_OUT_OF_MEMORY;

    ret->http_status = status;
    ret->passed = status >= CHECK_STATUS_LEAST && status <= CHECK_STATUS_MOST;
    ret->timed_out = !status && code == CURLE_OPERATION_TIMEDOUT;
    if (!status)
        snprintf(ret->message, sizeof(ret->message), "%s",
                 code == CURLE_WRITE_ERROR ? "no answer of HTTP" : curl_easy_strerror(code));
    curl_easy_cleanup(curl);
}

int main(int argc, char **argv)
{
    struct check_outcome outcome = {0};
    struct err err;

    if (argc != 3) {
        fputs("proffer-check is started by proffer-launcher\n", stderr);
        return EXIT_USAGE;
    }
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* nobody of its user looks into it */
    curl_global_init(CURL_GLOBAL_DEFAULT);
    if (confine(&err) < 0)
        snprintf(outcome.message, sizeof(outcome.message), "%s: %s", argv[0], err.text);
    else
        look(argv[1], strtol(argv[2], NULL, 10), &outcome);
    return send(OUTCOME_FD, &outcome, sizeof(outcome), MSG_NOSIGNAL) < 0;
}
