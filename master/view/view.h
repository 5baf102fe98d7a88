/* master/view/view.h - the master's read side: a thread with a replica of the state and an HTTP
 * server.
 *
 * The master's loop hands over what its core publishes and never waits for a reader. Changes are
 * gathered during a turn and posted once (view_flush): an encoding and a copy, however busy the
 * view is. The view takes all that is there at each of its turns and before each answer, so what
 * waits for it is what the core says while one document is written. Should it lag VIEW_BACKLOG_MAX
 * behind all the same, the changes that do not fit are dropped, the loop logs that, and the view,
 * which notices the gap in the numbers, answers 503 to whoever asks for the state, and on /health,
 * rather than show a state that never was; scheduling goes on, a restart cures it.
 *
 * Operators' calls and the question for counters come the other way, are answered by the loop in
 * the same stream as the changes, and so are told only after what they changed can be seen.
 *
 * Readers cost memory for their own answers, in all no more than base/http_server.h allows; beyond it a
 * large one is a 503 until others have been read.
 *
 * All functions are for the loop's thread.
 */
#ifndef PROFFER_MASTER_VIEW_VIEW_H
#define PROFFER_MASTER_VIEW_VIEW_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "master/view/documents.h"
#include "proto/message.h"

#define VIEW_BACKLOG_MAX     ((size_t)256 * 1024 * 1024) /* bytes of changes, encoded */
#define VIEW_CALL_MAX        65536                       /* bytes of a POST's body */
#define VIEW_CONNECTIONS_MAX 1024

struct view;

struct view_settings {
    const char *address;        /* numeric */
    uint16_t port;              /* 0: the kernel picks */
    struct options_shown flags; /* borrowed for life: shown in /state and /flags */
};

/* Serving from now on. What http_server_new answers, with its advice. */
int view_new(const struct view_settings *settings, struct view **ret_view, struct err *err);
void view_destroy(
    struct view **self_p); /* what was posted is still replayed; waiting clients are dropped */
uint16_t view_port(const struct view *self);

/* A CHANGE_..., or the reply to a call, with the call's number. Logs and drops what cannot be
 * encoded. */
void view_publish(struct view *self, const struct message *message);
/* At the end of each turn of the loop. */
void view_flush(struct view *self);

/* Readable when there are calls. */
int view_calls_fd(const struct view *self);
/* OPERATOR_KILL, OPERATOR_TEARDOWN, to be answered by OPERATOR_REPLY, and METRICS_REQUEST, by
 * METRICS_REPLY: through view_publish, with the number of the call, now or later. `call` lives
 * until on_call returns. */
void view_take_calls(struct view *self, void (*on_call)(void *owner, const struct message *call),
                     void *owner);

#endif
