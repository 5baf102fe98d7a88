/* LAUNCHER_CONFIGURE, LAUNCHER_RECOVER: which isolators can be had here, where cgroups are, what earlier launchers have left. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/launcher/lean.h"
#include "agent/launcher/plugins.h"
#include "agent/launcher/state.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "isolators/capabilities.h"
#include "isolators/device_list.h"
#include "isolators/kept.h"

/* What LAUNCHER_READY will say. */
struct readiness {
    struct launcher *launcher;
    const struct msg_launcher_configure *want;
    const char *isolation[ISOLATORS_MAX];
    const char *warnings[ISOLATORS_MAX + 3];
    size_t warnings_count;
};

static void warn(struct readiness *self, const char *text)
{
    self->warnings[self->warnings_count++] = arena_strdup(self->launcher->arena, text);
}

static const struct isolator_ops *find_isolator(const char *name)
{
    const struct isolator_ops *found = isolator_find(name);

    return found ? found : plugins_find(name);
}

static int say_unknown(const char *name, struct err *err)
{
    CLEANUP(buf_fini) struct buf known = {0};

    for (const struct isolator_ops *const *one = isolators_builtin; *one; one++)
        buf_printf(&known, "%s%s", known.size ? ", " : "", (*one)->name);
    /* An error's text is short, and this one is worth its room. */
    log_error("isolators: %s", buf_text(&known));
    return err_set(err, -EINVAL, "there is no isolator '%.64s'", name);
}

static int find_isolators(const struct msg_launcher_configure *want,
                          const struct isolator_ops *ret_found[], struct err *err)
{
    if (want->isolation_count > ISOLATORS_MAX)
        return err_set(err, -E2BIG, "more than %d isolators", ISOLATORS_MAX);
    for (size_t i = 0; i < want->isolation_count; i++) {
        ret_found[i] = find_isolator(want->isolation[i]);
        if (!ret_found[i])
            return say_unknown(want->isolation[i], err);
        for (size_t j = 0; j < i; j++)
            if (ret_found[j] == ret_found[i])
                return err_set(err, -EINVAL, "the isolator '%s' is named twice",
                               ret_found[i]->name);
    }
    return 0;
}

/* --- settings ----------------------------------------------------------------------------------- */

static bool has_key(const struct isolator_ops *isolator, const char *key)
{
    for (const struct isolator_option *option = isolator->options; option && option->key; option++)
        if (strcmp(option->key, key) == 0)
            return true;
    return false;
}

static int check_option(const char *name, struct err *err)
{
    const char *dot = strrchr(name, '.');
    CLEANUP(buf_fini) struct buf known = {0};
    const struct isolator_ops *isolator;
    char owner[64];

    if (!dot || dot - name >= (int)sizeof(owner))
        return err_set(err, -EINVAL, "'%.64s' is no setting: want one as volume/host.allow", name);
    snprintf(owner, sizeof(owner), "%.*s", (int)(dot - name), name);
    isolator = find_isolator(owner);
    if (!isolator)
        return err_set(err, -EINVAL, "'%.64s': there is no isolator '%s'", name, owner);
    if (has_key(isolator, dot + 1))
        return 0;
    for (const struct isolator_option *one = isolator->options; one && one->key; one++)
        buf_printf(&known, "%s%s", known.size ? ", " : "", one->key);
    return err_set(err, -EINVAL, "%s has no setting '%.32s'; it has %s", owner, dot + 1,
                   known.size ? buf_text(&known) : "none");
}

static int check_options(const struct msg_launcher_configure *want, struct err *err)
{
    int rc = 0;

    for (size_t i = 0; i < want->options_count && rc == 0; i++)
        rc = check_option(want->options[i].key, err);
    return rc;
}

static bool is_named(const struct msg_launcher_configure *want, const char *option)
{
    size_t size = (size_t)(strrchr(option, '.') - option);

    for (size_t i = 0; i < want->isolation_count; i++)
        if (strncmp(want->isolation[i], option, size) == 0 && !want->isolation[i][size])
            return true;
    return false;
}

/* Who has set them may think that they hold somebody. */
static void warn_of_idle_options(struct readiness *ready)
{
    const struct msg_launcher_configure *want = ready->want;
    CLEANUP(buf_fini) struct buf idle = {0};

    for (size_t i = 0; i < want->options_count; i++)
        if (!is_named(want, want->options[i].key))
            buf_printf(&idle, "%s%s", idle.size ? ", " : "", want->options[i].key);
    if (idle.size)
        warn(ready,
             arena_printf(
                 ready->launcher->arena,
                 "--isolator-options has settings of isolators that --isolation does not name: %s",
                 buf_text(&idle)));
}

/* --- what can be had ---------------------------------------------------------------------------- */

static int open_cgroups(struct launcher *self, const char *root,
                        const struct isolator_ops *const found[], size_t count, struct err *err)
{
    const char *controllers[ISOLATORS_MAX];
    size_t controllers_count = 0;

    for (size_t i = 0; i < count; i++)
        if (found[i]->needs & ISOLATOR_CGROUPS)
            controllers[controllers_count++] = found[i]->controller;
    if (!controllers_count)
        return 0;
    return cgroups_new(root, controllers, controllers_count, &self->isolators.cgroups, err);
}

static bool is_among(const char *name, const struct isolator_ops *const set[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (set[i] && strcmp(set[i]->name, name) == 0)
            return true;
    return false;
}

/* The choice: of those that were found, which are in use and why others are not. */
struct choice {
    const struct isolator_ops *const *found;
    const struct isolator_ops *used[ISOLATORS_MAX]; /* NULL: not, or not yet */
    bool is_settled[ISOLATORS_MAX];
    bool is_wrongly_set[ISOLATORS_MAX];
    struct err why[ISOLATORS_MAX];
    size_t count;
};

static int check_needs(const struct launcher *self, const struct choice *choice,
                       const struct isolator_ops *isolator, struct err *err)
{
    const struct cgroups_controller *controller;

    if (isolator->needs & ISOLATOR_ROOT && geteuid() != 0)
        return err_set(err, -EPERM, "the agent is not root");
    if (isolator->needs & ISOLATOR_PRIVILEGED && geteuid() != 0 &&
        !is_among("namespaces/user", choice->used, choice->count))
        return err_set(err, -EPERM, "the agent is not root, and namespaces/user is not used");
    if (isolator->needs & ISOLATOR_CGROUPS)
        return cgroups_find(self->isolators.cgroups, isolator->controller, &controller, err);
    return 0;
}

/* -EAGAIN: one that it needs is not settled yet. */
static int check_companions(const struct choice *choice, const struct isolator_ops *isolator,
                            struct err *err)
{
    for (const char *const *name = isolator->with; name && *name; name++) {
        if (is_among(*name, choice->used, choice->count))
            continue;
        for (size_t i = 0; i < choice->count; i++)
            if (strcmp(choice->found[i]->name, *name) == 0 && !choice->is_settled[i])
                return -EAGAIN;
        return err_set(err, -ENOENT, "it needs %s, which is not used", *name);
    }
    return 0;
}

/* The user's namespace comes first: what others may do follows from it. */
static bool must_wait(const struct choice *choice, size_t number)
{
    for (size_t i = 0; i < choice->count; i++)
        if (i != number && !choice->is_settled[i] &&
            strcmp(choice->found[i]->name, "namespaces/user") == 0)
            return true;
    return false;
}

static void settle(struct launcher *self, const struct isolator_host *host, struct choice *choice,
                   size_t number)
{
    const struct isolator_ops *isolator = choice->found[number];
    struct err *why = &choice->why[number];
    int rc = must_wait(choice, number) ? -EAGAIN : check_companions(choice, isolator, why);

    if (rc == -EAGAIN)
        return;
    if (rc == 0)
        rc = check_needs(self, choice, isolator, why);
    if (rc == 0 && isolator->setup)
        rc = isolator->setup(host, why);
    choice->is_settled[number] = true;
    choice->is_wrongly_set[number] = rc == -ISOLATOR_WRONG_SETTING;
    if (rc == 0)
        choice->used[number] = isolator;
}

/* For all that cannot be had without root, or without any cgroups, which is what happens without root. */
static bool is_of_one_cause(const struct launcher *self, const struct isolator_ops *isolator)
{
    const struct cgroups *cgroups = self->isolators.cgroups;

    if (isolator->needs & ISOLATOR_CGROUPS && (!cgroups || cgroups->mode == CGROUPS_NONE))
        return true;
    return isolator->needs & (ISOLATOR_ROOT | ISOLATOR_PRIVILEGED) && geteuid() != 0;
}

static void warn_of(struct readiness *ready, struct choice *choice)
{
    CLEANUP(buf_fini) struct buf lacking = {0};
    struct err first;

    for (size_t i = 0; i < choice->count; i++) {
        struct err *why = &choice->why[i];

        if (choice->used[i])
            continue;
        if (!choice->is_settled[i])
            err_set(why, -ELOOP, "those that it needs need it");
        if (!is_of_one_cause(ready->launcher, choice->found[i])) {
            err_wrap(why, -ENOENT, "%s is not used", choice->found[i]->name);
            warn(ready, why->text);
            continue;
        }
        if (!lacking.size)
            first = *why;
        buf_printf(&lacking, "%s%s", lacking.size ? ", " : "", choice->found[i]->name);
    }
    if (lacking.size)
        warn(ready, arena_printf(ready->launcher->arena,
                                 "tasks are held by process groups only, without %s: %s",
                                 buf_text(&lacking), first.text));
}

/* One is enough: it is the operator's to mend. */
static int check_settings(struct choice *choice, struct err *err)
{
    for (size_t i = 0; i < choice->count; i++)
        if (choice->is_wrongly_set[i])
            return err_set(err, -EINVAL, "%s.%.200s", choice->found[i]->name, choice->why[i].text);
    return 0;
}

/* Keeps the isolators that work here. */
static int choose_isolators(struct readiness *ready, const struct isolator_ops *const found[],
                            size_t count, struct err *err)
{
    struct isolator_set *set = &ready->launcher->isolators;
    const struct isolator_host host = {
        .cgroups = set->cgroups,
        .options = ready->want->options,
        .options_count = ready->want->options_count,
        .names = ready->want->isolation,
        .names_count = ready->want->isolation_count,
    };
    struct choice choice = {.found = found, .count = count};

    /* Each round settles one at least, or none will be. */
    for (size_t round = 0; round < count; round++)
        for (size_t i = 0; i < count; i++)
            if (!choice.is_settled[i])
                settle(ready->launcher, &host, &choice, i);
    for (size_t i = 0; i < count; i++)
        if (choice.used[i])
            set->items[set->count++] = choice.used[i];
    if (check_settings(&choice, err) < 0)
        return -EINVAL;
    warn_of(ready, &choice);
    return 0;
}

static int load_modules(const struct msg_launcher_configure *want, struct err *err)
{
    int rc = 0;

    for (size_t i = 0; i < want->modules_count && rc == 0; i++)
        rc = plugins_load(want->modules[i], err);
    return rc;
}

static void remove_others(struct readiness *ready)
{
    struct err err;
    int rc = launcher_remove_others(ready->launcher, &err);

    if (rc > 0)
        log_warning("removed %d records and cgroups that earlier agents left in %s and under %s",
                    rc, ready->want->records_dir, ready->want->cgroup_root);
    if (rc < 0)
        warn(ready, err.text);
}

static bool has_container(const void *owner, const char *id)
{
    return launcher_find((struct launcher *)owner, id) != NULL;
}

static void settle_isolators(const struct launcher *self)
{
    const struct isolator_living living = {has_container, self};

    for (size_t i = 0; i < self->isolators.count; i++)
        if (self->isolators.items[i]->settled)
            self->isolators.items[i]->settled(&living);
}

static int configure(struct readiness *ready, struct err *err)
{
    struct launcher *self = ready->launcher;
    const struct msg_launcher_configure *want = ready->want;
    const struct isolator_ops *found[ISOLATORS_MAX];
    int rc = load_modules(want, err);

    if (rc == 0)
        rc = find_isolators(want, found, err);
    if (rc == 0)
        rc = check_options(want, err);
    if (rc == 0)
        rc = device_list_configure(want->devices, want->devices_count, want->gpus, want->gpus_count,
                                   err);
    if (rc == 0)
        rc = records_open(&self->records, want->records_dir, err);
    kept_open(self->records.dir);
    if (rc == 0) /* not before an earlier launcher has left them */
        rc = open_cgroups(self, want->cgroup_root, found, want->isolation_count, err);
    if (rc < 0)
        return rc;
    warn_of_idle_options(ready);
    rc = choose_isolators(ready, found, want->isolation_count, err);
    if (rc < 0)
        return rc;
    if (self->isolators.cgroups && self->isolators.cgroups->mode == CGROUPS_NONE)
        cgroups_destroy(&self->isolators.cgroups);
    rc = launcher_adopt(self, want, err);
    if (rc < 0)
        return rc;
    remove_others(ready);
    settle_isolators(self);
    if (!want->modules_count) /* what they execute is theirs */
        capabilities_narrow();
    self->pids_max = want->pids_max;
    self->log_max_bytes = want->log_max_bytes;
    self->log_files = want->log_files;
    self->programs_dir = want->programs_dir;
    self->executors_dir = want->executors_dir;
    self->fetcher = want->fetcher;
    accounts_restrict(&self->accounts, want->users, want->users_count, (uid_t)want->agent_uid);
    return 0;
}

const char *launcher_program(const struct launcher *self, const char *name, struct arena *arena)
{
    return arena_printf(arena, "%s/%s", self->programs_dir, name);
}

void launcher_configure(struct launcher *self, const struct msg_launcher_configure *want)
{
    if (self->policy)
        log_error("a launcher is configured once: what the agent says now is refused");
    else
        self->policy = record_copy(&msg_launcher_configure_def, want, self->configured);
}

static void begin(struct launcher *self, const struct msg_launcher_configure *want)
{
    struct readiness ready = {.launcher = self, .want = want};
    const struct cgroups *cgroups;
    struct err err;

    if (configure(&ready, &err) < 0) {
        launcher_send(self, &MESSAGE(LAUNCHER_READY, launcher_ready, .error = err.text));
        channel_flush(&self->channel);
        self->has_failed = true;
        return;
    }
    for (size_t i = 0; i < self->isolators.count; i++)
        ready.isolation[i] = self->isolators.items[i]->name;
    cgroups = self->isolators.cgroups;
    launcher_send(self,
                  &MESSAGE(LAUNCHER_READY, launcher_ready, .isolation = ready.isolation,
                           .isolation_count = self->isolators.count, .warnings = ready.warnings,
                           .warnings_count = ready.warnings_count,
                           .cgroups = cgroups_mode_name(cgroups ? cgroups->mode : CGROUPS_NONE)));
    launcher_tell_adopted(self, want);
    launcher_start_checks(self);
    desks_empty_trash(self);
    lean_make();
}

void launcher_recover(struct launcher *self, const struct msg_launcher_recover *past)
{
    struct msg_launcher_configure want;

    if (!self->policy || self->records.dir >= 0) {
        log_error("the agent wants its launcher to recover %s",
                  self->policy ? "twice" : "before that is configured");
        return;
    }
    want = *self->policy;
    want.recover = past->recover;
    want.recover_count = past->recover_count;
    begin(self, &want);
}
