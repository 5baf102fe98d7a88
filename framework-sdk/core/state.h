/* framework-sdk/core/state.h - the driver's tables, for the files of this folder only. */
#ifndef PROFFER_SDK_CORE_STATE_H
#define PROFFER_SDK_CORE_STATE_H

#include "base/arena.h"
#include "base/deadlines.h"
#include "base/log.h"
#include "base/rng.h"
#include "base/table.h"
#include "framework-sdk/core/driver.h"

enum driver_state {
    DRIVER_DISCONNECTED, /* no session */
    DRIVER_SUBSCRIBING,  /* SUBSCRIBE is on its way */
    DRIVER_SUBSCRIBED,
    DRIVER_STOPPING, /* awaits a session, to say TEARDOWN in it */
    DRIVER_ENDED,
    DRIVER_STATE_MAX,
};

/* An offer that is ours until it is answered or void. */
struct driver_offer {
    char *id; /* owned, as are the others */
    char *agent_id;
    char *role;
    bool marked; /* by the call that is being checked */
    UT_hash_handle hh;
};

enum driver_ask {
    DRIVER_ASK_NOT,
    DRIVER_ASK_WAITING, /* its turn will come */
    DRIVER_ASK_SENT,    /* the master has been asked */
};

/* A task that is believed to be alive. */
struct driver_task {
    char *id;       /* owned */
    char *agent_id; /* owned; "": not known */
    enum task_state state;
    enum driver_ask ask;
    struct driver_task *prev, *next; /* in the list that `ask` names */
    bool is_kill_wanted;
    bool has_kill_policy;
    int64_t kill_grace_ms;
    int64_t kill_pause_us;
    struct deadline kill_again;
    UT_hash_handle hh;
};

/* The loop after a subscription. It goes over what is unanswered in passes: a batch is sent when
 * the one before has been answered or has had its time; between passes the pause doubles. */
struct driver_reconciliation {
    struct driver_task *waiting;
    struct driver_task *sent;
    size_t waiting_count;
    size_t sent_count;
    size_t pass_left; /* how many from the head of `waiting` this pass has not asked about yet */
    int64_t pause_us; /* after this pass */
    struct deadline deadline;
    struct deadline implicit; /* asks what else the master knows of */
};

struct driver_role {
    const char *name; /* in the arena */
    bool suppressed;
    bool told_suppressed;           /* by the SUBSCRIBE of this session */
    bool revived;                   /* while the master could not be told */
    const struct role_needs *needs; /* in needs_memory; NULL: none */
    struct arena *needs_memory;     /* owned */
    bool needs_are_news;            /* to the master */
};

struct driver {
    struct driver_env env;
    struct arena *arena; /* owned; what is given at the start */
    const struct framework_info *framework;
    char *framework_id; /* owned */
    struct driver_role *roles;
    size_t roles_count;
    bool acknowledge_by_hand;
    bool decline_all;
    int64_t offers_max, offer_timeout_ms;

    enum driver_state state;
    bool was_subscribed; /* in this process */
    struct rng rng;
    struct deadlines deadlines;
    struct deadline subscribe_again;
    struct deadline stop;
    int64_t subscribe_pause_us;
    int64_t now_us; /* of the event being handled */

    struct driver_offer *offers;
    struct driver_task *tasks;
    struct driver_end *ends;      /* oldest first */
    struct driver_doomed *doomed; /* the same */
    struct driver_reconciliation reconciliation;
};

void driver_log(struct driver *self, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* 0, or -ENOTCONN with a text. */
int driver_tell_needs(struct driver *self, struct driver_role *role, struct err *err);
int driver_check_subscribed(const struct driver *self, struct err *err);
/* 0, or -ENOTCONN with a text: there will be no subscription any more. */
int driver_check_goes_on(const struct driver *self, struct err *err);
/* Somewhere in the upper half of `pause_us`, so that those who lost one master do not come back in
 * step. */
int64_t driver_jitter(struct driver *self, int64_t pause_us);

/* --- held.c ----------------------------------------------------------------------------------- */

void driver_on_offers(struct driver *self, const struct msg_offers *offers);
void driver_on_rescind(struct driver *self, const struct msg_rescind *rescind);
void driver_on_reduced(struct driver *self, const struct msg_offer_reduced *reduced);
void driver_drop_offers(struct driver *self);
struct driver_offer *driver_find_offer(const struct driver *self, const char *offer_id);
void driver_drop_offer(struct driver *self, struct driver_offer *offer);

/* --- reconcile.c ------------------------------------------------------------------------------ */

struct driver_task *driver_find_task(const struct driver *self, const char *task_id);
/* -EEXIST, -ENOSPC */
int driver_add_task(struct driver *self, const char *task_id, const char *agent_id,
                    enum task_state state, struct err *err);
void driver_drop_task(struct driver *self, struct driver_task *task);
/* The task of that id, which is believed to be alive from now on. NULL: -ENOSPC. */
struct driver_task *driver_meet_task(struct driver *self, const char *task_id, const char *agent_id,
                                     struct err *err);
/* An update says what became of a task, which also answers our question. */
void driver_note_status(struct driver *self, const struct task_status *status);

/* --- ended.c ---------------------------------------------------------------------------------- */

void driver_note_end(struct driver *self, const char *task_id);
/* The task, or another of that id, is of interest again. */
void driver_forget_end(struct driver *self, const char *task_id);
void driver_forget_ends(struct driver *self);
/* An answer to a question that crossed the end of its task. */
bool driver_is_late(const struct driver *self, const struct task_status *status);

/* --- reconcile.c, the loop -------------------------------------------------------------------- */

void driver_init_reconciliation(struct driver *self);
void driver_start_reconciliation(struct driver *self);
void driver_stop_reconciliation(struct driver *self);
/* At once, and from then on as all others. */
void driver_ask_about(struct driver *self, struct driver_task *task);

/* --- kills.c ---------------------------------------------------------------------------------- */

void driver_init_kill(struct driver_task *task);
/* Say it, and say it again until it has arrived. */
void driver_want_kill(struct driver *self, struct driver_task *task,
                      const struct kill_policy *policy);
/* Its state is another one, or a session begins or has ended. */
void driver_settle_kill(struct driver *self, struct driver_task *task);
/* The task is unknown now: keep its kill for the case that it comes back ... */
void driver_keep_kill(struct driver *self, const struct driver_task *task);
/* ... as it does now. */
void driver_recall_kill(struct driver *self, struct driver_task *task);
/* It has ended, or is another one of that id. */
void driver_forget_kill(struct driver *self, const char *task_id);
void driver_forget_kills(struct driver *self);
/* Does it have to be said (again)? */
bool driver_is_kill_due(const struct driver *self, const struct driver_task *task);

#endif
