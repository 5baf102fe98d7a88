/* Files of sandboxes over the agents' HTTP: libcurl's multi_socket, driven by one epoll descriptor
 * that also holds a timer for curl's own time-outs and for our deadlines. */
#include "framework-sdk/fetch.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/deadlines.h"
#include "base/mem.h"
#include "base/table.h"
#include "framework-sdk/err.h"
#include "framework-sdk/fetch_url.h"

#define PARALLEL_DEFAULT   8
#define PARALLEL_MAX       1024
#define FETCHES_MAX        1000000 /* under way or waiting, in one fetcher */
#define TIMEOUT_DEFAULT_MS (30 * 1000)
#define EVENTS_A_TURN      64

#define FOLLOW_MAX     (1024 * 1024)
#define FOLLOW_WAIT_MS (20 * 1000)

/* --- timer ------------------------------------------------------------------------------------ */

static void arm(struct proffer_fetcher *self)
{
    int64_t at_us = deadlines_next(&self->deadlines);

    pollable_arm(&self->pollable, self->curl_due_us < at_us ? self->curl_due_us : at_us);
}

/* --- what curl wants watched ------------------------------------------------------------------ */

static int on_curl_timer(CURLM *multi, long timeout_ms, void *user)
{
    struct proffer_fetcher *self = user;

    (void)multi;
    self->curl_due_us =
        timeout_ms < 0 ? DEADLINE_NEVER : clock_now().mono_us + (int64_t)timeout_ms * US_PER_MS;
    return 0;
}

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *known)
{
    struct proffer_fetcher *self = user;
    struct epoll_event event = {.data.fd = fd};

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(self->pollable.epoll_fd, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    if (what & CURL_POLL_IN)
        event.events |= EPOLLIN;
    if (what & CURL_POLL_OUT)
        event.events |= EPOLLOUT;
    epoll_ctl(self->pollable.epoll_fd, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
    curl_multi_assign(self->multi, fd, self); /* not NULL: known from now on */
    return 0;
}

/* --- dispatch --------------------------------------------------------------------------------- */

static void start_waiting(struct proffer_fetcher *self)
{
    while (self->waiting && self->running_count < self->parallel && !self->is_doomed) {
        struct fetch *fetch = self->waiting;

        if (sdk_fetch_run(fetch) < 0)
            sdk_fetch_finish(fetch, -ENOMEM, "no memory for a transfer");
    }
}

static void on_due(void *owner, struct deadline *deadline)
{
    struct fetch *fetch = CONTAINER_OF(deadline, struct fetch, deadline);

    (void)owner;
    if (sdk_fetch_is_running(fetch))
        sdk_fetch_finish(fetch, -ETIMEDOUT, "the agent sends nothing any more");
    else
        sdk_fetch_wait(fetch);
}

static void collect(struct proffer_fetcher *self)
{
    const CURLMsg *message;
    int left;

    while (!self->is_doomed && (message = curl_multi_info_read(self->multi, &left))) {
        CURLcode result = message->data.result;
        char *fetch = NULL;

        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &fetch);
        sdk_fetch_settle((struct fetch *)(void *)fetch, result);
    }
}

static void fetcher_free(struct proffer_fetcher *self)
{
    self->is_doomed = true;
    while (self->running)
        sdk_fetch_free(self->running);
    while (self->pausing)
        sdk_fetch_free(self->pausing);
    while (self->waiting)
        sdk_fetch_free(self->waiting);
    if (self->multi)
        curl_multi_cleanup(self->multi);
    deadlines_fini(&self->deadlines);
    pollable_fini(&self->pollable);
    free(self);
}

static void on_event(struct proffer_fetcher *self, const struct epoll_event *event)
{
    int mask = 0, running;

    if (event->events & EPOLLIN)
        mask |= CURL_CSELECT_IN;
    if (event->events & EPOLLOUT)
        mask |= CURL_CSELECT_OUT;
    if (event->events & (EPOLLERR | EPOLLHUP))
        mask |= CURL_CSELECT_ERR;
    curl_multi_socket_action(self->multi, event->data.fd, mask, &running);
}

static void work(struct proffer_fetcher *self)
{
    struct epoll_event events[EVENTS_A_TURN];
    int count = pollable_wait(&self->pollable, 0, events, EVENTS_A_TURN), running;
    int64_t now_us = clock_now().mono_us;

    for (int i = 0; i < count; i++)
        on_event(self, &events[i]);
    if (self->curl_due_us <= now_us) {
        self->curl_due_us = DEADLINE_NEVER;
        curl_multi_socket_action(self->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    collect(self);
    deadlines_run(&self->deadlines, now_us, self);
    start_waiting(self);
    arm(self);
}

int proffer_fetcher_dispatch(struct proffer_fetcher *fetcher)
{
    if (fetcher->is_dispatching)
        return -EDEADLK;
    fetcher->is_dispatching = true;
    work(fetcher);
    fetcher->is_dispatching = false;
    if (fetcher->is_doomed) {
        fetcher_free(fetcher);
        return 0;
    }
    return (int)fetcher->count;
}

int proffer_fetcher_fd(const struct proffer_fetcher *fetcher)
{
    return fetcher->pollable.epoll_fd;
}

/* --- adding ----------------------------------------------------------------------------------- */

static int add(struct proffer_fetcher *self, const struct fetch_target *target,
               const struct fetch *values, struct err *err)
{
    CLEANUP(buf_fini) struct buf url = {0};
    struct fetch *fetch;
    int rc = fetch_check(target, &values->range, err);

    if (rc < 0)
        return rc;
    if (self->count >= FETCHES_MAX)
        return err_set(err, -ENOBUFS, "%d transfers are waiting already", FETCHES_MAX);
    fetch_url(target, &url);
    fetch = mem_new(struct fetch);
    *fetch = *values;
    fetch->fetcher = self;
    fetch->url = mem_strdup(buf_text(&url));
    fetch->deadline.due = on_due;
    sdk_fetch_wait(fetch);
    self->count++;
    if (!self->is_dispatching) {
        self->curl_due_us = clock_now().mono_us; /* dispatch is to start it */
        arm(self);
    }
    return 0;
}

int proffer_fetcher_add(struct proffer_fetcher *fetcher, const char *agent_address,
                        const char *sandbox, const char *file, int64_t offset, int64_t bytes_max,
                        int fd, int64_t timeout_ms, proffer_fetched_fn *done, void *user,
                        struct proffer_err *err)
{
    const struct fetch_target target = {agent_address, sandbox, file};
    struct fetch values = {
        .range = {.offset = offset,
                  .length = bytes_max > 0 && bytes_max < INT64_MAX ? bytes_max + 1 : bytes_max},
        .fd = fd,
        .bytes_max = bytes_max,
        .done = done,
        .user = user,
    };

    if (timeout_ms < 0 || timeout_ms > INT64_MAX / US_PER_MS / 2)
        return err_set(sdk_err(err), -EINVAL, "timeout_ms is %" PRId64, timeout_ms);
    values.timeout_us = (timeout_ms ? timeout_ms : TIMEOUT_DEFAULT_MS) * US_PER_MS;
    return add(fetcher, &target, &values, sdk_err(err));
}

int proffer_fetcher_follow(struct proffer_fetcher *fetcher, const char *agent_address,
                           const char *sandbox, const char *file, int64_t offset, bool wait, int fd,
                           proffer_fetched_fn *done, void *user, struct proffer_err *err)
{
    const struct fetch_target target = {agent_address, sandbox, file};
    struct fetch values = {
        .range = {.offset = offset, .length = FOLLOW_MAX, .wait_ms = wait ? FOLLOW_WAIT_MS : 0},
        .fd = fd,
        .bytes_max = FOLLOW_MAX,
        .timeout_us = (int64_t)TIMEOUT_DEFAULT_MS * US_PER_MS,
        .done = done,
        .user = user,
    };

    if (wait)
        values.follow_until_us = clock_now().mono_us + (int64_t)FOLLOW_WAIT_MS * US_PER_MS;
    return add(fetcher, &target, &values, sdk_err(err));
}

int proffer_fetcher_follow_log(struct proffer_fetcher *fetcher, const char *agent_address,
                               const char *sandbox, const char *file,
                               struct proffer_log_place *place, bool wait, int fd,
                               proffer_fetched_fn *done, void *user, struct proffer_err *err)
{
    const struct fetch_target target = {agent_address, sandbox, file};
    struct fetch values = {
        .range = {.offset = place->offset,
                  .length = FOLLOW_MAX,
                  .wait_ms = wait ? FOLLOW_WAIT_MS : 0},
        .place = place,
        .fd = fd,
        .bytes_max = FOLLOW_MAX,
        .timeout_us = (int64_t)TIMEOUT_DEFAULT_MS * US_PER_MS,
        .done = done,
        .user = user,
    };

    place->file[sizeof(place->file) - 1] = '\0';
    place->has_gap = false;
    if (wait)
        values.follow_until_us = clock_now().mono_us + (int64_t)FOLLOW_WAIT_MS * US_PER_MS;
    return add(fetcher, &target, &values, sdk_err(err));
}

int proffer_fetcher_set_patience(struct proffer_fetcher *fetcher, int64_t patience_ms,
                                 struct proffer_err *err)
{
    if (patience_ms < 0 || patience_ms > INT64_MAX / US_PER_MS / 2)
        return err_set(sdk_err(err), -EINVAL, "patience_ms is %" PRId64, patience_ms);
    fetcher->patience_us = patience_ms * US_PER_MS;
    return 0;
}

/* --- birth and death -------------------------------------------------------------------------- */

static void init_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT); /* never undone: the program may use curl, too */
}

int proffer_fetcher_new(unsigned parallel, struct proffer_fetcher **ret_fetcher,
                        struct proffer_err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    CLEANUP(proffer_fetcher_destroy) struct proffer_fetcher *self = NULL;
    int rc;

    pthread_once(&once, init_curl);
    self = mem_new(struct proffer_fetcher);
    self->parallel = parallel ? parallel : PARALLEL_DEFAULT;
    if (self->parallel > PARALLEL_MAX)
        self->parallel = PARALLEL_MAX;
    self->curl_due_us = DEADLINE_NEVER;
    self->pollable = POLLABLE_NONE;
    rc = pollable_init(&self->pollable, "a fetcher", sdk_err(err));
    if (rc < 0)
        return rc;
    self->multi = curl_multi_init();
    if (!self->multi)
        return err_set(sdk_err(err), -ENOMEM, "no memory for a fetcher");
    curl_multi_setopt(self->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
    curl_multi_setopt(self->multi, CURLMOPT_SOCKETDATA, self);
    curl_multi_setopt(self->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
    curl_multi_setopt(self->multi, CURLMOPT_TIMERDATA, self);
    *ret_fetcher = TAKE(self);
    return 0;
}

void proffer_fetcher_destroy(struct proffer_fetcher **fetcher_p)
{
    struct proffer_fetcher *self = *fetcher_p;

    *fetcher_p = NULL;
    if (!self)
        return;
    if (self->is_dispatching)
        self->is_doomed = true;
    else
        fetcher_free(self);
}
