/* agent/core/groups.h - a group of tasks, for the files groups*.c; the others have state.h. */
#ifndef PROFFER_AGENT_CORE_GROUPS_H
#define PROFFER_AGENT_CORE_GROUPS_H

#include "agent/core/state.h"

enum holder_state {
    HOLDER_NONE,    /* not launched yet */
    HOLDER_ORDERED, /* or of an earlier life, and nothing was heard of it */
    HOLDER_RUNS,
    HOLDER_ENDED,
};

struct group {
    struct framework *framework; /* borrowed */
    struct arena *arena;         /* owned; of the texts */
    const struct group_info *info;
    const char *holder; /* container id */
    const char *folder;
    const char *user;
    enum holder_state state;
    bool is_told_to_end; /* the holder is */
    uint64_t ordered;    /* the holder's launch goes out when that record is written */
    enum task_ending ending;
    const char *why;         /* "": nothing more is to be said */
    int64_t kill_by_mono_us; /* 0: each by its own grace */
    struct task **members;   /* owned; in their order, NULL: not there any more */
    size_t count;
    bool is_stirred;
    struct group *prev, *next; /* in agent->stirred */
    UT_hash_handle by_id, by_holder;
};

/* NULL: there is none of that id. */
struct group *group_find(const struct framework *framework, const char *id);
/* With room for so many tasks; its holder has no name yet. */
struct group *group_new(struct framework *framework, const struct group_info *info, size_t count);
/* The task is its number-th. */
void group_join(struct group *group, struct task *task, size_t number);
/* A new container id, and a folder of that name; then it is found by it. */
void group_name_holder(struct agent *self, struct group *group);
void group_index_holder(struct agent *self, struct group *group);
/* It is to be looked at before the event ends. */
void group_stir(struct agent *self, struct group *group);
/* Write it down as it is. */
void group_keep(struct agent *self, const struct group *group);

/* --- groups_last.c ------------------------------------------------------------------------------
 */

bool group_holder_lives(const struct group *group);
/* It has not ended, as the group sees it. NULL: no. */
bool group_task_lives(const struct task *task);
/* Any of its tasks is here, and not told to have ended. */
bool group_has_any(const struct group *group);
/* What was held back is told, unless the group uses what it was granted still. */
void group_let_go(struct agent *self, struct group *group);
int group_check_last(const struct group *group, struct err *err);

#endif
