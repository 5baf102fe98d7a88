/* agent/view/view.h - the agent's read side: a thread with a replica of the public state and an HTTP
 * server.
 *
 * The agent's loop hands over what its core publishes and never waits for a reader: changes are encoded,
 * gathered during a turn and posted once (agent_view_flush), and the view's thread takes them when somebody
 * asks for something, or when many have come together. Should it fall AGENT_VIEW_BACKLOG_MAX behind all
 * the same, what does not fit is dropped and logged, and the view, which notices the gap in the numbers,
 * answers 503 to whoever asks for the state; tasks run on.
 *
 * Questions that only the loop can answer (usage, counters) come the other way, and their answers return in
 * the same stream as the changes. All functions are for the loop's thread.
 */
#ifndef PROFFER_AGENT_VIEW_VIEW_H
#define PROFFER_AGENT_VIEW_VIEW_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/message.h"

#define AGENT_VIEW_BACKLOG_MAX ((size_t)128 * 1024 * 1024) /* bytes of changes, encoded */

struct agent_view;
struct options_shown;

struct agent_view_settings {
    const char *address;               /* numeric */
    uint16_t port;                     /* 0: the kernel picks */
    const char *sandboxes_dir;         /* absolute; what /files/ may show */
    int desk_fd;                       /* for files; a copy is taken */
    const char *master;                /* host of the master, as shown */
    const struct options_shown *flags; /* borrowed for life */
};

/* Serving from now on. What http_server_new answers, with its advice. */
int agent_view_new(const struct agent_view_settings *settings, struct agent_view **ret_view,
                   struct err *err);
/* Waiting clients are dropped. */
void agent_view_destroy(struct agent_view **self_p);
uint16_t agent_view_port(const struct agent_view *self);

/* A CHANGE_..., or the answer to a question, with the question's number. */
void agent_view_publish(struct agent_view *self, const struct message *message);
/* At the end of each turn of the loop. */
void agent_view_flush(struct agent_view *self);

/* Readable when there are questions: USAGE_REQUEST and METRICS_REQUEST. */
int agent_view_questions_fd(const struct agent_view *self);
/* The message lives until on_question returns. */
void agent_view_take_questions(struct agent_view *self,
                               void (*on_question)(void *owner, const struct message *question),
                               void *owner);

#endif
