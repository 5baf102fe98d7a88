/* master/core/policy.c - weights and quotas: set by operators, enforced on offers. */
#include "master/core/policy.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/mutant.h"
#include "base/units.h"
#include "master/core/changes.h"
#include "master/core/keep.h"
#include "master/core/log.h"
#include "master/core/offers.h"
#include "master/core/operator.h"
#include "master/core/preempt.h"

/* Calls that wait for their turn. */
#define CHANGES_MAX 1024

/* --- enforcing --------------------------------------------------------------- */

static void enforce_on(struct master *master, struct framework *framework)
{
    struct offer *offer, *next;

    for (offer = framework->offers; offer; offer = next) {
        const struct allocator_client *client = offer->subscription->client;

        next = offer->framework_next;
        if (allocator_is_beyond_limit(master->allocator, client, &offer->resources))
            offer_remove(master, offer, OFFER_RESCINDED, "the role is beyond its limit");
        else if (allocator_is_in_the_way(master->allocator, client, &offer->resources))
            offer_remove(master, offer, OFFER_RESCINDED, "another role is guaranteed this");
    }
}

void policy_enforce(struct master *master)
{
    struct framework *framework;

    if (!allocator_must_rescind(master->allocator))
        return;
    for (framework = master->frameworks; framework; framework = framework->hh.next)
        enforce_on(master, framework);
    allocator_has_rescinded(master->allocator);
}

/* --- after a restart --------------------------------------------------------- */

/* Those who are not back by then no longer count. */
static void on_hold_ends(void *owner, struct deadline *deadline)
{
    struct master *master = owner;

    (void)deadline;
    allocator_hold_limits(master->allocator, false);
}

void policy_init(struct master *master)
{
    master->limits_held.due = on_hold_ends;
}

void policy_await_agents(struct master *master)
{
    if (!deadline_is_set(&master->limits_held))
        deadline_set(&master->deadlines, &master->limits_held,
                     master->now.mono_us + master->agent_reregister_us);
    allocator_hold_limits(master->allocator, true);
}

void policy_on_agent(struct master *master)
{
    if (master->recovered_count || !deadline_is_set(&master->limits_held))
        return;
    deadline_cancel(&master->deadlines, &master->limits_held);
    allocator_hold_limits(master->allocator, false);
}

/* --- what is set ------------------------------------------------------------- */

static struct policy *policy_find(const struct master *master, const char *role)
{
    struct policy *policy;

    HASH_FIND_STR(master->policies, role, policy);
    return policy;
}

static bool is_nothing(const struct msg_kept_role *record)
{
    return !record->weight_milli && !record->guarantees_count && !record->limits_count &&
           !record->has_priority;
}

static void policy_free(struct master *master, struct policy *policy)
{
    HASH_DEL(master->policies, policy);
    arena_destroy(&policy->memory);
    free(policy);
}

/* `record` is not of the policy that there is. */
static void policy_replace(struct master *master, const struct msg_kept_role *record)
{
    struct policy *policy = policy_find(master, record->role);

    if (policy)
        policy_free(master, policy);
    publish_role(master, record);
    if (is_nothing(record))
        return;
    policy = mem_new(struct policy);
    policy->memory = arena_new(0);
    policy->record = record_copy(&msg_kept_role_def, record, policy->memory);
    HASH_ADD_KEYPTR(hh, master->policies, policy->record->role, strlen(policy->record->role),
                    policy);
}

/* --- the allocator's words for it ---------------------------------------------- */

/* What a person sets is of the unreserved pool, a plain number of each. */
static int read_amounts(const struct resource_info *infos, size_t count, const char *what,
                        struct quota_amount *ret_amounts, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        const struct resource_info *info = &infos[i];

        if (info->kind != VALUE_SCALAR)
            return err_set(err, -EINVAL, "%s: %.63s is no number, as in cpus:20", what, info->name);
        if ((*info->role && strcmp(info->role, RESOURCE_ROLE_ANY) != 0) || info->revocable)
            return err_set(err, -EINVAL, "%s: %.63s is reserved or revocable; quotas are neither",
                           what, info->name);
        ret_amounts[i] = (struct quota_amount){.name = info->name, .milli = info->scalar};
    }
    return 0;
}

/* Its arrays live until the event ends. */
static int read_quota(struct master *master, const struct msg_kept_role *record,
                      struct quota_request *ret_request, struct err *err)
{
    struct quota_amount *guarantees =
        arena_alloc(master->scratch, (record->guarantees_count + 1) * sizeof(*guarantees));
    struct quota_amount *limits =
        arena_alloc(master->scratch, (record->limits_count + 1) * sizeof(*limits));
    int r =
        read_amounts(record->guarantees, record->guarantees_count, "guarantee", guarantees, err);

    *ret_request = (struct quota_request){
        .role = record->role,
        .guarantees = guarantees,
        .guarantees_count = record->guarantees_count,
        .limits = limits,
        .limits_count = record->limits_count,
    };
    return r < 0 ? r : read_amounts(record->limits, record->limits_count, "limit", limits, err);
}

static int64_t weight_of(const struct msg_kept_role *record)
{
    return record->weight_milli ? record->weight_milli : WEIGHT_DEFAULT_MILLI;
}

static int apply(struct master *master, const struct msg_kept_role *record, bool quota, bool weight,
                 struct err *err)
{
    struct quota_request request;
    int r = quota ? read_quota(master, record, &request, err) : 0;

    if (r == 0 && quota)
        r = allocator_set_quota(master->allocator, &request, err);
    if (r == 0 && weight)
        r = allocator_set_weight(master->allocator, record->role, weight_of(record), err);
    return r;
}

int policy_recall(struct master *master, const struct msg_kept_role *record, struct err *err)
{
    int r;

    if (policy_find(master, record->role))
        return err_set(err, -EINVAL, "role %.128s has two records", record->role);
    if (MUTATE(FORGET_POLICY))
        return 0;
    r = apply(master, record, record->guarantees_count || record->limits_count,
              record->weight_milli != 0, err);
    if (r == 0)
        policy_replace(master, record);
    return r;
}

/* --- changes, one after the other ------------------------------------------------ */

enum policy_part { POLICY_QUOTA, POLICY_WEIGHT, POLICY_PRIORITY };

/* The first one is being written; the others wait. */
struct policy_change {
    struct policy_change *prev, *next; /* master->policy_changes */
    uint64_t number;                   /* of the operator's call */
    enum policy_part part;
    bool force;
    struct arena *memory; /* owned: of what follows */
    const char *asked_by;
    const struct msg_kept_role *record; /* what is asked for; once it is written: all of the role */
};

static void change_free(struct master *master, struct policy_change *change)
{
    DL_DELETE(master->policy_changes, change);
    arena_destroy(&change->memory);
    free(change);
}

void policy_fini(struct master *master)
{
    while (master->policies)
        policy_free(master, master->policies);
    while (master->policy_changes)
        change_free(master, master->policy_changes);
}

static void print_amounts(const struct resource_info *items, size_t count, const char *what,
                          struct buf *out)
{
    buf_printf(out, "%s", what);
    for (size_t i = 0; i < count; i++) {
        buf_printf(out, "%s%s:", i ? ";" : " ", items[i].name);
        units_print_milli(items[i].scalar, out);
    }
    if (!count)
        buf_printf(out, " none");
}

/* Who asked for what, and what became of it. */
static void audit(struct master *master, const struct policy_change *change, int code,
                  const char *text)
{
    const struct msg_kept_role *record = change->record;
    const char *who = *change->asked_by ? change->asked_by : "somebody";
    CLEANUP(buf_fini) struct buf what = {0};

    if (change->part == POLICY_QUOTA) {
        print_amounts(record->guarantees, record->guarantees_count, "guarantee", &what);
        print_amounts(record->limits, record->limits_count, ", limit", &what);
    } else if (change->part == POLICY_PRIORITY) {
        if (record->has_priority)
            buf_printf(&what, "priority %" PRId64, record->priority);
        else
            buf_puts(&what, "no priority of its own");
    } else {
        buf_printf(&what, "weight ");
        units_print_milli(weight_of(record), &what);
    }
    log_note(master, "audit: %s sets role %s: %.400s: %d %s", who, record->role, buf_text(&what),
             code, text);
}

static void answer(struct master *master, const struct policy_change *change, int code,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));

static void answer(struct master *master, const struct policy_change *change, int code,
                   const char *format, ...)
{
    char text[ERR_TEXT_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    audit(master, change, code, text);
    operator_answer(master, change->number, code, "%s", text);
}

/* --- is it possible? ------------------------------------------------------------- */

/* More would be guaranteed than there is. */
static void refuse_quota(struct master *master, const struct policy_change *change, const char *why)
{
    if (master->recovered_count)
        answer(master, change, 409, "%.120s (%zu agents are not back yet); force sets it anyway",
               why, master->recovered_count);
    else
        answer(master, change, 409, "%.120s: add agents or lower guarantees; force sets it anyway",
               why);
}

static bool check_quota(struct master *master, const struct policy_change *change)
{
    struct quota_request request;
    struct err err;
    int r = read_quota(master, change->record, &request, &err);

    if (r == 0)
        r = allocator_check_quota(master->allocator, &request, change->force, &err);
    if (r == -ENOSPC)
        refuse_quota(master, change, err.text);
    else if (r < 0)
        answer(master, change, 400, "%s", err.text);
    return r == 0;
}

static bool check_priority(struct master *master, const struct policy_change *change)
{
    int64_t priority = change->record->priority;
    struct err err;

    if (role_check(change->record->role, &err) < 0)
        answer(master, change, 400, "%s", err.text);
    else if (priority > PRIORITY_MAX || priority < -PRIORITY_MAX)
        answer(master, change, 400,
               "priority of role %.128s: expected a whole number from -%d to %d",
               change->record->role, PRIORITY_MAX, PRIORITY_MAX);
    else
        return true;
    return false;
}

/* Else it is answered. */
static bool is_possible(struct master *master, const struct policy_change *change)
{
    struct err err;

    if (keep_has_room(master, &err) < 0) {
        answer(master, change, 503, "nothing was changed: %.180s", err.text);
        return false;
    }
    if (change->part == POLICY_QUOTA)
        return check_quota(master, change);
    if (change->part == POLICY_PRIORITY)
        return check_priority(master, change);
    if (allocator_check_weight(change->record->role, weight_of(change->record), &err) == 0)
        return true;
    answer(master, change, 400, "%s", err.text);
    return false;
}

/* --- the registry ---------------------------------------------------------------- */

/* The record of the role as it would be. */
static struct message record_of(const struct msg_kept_role *kept, struct msg_drop_role *drop)
{
    *drop = (struct msg_drop_role){.role = kept->role};
    if (is_nothing(kept))
        return (struct message){.type = MSG_DROP_ROLE, .drop_role = drop};
    return (struct message){.type = MSG_KEPT_ROLE, .kept_role = kept};
}

/* As it is now: what could not be kept may be there all the same. */
static void keep_as_it_is(struct master *master, const char *role)
{
    const struct policy *policy = policy_find(master, role);
    const struct msg_kept_role none = {.role = role};
    struct msg_drop_role drop;
    const struct message record = record_of(policy ? policy->record : &none, &drop);

    keep_soon(master, &record);
}

/* All of the role: what is asked for, and what was set for it before. */
static void complete(const struct master *master, struct policy_change *change)
{
    const struct policy *policy = policy_find(master, change->record->role);
    struct msg_kept_role record = *change->record;

    if (policy) {
        record = *policy->record;
        record.role = change->record->role;
    }
    if (change->part == POLICY_QUOTA) {
        record.guarantees = change->record->guarantees;
        record.guarantees_count = change->record->guarantees_count;
        record.limits = change->record->limits;
        record.limits_count = change->record->limits_count;
    } else if (change->part == POLICY_PRIORITY) {
        record.priority = change->record->priority;
        record.has_priority = change->record->has_priority;
    } else {
        record.weight_milli = change->record->weight_milli;
    }
    change->record = record_copy(&msg_kept_role_def, &record, change->memory);
}

static void answer_set(struct master *master, const struct policy_change *change)
{
    const char *role = change->record->role;
    const char *short_of = allocator_overcommitted(master->allocator);

    if (change->part == POLICY_PRIORITY)
        answer(master, change, 200, "the priority of role %.128s is set%s", role,
               preempt_is_on(master) ? ""
                                     : "; but this master preempts nothing: start it with "
                                       "--preemption");
    else if (change->part == POLICY_WEIGHT)
        answer(master, change, 200, "the weight of role %.128s is set", role);
    else if (short_of)
        answer(master, change, 200,
               "the quota of role %.64s is set; but the agents have less %.63s than is guaranteed "
               "in all",
               role, short_of);
    else
        answer(master, change, 200, "the quota of role %.128s is set", role);
}

static void begin_next(struct master *master);

static void on_kept(struct master *master, void *arg, const struct kept *kept)
{
    struct policy_change *change = master->policy_changes;

    (void)arg;
    if (kept->rc < 0) {
        audit(master, change, 503, kept->why);
        operator_answer_unkept(master, change->number, kept->why);
        keep_as_it_is(master, change->record->role);
    } else {
        /* It was checked, and nothing else was set in the meantime. */
        BUG_ON(apply(master, change->record, change->part == POLICY_QUOTA,
                     change->part == POLICY_WEIGHT, NULL) < 0);
        policy_replace(master, change->record);
        preempt_on_policy(master);
        answer_set(master, change);
    }
    change_free(master, change);
    begin_next(master);
}

static void begin_next(struct master *master)
{
    struct policy_change *change;
    struct msg_drop_role drop;
    struct message record;

    while ((change = master->policy_changes) && !is_possible(master, change))
        change_free(master, change);
    if (!change)
        return;
    complete(master, change);
    record = record_of(change->record, &drop);
    keep(master, &record, on_kept, NULL);
}

/* --- the calls ------------------------------------------------------------------- */

static void wait_for_turn(struct master *master, const struct policy_change *asked)
{
    struct policy_change *change;
    size_t count;

    DL_COUNT(master->policy_changes, change, count);
    if (count >= CHANGES_MAX) {
        answer(master, asked, 503, "nothing was changed: %zu changes wait already", count);
        return;
    }
    change = mem_new(struct policy_change);
    *change = *asked;
    change->memory = arena_new(0);
    change->record = record_copy(&msg_kept_role_def, asked->record, change->memory);
    change->asked_by = arena_strdup(change->memory, asked->asked_by);
    DL_APPEND(master->policy_changes, change);
    if (change == master->policy_changes)
        begin_next(master);
}

void operator_set_quota(struct master *master, uint64_t number,
                        const struct msg_operator_set_quota *call)
{
    const struct msg_kept_role record = {
        .role = call->role,
        .guarantees = call->guarantees,
        .guarantees_count = call->guarantees_count,
        .limits = call->limits,
        .limits_count = call->limits_count,
    };

    wait_for_turn(master, &(struct policy_change){.number = number,
                                                  .part = POLICY_QUOTA,
                                                  .force = call->force,
                                                  .record = &record,
                                                  .asked_by = call->asked_by});
}

void operator_set_weight(struct master *master, uint64_t number,
                         const struct msg_operator_set_weight *call)
{
    const struct msg_kept_role record = {
        .role = call->role,
        .weight_milli = call->weight_milli == WEIGHT_DEFAULT_MILLI ? 0 : call->weight_milli,
    };

    wait_for_turn(master, &(struct policy_change){.number = number,
                                                  .part = POLICY_WEIGHT,
                                                  .record = &record,
                                                  .asked_by = call->asked_by});
}

void operator_set_priority(struct master *master, uint64_t number,
                           const struct msg_operator_set_priority *call)
{
    const struct msg_kept_role record = {
        .role = call->role,
        .priority = call->unset ? 0 : call->priority,
        .has_priority = !call->unset,
    };

    wait_for_turn(master, &(struct policy_change){.number = number,
                                                  .part = POLICY_PRIORITY,
                                                  .record = &record,
                                                  .asked_by = call->asked_by});
}
