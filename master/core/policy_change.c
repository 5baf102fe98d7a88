/* master/core/policy_change.c - changes of weights, quotas, priorities and kinds of offers, one after the other: checked, written, in force. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/units.h"
#include "master/core/keep.h"
#include "master/core/log.h"
#include "master/core/operator.h"
#include "master/core/optimistic.h"
#include "master/core/policy.h"
#include "master/core/preempt.h"

/* Calls that wait for their turn. */
#define CHANGES_MAX 1024

enum policy_part { POLICY_QUOTA, POLICY_WEIGHT, POLICY_PRIORITY, POLICY_OFFERS };

/* The first one is being written; the others wait. */
struct policy_change {
    struct policy_change *prev, *next; /* master->policy_changes */
    uint64_t number;                   /* of the operator's call */
    enum policy_part part;             /* of each role */
    bool force;
    struct arena *memory; /* owned: of what follows */
    const char *asked_by;
    /* What is asked for, each role once; once it is written: all of these roles. */
    const struct role_policy *roles;
    size_t count;
};

static void change_free(struct master *master, struct policy_change *change)
{
    DL_DELETE(master->policy_changes, change);
    arena_destroy(&change->memory);
    free(change);
}

void policy_changes_fini(struct master *master)
{
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

static const char *offers_name(enum offer_mode offers)
{
    return offers == OFFERS_OPTIMISTIC  ? "optimistic"
           : offers == OFFERS_EXCLUSIVE ? "exclusive"
                                        : "as the role above it";
}

static void audit_role(struct master *master, const struct policy_change *change,
                       const struct role_policy *role, int code, const char *text)
{
    const char *who = *change->asked_by ? change->asked_by : "somebody";
    CLEANUP(buf_fini) struct buf what = {0};

    if (change->part == POLICY_QUOTA) {
        print_amounts(role->guarantees, role->guarantees_count, "guarantee", &what);
        print_amounts(role->limits, role->limits_count, ", limit", &what);
    } else if (change->part == POLICY_PRIORITY) {
        if (role->has_priority)
            buf_printf(&what, "priority %" PRId64, role->priority);
        else
            buf_puts(&what, "no priority of its own");
    } else if (change->part == POLICY_OFFERS) {
        buf_printf(&what, "offers %s", offers_name(role->offers));
    } else {
        buf_printf(&what, "weight ");
        units_print_milli(policy_weight(role), &what);
    }
    log_note(master, "audit: %s sets role %s: %.400s: %d %s", who, role->role, buf_text(&what),
             code, text);
}

/* Who asked for what, and what became of it. */
static void audit(struct master *master, const struct policy_change *change, int code,
                  const char *text)
{
    for (size_t i = 0; i < change->count; i++)
        audit_role(master, change, &change->roles[i], code, text);
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
    struct quota_request *requests;
    struct err err;
    int r = policy_read_quotas(master, change->roles, change->count, &requests, &err);

    if (r == 0)
        r = allocator_check_quotas(master->allocator, requests, change->count, change->force, &err);
    if (r == -ENOSPC)
        refuse_quota(master, change, err.text);
    else if (r < 0)
        answer(master, change, 400, "%s", err.text);
    return r == 0;
}

static int check_priority(const struct role_policy *role, struct err *err)
{
    int r = role_check(role->role, err);

    if (r < 0 || (role->priority <= PRIORITY_MAX && role->priority >= -PRIORITY_MAX))
        return r;
    return err_set(err, -ERANGE, "priority of role %.128s: expected a whole number from -%d to %d",
                   role->role, PRIORITY_MAX, PRIORITY_MAX);
}

/* Weights, or priorities. */
static bool check_numbers(struct master *master, const struct policy_change *change)
{
    struct err err;
    int r = 0;

    for (size_t i = 0; i < change->count && r == 0; i++) {
        const struct role_policy *role = &change->roles[i];

        r = change->part == POLICY_PRIORITY
                ? check_priority(role, &err)
                : allocator_check_weight(role->role, policy_weight(role), &err);
        for (size_t j = 0; j < i && r == 0; j++)
            if (!strcmp(change->roles[i].role, change->roles[j].role))
                r = err_set(&err, -EINVAL, "role %.128s is there twice", change->roles[i].role);
    }
    if (r < 0)
        answer(master, change, 400, "%s", err.text);
    return r == 0;
}

static bool check_offers(struct master *master, const struct policy_change *change)
{
    enum offer_mode offers = change->roles[0].offers;
    struct err err;
    int r = role_check(change->roles[0].role, &err);

    if (r == 0 && offers && offers != OFFERS_EXCLUSIVE && offers != OFFERS_OPTIMISTIC)
        r = err_set(&err, -EINVAL, "offers: expected exclusive or optimistic");
    if (r < 0)
        answer(master, change, 400, "%s", err.text);
    return r == 0;
}

/* Else it is answered. */
static bool is_possible(struct master *master, const struct policy_change *change)
{
    struct err err;

    if (keep_has_room(master, &err) < 0) {
        answer(master, change, 503, "nothing was changed: %.180s", err.text);
        return false;
    }
    if (change->part == POLICY_OFFERS)
        return check_offers(master, change);
    return change->part == POLICY_QUOTA ? check_quota(master, change)
                                        : check_numbers(master, change);
}

/* --- the registry ---------------------------------------------------------------- */

/* As it is now: what could not be kept may be there all the same. */
static void keep_as_it_is(struct master *master, const char *role)
{
    const struct policy *policy = policy_find(master, role);
    const struct msg_drop_role drop = {.role = role};

    if (policy)
        keep_soon(master, &(struct message){.type = MSG_KEPT_ROLE, .kept_role = policy->record});
    else
        keep_soon(master, &(struct message){.type = MSG_DROP_ROLE, .drop_role = &drop});
}

/* What was set before is so still, but for the part that is asked for. */
static void merge(struct role_policy *asked, enum policy_part part, struct role_policy before)
{
    if (part == POLICY_QUOTA) {
        before.guarantees = asked->guarantees;
        before.guarantees_count = asked->guarantees_count;
        before.limits = asked->limits;
        before.limits_count = asked->limits_count;
    } else if (part == POLICY_OFFERS) {
        before.offers = asked->offers;
    } else if (part == POLICY_PRIORITY) {
        before.priority = asked->priority;
        before.has_priority = asked->has_priority;
    } else {
        before.weight_milli = asked->weight_milli;
    }
    before.role = asked->role;
    *asked = before;
}

/* All of the roles: what is asked for, and what was set for them before. */
static void complete(const struct master *master, struct policy_change *change)
{
    struct msg_kept_roles all = {.roles_count = change->count};
    struct role_policy *roles = arena_array(master->scratch, change->count, sizeof(*roles));
    const struct msg_kept_roles *copy;

    for (size_t i = 0; i < change->count; i++) {
        const struct role_policy *asked = &change->roles[i];
        const struct policy *policy = policy_find(master, asked->role);

        roles[i] = *asked;
        if (policy)
            merge(&roles[i], change->part, policy_of(policy->record));
    }
    all.roles = roles;
    copy = record_copy(&msg_kept_roles_def, &all, change->memory);
    change->roles = copy->roles;
}

static void answer_numbers(struct master *master, const struct policy_change *change)
{
    bool is_priority = change->part == POLICY_PRIORITY;
    const char *but = is_priority && !preempt_is_on(master)
                          ? "; but this master preempts nothing: start it with --preemption"
                          : "";

    if (change->count > 1)
        answer(master, change, 200, "the %s of %zu roles are set%s",
               is_priority ? "priorities" : "weights", change->count, but);
    else
        answer(master, change, 200, "the %s of role %.128s is set%s",
               is_priority ? "priority" : "weight", change->roles[0].role, but);
}

static void answer_set(struct master *master, const struct policy_change *change)
{
    const char *role = change->roles[0].role;
    const char *short_of = allocator_overcommitted(master->allocator);

    if (change->part == POLICY_OFFERS)
        answer(master, change, 200, "offers to role %.128s are %s", role,
               optimistic_is_role(master, role) ? "optimistic" : "exclusive");
    else if (change->part != POLICY_QUOTA)
        answer_numbers(master, change);
    else if (short_of)
        answer(master, change, 200,
               "the quota of role %.64s%s is set; but the agents have less %.63s than is "
               "guaranteed in all",
               role, change->count > 1 ? " and others" : "", short_of);
    else if (change->count > 1)
        answer(master, change, 200, "the quotas of %zu roles are set", change->count);
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
        for (size_t i = 0; i < change->count; i++)
            keep_as_it_is(master, change->roles[i].role);
    } else {
        /* It was checked, and nothing else was set in the meantime. */
        BUG_ON(policy_apply(master, change->roles, change->count, change->part == POLICY_QUOTA,
                            change->part == POLICY_WEIGHT, NULL) < 0);
        for (size_t i = 0; i < change->count; i++) {
            const struct msg_kept_role record = policy_record(&change->roles[i]);

            policy_replace(master, &record);
        }
        preempt_on_policy(master);
        if (change->part == POLICY_OFFERS)
            optimistic_on_policy(master);
        answer_set(master, change);
    }
    change_free(master, change);
    begin_next(master);
}

static void keep_change(struct master *master, const struct policy_change *change)
{
    const struct msg_kept_roles all = {.roles = change->roles, .roles_count = change->count};
    const struct msg_kept_role one = policy_record(change->roles);
    const struct msg_drop_role drop = {.role = one.role};

    if (change->count > 1)
        keep(master, &(struct message){.type = MSG_KEPT_ROLES, .kept_roles = &all}, on_kept, NULL);
    else if (policy_is_nothing(&one))
        keep(master, &(struct message){.type = MSG_DROP_ROLE, .drop_role = &drop}, on_kept, NULL);
    else
        keep(master, &(struct message){.type = MSG_KEPT_ROLE, .kept_role = &one}, on_kept, NULL);
}

static void begin_next(struct master *master)
{
    struct policy_change *change;

    while ((change = master->policy_changes) && !is_possible(master, change))
        change_free(master, change);
    if (!change)
        return;
    complete(master, change);
    keep_change(master, change);
}

/* --- the calls ------------------------------------------------------------------- */

static void wait_for_turn(struct master *master, const struct policy_change *asked)
{
    const struct msg_kept_roles all = {.roles = asked->roles, .roles_count = asked->count};
    const struct msg_kept_roles *copy;
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
    copy = record_copy(&msg_kept_roles_def, &all, change->memory);
    change->roles = copy->roles;
    change->asked_by = arena_strdup(change->memory, asked->asked_by);
    DL_APPEND(master->policy_changes, change);
    if (change == master->policy_changes)
        begin_next(master);
}

void operator_set_quota(struct master *master, uint64_t number,
                        const struct msg_operator_set_quota *call)
{
    const struct role_policy role = {
        .role = call->role,
        .guarantees = call->guarantees,
        .guarantees_count = call->guarantees_count,
        .limits = call->limits,
        .limits_count = call->limits_count,
    };

    wait_for_turn(master, &(struct policy_change){.number = number,
                                                  .part = POLICY_QUOTA,
                                                  .force = call->force,
                                                  .roles = &role,
                                                  .count = 1,
                                                  .asked_by = call->asked_by});
}

static int64_t weight_as_kept(int64_t weight_milli)
{
    return weight_milli == WEIGHT_DEFAULT_MILLI ? 0 : weight_milli;
}

void operator_set_weight(struct master *master, uint64_t number,
                         const struct msg_operator_set_weight *call)
{
    const struct role_policy role = {
        .role = call->role,
        .weight_milli = weight_as_kept(call->weight_milli),
    };

    wait_for_turn(master, &(struct policy_change){.number = number,
                                                  .part = POLICY_WEIGHT,
                                                  .roles = &role,
                                                  .count = 1,
                                                  .asked_by = call->asked_by});
}

void operator_set_priority(struct master *master, uint64_t number,
                           const struct msg_operator_set_priority *call)
{
    const struct role_policy role = {
        .role = call->role,
        .priority = call->unset ? 0 : call->priority,
        .has_priority = !call->unset,
    };

    wait_for_turn(master, &(struct policy_change){.number = number,
                                                  .part = POLICY_PRIORITY,
                                                  .roles = &role,
                                                  .count = 1,
                                                  .asked_by = call->asked_by});
}

/* What is asked for of one of several, and nothing else. */
static struct role_policy part_of(const struct role_policy *role, enum policy_part part)
{
    switch (part) {
    case POLICY_QUOTA:
        return (struct role_policy){.role = role->role,
                                    .guarantees = role->guarantees,
                                    .guarantees_count = role->guarantees_count,
                                    .limits = role->limits,
                                    .limits_count = role->limits_count};
    case POLICY_PRIORITY:
        return (struct role_policy){
            .role = role->role, .priority = role->priority, .has_priority = true};
    default:
        return (struct role_policy){.role = role->role,
                                    .weight_milli = weight_as_kept(role->weight_milli)};
    }
}

void operator_set_roles(struct master *master, uint64_t number,
                        const struct msg_operator_set_roles *call)
{
    struct role_policy *roles = arena_array(master->scratch, call->roles_count, sizeof(*roles));
    enum policy_part part = call->is_priority ? POLICY_PRIORITY
                            : call->is_quota  ? POLICY_QUOTA
                                              : POLICY_WEIGHT;

    if (!call->roles_count || call->roles_count > POLICY_ROLES_MAX) {
        operator_answer(master, number, 400, "expected 1 to %d roles", POLICY_ROLES_MAX);
        return;
    }
    for (size_t i = 0; i < call->roles_count; i++)
        roles[i] = part_of(&call->roles[i], part);
    wait_for_turn(master, &(struct policy_change){.number = number,
                                                  .part = part,
                                                  .force = call->force,
                                                  .roles = roles,
                                                  .count = call->roles_count,
                                                  .asked_by = call->asked_by});
}

void operator_set_offers(struct master *master, uint64_t number,
                         const struct msg_operator_set_offers *call)
{
    const struct role_policy role = {.role = call->role, .offers = call->offers};

    wait_for_turn(master, &(struct policy_change){.number = number,
                                                  .part = POLICY_OFFERS,
                                                  .roles = &role,
                                                  .count = 1,
                                                  .asked_by = call->asked_by});
}
