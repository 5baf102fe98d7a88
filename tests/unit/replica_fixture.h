/* tests/unit/replica_fixture.h - changes as a core would publish them, made by hand. */
#ifndef PROFFER_TESTS_REPLICA_FIXTURE_H
#define PROFFER_TESTS_REPLICA_FIXTURE_H

#include <jansson.h>

#include "master/view/documents.h"
#include "master/view/replica.h"
#include "proto/message.h"

/* Where changes go: numbered from 1, as a core does. */
struct publisher {
    void (*publish)(void *ctx, const struct message *change);
    void *ctx;
    uint64_t number;
};

/* Replays into a replica; a change that is refused fails the test. */
struct publisher replaying(struct replica *replica);

void say(struct publisher *to, struct message change);
void say_master(struct publisher *to);
/* 4 cpus, 8000 mem, ports 31000-32000; 1 cpu and 100 mem reserved to "ads"; address 10.0.0.2:5051
 */
void say_agent(struct publisher *to, const char *id);
void say_agent_removed(struct publisher *to, const char *id, enum removal_reason reason);
void say_framework(struct publisher *to, const char *id, const char *name);
void say_framework_removed(struct publisher *to, const char *id);
/* `resources` as text, "cpus:1;mem:128;ports:[31000-31000]". */
void say_task(struct publisher *to, const char *framework_id, const char *id, const char *agent_id,
              const char *resources);
/* A status with a container, a message and data; its time is 1000 s plus the change's number. */
void say_status(struct publisher *to, const char *framework_id, const char *id,
                enum task_state state);
void say_task_removed(struct publisher *to, const char *framework_id, const char *id);
void say_offer(struct publisher *to, const char *id, const char *framework_id, const char *agent_id,
               const char *resources);
void say_offer_removed(struct publisher *to, const char *id);

bool sum_is(const struct resources *resources, const char *text);

/* A document, which must parse; for json_decref. */
json_t *parsed(struct buf *document);
json_t *state_of(const struct replica *replica);
/* at(state, "slaves", 0, "id", NULL)-like walks: a path of keys and indexes, "slaves.0.id"; fails
 * the test when there is nothing. Borrowed. */
json_t *at(const json_t *root, const char *path);
const char *text_at(const json_t *root, const char *path);
double number_at(const json_t *root, const char *path);

#endif
