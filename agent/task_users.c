#include "agent/task_users.h"

#include <errno.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/units.h"

#define RECORD_BYTES 4096 /* of a user */
#define NAME_BYTES   256

/* 1 and the user, 0: there is none, -errno: nobody knows. */
static int look_up(const char *name, uid_t *ret_uid)
{
    struct passwd entry, *found = NULL;
    char buffer[RECORD_BYTES];
    int64_t number;
    int rc = getpwnam_r(name, &entry, buffer, sizeof(buffer), &found);

    if (!found && units_parse_int(name, 0, INT32_MAX, &number, NULL) == 0)
        rc = getpwuid_r((uid_t)number, &entry, buffer, sizeof(buffer), &found);
    if (found)
        *ret_uid = found->pw_uid;
    return found ? 1 : rc == ENOENT || rc == ESRCH ? 0 : -rc;
}

/* Like look_up; that there is none is an error of the command line. */
static int find(const char *option, const char *name, uid_t *ret_uid, struct err *err)
{
    int rc = look_up(name, ret_uid);

    if (rc == 0)
        return err_set(err, -EINVAL, "--%s: there is no user '%.64s' on this host", option, name);
    if (rc > 0)
        return rc;
    log_warning("--%s: cannot look up the user '%.64s' now: %s", option, name, strerror(-rc));
    return 0;
}

/* --- a list with commas -------------------------------------------------------------------------- */

/* False: there is no more. A name that is too long is cut, and nobody's. */
static bool next(const char **at_p, char ret_name[NAME_BYTES])
{
    size_t size;

    *at_p += strspn(*at_p, ",");
    size = strcspn(*at_p, ",");
    snprintf(ret_name, NAME_BYTES, "%.*s", (int)size, *at_p);
    *at_p += size;
    return size > 0;
}

static bool has_name(const char *list, const char *wanted)
{
    char name[NAME_BYTES];

    while (next(&list, name))
        if (strcmp(name, wanted) == 0)
            return true;
    return false;
}

/* All of them are looked up. Not found: `*ret_has` is false; it is true as well for who is not known now. */
static int look_for(const char *list, uid_t wanted, bool *ret_has, struct err *err)
{
    char name[NAME_BYTES];
    uid_t uid = wanted;

    *ret_has = false;
    while (next(&list, name)) {
        int rc = find("task-users", name, &uid, err);

        if (rc < 0)
            return rc;
        if (rc > 0 && uid == 0 && strcmp(name, "root") != 0) /* agent/launcher/accounts.c */
            return err_set(err, -EINVAL, "--task-users: '%.64s' is root: say root", name);
        if (rc == 0 || uid == wanted)
            *ret_has = true;
    }
    return 0;
}

/* --- whom tasks can be -------------------------------------------------------------------------- */

static int check_list(const struct agent_flags *flags, struct err *err)
{
    bool has_us;
    int rc = look_for(flags->task_users, geteuid(), &has_us, err);

    if (rc < 0 || !*flags->task_users || flags->switch_user || has_us)
        return rc;
    return err_set(err, -EINVAL,
                   "--task-users: here tasks run as who has started the agent (%u), who is not "
                   "among them%s",
                   geteuid(), geteuid() ? ": only root can run them as others" : "");
}

/* As the launcher sees it, agent/launcher/accounts.c: by name, but root is root. */
static int check_default(const struct agent_flags *flags, uid_t uid, const struct agent_user *agent,
                         struct err *err)
{
    const char *name = flags->default_user;

    if (!flags->switch_user && uid != geteuid())
        return err_set(err, -EINVAL,
                       "--default-user %.64s: here tasks run as who has started the agent (%u)%s",
                       name, geteuid(), geteuid() ? ": only root can run them as others" : "");
    if (!flags->switch_user)
        return 0;
    if (*flags->task_users && !has_name(flags->task_users, uid ? name : "root"))
        return err_set(err, -EINVAL, "--default-user %.64s: no task may be that, see --task-users",
                       name);
    if (!*flags->task_users && uid && uid == agent->uid)
        return err_set(err, -EINVAL,
                       "--default-user %.64s: that is the agent itself, whom no task may be "
                       "unless --task-users names it",
                       name);
    return 0;
}

int task_users_check(const struct agent_flags *flags, const struct agent_user *agent,
                     struct err *err)
{
    uid_t uid;
    int rc = check_list(flags, err);

    if (rc < 0 || !*flags->default_user)
        return rc;
    rc = find("default-user", flags->default_user, &uid, err);
    return rc > 0 ? check_default(flags, uid, agent, err) : rc;
}
