/* LAUNCHER_CONFIGURE: which isolators can be had here, where cgroups are, what earlier launchers have left. */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <unistd.h>

#include "agent/launcher/state.h"
#include "base/cleanup.h"
#include "base/log.h"

/* What LAUNCHER_READY will say. */
struct readiness {
    struct launcher *launcher;
    const struct msg_launcher_configure *want;
    const char *isolation[LAUNCHER_ISOLATORS_MAX];
    const char *warnings[LAUNCHER_ISOLATORS_MAX + 2];
    size_t warnings_count;
};

static void warn(struct readiness *self, const char *text)
{
    self->warnings[self->warnings_count++] = arena_strdup(self->launcher->arena, text);
}

static int find_isolators(const struct msg_launcher_configure *want,
                          const struct isolator_ops *ret_found[], struct err *err)
{
    if (want->isolation_count > LAUNCHER_ISOLATORS_MAX)
        return err_set(err, -E2BIG, "more than %d isolators", LAUNCHER_ISOLATORS_MAX);
    for (size_t i = 0; i < want->isolation_count; i++) {
        ret_found[i] = isolator_find(want->isolation[i]);
        if (!ret_found[i])
            return err_set(err, -EINVAL, "there is no isolator '%.64s'", want->isolation[i]);
        for (size_t j = 0; j < i; j++)
            if (ret_found[j] == ret_found[i])
                return err_set(err, -EINVAL, "the isolator '%s' is named twice",
                               ret_found[i]->name);
    }
    return 0;
}

static int open_cgroups(struct launcher *self, const char *root,
                        const struct isolator_ops *const found[], size_t count, struct err *err)
{
    const char *controllers[LAUNCHER_ISOLATORS_MAX];
    size_t controllers_count = 0;

    for (size_t i = 0; i < count; i++)
        if (found[i]->needs & ISOLATOR_CGROUPS)
            controllers[controllers_count++] = found[i]->controller;
    if (!controllers_count)
        return 0;
    return cgroups_new(root, controllers, controllers_count, &self->isolators.cgroups, err);
}

static int check_needs(const struct launcher *self, const struct isolator_ops *isolator,
                       struct err *err)
{
    const struct cgroups_controller *controller;

    if (isolator->needs & ISOLATOR_ROOT && geteuid() != 0)
        return err_set(err, -EPERM, "the agent is not root");
    if (isolator->needs & ISOLATOR_CGROUPS)
        return cgroups_find(self->isolators.cgroups, isolator->controller, &controller, err);
    return 0;
}

/* Keeps the isolators that work here. Without any cgroups, which is what happens without root, all that
 * need them share one cause and one warning; else each has its own. */
static void choose_isolators(struct readiness *ready, const struct isolator_ops *const found[],
                             size_t count)
{
    struct isolator_set *set = &ready->launcher->isolators;
    const bool has_cgroups = set->cgroups && set->cgroups->mode != CGROUPS_NONE;
    CLEANUP(buf_fini) struct buf lacking = {0};
    struct err first, why;

    for (size_t i = 0; i < count; i++) {
        if (check_needs(ready->launcher, found[i], &why) == 0) {
            set->items[set->count++] = found[i];
        } else if (has_cgroups || !(found[i]->needs & ISOLATOR_CGROUPS)) {
            err_wrap(&why, -ENOENT, "%s is not used", found[i]->name);
            warn(ready, why.text);
        } else {
            if (!lacking.size)
                first = why;
            buf_printf(&lacking, "%s%s", lacking.size ? ", " : "", found[i]->name);
        }
    }
    if (!lacking.size)
        return;
    err_wrap(&first, -ENOENT, "tasks are held by process groups only, without %s",
             buf_text(&lacking));
    warn(ready, first.text);
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

/* As the agent says, else beside our own file. */
static const char *find_programs(const struct msg_launcher_configure *want, struct arena *arena)
{
    char self[PATH_MAX];
    ssize_t size;

    if (*want->programs_dir)
        return arena_strdup(arena, want->programs_dir);
    size = readlink("/proc/self/exe", self, sizeof(self) - 1);
    self[size > 0 ? size : 0] = '\0';
    return arena_strdup(arena, dirname(self));
}

static int configure(struct readiness *ready, struct err *err)
{
    struct launcher *self = ready->launcher;
    const struct msg_launcher_configure *want = ready->want;
    const struct isolator_ops *found[LAUNCHER_ISOLATORS_MAX];
    int rc = find_isolators(want, found, err);

    if (rc == 0)
        rc = records_open(&self->records, want->records_dir, err);
    if (rc == 0) /* not before an earlier launcher has left them */
        rc = open_cgroups(self, want->cgroup_root, found, want->isolation_count, err);
    if (rc < 0)
        return rc;
    choose_isolators(ready, found, want->isolation_count);
    if (self->isolators.cgroups && self->isolators.cgroups->mode == CGROUPS_NONE)
        cgroups_destroy(&self->isolators.cgroups);
    rc = launcher_adopt(self, want, err);
    if (rc < 0)
        return rc;
    remove_others(ready);
    self->pids_max = want->pids_max;
    self->log_max_bytes = want->log_max_bytes;
    self->log_files = want->log_files;
    self->programs_dir = find_programs(want, self->configured);
    if (want->fetcher)
        self->fetcher = record_copy(&fetcher_info_def, want->fetcher, self->configured);
    return 0;
}

const char *launcher_program(const struct launcher *self, const char *name, struct arena *arena)
{
    return arena_printf(arena, "%s/%s", self->programs_dir, name);
}

void launcher_configure(struct launcher *self, const struct msg_launcher_configure *want)
{
    struct readiness ready = {.launcher = self, .want = want};
    const struct cgroups *cgroups;
    struct err err;

    if (self->records.dir >= 0) {
        log_error("the agent configures its launcher twice");
        return;
    }
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
}
