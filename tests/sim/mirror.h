/* tests/sim/mirror.h - what a master has published: mirror.c, and what preempt.c and windows.c see of it. */
#ifndef PROFFER_TESTS_SIM_MIRROR_H
#define PROFFER_TESTS_SIM_MIRROR_H

#include "tests/sim/world.h"

#define MIRROR_KEY_MAX (2 * ID_MAX + 2)

struct mirror_task {
    UT_hash_handle hh;
    enum task_state state;
    char agent_id[ID_MAX + 1];
    char role[ID_MAX + 1];
    struct resources resources;
    int64_t priority;
    bool is_revocable;
    bool is_kill_wanted;           /* for another reason than a drain, whatever becomes of that */
    uint64_t kill_session;         /* in which its kill was said last; 0: in none */
    int64_t gives_way_since_us;    /* 0: it does not */
    char gives_way_to[ID_MAX + 1]; /* that role */
    bool is_grouped;
    char executor[MIRROR_KEY_MAX]; /* the key of the one that it runs in; "": none */
    char key[];                    /* framework id/task id */
};

struct mirror_offer {
    UT_hash_handle hh;
    bool is_optimistic;
    char framework_id[ID_MAX + 1];
    char agent_id[ID_MAX + 1];
    char role[ID_MAX + 1];
    struct resources resources;
    char id[];
};

/* What is set for a role. */
struct mirror_role {
    UT_hash_handle hh;
    bool has_priority;
    int64_t priority;
    struct resources guarantee;
    char name[];
};

struct mirror_agent {
    UT_hash_handle hh;
    bool is_connected;
    bool is_ordered;    /* out of use by an operator: deactivated, or drained */
    bool is_down;       /* in a maintenance window */
    bool is_out_of_use; /* by either */
    char hostname[ID_MAX + 1];
    bool was_connected;
    bool is_unreachable;
    bool has_left;   /* with a goodbye, or as gone: only its id is remembered */
    bool is_touched; /* by the event being handled */
    struct resources total;
    int64_t gives_way_since_us; /* tasks there, the last time that some did */
    char id[];
};

struct mirror_window {
    UT_hash_handle hh;
    struct arena *memory; /* owned; of what follows */
    const struct window_info *info;
    enum window_state state;
    struct mirror_asked *asked; /* who has not answered */
    char id[];
};

struct mirror_asked {
    UT_hash_handle hh;
    char key[]; /* agent id/framework id */
};

struct mirror_framework {
    UT_hash_handle hh;
    bool is_connected;
    char id[];
};

struct mirror {
    struct sim *sim;
    struct now now; /* of its master's event */
    uint64_t changes;
    struct mirror_task *tasks;
    struct mirror_offer *offers;
    struct mirror_agent *agents;
    struct mirror_framework *frameworks;
    struct mirror_role *roles;
    size_t giving_way; /* tasks that do */
    int64_t
        less_since_us; /* since when somebody may have less: an agent went, or quotas were set */
    struct mirror_window *windows;
};

struct mirror *mirror_new(struct sim *sim);
void mirror_destroy(struct mirror **self_p);
void mirror_on_change(struct mirror *self, const struct message *change);
/* After each event: nothing is promised that an agent does not have. */
void mirror_check(struct mirror *self);
/* A master says that a task is to be killed. */
void mirror_on_kill(struct mirror *self, uint64_t session, const struct msg_kill_task *kill);
/* preempt.c: it gives way to another (`info`), or does no more (NULL). */
void preempt_on_change(struct mirror *self, struct mirror_task *task,
                       const struct preempt_info *info);
void preempt_check_time(struct mirror *self);
void preempt_on_log(struct sim_master *master, const char *text);
struct mirror_task *mirror_task(const struct mirror *self, const char *key);
struct mirror_agent *mirror_agent(const struct mirror *self, const char *id);
bool mirror_agent_has_left(const struct mirror *self, const char *id);
struct mirror_offer *mirror_offer(const struct mirror *self, const char *id);

/* windows.c */
void windows_on_change(struct mirror *self, const struct msg_change_window *change);
/* Are agents down in windows that have begun, and only there? */
void windows_check(struct mirror *self);
/* What is due is done: is each window where the master's clock has it? */
void windows_check_clock(struct mirror *self, struct now now);
bool windows_have_asked(const struct mirror *self, const char *window_id, const char *agent_id,
                        const char *framework_id);
void windows_fini(struct mirror *self);
/* An operator schedules, cancels, begins or ends one; he has no more business with any. */
void windows_operate(struct sim *sim);
void windows_end(struct sim *sim);

#endif
