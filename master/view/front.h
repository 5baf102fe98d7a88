/* master/view/front.h - the view's thread: it replays changes, answers requests, passes calls on.
 *
 * For front*.c and view.c only. Made and destroyed by the loop's thread, while the view's own
 * thread does not run; everything else happens there, without a lock. Handlers read the replica
 * through front_replica, which first replays what has been posted: an answer is never older than
 * its question.
 */
#ifndef PROFFER_MASTER_VIEW_FRONT_H
#define PROFFER_MASTER_VIEW_FRONT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/http_server.h"
#include "proto/inbox.h"
#include "master/view/replica.h"
#include "master/view/view.h"

/* A request that is answered when the loop has. */
struct waiting {
    struct front *front;
    struct http_request *request;
    uint64_t number; /* of its call; 0: for the counters */
    struct waiting *prev, *next;
};

struct front {
    struct options_shown flags;
    struct http_server *http;
    struct inbox *changes; /* borrowed, as is the next one */
    struct inbox *calls;
    struct replica *replica;
    struct arena *arena; /* of the message at hand */
    struct buf taken;    /* frames from the loop */
    struct buf replies;  /* frames among them that answer calls: told between requests */
    struct buf asked;    /* frames for the loop, since the last turn */
    struct waiting *waiting;
    uint64_t calls_made;
    bool is_asking_for_counters;
    bool is_open; /* the loop has not closed the inbox */
    uint64_t changes_wrong;
    uint64_t trimmed_at; /* number of the change after which memory was last given back */
    struct err stale;    /* why the replica can no longer be trusted; "" while it can */
};

int front_new(const struct view_settings *settings, struct inbox *changes, struct inbox *calls,
              struct front **ret_front, struct err *err);
void front_destroy(struct front **self_p);
uint16_t front_port(const struct front *self);
void front_run(struct front *self); /* until the inbox is closed */

/* The replica as of now; NULL when it cannot be trusted: then the request is answered already. */
const struct replica *front_replica(struct front *self, struct http_request *request);

/* front_routes.c: what can be asked for */
extern const struct http_route front_routes[];

/* front_policy.c: quotas, weights, priorities, kinds of offers */
void front_set_quota(void *front, struct http_request *request);
void front_remove_quota(void *front, struct http_request *request);
void front_set_offers(void *front, struct http_request *request);
void front_remove_offers(void *front, struct http_request *request);
void front_set_weight(void *front, struct http_request *request);
void front_remove_weight(void *front, struct http_request *request);
void front_set_priority(void *front, struct http_request *request);
void front_remove_priority(void *front, struct http_request *request);

/* front_errands.c: reservations and volumes */
void front_reserve(void *front, struct http_request *request);
void front_unreserve(void *front, struct http_request *request);
void front_create_volume(void *front, struct http_request *request);
void front_destroy_volume(void *front, struct http_request *request);
void front_grow_volume(void *front, struct http_request *request);
void front_shrink_volume(void *front, struct http_request *request);
/* front_maintenance.c */
void front_schedule_maintenance(void *front, struct http_request *request);
void front_cancel_maintenance(void *front, struct http_request *request);
void front_start_maintenance(void *front, struct http_request *request);
void front_stop_maintenance(void *front, struct http_request *request);

/* front_calls.c: what the loop has to answer */
void front_call(struct front *self, struct http_request *request, enum msg_type type,
                const void *body);
void front_kill(void *front, struct http_request *request);
void front_drain(void *front, struct http_request *request);
void front_deactivate(void *front, struct http_request *request);
void front_reactivate(void *front, struct http_request *request);
void front_gone(void *front, struct http_request *request);
void front_explain(void *front, struct http_request *request);
void front_teardown(void *front, struct http_request *request);
void front_metrics(void *front, struct http_request *request);
void front_on_reply(struct front *self, const struct message *reply);
void front_drop_waiting(struct front *self);

#endif
