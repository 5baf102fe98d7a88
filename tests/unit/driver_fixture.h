/* tests/unit/driver_fixture.h - a driver in a world that only writes down what the driver does. */
#ifndef PROFFER_TESTS_DRIVER_FIXTURE_H
#define PROFFER_TESTS_DRIVER_FIXTURE_H

#include "base/arena.h"
#include "base/cleanup.h"
#include "framework-sdk/core/driver.h"

#define S US_PER_S

#define DRIVER_FIXTURE CLEANUP(driver_fixture_destroy) struct driver_fixture

/* `framework` and `settings` may be changed before driver_fixture_start. */
struct driver_fixture {
    struct driver *driver;
    struct framework_info framework;
    struct driver_settings settings;
    bool leaves_agents; /* it has a callback for inverse offers */
    struct now now;
    struct arena *arena; /* of what was sent */

    struct message *sent;
    size_t sent_count;
    int send_answer; /* negative: nothing can be sent */

    /* how often each callback was called, and with what the last time */
    int registered, offers, rescinded, reduced, updates, messages, agents_lost, errors,
        disconnected;
    int inverse_offers, inverse_rescinded;
    bool again;
    size_t offers_last;
    char text[512];

    /* what the framework does inside a callback */
    void (*in_offers)(struct driver_fixture *fixture, const struct offer_info *const *offers,
                      size_t count);
    void (*in_update)(struct driver_fixture *fixture, const struct task_status *status);
    void *user;
};

/* Allocated and filled with defaults; framework "f" in role "*". */
struct driver_fixture *driver_fixture_new(void);
/* The same with the roles "dev" and "ops". */
struct driver_fixture *driver_fixture_new_with_roles(void);
/* The same, started and subscribed. */
struct driver_fixture *driver_fixture_new_subscribed(void);
void driver_fixture_destroy(struct driver_fixture **self_p);
/* Makes the driver. */
void driver_fixture_start(struct driver_fixture *self);
/* ... and takes it to SUBSCRIBED, as framework "F1"; what was sent is forgotten. */
void driver_fixture_subscribe(struct driver_fixture *self);

/* Hand a message to the driver, as one from the master; then check its invariants. */
void driver_fixture_hear(struct driver_fixture *self, struct message message);
void driver_fixture_connect(struct driver_fixture *self);
void driver_fixture_disconnect(struct driver_fixture *self);
void driver_fixture_hear_subscribed(struct driver_fixture *self, const char *framework_id);
/* An offer of "cpus:1" made to `role`. */
void driver_fixture_offer(struct driver_fixture *self, const char *id, const char *agent_id,
                          const char *role);
/* `acknowledge`: with a uuid. */
void driver_fixture_update(struct driver_fixture *self, const char *task_id, enum task_state state,
                           bool acknowledge);
/* Let time pass, deadline by deadline. */
void driver_fixture_pass(struct driver_fixture *self, int64_t us);
/* Launch one task on one offer; what driver_accept answers. */
int driver_fixture_launch(struct driver_fixture *self, const char *offer_id, const char *agent_id,
                          const char *task_id);

/* Forget what was sent. */
void driver_fixture_forget(struct driver_fixture *self);
size_t driver_fixture_sent(const struct driver_fixture *self, enum msg_type type);
/* The last message that was sent; it must be of that type. */
const struct message *driver_fixture_last(const struct driver_fixture *self, enum msg_type type);

#endif
