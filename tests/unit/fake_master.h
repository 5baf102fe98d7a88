/* tests/unit/fake_master.h - a master that knows nothing, for tests of the SDK over real sockets: it
 * writes down what it hears and says what it is told to say. Has a thread of its own.
 */
#ifndef PROFFER_TESTS_FAKE_MASTER_H
#define PROFFER_TESTS_FAKE_MASTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/message.h"

struct fake_master;

struct fake_master_settings {
    uint16_t port; /* of 127.0.0.1; 0: the kernel picks */
    /* A master in small: an offer after each subscription, updates for each task accepted. */
    bool is_lively;
};

struct fake_master *fake_master_new(const struct fake_master_settings *settings);
void fake_master_destroy(struct fake_master **self_p);
uint16_t fake_master_port(const struct fake_master *self);
const char *fake_master_address(const struct fake_master *self); /* "127.0.0.1:port" */

/* To the latest session. SUBSCRIBE is answered without being asked, by the id of the framework or
 * "F1". */
void fake_master_say(struct fake_master *self, const struct message *message);
void fake_master_hang_up(struct fake_master *self);

/* Readable after something was heard, until fake_master_heard is asked. */
int fake_master_fd(const struct fake_master *self);
size_t fake_master_heard(struct fake_master *self, enum msg_type type);
/* The latest one; it lives as long as the fake. Fails the test when there is none. */
struct message fake_master_last(struct fake_master *self, enum msg_type type);

#endif
