#include "framework-sdk/scheduler.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/deadlines.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/version.h"
#include "framework-sdk/context.h"
#include "framework-sdk/err.h"
#include "framework-sdk/tasks.h"

#define MASTER_DEFAULT       "127.0.0.1:5050"
#define DESCRIPTORS          3 /* link, timer, stop */
#define MESSAGES_A_TURN      256
#define TURNS_MAX            16 /* of one dispatch: the user's loop has other things to do, too */
#define LINGER_MS            1000
#define HOSTNAME_MAX         256
#define FAILOVER_SECONDS_MAX (100.0 * 366 * 86400)

/* --- timer ------------------------------------------------------------------------------------ */

static int64_t earlier(int64_t a_us, int64_t b_us)
{
    return a_us < b_us ? a_us : b_us;
}

void sdk_scheduler_wake(struct proffer_scheduler *self)
{
    if (!self->is_dispatching)
        pollable_arm(&self->pollable, 0);
}

/* --- events ----------------------------------------------------------------------------------- */

static void obey_stop(struct proffer_scheduler *self, struct now now)
{
    int request = atomic_load(&self->stop_request);

    if (request != STOP_NONE)
        driver_stop(self->driver, now, request == STOP_TEARDOWN);
}

static bool is_over(const struct proffer_scheduler *self)
{
    return self->is_doomed || driver_has_ended(self->driver);
}

static void on_open(void *owner, const struct msg_welcome *welcome)
{
    struct proffer_scheduler *self = owner;

    (void)welcome;
    if (!self->is_doomed)
        driver_on_connected(self->driver, clock_now());
}

static void on_message(void *owner, const struct message *message)
{
    struct proffer_scheduler *self = owner;
    struct now now = clock_now();

    if (self->is_doomed)
        return;
    obey_stop(self, now); /* a callback just before may have asked for it */
    driver_on_message(self->driver, now, message);
}

static void on_close(void *owner, const char *reason, bool final)
{
    struct proffer_scheduler *self = owner;

    if (!self->is_doomed)
        driver_on_disconnected(self->driver, reason, final);
}

static void on_trouble(void *owner, const char *reason)
{
    on_close(owner, reason, false);
}

/* --- running ---------------------------------------------------------------------------------- */

static void work(struct proffer_scheduler *self)
{
    int turns = 0, handled;

    do {
        struct now now = clock_now();

        obey_stop(self, now);
        driver_on_deadline(self->driver, now);
        handled = link_client_run(self->link, now.mono_us, MESSAGES_A_TURN);
    } while (handled > 0 && !is_over(self) && ++turns < TURNS_MAX);
    if (is_over(self))
        return;
    if (handled > 0)
        pollable_arm(&self->pollable, 0);
    else
        pollable_arm(&self->pollable, earlier(link_client_next_deadline_us(self->link),
                                              driver_next_deadline_us(self->driver)));
}

static void scheduler_free(struct proffer_scheduler *self)
{
    self->is_doomed = true; /* what the link still has to say is for nobody */
    if (self->link)
        link_client_destroy(&self->link, LINGER_MS);
    sdk_context_put(&self->context);
    link_keys_fini(&self->keys);
    driver_destroy(&self->driver);
    pollable_fini(&self->pollable);
    free(self);
}

static int step(struct proffer_scheduler *self, int timeout_ms)
{
    struct epoll_event events[DESCRIPTORS]; /* the link looks after its own */

    if (self->is_dispatching)
        return -EDEADLK;
    self->is_dispatching = true;
    if (!is_over(self)) {
        (void)pollable_wait(&self->pollable, timeout_ms, events, DESCRIPTORS);
        work(self);
    }
    self->is_dispatching = false;
    if (self->is_doomed) {
        scheduler_free(self);
        return 0;
    }
    if (self->has_failed)
        return -ECONNABORTED;
    return driver_has_ended(self->driver) ? 0 : 1;
}

int proffer_scheduler_dispatch(struct proffer_scheduler *scheduler)
{
    return step(scheduler, 0);
}

int proffer_scheduler_run(struct proffer_scheduler *scheduler)
{
    int rc;

    do
        rc = step(scheduler, -1);
    while (rc > 0);
    return rc;
}

void proffer_scheduler_stop(struct proffer_scheduler *scheduler, bool teardown)
{
    atomic_store(&scheduler->stop_request, teardown ? STOP_TEARDOWN : STOP_LEAVE);
    pollable_ring(&scheduler->pollable);
}

int proffer_scheduler_fd(const struct proffer_scheduler *scheduler)
{
    return scheduler->pollable.epoll_fd;
}

const char *proffer_scheduler_framework_id(const struct proffer_scheduler *scheduler)
{
    return driver_framework_id(scheduler->driver);
}

bool proffer_scheduler_is_connected(const struct proffer_scheduler *scheduler)
{
    return driver_is_subscribed(scheduler->driver);
}

/* --- birth and death -------------------------------------------------------------------------- */

static int check_options(const struct proffer_scheduler_options *options, struct err *err)
{
    double timeout = options->failover_timeout;

    if (!options->name || !*options->name)
        return err_set(err, -EINVAL, "the framework has no name");
    if (!(options->offer_timeout >= 0 && options->offer_timeout <= FAILOVER_SECONDS_MAX))
        return err_set(err, -EINVAL, "offer_timeout is %g s, it must be 0 to %g",
                       options->offer_timeout, FAILOVER_SECONDS_MAX);
    if (options->offers_max > INT32_MAX)
        return err_set(err, -EINVAL, "offers_max is %zu, it must be at most %d",
                       options->offers_max, INT32_MAX);
    if (!(timeout >= 0 && timeout <= FAILOVER_SECONDS_MAX))
        return err_set(err, -EINVAL, "failover_timeout is %g s, it must be 0 to %g", timeout,
                       FAILOVER_SECONDS_MAX);
    return 0;
}

/* What it can do by its options and by its callbacks. */
static void take_capabilities(struct framework_info *framework,
                              const struct proffer_scheduler *self, const char *const *capabilities,
                              struct arena *arena)
{
    const char **names;
    size_t count = 0;

    while (capabilities && capabilities[count])
        count++;
    names = arena_array(arena, count + 1, sizeof(*names));
    for (size_t i = 0; i < count; i++)
        names[i] = capabilities[i];
    if (self->callbacks.preempted)
        names[count++] = "PREEMPTION_NOTICE";
    framework->capabilities = names;
    framework->capabilities_count = count;
}

static int make_driver(struct proffer_scheduler *self,
                       const struct proffer_scheduler_options *options, uint64_t seed,
                       struct err *err)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    char hostname[HOSTNAME_MAX] = "";
    struct framework_info framework = {
        .id = options->framework_id,
        .name = options->name,
        .user = options->user,
        .roles = options->roles,
        .failover_timeout_ms = (int64_t)(options->failover_timeout * 1000 + 0.5),
        .hostname = options->hostname,
        .principal = options->principal,
        .webui_url = options->webui_url,
        .ends_with_session = options->ends_with_session,
    };
    struct driver_settings settings = {
        .framework = &framework,
        .suppressed = options->suppressed,
        .acknowledge_by_hand = options->acknowledge_by_hand,
        .decline_all = !self->callbacks.offers,
        .offers_max = (int64_t)options->offers_max,
        .offer_timeout_ms = (int64_t)(options->offer_timeout * 1000 + 0.5),
        .seed = seed,
    };
    struct driver_env env = sdk_driver_env;

    env.ctx = self;
    if (!self->callbacks.inverse_offers)
        env.inverse_offers = NULL;
    while (framework.roles && framework.roles[framework.roles_count])
        framework.roles_count++;
    take_capabilities(&framework, self, options->capabilities, arena);
    framework.labels = sdk_labels_to_info(options->labels, arena, &framework.labels_count);
    if (!framework.hostname && gethostname(hostname, sizeof(hostname) - 1) == 0)
        framework.hostname = hostname;
    return driver_new(&settings, &env, &self->driver, err);
}

static const char *option_or_environment(const char *option, const char *variable,
                                         const char *fallback)
{
    const char *value = option ? option : getenv(variable);

    return value && *value ? value : fallback;
}

static int make_link(struct proffer_scheduler *self,
                     const struct proffer_scheduler_options *options, uint64_t seed,
                     struct err *err)
{
    const char *keys = option_or_environment(options->keys, "PROFFER_KEYS", NULL);
    struct link_client_settings settings = {
        .address = option_or_environment(options->master, "PROFFER_MASTER", MASTER_DEFAULT),
        .kind = PEER_FRAMEWORK,
        .keys = keys ? &self->keys : NULL,
        .insecure = options->insecure,
        .version = PROFFER_VERSION,
        .seed = seed,
    };
    struct link_client_events events = {.owner = self,
                                        .on_open = on_open,
                                        .on_message = on_message,
                                        .on_close = on_close,
                                        .on_trouble = on_trouble};
    int rc = keys ? link_keys_load(keys, LINK_CLIENT, &self->keys, err) : 0;

    if (rc >= 0)
        rc = sdk_context_get(&self->context, err);
    if (rc >= 0)
        rc = link_client_new(self->context, &settings, &events, &self->link, err);
    if (rc < 0)
        return rc;
    rc = pollable_watch(&self->pollable, link_client_fd(self->link));
    return rc < 0 ? err_errno(err, rc, "a scheduler's descriptors") : 0;
}

static int log_level_from_environment(void)
{
    const char *text = getenv("PROFFER_SDK_LOG");
    enum log_level level;

    return text && log_level_parse(text, &level) == 0 ? (int)level : -1;
}

int proffer_scheduler_new(const struct proffer_scheduler_options *options,
                          const struct proffer_callbacks *callbacks, void *user,
                          struct proffer_scheduler **ret_scheduler, struct proffer_err *err)
{
    CLEANUP(proffer_scheduler_destroy) struct proffer_scheduler *self = NULL;
    uint64_t seed = sdk_draw_seed();
    int rc = check_options(options, sdk_err(err));

    if (rc < 0)
        return rc;
    self = mem_new(struct proffer_scheduler);
    self->pollable = POLLABLE_NONE;
    if (callbacks)
        self->callbacks = *callbacks;
    self->user = user;
    self->log_level = log_level_from_environment();
    rc = make_driver(self, options, seed, sdk_err(err));
    if (rc >= 0)
        rc = pollable_init(&self->pollable, "a scheduler", sdk_err(err));
    if (rc >= 0)
        rc = make_link(self, options, seed, sdk_err(err));
    if (rc < 0)
        return rc;
    sdk_scheduler_wake(self);
    *ret_scheduler = TAKE(self);
    return 0;
}

void proffer_scheduler_destroy(struct proffer_scheduler **scheduler_p)
{
    struct proffer_scheduler *self = *scheduler_p;

    *scheduler_p = NULL;
    if (!self)
        return;
    if (self->is_dispatching)
        self->is_doomed = true;
    else
        scheduler_free(self);
}
