/* master/core/inverse.h - inverse offers: a framework is asked to move its tasks away from an agent in time.
 *
 * Each framework that has tasks on an agent is asked once a window of the agent is announced, if it has the
 * capability INVERSE_OFFERS (others are shown as not asked). It accepts, or declines and is asked again
 * when its filter ends or it revives; its latest word counts. An offer that is not answered stands until
 * the window begins, is changed or cancelled, or the framework has no tasks there any more: then it is
 * rescinded. After a reconnection it is sent again; a new master asks anew. Nothing depends on the answer but
 * what the operator sees. (Mesos asks whoever holds resources there, offers included; here offers carry the
 * window themselves.)
 */
#ifndef PROFFER_MASTER_CORE_INVERSE_H
#define PROFFER_MASTER_CORE_INVERSE_H

#include "master/core/maintenance.h"

#define INVERSE_REFUSE_MS       300000
#define INVERSE_REFUSE_LEAST_MS 1000

struct inverse_offer {
    UT_hash_handle hh;                                     /* maintenance->offers */
    struct inverse_offer *prev, *next;                     /* stay->offers */
    struct inverse_offer *framework_prev, *framework_next; /* framework->inverse_offers */
    struct stay *stay;
    struct framework *framework;
    enum inverse_state state;
    bool is_sent;          /* in the framework's session */
    struct deadline again; /* declined: asked anew */
    char id[];
};

/* Who has tasks there is asked, if it is time; who need not answer any more is told so. */
void inverse_settle(struct master *master, struct stay *stay);
/* All of them are void, answered or not. */
void inverse_withdraw_all(struct master *master, struct stay *stay, const char *why);
/* Nobody is told. */
void inverse_free_all(struct master *master, struct stay *stay);
/* What has not been sent yet. */
void inverse_send(struct master *master);
/* `is_anew`: in another session than before. */
void inverse_on_subscribed(struct master *master, struct framework *framework, bool is_anew);
void inverse_on_revived(struct master *master, struct framework *framework);
/* It is removed. */
void inverse_drop_framework(struct master *master, struct framework *framework);
void on_accept_inverse(struct master *master, struct framework *framework,
                       const struct message *message);
void on_decline_inverse(struct master *master, struct framework *framework,
                        const struct message *message);
/* How many are not answered. */
int64_t inverse_outstanding(const struct master *master);
int inverse_check(const struct master *master, struct err *err);

#endif
