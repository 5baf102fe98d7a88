#include "agent/launcher/accounts.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"

#define KEEP_US       ((int64_t)60 * US_PER_S)
#define OUTPUT_MAX    4096  /* ACCOUNT_GROUPS_MAX numbers */
#define ID_TIMEOUT_MS 10000 /* a directory server may be slow; a loop may not wait for ever */

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

/* --- asking id(1) ------------------------------------------------------------------------------- */

static int spawn_id(const char *option, const char *name, int output_fd, pid_t *ret_pid)
{
    const char *const argv[] = {"id", option, "--", name, NULL};
    const char *const envp[] = {"LC_ALL=C", "PATH=/usr/bin:/bin", NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    int rc;

    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDERR_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output_fd, STDOUT_FILENO);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    rc = posix_spawnp(ret_pid, argv[0], &actions, &attributes, (char *const *)argv,
                      (char *const *)envp);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return -rc;
}

/* Until the other end is closed. -ETIMEDOUT, -E2BIG. */
static int read_output(int fd, char ret_text[OUTPUT_MAX])
{
    size_t size = 0;

    while (size < OUTPUT_MAX) {
        ssize_t got;

        if (poll(&(struct pollfd){fd, POLLIN, 0}, 1, ID_TIMEOUT_MS) <= 0)
            return -ETIMEDOUT;
        got = read(fd, ret_text + size, OUTPUT_MAX - size);
        if (got < 0)
            return -errno;
        if (got == 0) {
            ret_text[size] = '\0';
            return 0;
        }
        size += (size_t)got;
    }
    return -E2BIG;
}

/* The output of `id OPTION -- NAME`; -ENOENT: there is no such user. */
static int run_id(const char *option, const char *name, char ret_text[OUTPUT_MAX])
{
    CLEANUP(close_fd) int read_fd = -1;
    int ends[2], status, rc;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    read_fd = ends[0];
    rc = spawn_id(option, name, ends[1], &pid);
    close(ends[1]);
    if (rc < 0)
        return rc;
    rc = read_output(read_fd, ret_text);
    if (rc < 0)
        kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    return rc == 0 && status ? -ENOENT : rc;
}

/* Numbers with spaces between them; how many. */
static size_t parse_numbers(const char *text, gid_t *ret_numbers, size_t max)
{
    size_t count = 0;
    char *end;

    for (const char *at = text; count < max; at = end) {
        unsigned long number = strtoul(at, &end, 10);

        if (end == at)
            break;
        ret_numbers[count++] = (gid_t)number;
    }
    return count;
}

static int look_up(const char *name, struct account *ret_account, struct err *err)
{
    char uid_text[OUTPUT_MAX], groups_text[OUTPUT_MAX];
    gid_t groups[ACCOUNT_GROUPS_MAX];
    size_t count;
    uid_t uid;
    int rc = run_id("-u", name, uid_text);

    if (rc == 0)
        rc = run_id("-G", name, groups_text);
    if (rc == -ENOENT)
        return err_set(err, rc, "there is no user '%.64s' on this host", name);
    if (rc < 0)
        return err_errno(err, rc, "cannot look up the user '%.64s'", name);
    count = parse_numbers(groups_text, groups, ACCOUNT_GROUPS_MAX); /* its own group is the first */
    if (!count || parse_numbers(uid_text, &uid, 1) != 1)
        return err_set(err, -EINVAL, "id(1) does not say who '%.64s' is", name);
    *ret_account = (struct account){
        .name = mem_strdup(name),
        .uid = uid,
        .gid = groups[0],
        .groups = mem_calloc(count, sizeof(gid_t)),
        .groups_count = count,
        .read_us = clock_now().mono_us,
    };
    memcpy(ret_account->groups, groups, count * sizeof(gid_t));
    return 0;
}

/* --- keeping ------------------------------------------------------------------------------------ */

static bool is_named(const struct accounts *self, const char *name)
{
    for (size_t i = 0; i < self->allowed_count; i++)
        if (strcmp(self->allowed[i], name) == 0)
            return true;
    return false;
}

/* By name: who is called otherwise and is the same user is not meant. But root is root. */
static int check_allowed(const struct accounts *self, const char *name, uid_t uid, struct err *err)
{
    if (geteuid() != 0 || is_named(self, uid == 0 ? "root" : name))
        return 0;
    if (self->allowed_count)
        return err_set(err, -EPERM, "no task may run as '%.64s' here, see --task-users", name);
    if (uid && uid == self->held_back)
        return err_set(err, -EPERM, "no task may run as '%.64s', who is the agent itself", name);
    return 0;
}

void accounts_restrict(struct accounts *self, const char *const *names, size_t count,
                       uid_t agent_uid)
{
    self->allowed = names;
    self->allowed_count = count;
    self->held_back = agent_uid;
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
        return check_allowed(self, "root", 0, err);
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
    return check_allowed(self, name, kept->uid, err);
}
