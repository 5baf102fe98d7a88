#include "agent/agent_user.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/units.h"

#define RECORD_BYTES 4096 /* of a user */

/* In a user namespace most numbers are nobody. */
static bool is_mapped(const char *map_path, unsigned number)
{
    FILE *map = fopen(map_path, "re");
    unsigned from, to, count;
    bool is_found = !map; /* a kernel without such namespaces */

    while (map && !is_found && fscanf(map, "%u %u %u", &from, &to, &count) == 3)
        is_found = number >= from && number - from < count;
    if (map)
        fclose(map);
    return is_found;
}

static int find_name(const char *name, struct agent_user *ret_user)
{
    struct passwd entry, *found = NULL;
    char buffer[RECORD_BYTES];

    if (getpwnam_r(name, &entry, buffer, sizeof(buffer), &found) != 0 || !found)
        return -ENOENT;
    *ret_user = (struct agent_user){true, entry.pw_uid, entry.pw_gid};
    return 0;
}

static int find_number(int64_t number, struct agent_user *ret_user)
{
    struct passwd entry, *found = NULL;
    char buffer[RECORD_BYTES];

    *ret_user = (struct agent_user){true, (uid_t)number, (gid_t)number};
    if (getpwuid_r((uid_t)number, &entry, buffer, sizeof(buffer), &found) != 0 || !found)
        return 0;
    ret_user->gid = entry.pw_gid;
    return 1;
}

static int choose_default(struct agent_user *user, struct err *err)
{
    if (find_name(AGENT_USER_NAME, user) < 0 && find_number(AGENT_USER_NUMBER, user) > 0)
        return err_set(err, -EINVAL,
                       "the user %d has a name on this host, and there is no user %s: say which "
                       "user the agent may be with --agent-user",
                       AGENT_USER_NUMBER, AGENT_USER_NAME);
    return 0;
}

static int choose_wanted(const char *wanted, struct agent_user *user, struct err *err)
{
    int64_t number;

    if (find_name(wanted, user) == 0)
        return 0;
    if (units_parse_int(wanted, 0, INT32_MAX, &number, NULL) < 0)
        return err_set(err, -EINVAL, "--agent-user %.64s: there is no such user on this host",
                       wanted);
    find_number(number, user);
    return 0;
}

static int check_mapped(const struct agent_user *user, const char *wanted, struct err *err)
{
    if (is_mapped("/proc/self/uid_map", user->uid) && is_mapped("/proc/self/gid_map", user->gid))
        return 0;
    if (*wanted)
        return err_set(err, -EINVAL, "--agent-user %.64s: there is no such user in this namespace",
                       wanted);
    log_warning("the agent stays root, as this user namespace has no user %u: whoever breaks into "
                "it has all of its rights",
                user->uid);
    return 1;
}

int agent_user_choose(const char *wanted, struct agent_user *ret_user, struct err *err)
{
    struct agent_user user = {0};
    int rc;

    *ret_user = user;
    if (geteuid() != 0)
        return *wanted ? err_set(err, -EINVAL, "--agent-user: only root can become another user")
                       : 0;
    rc = *wanted ? choose_wanted(wanted, &user, err) : choose_default(&user, err);
    if (rc < 0)
        return rc;
    if (user.uid == 0) {
        log_warning(
            "--agent-user %s: what reads the network is root, and whoever breaks into it, too",
            wanted);
        return 0;
    }
    rc = check_mapped(&user, wanted, err);
    if (rc == 0)
        *ret_user = user;
    return rc < 0 ? rc : 0;
}

static bool has_root(const char *users)
{
    bool has = !*users; /* anybody */

    while (*users && !has) {
        size_t size = strcspn(users, ",");

        has = size == 4 && !strncmp(users, "root", size);
        users += size + (users[size] == ',');
    }
    return has;
}

void agent_user_warn(const struct agent_user *user, const char *task_users)
{
    if (user->is_split && has_root(task_users))
        log_warning("tasks may be root (--task-users says who may): whoever breaks into what reads "
                    "the network can then have commands run as root");
}
