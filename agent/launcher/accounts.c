#include "agent/launcher/accounts.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define KEEP_US          ((int64_t)60 * US_PER_S)
#define PASSWD_LINE_SIZE 16384

static void account_fini(struct account *self)
{
    free(self->name);
    free(self->groups);
    *self = (struct account){0};
}

void accounts_fini(struct accounts *self)
{
    for (size_t i = 0; i < self->count; i++)
        account_fini(&self->items[i]);
    self->count = 0;
}

static int look_up(const char *name, struct account *ret_account, struct err *err)
{
    gid_t groups[ACCOUNT_GROUPS_MAX];
    int count = ACCOUNT_GROUPS_MAX;
    char line[PASSWD_LINE_SIZE];
    struct passwd entry, *found;
    int rc = getpwnam_r(name, &entry, line, sizeof(line), &found);

    if (rc)
        return err_errno(err, -rc, "cannot look up the user '%.64s'", name);
    if (!found)
        return err_set(err, -ENOENT, "there is no user '%.64s' on this host", name);
    if (getgrouplist(name, entry.pw_gid, groups, &count) < 0)
        return err_set(err, -E2BIG, "the user '%.64s' is in more than %d groups", name,
                       ACCOUNT_GROUPS_MAX);
    *ret_account = (struct account){
        .name = mem_strdup(name),
        .uid = entry.pw_uid,
        .gid = entry.pw_gid,
        .groups = mem_calloc((size_t)count, sizeof(gid_t)),
        .groups_count = (size_t)count,
        .read_us = clock_now().mono_us,
    };
    memcpy(ret_account->groups, groups, (size_t)count * sizeof(gid_t));
    return 0;
}

static struct account *find_kept(struct accounts *self, const char *name)
{
    for (size_t i = 0; i < self->count; i++)
        if (strcmp(self->items[i].name, name) == 0)
            return &self->items[i];
    return NULL;
}

static struct account *place_for_one(struct accounts *self)
{
    struct account *oldest = &self->items[0];

    if (self->count < ACCOUNTS_MAX)
        return &self->items[self->count++];
    for (size_t i = 1; i < self->count; i++)
        if (self->items[i].read_us < oldest->read_us)
            oldest = &self->items[i];
    return oldest;
}

int accounts_find(struct accounts *self, const char *name, const struct account **ret_account,
                  struct err *err)
{
    struct account *kept = find_kept(self, name);
    struct account fresh;
    int rc;

    if (!*name) {
        *ret_account = NULL;
        return 0;
    }
    if (!kept || clock_now().mono_us - kept->read_us > KEEP_US) {
        rc = look_up(name, &fresh, err);
        if (rc < 0)
            return rc;
        if (!kept)
            kept = place_for_one(self);
        account_fini(kept);
        *kept = fresh;
    }
    if (kept->uid != geteuid() && geteuid() != 0)
        return err_set(err, -EPERM, "cannot run as '%.64s': the agent is not root", name);
    *ret_account = kept->uid == geteuid() ? NULL : kept;
    return 0;
}
