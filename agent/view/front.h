/* agent/view/front.h - the view's thread: it replays changes, answers requests, passes questions on.
 *
 * For agent/view/ only. Made and destroyed by the loop's thread while the view's own thread does not run;
 * everything else happens there, without a lock.
 */
#ifndef PROFFER_AGENT_VIEW_FRONT_H
#define PROFFER_AGENT_VIEW_FRONT_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/view/documents.h"
#include "agent/view/replica.h"
#include "agent/view/rotation.h"
#include "agent/view/sandbox_files.h"
#include "agent/view/view.h"
#include "base/http_server.h"
#include "proto/inbox.h"

#define AGENT_VIEW_WAKE_BYTES ((size_t)256 * 1024) /* of changes that are taken unasked */

struct front;

enum question_kind {
    QUESTION_USAGE,
    QUESTION_METRICS,
    QUESTION_KIND_MAX,
};

/* A request that is answered when the loop has answered. */
struct question {
    struct front *front;
    struct http_request *request;
    enum question_kind kind;
    uint64_t number; /* 0: not asked yet */
    int64_t until_us;
    void (*answer)(struct question *self, const struct message *reply);
    struct question *prev, *next;
};

/* A file that is read as it grows. */
struct followed {
    char *path; /* below the sandboxes; owned */
    int fd;     /* owned */
    int watch;  /* inotify's; -1: it is not told when it grows */
    char id[ROTATION_ID_SIZE];
    size_t users;
    int64_t used_us; /* without users: since then */
    bool is_over;    /* its path is another file's by now, or nobody's */
    struct followed *prev, *next;
};

/* A request for what a file does not have yet. */
struct follower {
    struct front *front;
    struct http_request *request;
    struct followed *followed; /* one of its users */
    uint64_t offset;
    uint64_t length;
    int64_t until_us;
    bool tells_place; /* where that is, by headers: see rotation.h */
    struct follower *prev, *next;
};

struct front {
    struct document_context context;
    char *master; /* owned; in context */
    struct http_server *http;
    struct inbox *changes; /* borrowed, as is the next one */
    struct inbox *questions;
    struct replica *replica;
    struct sandbox_files files;
    struct arena *arena; /* of the message at hand */
    struct buf taken;
    struct buf replies; /* frames that answer questions: dealt with between requests */
    struct buf asked;   /* frames for the loop, since the last turn */
    struct question *waiting;
    uint64_t questions_count;
    struct {
        uint64_t number; /* 0: none */
        int64_t until_us;
    } in_flight[QUESTION_KIND_MAX];
    struct follower *followers;
    struct followed *followed; /* owned */
    bool has_inotify;          /* it is in `epoll_fd` */
    int epoll_fd;
    bool is_open; /* the loop has not closed the inbox */
};

int agent_front_new(const struct agent_view_settings *settings, struct inbox *changes,
                    struct inbox *questions, struct front **ret_front, struct err *err);
void agent_front_destroy(struct front **self_p);
uint16_t agent_front_port(const struct front *self);
void agent_front_run(struct front *self); /* until the inbox is closed */

/* Replay what has been posted. */
void agent_front_catch_up(struct front *self);
/* The replica as of now; NULL when changes were lost: then the request is answered already. */
const struct replica *agent_front_replica(struct front *self, struct http_request *request);

/* routes.c */
extern const struct http_route agent_routes[];

/* questions.c: what the loop has to answer */
void agent_route_statistics(void *front, struct http_request *request);
void agent_route_containers(void *front, struct http_request *request);
void agent_route_metrics(void *front, struct http_request *request);
/* Put what requests wait for into `asked`, once for all of them. */
void questions_ask(struct front *self, int64_t now_us);
void questions_on_reply(struct front *self, const struct message *reply);
/* Give up what nobody has answered in time. */
void questions_expire(struct front *self, int64_t now_us);
void questions_drop(struct front *self);

/* routes_files.c */
void agent_route_browse(void *front, struct http_request *request);
void agent_route_read(void *front, struct http_request *request);
void agent_route_download(void *front, struct http_request *request);

/* followed.c */
struct inotify_event;
/* That file, opened now or before; whoever has it is one of its users. Errors as those of sandbox_files_open. */
int followed_get(struct front *self, const char *path, struct followed **ret_followed,
                 struct err *err);
void followed_release(struct front *self, struct followed *followed);
void followed_on_event(struct front *self, const struct inotify_event *event);
/* When followed_expire has something to do; DEADLINE_NEVER. Of nobody it goes after a while: INT64_MAX is now for all. */
int64_t followed_due_us(const struct front *self);
void followed_expire(struct front *self, int64_t now_us);

/* followers.c */
/* Answer when the file grows, is closed or renamed, when its task ends, or at `until_us`. Takes the use of `followed`. */
/* For a reader that goes on from here. */
void agent_tell_place(struct http_request *request, int fd, uint64_t offset, bool has_gap);
void followers_add(struct front *self, const struct follower *want);
/* A task of this sandbox still runs: more may come. */
bool followers_may_hope(struct front *self, const char *path);
void followers_on_change(struct front *self, const struct message *change);
void followers_on_inotify(struct front *self);
void followers_expire(struct front *self, int64_t now_us);
void followers_drop(struct front *self);

#endif
