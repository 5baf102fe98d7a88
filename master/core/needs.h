/* master/core/needs.h - what a framework has said that it needs in a role, and what an agent has for it.
 *
 * With needs, a subscription is offered parts of agents that serve one of them, in the order in which
 * they were stated: whole units, each at least its minimum, up to what is wanted for it. What is
 * offered for a need counts as met until the offer ends; an offer that is accepted has met its units
 * for good. Once all are met, there are no offers until needs are stated anew.
 */
#ifndef PROFFER_MASTER_CORE_NEEDS_H
#define PROFFER_MASTER_CORE_NEEDS_H

#include "master/core/state.h"

#define NEEDS_MAX            16 /* of a role */
#define NEED_RESOURCES_MAX   32
#define NEED_CONSTRAINTS_MAX 32

struct need {
    const struct need_info *info; /* in the needs' memory */
    int64_t left;                 /* units that are neither met nor offered; INT64_MAX: no end */
    size_t held;                  /* offers for it that are out */
    int64_t pending;              /* units of `left` for which others are about to give way */
    int outcome;                  /* enum seek_outcome: of the last look for such others */
    struct subscription *subscription;
    struct need *gang_prev, *gang_next; /* master->gangs, if it is one */
    int64_t hold_end_us;                /* of the hold that it began last */
    uint64_t gang_round;                /* in which it has had its turn; 0: in none */
};

struct needs {
    struct arena *memory; /* owned */
    struct need *items;   /* in memory */
    size_t count;
};

/* -EINVAL, -E2BIG with a text. */
int needs_check(const struct framework_info *framework, const struct role_needs *roles,
                size_t roles_count, struct err *err);
/* Replace what was said; checked before. Outstanding offers count for needs of the same name. Filters
 * and back-off are void. */
void needs_set(struct master *master, struct framework *framework, const struct role_needs *roles,
               size_t roles_count);
/* As SUBSCRIBE has it: roles that are not named have none. */
void needs_subscribe(struct master *master, struct framework *framework,
                     const struct msg_subscribe *subscribe);
/* NULL: there is none of that name. */
struct need *need_find(struct needs *needs, const char *name);
/* For people, whose lines it must not end; cut if it is long. */
#define NEED_NAME_SHOWN 65
void need_print_name(const struct need *need, char ret_text[NEED_NAME_SHOWN]);
void needs_destroy(struct master *master, struct needs **self_p);
/* Is any unit neither met nor offered? Without needs: yes. */
bool needs_are_open(const struct needs *needs);

/* What of `available` on the agent serves the need, in *ret_resources (replaced); how many units of it,
 * 0: none. Of a need without end it is a sixteenth of the units that would fit, rounded up, so that
 * others come in between. */
int64_t need_fit(const struct need *need, const struct agent *agent,
                 const struct resources *available, struct resources *ret_resources);
/* How many units fit there at all, of those that are open. */
int64_t need_units(const struct need *need, const struct agent *agent,
                   const struct resources *available);
/* What of `available` is taken for so many units, at least their minimum, in *ret_resources (replaced). */
int need_take(const struct need *need, const struct resources *available, int64_t units,
              struct resources *ret_resources);
/* How many units there is the minimum for, at most `most`. */
int64_t need_count(const struct need *need, const struct resources *available, int64_t most);
/* How much there is of one name, in thousandths; of ranges, a thousand for each number. */
int64_t need_amount(const struct resources *available, const char *name);
/* Units are offered (negative), or are not met after all. */
void need_move(struct need *need, int64_t units);
/* Why the agent is not for it by its constraints: that constraint, or NULL. */
const struct constraint_info *need_violated(const struct need *need, const struct agent *agent);

void on_needs(struct master *master, struct framework *framework, const struct message *message);

#endif
