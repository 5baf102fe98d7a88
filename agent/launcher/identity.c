#include "agent/launcher/identity.h"

#include <errno.h>
#include <stdlib.h>

#include "agent/shim/record.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "proto/isolation.h"
#include "proto/message.h"

static struct identity *identity_new(const struct msg_container_kept *kept)
{
    struct identity *self = mem_new(struct identity);

    self->arena = arena_new(0);
    self->kept = message_copy_body(MSG_CONTAINER_KEPT, kept, self->arena);
    self->account = (struct account){
        .uid = (uid_t)self->kept->uid,
        .gid = (gid_t)self->kept->gid,
        .groups = (gid_t *)(uintptr_t)self->kept->groups.data,
        .groups_count = self->kept->groups.size / sizeof(gid_t),
    };
    return self;
}

void identity_destroy(struct identity **self_p)
{
    struct identity *self = TAKE(*self_p);

    if (!self)
        return;
    arena_destroy(&self->arena);
    free(self);
}

const struct account *identity_account(const struct identity *self)
{
    return self->kept->has_user ? &self->account : NULL;
}

static int check_size(const struct msg_container_kept *kept, struct err *err)
{
    CLEANUP(buf_fini) struct buf frame = {0};
    int rc = message_encode(&(struct message){.type = MSG_CONTAINER_KEPT, .container_kept = kept},
                            &frame, err);

    if (rc == 0 && frame.size > IDENTITY_MAX)
        return err_set(err, -E2BIG,
                       "what is to be kept of it for its checks takes %zu bytes, and may take %d: "
                       "it has many groups, or names many capabilities",
                       frame.size, IDENTITY_MAX);
    return rc;
}

/* What its first process was given is there: mounts, a root, ports. */
static struct isolation_info what_is_entered(const struct isolation_info *asks)
{
    struct isolation_info entered = *asks;

    entered.mounts = NULL;
    entered.mounts_count = 0;
    entered.port_mappings = NULL;
    entered.port_mappings_count = 0;
    return entered;
}

int identity_make(const struct msg_launch_container *order, const struct account *account,
                  struct identity **ret_identity, struct err *err)
{
    const struct isolation_info *asks = order->isolation;
    const struct isolation_info entered = asks ? what_is_entered(asks) : (struct isolation_info){0};
    const struct msg_container_kept kept = {
        .container_id = order->container_id,
        .sandbox = asks && asks->rootfs && *asks->rootfs ? ISOLATION_SANDBOX : order->sandbox,
        .has_user = account != NULL,
        .uid = account ? account->uid : 0,
        .gid = account ? account->gid : 0,
        .groups = {.data = account ? (const void *)account->groups : NULL,
                   .size = account ? account->groups_count * sizeof(gid_t) : 0},
        .isolation = asks ? &entered : NULL,
        .rlimits = order->command->rlimits,
        .rlimits_count = order->command->rlimits_count,
    };
    int rc;

    *ret_identity = NULL;
    if (!order->checked)
        return 0;
    rc = check_size(&kept, err);
    if (rc == 0)
        *ret_identity = identity_new(&kept);
    return rc;
}

int identity_read(int records_dir, const char *container_id, struct identity **ret_identity,
                  struct err *err)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    struct record_text text = {0};
    struct record record;
    int rc = record_open(records_dir, container_id, &record);

    if (rc < 0)
        return err_errno(err, rc, "its record cannot be opened");
    rc = record_read(&record, container_id, arena, &text, err);
    record_close(&record);
    if (!text.kept)
        return rc < 0 ? rc : err_set(err, -ENOENT, "it was not launched to be looked at");
    *ret_identity = identity_new(text.kept);
    return 0;
}
