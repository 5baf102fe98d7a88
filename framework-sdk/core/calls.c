/* What the framework's author calls: checks, one message, and what it changes in the tables. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/ids.h"
#include "base/mem.h"
#include "framework-sdk/core/state.h"

static int send_message(struct driver *self, const struct message *message, struct err *err)
{
    int rc = driver_check_subscribed(self, err);

    return rc < 0 ? rc : self->env.send(self->env.ctx, message, err);
}

/* --- accept ----------------------------------------------------------------------------------- */

static int check_offer(struct driver_offer *offer, const struct driver_offer *first,
                       struct err *err)
{
    if (offer->marked)
        return err_set(err, -EINVAL, "offer %s stands there twice", offer->id);
    if (strcmp(offer->agent_id, first->agent_id) != 0)
        return err_set(err, -EINVAL, "offers %s and %s are of different agents", first->id,
                       offer->id);
    if (strcmp(offer->role, first->role) != 0)
        return err_set(err, -EINVAL, "offers %s and %s are made to different roles, '%s' and '%s'",
                       first->id, offer->id, first->role, offer->role);
    offer->marked = true;
    return 0;
}

static int check_part(struct driver *self, const struct msg_accept *accept, struct err *err)
{
    struct driver_offer *first = NULL;
    int rc = 0;

    for (size_t i = 0; i < accept->offer_ids_count && rc >= 0; i++) {
        struct driver_offer *offer = driver_find_offer(self, accept->offer_ids[i]);

        if (!offer)
            rc = err_set(err, -ENOENT, "offer %s is not ours: answered, rescinded or void",
                         accept->offer_ids[i]);
        else
            rc = check_offer(offer, first ? first : offer, err);
        first = first ? first : offer;
    }
    if (!first && rc >= 0)
        return err_set(err, -EINVAL, "no offer is named");
    return rc;
}

static int check_parts(struct driver *self, const struct msg_accept *parts, size_t parts_count,
                       struct err *err)
{
    int rc = 0;

    for (size_t p = 0; p < parts_count && rc >= 0; p++)
        rc = check_part(self, &parts[p], err);
    for (size_t p = 0; p < parts_count; p++)
        for (size_t i = 0; i < parts[p].offer_ids_count; i++) {
            struct driver_offer *offer = driver_find_offer(self, parts[p].offer_ids[i]);

            if (offer)
                offer->marked = false;
        }
    return rc;
}

static int add_tasks(struct driver *self, const struct operation_info *operation,
                     const char *agent_id, size_t *count, struct err *err)
{
    int rc = 0;

    for (size_t i = 0; i < operation->tasks_count && rc >= 0; i++) {
        const struct task_info *task = &operation->tasks[i];

        if (strcmp(task->agent_id, agent_id) != 0)
            return err_set(err, -EINVAL, "task %s is for agent %s, the offer is of %s",
                           task->task_id, task->agent_id, agent_id);
        rc = driver_add_task(self, task->task_id, agent_id, TASK_STAGING, err);
        if (rc < 0)
            continue;
        driver_forget_kill(self, task->task_id);
        (*count)++;
    }
    return rc;
}

/* The first `count` of them. */
static void drop_tasks(struct driver *self, const struct msg_accept *parts, size_t parts_count,
                       size_t count)
{
    for (size_t p = 0; p < parts_count; p++)
        for (size_t i = 0; i < parts[p].operations_count; i++)
            for (size_t j = 0; j < parts[p].operations[i].tasks_count && count > 0; j++, count--)
                driver_drop_task(self,
                                 driver_find_task(self, parts[p].operations[i].tasks[j].task_id));
}

/* Check them and send the message that says them all: all or nothing. */
static int accept_all(struct driver *self, const struct msg_accept *parts, size_t parts_count,
                      const struct message *message, struct err *err)
{
    int rc = driver_check_subscribed(self, err);
    size_t added = 0;

    if (rc >= 0)
        rc = check_parts(self, parts, parts_count, err);
    if (rc < 0)
        return rc;
    /* They count as alive before the message leaves: whatever becomes of it, they are asked about.
     */
    for (size_t p = 0; p < parts_count; p++)
        for (size_t i = 0; i < parts[p].operations_count && rc >= 0; i++)
            rc = add_tasks(self, &parts[p].operations[i],
                           driver_offer_agent(self, parts[p].offer_ids[0]), &added, err);
    if (rc >= 0)
        rc = self->env.send(self->env.ctx, message, err);
    if (rc < 0) {
        drop_tasks(self, parts, parts_count, added);
        return rc;
    }
    for (size_t p = 0; p < parts_count; p++)
        for (size_t i = 0; i < parts[p].offer_ids_count; i++)
            driver_drop_offer(self, driver_find_offer(self, parts[p].offer_ids[i]));
    return 0;
}

int driver_accept(struct driver *self, const struct msg_accept *accept, struct err *err)
{
    return accept_all(self, accept, 1, &(struct message){.type = MSG_ACCEPT, .accept = accept},
                      err);
}

int driver_accept_gang(struct driver *self, const struct msg_accept_gang *gang, struct err *err)
{
    CLEANUP(free_p) struct msg_accept *parts = mem_calloc(gang->parts_count, sizeof(*parts));

    for (size_t i = 0; i < gang->parts_count; i++)
        parts[i] = (struct msg_accept){
            .offer_ids = gang->parts[i].offer_ids,
            .offer_ids_count = gang->parts[i].offer_ids_count,
            .operations = gang->parts[i].operations,
            .operations_count = gang->parts[i].operations_count,
        };
    if (!gang->parts_count)
        return err_set(err, -EINVAL, "the gang has no parts");
    return accept_all(self, parts, gang->parts_count,
                      &(struct message){.type = MSG_ACCEPT_GANG, .accept_gang = gang}, err);
}

/* --- other answers to offers ------------------------------------------------------------------ */

int driver_decline(struct driver *self, const char *const *offer_ids, size_t count,
                   int64_t refuse_ms, struct err *err)
{
    CLEANUP(free_p) const char **ours = mem_calloc(count, sizeof(*ours));
    const struct filters filters = {.refuse_ms = refuse_ms};
    size_t ours_count = 0;
    int rc = driver_check_subscribed(self, err);

    if (rc < 0)
        return rc;
    for (size_t i = 0; i < count; i++)
        if (driver_find_offer(self, offer_ids[i]))
            ours[ours_count++] = offer_ids[i];
    if (!ours_count)
        return err_set(err, -ENOENT, "offer %s is not ours: answered, rescinded or void",
                       count ? offer_ids[0] : "");
    rc = self->env.send(self->env.ctx,
                        &MESSAGE(DECLINE, decline, .offer_ids = ours, .offer_ids_count = ours_count,
                                 .filters = &filters),
                        err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < ours_count; i++) {
        struct driver_offer *offer = driver_find_offer(self, ours[i]);

        if (offer) /* else it was named twice */
            driver_drop_offer(self, offer);
    }
    return 0;
}

int driver_accept_inverse(struct driver *self, const char *id, struct err *err)
{
    int rc = id_check(id, "an inverse offer's id", err);

    return rc < 0
               ? rc
               : send_message(self,
                              &MESSAGE(ACCEPT_INVERSE, accept_inverse, .ids = &id, .ids_count = 1),
                              err);
}

int driver_decline_inverse(struct driver *self, const char *id, int64_t refuse_ms, struct err *err)
{
    const struct filters filters = {.refuse_ms = refuse_ms};
    int rc = id_check(id, "an inverse offer's id", err);

    return rc < 0 ? rc
                  : send_message(self,
                                 &MESSAGE(DECLINE_INVERSE, decline_inverse, .ids = &id,
                                          .ids_count = 1, .filters = &filters),
                                 err);
}

static int check_role(const struct driver *self, const char *role, struct err *err)
{
    for (size_t i = 0; role && i < self->roles_count; i++)
        if (!strcmp(self->roles[i].name, role))
            return 0;
    return role ? err_set(err, -EINVAL, "'%s' is not a role of this framework", role) : 0;
}

static void wish(struct driver *self, const char *role, bool suppressed)
{
    for (size_t i = 0; i < self->roles_count; i++) {
        struct driver_role *item = &self->roles[i];

        if (role && strcmp(item->name, role) != 0)
            continue;
        item->suppressed = suppressed;
        item->revived = !suppressed && self->state != DRIVER_SUBSCRIBED;
    }
}

int driver_suppress(struct driver *self, const char *role, struct err *err)
{
    int rc = check_role(self, role, err);

    if (rc < 0)
        return rc;
    wish(self, role, true);
    if (self->state != DRIVER_SUBSCRIBED)
        return 0;
    return send_message(
        self, &MESSAGE(SUPPRESS, suppress, .roles = &role, .roles_count = role ? 1 : 0), err);
}

int driver_revive(struct driver *self, const char *role, struct err *err)
{
    int rc = check_role(self, role, err);

    if (rc < 0)
        return rc;
    wish(self, role, false);
    if (self->state != DRIVER_SUBSCRIBED)
        return 0;
    return send_message(self, &MESSAGE(REVIVE, revive, .roles = &role, .roles_count = role ? 1 : 0),
                        err);
}

int driver_tell_needs(struct driver *self, struct driver_role *role, struct err *err)
{
    const struct role_needs none = {.role = role->name};
    int rc = send_message(
        self, &MESSAGE(NEEDS, needs, .roles = role->needs ? role->needs : &none, .roles_count = 1),
        err);

    role->needs_are_news = rc < 0;
    return rc;
}

int driver_set_needs(struct driver *self, const struct role_needs *needs, struct err *err)
{
    int rc = check_role(self, needs->role, err);

    if (rc == 0)
        rc = record_check(&role_needs_def, needs, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < self->roles_count; i++) {
        struct driver_role *role = &self->roles[i];
        struct arena *memory;

        if (strcmp(role->name, needs->role) != 0)
            continue;
        memory = arena_new(0);
        role->needs = needs->needs_count ? record_copy(&role_needs_def, needs, memory) : NULL;
        arena_destroy(&role->needs_memory);
        role->needs_memory = memory;
        role->needs_are_news = true;
        if (self->state == DRIVER_SUBSCRIBED)
            rc = driver_tell_needs(self, role, err);
    }
    return rc;
}

/* --- tasks ------------------------------------------------------------------------------------ */

int driver_kill(struct driver *self, const char *task_id, const struct kill_policy *policy,
                struct err *err)
{
    struct driver_task *task;
    int rc = id_check(task_id, "task_id", err);

    if (rc >= 0)
        rc = driver_check_goes_on(self, err);
    if (rc < 0)
        return rc;
    driver_forget_end(self, task_id);
    task = driver_meet_task(self, task_id, "", err);
    if (!task)
        return -ENOSPC;
    driver_want_kill(self, task, policy);
    return 0;
}

int driver_change_limits(struct driver *self, const struct msg_change_limits *call, struct err *err)
{
    int rc = id_check(call->task_id, "task_id", err);

    return rc < 0
               ? rc
               : send_message(self,
                              &(struct message){.type = MSG_CHANGE_LIMITS, .change_limits = call},
                              err);
}

int driver_acknowledge(struct driver *self, const struct msg_acknowledge *acknowledge,
                       struct err *err)
{
    if (acknowledge->uuid.size != UUID_BYTES)
        return err_set(err, -EINVAL, "task %s: there is nothing to acknowledge in this update",
                       acknowledge->task_id);
    return send_message(
        self, &(struct message){.type = MSG_ACKNOWLEDGE, .acknowledge = acknowledge}, err);
}

int driver_acknowledge_operation(struct driver *self,
                                 const struct msg_acknowledge_operation *acknowledge,
                                 struct err *err)
{
    if (acknowledge->uuid.size != UUID_BYTES)
        return err_set(err, -EINVAL, "operation %s: there is nothing to acknowledge in this update",
                       acknowledge->operation_id);
    return send_message(
        self,
        &(struct message){.type = MSG_ACKNOWLEDGE_OPERATION, .acknowledge_operation = acknowledge},
        err);
}

int driver_reconcile_operation(struct driver *self, const struct operation_ref *operation,
                               struct err *err)
{
    int rc = id_check(operation->operation_id, "operation_id", err);

    if (rc >= 0)
        rc = id_check(operation->agent_id, "agent_id", err);
    if (rc < 0)
        return rc;
    return send_message(self,
                        &MESSAGE(RECONCILE_OPERATIONS, reconcile_operations,
                                 .operations = operation, .operations_count = 1),
                        err);
}

int driver_reconcile(struct driver *self, const struct task_ref *ref, struct err *err)
{
    const char *agent_id = ref && ref->agent_id ? ref->agent_id : "";
    struct driver_task *task;
    int rc;

    if (!ref)
        return send_message(self, &MESSAGE(RECONCILE, reconcile, .tasks = NULL), err);
    rc = id_check(ref->task_id, "task_id", err);
    if (rc >= 0 && *agent_id)
        rc = id_check(agent_id, "agent_id", err);
    if (rc >= 0)
        rc = driver_check_goes_on(self, err);
    if (rc < 0)
        return rc;
    driver_forget_end(self, ref->task_id);
    task = driver_meet_task(self, ref->task_id, agent_id, err);
    if (!task)
        return -ENOSPC;
    driver_ask_about(self, task);
    driver_settle_kill(self, task);
    return 0;
}

int driver_message(struct driver *self, const struct msg_message_to_executor *message,
                   struct err *err)
{
    int rc = id_check(message->agent_id, "agent_id", err);

    if (rc >= 0)
        rc = id_check(message->task_id, "task_id", err);
    if (rc >= 0 && message->data.size > DATA_MAX)
        rc = err_set(err, -EMSGSIZE, "%zu bytes are more than a message may hold (%d)",
                     message->data.size, DATA_MAX);
    if (rc < 0)
        return rc;
    return send_message(
        self, &(struct message){.type = MSG_MESSAGE_TO_EXECUTOR, .message_to_executor = message},
        err);
}
