#include "master/view/replica_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "proto/resources_info.h"

/* --- frameworks ---------------------------------------------------------------------------------
 */

/* The key of the table lives in the arena that goes. */
static void replace_record(struct replica *self, struct framework *framework,
                           const struct msg_change_framework *change)
{
    struct arena *arena = arena_new(0);

    if (framework->change)
        HASH_DEL(self->frameworks, framework);
    framework->change = message_copy_body(MSG_CHANGE_FRAMEWORK, change, arena);
    arena_destroy(&framework->arena);
    framework->arena = arena;
    HASH_ADD_KEYPTR(hh, self->frameworks, framework->change->framework->id,
                    strlen(framework->change->framework->id), framework);
}

/* An agent that was unreachable has brought tasks of one that was removed. */
static struct framework *take_from_completed(struct replica *self, const char *id)
{
    struct framework *framework;

    DL_FOREACH (self->completed, framework) {
        if (!strcmp(framework->change->framework->id, id))
            break;
    }
    if (!framework)
        return NULL;
    DL_DELETE(self->completed, framework);
    self->completed_count--;
    framework->is_completed = false;
    HASH_ADD_KEYPTR(hh, self->frameworks, framework->change->framework->id,
                    strlen(framework->change->framework->id), framework);
    return framework;
}

int replica_on_framework(struct replica *self, const struct msg_change_framework *change,
                         struct err *err)
{
    struct framework *framework;

    if (!*change->framework->id)
        return err_set(err, -EBADMSG, "a framework without an id");
    framework = replica_framework(self, change->framework->id);
    if (framework)
        replica_leave_roles(self, framework);
    else
        framework = take_from_completed(self, change->framework->id);
    if (!framework)
        framework = mem_new(struct framework);
    replace_record(self, framework, change);
    replica_join_roles(self, framework);
    return 0;
}

static int complete_tasks(struct replica *self, struct framework *framework, struct err *err)
{
    struct task *task, *next;
    int worst = 0;

    HASH_ITER (hh, framework->tasks, task, next) {
        int r = replica_complete_task(self, task, err);

        worst = r < 0 ? r : worst;
    }
    return worst;
}

static void free_offers(struct replica *self, struct framework *framework)
{
    while (framework->offers)
        replica_free_offer(self, framework->offers);
}

int replica_on_framework_removed(struct replica *self,
                                 const struct msg_change_framework_removed *change, struct err *err)
{
    struct framework *framework = replica_framework(self, change->framework_id);
    int r;

    if (!framework)
        return err_set(err, -EBADMSG, "framework %s is not known", change->framework_id);
    r = complete_tasks(self, framework, err);
    free_offers(self, framework);
    replica_leave_roles(self, framework);
    framework->is_completed = true;
    framework->unregistered_us = change->unregistered_us;
    HASH_DEL(self->frameworks, framework);
    DL_APPEND(self->completed, framework);
    if (++self->completed_count > COMPLETED_FRAMEWORKS_MAX)
        replica_free_framework(self, self->completed);
    return r;
}

void replica_free_framework(struct replica *self, struct framework *framework)
{
    complete_tasks(self, framework, NULL);
    while (framework->completed)
        replica_free_task(self, framework->completed);
    free_offers(self, framework);
    replica_leave_roles(self, framework);
    if (framework->is_completed) {
        DL_DELETE(self->completed, framework);
        self->completed_count--;
    } else {
        HASH_DEL(self->frameworks, framework);
    }
    holdings_fini(&framework->holdings);
    arena_destroy(&framework->arena);
    free(framework);
}

/* --- offers -------------------------------------------------------------------------------------
 */

static struct offer *find_offer(const struct replica *self, const char *id)
{
    struct offer *offer;

    HASH_FIND_STR(self->offers, id, offer);
    return offer;
}

static struct offer *add_offer(struct replica *self, struct framework *framework,
                               const struct offer_info *info)
{
    struct offer *offer = mem_new(struct offer);

    offer->arena = arena_new(0);
    offer->info = record_copy(&offer_info_def, info, offer->arena);
    offer->claim.is_offer = true;
    offer->claim.framework = framework;
    offer->claim.agent = replica_agent(self, info->agent_id);
    HASH_ADD_KEYPTR(hh, self->offers, offer->info->id, strlen(offer->info->id), offer);
    DL_APPEND(framework->offers, offer);
    return offer;
}

int replica_on_offer(struct replica *self, const struct msg_change_offer *change, struct err *err)
{
    const struct offer_info *info = change->offer;
    struct framework *framework = replica_framework(self, info->framework_id);
    struct offer *offer = find_offer(self, info->id);

    if (!framework)
        return err_set(err, -EBADMSG, "offer %s: framework %s is not known", info->id,
                       info->framework_id);
    if (offer)
        replica_free_offer(self, offer);
    offer = add_offer(self, framework, info);
    if (resources_from_info(&offer->claim.resources, info->resources, info->resources_count, err) <
        0)
        return err_wrap(err, -EBADMSG, "offer %s", info->id);
    return replica_book(self, &offer->claim, info->role, err);
}

void replica_free_offer(struct replica *self, struct offer *offer)
{
    replica_unbook(self, &offer->claim, NULL);
    claim_fini(&offer->claim);
    DL_DELETE(offer->claim.framework->offers, offer);
    HASH_DEL(self->offers, offer);
    arena_destroy(&offer->arena);
    free(offer);
}

int replica_on_offer_removed(struct replica *self, const struct msg_change_offer_removed *change,
                             struct err *err)
{
    struct offer *offer = find_offer(self, change->offer_id);

    if (!offer)
        return err_set(err, -EBADMSG, "offer %s is not known", change->offer_id);
    replica_free_offer(self, offer);
    return 0;
}
