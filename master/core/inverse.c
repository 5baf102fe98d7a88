/* master/core/inverse.c - who is asked to leave an agent, and what was answered. */
#include "master/core/inverse.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/mutant.h"
#include "master/core/changes.h"
#include "master/core/frameworks.h"
#include "master/core/log.h"
#include "master/core/tasks.h"

#define OFFERS_PER_MESSAGE 1000

/* --- one offer ---------------------------------------------------------------- */

static struct inverse_offer *offer_of(const struct stay *stay, const struct framework *framework)
{
    struct inverse_offer *offer;

    DL_FOREACH (stay->offers, offer)
        if (offer->framework == framework)
            return offer;
    return NULL;
}

static void await_sending(struct master *master, struct inverse_offer *offer)
{
    struct framework *framework = offer->framework;

    offer->is_sent = false;
    if (framework->is_unasked)
        return;
    framework->is_unasked = true;
    DL_APPEND2(master->maintenance->unasked, framework, unasked_prev, unasked_next);
}

static void set_state(struct master *master, struct inverse_offer *offer, enum inverse_state state)
{
    offer->state = state;
    deadline_cancel(&master->deadlines, &offer->again);
    publish_answer(master, offer);
}

/* It is asked, if it can be. */
static void ask(struct master *master, struct inverse_offer *offer)
{
    if (!offer->framework->takes_inverse) {
        set_state(master, offer, INVERSE_NOT_ASKED);
        return;
    }
    set_state(master, offer, INVERSE_ASKED);
    counter_add(master, COUNTER_INVERSE_OFFERS_MADE);
    await_sending(master, offer);
}

static void on_again(void *owner, struct deadline *deadline)
{
    ask(owner, CONTAINER_OF(deadline, struct inverse_offer, again));
}

static void offer_add(struct master *master, struct stay *stay, struct framework *framework)
{
    size_t room = strlen(master->id) + 24;
    struct inverse_offer *offer = mem_calloc(1, sizeof(*offer) + room);

    snprintf(offer->id, room, "%s-I%" PRIu64, master->id, master->maintenance->next_offer++);
    offer->stay = stay;
    offer->framework = framework;
    offer->again.due = on_again;
    DL_APPEND(stay->offers, offer);
    DL_APPEND2(framework->inverse_offers, offer, framework_prev, framework_next);
    HASH_ADD_STR(master->maintenance->offers, id, offer);
    ask(master, offer);
}

static void offer_free(struct master *master, struct inverse_offer *offer)
{
    deadline_cancel(&master->deadlines, &offer->again);
    DL_DELETE(offer->stay->offers, offer);
    DL_DELETE2(offer->framework->inverse_offers, offer, framework_prev, framework_next);
    HASH_DEL(master->maintenance->offers, offer);
    free(offer);
}

/* `why` NULL: its framework is told nothing. */
static void withdraw(struct master *master, struct inverse_offer *offer, const char *why)
{
    if (offer->state == INVERSE_ASKED && offer->is_sent && why && !MUTATE(KEEP_INVERSE)) {
        counter_add(master, COUNTER_INVERSE_OFFERS_RESCINDED);
        framework_send(master, offer->framework,
                       MESSAGE(RESCIND_INVERSE, rescind_inverse, .id = offer->id, .reason = why));
    }
    set_state(master, offer, INVERSE_WITHDRAWN);
    offer_free(master, offer);
}

void inverse_withdraw_all(struct master *master, struct stay *stay, const char *why)
{
    while (stay->offers)
        withdraw(master, stay->offers, why);
}

void inverse_free_all(struct master *master, struct stay *stay)
{
    while (stay->offers)
        offer_free(master, stay->offers);
}

/* --- who is to be asked ----------------------------------------------------------- */

static bool has_tasks(const struct stay *stay, const struct framework *framework)
{
    const struct task *task;

    DL_FOREACH (stay->agent->tasks, task)
        if (task->subscription->framework == framework && !task_state_is_terminal(task->state))
            return true;
    return false;
}

static void ask_all(struct master *master, struct stay *stay)
{
    const struct task *task;

    DL_FOREACH (stay->agent->tasks, task) {
        struct framework *framework = task->subscription->framework;

        if (!task_state_is_terminal(task->state) && framework->state != FRAMEWORK_REMOVED &&
            !offer_of(stay, framework))
            offer_add(master, stay, framework);
    }
}

/* Whoever has said yes and has left has kept its word: that stays to be seen. */
static void drop_those_who_left(struct master *master, struct stay *stay)
{
    struct inverse_offer *offer, *next;

    DL_FOREACH_SAFE (stay->offers, offer, next)
        if (offer->state != INVERSE_ACCEPTED && !has_tasks(stay, offer->framework))
            withdraw(master, offer, "the framework has no tasks there any more");
}

/* It has begun: what was answered stays to be seen, nobody is asked any more. */
static void end_asking(struct master *master, struct stay *stay)
{
    struct inverse_offer *offer, *next;

    DL_FOREACH_SAFE (stay->offers, offer, next) {
        deadline_cancel(&master->deadlines, &offer->again);
        if (offer->state == INVERSE_ASKED)
            withdraw(master, offer, "maintenance of the agent begins");
    }
}

void inverse_settle(struct master *master, struct stay *stay)
{
    if (stay->window->state == WINDOW_SCHEDULED) {
        inverse_withdraw_all(master, stay, "maintenance of the agent is later");
    } else if (stay->window->state == WINDOW_ANNOUNCED) {
        drop_those_who_left(master, stay);
        ask_all(master, stay);
    } else {
        end_asking(master, stay);
    }
}

/* --- sending --------------------------------------------------------------------- */

static struct inverse_offer_info describe(struct master *master, const struct inverse_offer *offer)
{
    const struct window_info *window = offer->stay->window->info;
    struct unavailability *unavailability = arena_alloc(master->scratch, sizeof(*unavailability));

    *unavailability = (struct unavailability){.start_us = window->start_us,
                                              .duration_ms = window->duration_ms,
                                              .reason = window->reason,
                                              .window_id = window->id};
    return (struct inverse_offer_info){.id = offer->id,
                                       .agent_id = offer->stay->agent->id,
                                       .hostname = offer->stay->agent->info->hostname,
                                       .unavailability = unavailability};
}

static void send_batch(struct master *master, const struct framework *framework,
                       const struct inverse_offer_info *infos, size_t count)
{
    if (count)
        framework_send(
            master, framework,
            MESSAGE(INVERSE_OFFERS, inverse_offers, .offers = infos, .offers_count = count));
}

static void send_to(struct master *master, struct framework *framework)
{
    struct inverse_offer_info *infos =
        arena_array(master->scratch, OFFERS_PER_MESSAGE, sizeof(*infos));
    struct inverse_offer *offer;
    size_t count = 0;

    if (framework->state != FRAMEWORK_SUBSCRIBED)
        return;
    DL_FOREACH2(framework->inverse_offers, offer, framework_next)
    {
        if (offer->state != INVERSE_ASKED || offer->is_sent)
            continue;
        offer->is_sent = true;
        infos[count++] = describe(master, offer);
        if (count < OFFERS_PER_MESSAGE)
            continue;
        send_batch(master, framework, infos, count);
        count = 0;
    }
    send_batch(master, framework, infos, count);
}

static void leave_unasked(struct master *master, struct framework *framework)
{
    if (framework->is_unasked)
        DL_DELETE2(master->maintenance->unasked, framework, unasked_prev, unasked_next);
    framework->is_unasked = false;
}

void inverse_send(struct master *master)
{
    while (master->maintenance->unasked) {
        struct framework *framework = master->maintenance->unasked;

        leave_unasked(master, framework);
        send_to(master, framework);
    }
}

/* --- frameworks -------------------------------------------------------------------- */

/* What an earlier instance has said stands. What was sent in this session arrives, and may have been answered
 * already: sent again, it would be held for one that nobody withdraws. */
void inverse_on_subscribed(struct master *master, struct framework *framework, bool is_anew)
{
    struct inverse_offer *offer;

    DL_FOREACH2(framework->inverse_offers, offer, framework_next)
    {
        bool has_heard = offer->is_sent && !is_anew && framework->takes_inverse;

        if (offer->state == INVERSE_NOT_ASKED || (offer->state == INVERSE_ASKED && !has_heard))
            ask(master, offer);
    }
}

void inverse_on_revived(struct master *master, struct framework *framework)
{
    struct inverse_offer *offer;

    DL_FOREACH2(framework->inverse_offers, offer, framework_next)
    if (offer->state == INVERSE_DECLINED && deadline_is_set(&offer->again))
        ask(master, offer);
}

void inverse_drop_framework(struct master *master, struct framework *framework)
{
    while (framework->inverse_offers)
        withdraw(master, framework->inverse_offers, NULL);
    leave_unasked(master, framework);
}

/* --- what they answer ----------------------------------------------------------------- */

/* It may have been rescinded while the answer was on its way. */
static struct inverse_offer *find(const struct master *master, const struct framework *framework,
                                  const char *id)
{
    struct inverse_offer *offer;

    HASH_FIND_STR(master->maintenance->offers, id, offer);
    return offer && offer->framework == framework && offer->stay->window->state == WINDOW_ANNOUNCED
               ? offer
               : NULL;
}

static void answer(struct master *master, struct inverse_offer *offer, enum inverse_state state)
{
    bool is_accepted = state == INVERSE_ACCEPTED;

    /* One message may say the same a hundred thousand times. */
    if (offer->state == state)
        return;
    set_state(master, offer, state);
    counter_add(master,
                is_accepted ? COUNTER_INVERSE_OFFERS_ACCEPTED : COUNTER_INVERSE_OFFERS_DECLINED);
    log_note(master, "framework %s (%s) %s agent %s before maintenance window %s",
             offer->framework->id, offer->framework->info->name,
             is_accepted ? "will leave" : "will not leave", offer->stay->agent->id,
             offer->stay->window->info->id);
}

void on_accept_inverse(struct master *master, struct framework *framework,
                       const struct message *message)
{
    const struct msg_accept_inverse *call = message->accept_inverse;

    for (size_t i = 0; i < call->ids_count; i++) {
        struct inverse_offer *offer = find(master, framework, call->ids[i]);

        if (offer)
            answer(master, offer, INVERSE_ACCEPTED);
    }
}

static int64_t refuse_us(const struct filters *filters)
{
    int64_t ms = filters && filters->refuse_ms >= 0 ? filters->refuse_ms : INVERSE_REFUSE_MS;

    if (ms < INVERSE_REFUSE_LEAST_MS)
        ms = INVERSE_REFUSE_LEAST_MS;
    return (ms < FAILOVER_MAX_MS ? ms : FAILOVER_MAX_MS) * US_PER_MS;
}

void on_decline_inverse(struct master *master, struct framework *framework,
                        const struct message *message)
{
    const struct msg_decline_inverse *call = message->decline_inverse;

    for (size_t i = 0; i < call->ids_count; i++) {
        struct inverse_offer *offer = find(master, framework, call->ids[i]);

        if (!offer)
            continue;
        answer(master, offer, INVERSE_DECLINED);
        deadline_set(&master->deadlines, &offer->again,
                     master->now.mono_us + refuse_us(call->filters));
    }
}

int64_t inverse_outstanding(const struct master *master)
{
    const struct inverse_offer *offer;
    int64_t count = 0;

    for (offer = master->maintenance->offers; offer; offer = offer->hh.next)
        count += offer->state == INVERSE_ASKED;
    return count;
}

/* --- for tests ------------------------------------------------------------------------- */

static int check_stay(const struct master *master, const struct stay *stay, struct err *err)
{
    const struct inverse_offer *offer, *found;
    const struct task *task;

    DL_FOREACH (stay->offers, offer) {
        HASH_FIND_STR(master->maintenance->offers, offer->id, found);
        if (found != offer || offer->stay != stay)
            return err_set(err, -EINVAL, "inverse offer %.64s is not found by its id", offer->id);
        if (offer->state == INVERSE_ASKED && stay->window->state != WINDOW_ANNOUNCED)
            return err_set(err, -EINVAL, "inverse offer %.64s: it is not the time to ask",
                           offer->id);
        if (offer->state == INVERSE_ASKED && !offer->is_sent &&
            offer->framework->state == FRAMEWORK_SUBSCRIBED)
            return err_set(err, -EINVAL, "inverse offer %.64s is not sent", offer->id);
    }
    DL_FOREACH (stay->agent->tasks, task)
        if (stay->window->state == WINDOW_ANNOUNCED && !task_state_is_terminal(task->state) &&
            task->subscription->framework->state != FRAMEWORK_REMOVED &&
            !offer_of(stay, task->subscription->framework))
            return err_set(err, -EINVAL, "nobody has asked for task %.64s to leave", task->id);
    return 0;
}

int inverse_check(const struct master *master, struct err *err)
{
    size_t count = 0;
    int r = 0;

    for (const struct window *w = master->maintenance->windows; w && r == 0; w = w->hh.next) {
        const struct stay *stay;

        DL_FOREACH (w->stays, stay) {
            const struct inverse_offer *offer;

            if (r == 0)
                r = check_stay(master, stay, err);
            DL_FOREACH (stay->offers, offer)
                count++;
        }
    }
    if (r == 0 &&
        (master->maintenance->unasked || count != HASH_COUNT(master->maintenance->offers)))
        r = err_set(err, -EINVAL, "inverse offers: %zu, %u in the table", count,
                    HASH_COUNT(master->maintenance->offers));
    return r;
}
