/* cgroup/devices: which device nodes a task may open, make and write to, whoever it runs as: those of device_list.h.
 *
 * On v1 each new group begins with what the one above it has: the agent's group has all that any task may get, once, and
 * a task's group only loses the GPUs that it was not granted. Where containers of a Docker Engine are below that group
 * (`per_task`), it keeps all there is, as an Engine gives its containers devices that a native task has not, and each native
 * task's group is told everything. On v2 a program is attached to each group; that of tasks
 * without a GPU is made once. */
#include "isolators/builtin.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "isolators/cgroup_state.h"
#include "isolators/device_filter.h"
#include "isolators/device_list.h"

static int usual_program = -1; /* one launcher, one thread */
static bool is_per_task;

/* --- v1 ------------------------------------------------------------------------------------------ */

static int write_rule(struct cgfs group, const char *file, const struct device_rule *rule,
                      struct err *err)
{
    char text[DEVICE_RULE_TEXT];
    int rc;

    device_rule_print(rule, text);
    rc = cgfs_write(group, file, text);
    return rc < 0 ? err_errno(err, rc, "cannot write '%s' to %s", text, file) : 0;
}

static int allow_all(struct cgfs group, const struct device_rules *rules, struct err *err)
{
    int rc = 0;

    for (size_t i = 0; i < rules->count && rc == 0; i++)
        rc = write_rule(group, "devices.allow", &rules->items[i], err);
    return rc;
}

static bool is_wanted(const char *line)
{
    const struct device_rules *const lists[] = {device_list_common(), device_list_gpus()};
    char text[DEVICE_RULE_TEXT];

    for (size_t l = 0; l < ARRAY_SIZE(lists); l++)
        for (size_t i = 0; i < lists[l]->count; i++) {
            device_rule_print(&lists[l]->items[i], text);
            if (!strcmp(text, line))
                return true;
        }
    return false;
}

/* What earlier settings allowed. What is taken from the agent's group is taken from its tasks'. */
static int deny_others(struct cgfs group, char *list, struct err *err)
{
    char *line, *rest = list;
    int rc = 0;

    while ((line = strsep(&rest, "\n")) && rc == 0)
        if (*line && !is_wanted(line))
            rc = cgfs_write(group, "devices.deny", line);
    return rc < 0 ? err_errno(err, rc, "cannot take devices from the agent's group") : 0;
}

static int give_all_back(struct cgfs group, const char *list, struct err *err)
{
    int rc = *list == 'a' ? 0 : cgfs_write(group, "devices.allow", "a");

    return rc < 0 ? err_set(err, -EBUSY,
                            "tasks run here that were started by an agent without Docker; end them "
                            "first")
                  : 0;
}

static int set_up_v1(int dir, struct err *err)
{
    const struct cgfs group = {dir, "."};
    char list[CGFS_VALUE_MAX];
    ssize_t size = cgfs_read(group, "devices.list", list, sizeof(list));
    int rc = 0;

    if (size < 0)
        return err_errno(err, (int)size, "cannot read devices.list");
    if (is_per_task)
        return give_all_back(group, list, err);
    if (*list == 'a') {
        rc = cgfs_write(group, "devices.deny", "a");
        if (rc == -EINVAL)
            return err_set(err, -EBUSY,
                           "tasks run here that were started without it; end them first");
        *list = '\0';
    }
    if (rc < 0)
        return err_errno(err, rc, "cannot write devices.deny");
    rc = allow_all(group, device_list_common(), err);
    if (rc == 0)
        rc = allow_all(group, device_list_gpus(), err);
    return rc == 0 ? deny_others(group, list, err) : rc;
}

static bool is_granted(const struct isolation *want, const struct device_rule *rule)
{
    for (size_t i = 0; i < want->gpus_count; i++)
        if (device_rules_have(device_list_gpu(want->gpus[i]), rule))
            return true;
    return false;
}

static int set_list_v1(const struct cgroup_state *self, const struct isolation *want,
                       struct err *err)
{
    int rc = cgfs_write(self->group, "devices.deny", "a");

    if (rc < 0)
        return err_errno(err, rc, "cannot write devices.deny");
    rc = allow_all(self->group, device_list_common(), err);
    for (size_t i = 0; i < want->gpus_count && rc == 0; i++)
        rc = allow_all(self->group, device_list_gpu(want->gpus[i]), err);
    return rc;
}

static int limit_v1(const struct cgroup_state *self, const struct isolation *want, struct err *err)
{
    const struct device_rules *all = device_list_gpus();
    int rc = 0;

    for (size_t i = 0; i < all->count && rc == 0; i++)
        if (!is_granted(want, &all->items[i]))
            rc = write_rule(self->group, "devices.deny", &all->items[i], err);
    return rc;
}

/* --- v2 ------------------------------------------------------------------------------------------ */

static int load_program(const struct isolation *want, struct err *err)
{
    struct device_rules rules = {0};
    int fd;

    device_rules_add_all(&rules, device_list_common());
    for (size_t i = 0; i < want->gpus_count; i++)
        device_rules_add_all(&rules, device_list_gpu(want->gpus[i]));
    fd = device_filter_load(&rules, err);
    device_rules_fini(&rules);
    return fd;
}

static int limit_v2(const struct cgroup_state *self, const struct isolation *want, struct err *err)
{
    CLEANUP(close_fd) int own = want->gpus_count ? load_program(want, err) : -1;
    CLEANUP(close_fd)
    int group =
        openat(self->group.dir, self->group.name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

    if (want->gpus_count && own < 0)
        return own;
    if (group < 0)
        return err_errno(err, -errno, "cannot open the task's group");
    return device_filter_attach(want->gpus_count ? own : usual_program, group, err);
}

/* --- both ---------------------------------------------------------------------------------------- */

static int devices_setup(const struct isolator_host *host, struct err *err)
{
    const char *per_task = isolator_option(host, "cgroup/devices", "per_task");
    const struct cgroups_controller *found;
    int rc = cgroups_find(host->cgroups, "devices", &found, err);

    if (per_task && strcmp(per_task, "yes") != 0 && strcmp(per_task, "no") != 0)
        return err_set(err, -ISOLATOR_WRONG_SETTING, "per_task=%.32s: want yes or no", per_task);
    is_per_task = per_task && !strcmp(per_task, "yes");
    if (rc < 0)
        return rc;
    if (!found->is_unified)
        return set_up_v1(found->dir, err);
    close_fd(&usual_program);
    rc = load_program(&(struct isolation){0}, err);
    if (rc < 0)
        return rc;
    usual_program = rc;
    return 0;
}

/* All that it names are there: gpu/devices has looked. Without that nobody is granted any. */
static int devices_prepare(const struct isolation *want, struct spawn *spawn, void **ret_state,
                           struct err *err)
{
    CLEANUP(cgroup_state_destroy_typed) struct cgroup_state *self = NULL;
    int rc = cgroup_state_new(want, "devices", &self, err);

    (void)spawn;
    for (size_t i = 0; i < want->gpus_count && rc == 0; i++)
        if (!device_list_gpu(want->gpus[i]))
            rc = err_set(err, -ENODEV, "there is no GPU %.64s here", want->gpus[i]);
    if (rc == 0)
        rc = self->is_unified ? limit_v2(self, want, err)
             : is_per_task    ? set_list_v1(self, want, err)
                              : limit_v1(self, want, err);
    if (rc < 0)
        return rc;
    *ret_state = TAKE(self);
    return 0;
}

static int devices_recover(const struct isolation *was, void **ret_state, struct err *err)
{
    return cgroup_state_recover(was, "devices", ret_state, err);
}

static const struct isolator_option devices_options[] = {
    {"per_task",
     "yes: the agent's own group is left as it is; set by an agent with a Docker Engine"},
    {NULL, NULL},
};

const struct isolator_ops isolator_cgroup_devices = {
    .name = "cgroup/devices",
    .needs = ISOLATOR_CGROUPS | ISOLATOR_ROOT,
    .controller = "devices",
    .options = devices_options,
    .setup = devices_setup,
    .prepare = devices_prepare,
    .recover = devices_recover,
    .destroy = cgroup_state_destroy,
};
