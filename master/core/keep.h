/* master/core/keep.h - what must not be forgotten: records for the registry, and who waits for
 * them.
 *
 * A record (KEPT_..., FORGET_...) is the whole of what is known of one thing, so the newest of a
 * thing is all that counts. Two ways to have it kept:
 *
 *   keep()       something depends on it: `done` does it, once the record is on disk, or answers for
 *                the failure. Nothing is tried again: whoever asked may ask again.
 *   keep_soon()  it happened already (an agent left, a framework is away): the record is tried again
 *                until it is on disk or a newer one of the same thing is.
 *
 * Records go out in the order of the calls, and `done` is called in that order, from an event of its
 * own (master_on_persisted), never before keep() has returned. By then what it is about may be gone:
 * `arg` holds ids, not pointers.
 */
#ifndef PROFFER_MASTER_CORE_KEEP_H
#define PROFFER_MASTER_CORE_KEEP_H

#include "master/core/state.h"

/* How it ended: `rc` 0, or -errno with `why` for a person. */
struct kept {
    uint64_t ticket;
    int rc;
    const char *why; /* "" when rc is 0 */
};

typedef void keep_fn(struct master *master, void *arg, const struct kept *kept);

/* `arg` is memory from mem_alloc, taken over and freed after `done`, or when the master ends; may be
 * NULL. The ticket. */
uint64_t keep(struct master *master, const struct message *record, keep_fn *done, void *arg);
void keep_soon(struct master *master, const struct message *record);
/* How many records are under way and how many bytes wait for them: a slow store is not to fill the
 * memory. -EAGAIN with a text when no more should be begun. */
int keep_has_room(const struct master *master, struct err *err);
size_t keep_under_way(const struct master *master);

void keep_on_persisted(struct master *master, uint64_t ticket, int rc, const char *why);
void keep_init(struct master *master);
void keep_fini(struct master *master);

/* --- the records ------------------------------------------------------------- */

/* As the agent stands, in this state; fill in what changes, keep() it, and change the agent in `done`.
 * Not while another such change is under way (keep_is_waited_for): the second would undo the first.
 * Lives until the event ends. */
struct msg_kept_agent kept_agent_of(const struct master *master, const struct agent *agent,
                                    enum kept_state state);
/* Would its record say the same? */
bool kept_is_same(const struct agent_info *a, const struct agent_info *b);
bool keep_is_waited_for(const struct master *master, const struct agent *agent);
/* Its record as it stands, with keep_soon; behind a change that is under way, as that leaves it. */
void keep_agent_soon(struct master *master, const struct agent *agent);
void keep_framework_soon(struct master *master, const struct framework *framework);

#endif
