#include "agent/policy.h"

#include <errno.h>
#include <string.h>

#include "base/ids.h"

#define PARTS_MAX 64 /* of a list in an option */

/* --- lists -------------------------------------------------------------------------------------- */

/* Parts of a text, in `arena`. */
static int split(const char *option, const char *text, const char *separators, struct arena *arena,
                 const char **ret_parts, size_t *ret_count, struct err *err)
{
    size_t count = 0;

    while (*text) {
        size_t size = strcspn(text, separators);

        if (count == PARTS_MAX)
            return err_set(err, -EINVAL, "--%s: more than %d of them", option, PARTS_MAX);
        if (size)
            ret_parts[count++] = arena_memdup(arena, text, size);
        text += size + (text[size] != '\0');
    }
    *ret_count = count;
    return 0;
}

static int split_options(const char *text, struct arena *arena, struct label_info *ret_options,
                         size_t *ret_count, struct err *err)
{
    const char *parts[PARTS_MAX];
    int rc = split("isolator-options", text, ";", arena, parts, ret_count, err);

    for (size_t i = 0; rc == 0 && i < *ret_count; i++) {
        const char *equals = strchr(parts[i], '=');

        if (!equals)
            return err_set(err, -EINVAL,
                           "--isolator-options %.100s: want volume/host.allow=/srv and the like",
                           parts[i]);
        ret_options[i] = (struct label_info){
            .key = arena_memdup(arena, parts[i], (size_t)(equals - parts[i])),
            .value = equals + 1,
        };
    }
    return rc;
}

static bool is_set(const struct label_info *options, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(options[i].key, key))
            return true;
    return false;
}

/* Which of two would count is nothing to guess. */
static int check_once(const struct label_info *options, size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++)
        if (is_set(options, i, options[i].key))
            return err_set(err, -EINVAL, "--isolator-options: %.100s is set twice", options[i].key);
    return 0;
}

/* "gpu0=/dev/nvidia0+/dev/nvidia-uvm;gpu1=..." */
static int split_gpus(const char *text, struct arena *arena, struct gpu_info *gpus,
                      size_t *ret_count, struct err *err)
{
    const char *parts[PARTS_MAX];
    size_t count;
    int rc = split("gpus", text, ";", arena, parts, &count, err);

    *ret_count = 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        struct gpu_info *gpu = &gpus[(*ret_count)++];
        const char *equals = strchr(parts[i], '=');
        const char **paths = arena_array(arena, PARTS_MAX, sizeof(*paths));

        if (!equals)
            return err_set(err, -EINVAL, "--gpus %.100s: want gpu0=/dev/nvidia0 and the like",
                           parts[i]);
        gpu->name = arena_memdup(arena, parts[i], (size_t)(equals - parts[i]));
        gpu->paths = paths;
        rc = split("gpus", equals + 1, "+", arena, paths, &gpu->paths_count, err);
        if (rc == 0 && (id_check(gpu->name, "a GPU's name", err) < 0 || !gpu->paths_count))
            rc = err_set(err, -EINVAL, "--gpus %.100s: want gpu0=/dev/nvidia0 and the like",
                         parts[i]);
    }
    return rc;
}

/* In `arena`. */
static int list(const char *option, const char *text, const char *separators, struct arena *arena,
                const char *const **ret_items, size_t *ret_count, struct err *err)
{
    const char **items = arena_array(arena, PARTS_MAX, sizeof(*items));

    *ret_items = items;
    return split(option, text, separators, arena, items, ret_count, err);
}

/* --- the launcher ------------------------------------------------------------------------------- */

/* "default,cgroup/cpuset": the usual ones, and more. */
static int make_isolation(const char *text, struct arena *arena,
                          struct msg_launcher_configure *want, struct err *err)
{
    const char *const separators = ", ";
    const char *parts[PARTS_MAX], **names = arena_array(arena, 2 * PARTS_MAX, sizeof(*names));
    size_t parts_count;
    int rc = split("isolation", text, separators, arena, parts, &parts_count, err);

    want->isolation = names;
    want->isolation_count = 0;
    for (size_t i = 0; rc == 0 && i < parts_count; i++) {
        size_t count = 1;

        if (want->isolation_count >= PARTS_MAX)
            return err_set(err, -EINVAL, "--isolation: more than %d of them", PARTS_MAX);
        names[want->isolation_count] = parts[i];
        if (!strcmp(parts[i], AGENT_ISOLATION_USUAL))
            rc = split("isolation", AGENT_ISOLATION, separators, arena,
                       names + want->isolation_count, &count, err);
        want->isolation_count += count;
    }
    return rc;
}

static bool is_wanted(const struct msg_launcher_configure *want, const char *isolator)
{
    for (size_t i = 0; i < want->isolation_count; i++)
        if (!strcmp(want->isolation[i], isolator))
            return true;
    return false;
}

/* `wants_docker`: its containers are in the agent's group. */
static int make_lists(const struct agent_flags *flags, bool wants_docker, struct arena *arena,
                      struct msg_launcher_configure *want, struct err *err)
{
    struct label_info *options = arena_array(arena, PARTS_MAX + 1, sizeof(*options));
    struct gpu_info *gpus = arena_array(arena, PARTS_MAX, sizeof(*gpus));
    int rc = make_isolation(flags->isolation, arena, want, err);

    want->options = options;
    want->gpus = gpus;
    if (rc == 0)
        rc = list("modules", flags->modules, ",", arena, &want->modules, &want->modules_count, err);
    if (rc == 0)
        rc = list("devices", flags->devices, ",", arena, &want->devices, &want->devices_count, err);
    if (rc == 0)
        rc = list("task-users", flags->task_users, ",", arena, &want->users, &want->users_count,
                  err);
    if (rc == 0)
        rc = split_gpus(flags->gpus, arena, gpus, &want->gpus_count, err);
    if (rc == 0)
        rc = split_options(flags->isolator_options, arena, options, &want->options_count, err);
    if (rc == 0)
        rc = check_once(options, want->options_count, err);
    if (rc == 0 && wants_docker && is_wanted(want, "cgroup/devices") &&
        !is_set(options, want->options_count, "cgroup/devices.per_task"))
        options[want->options_count++] =
            (struct label_info){.key = "cgroup/devices.per_task", .value = "yes"};
    return rc;
}

static const char *option_of(const struct msg_launcher_configure *want, const char *name)
{
    for (size_t i = 0; i < want->options_count; i++)
        if (!strcmp(want->options[i].key, name))
            return want->options[i].value;
    return "";
}

static int make_fetcher(const struct agent_flags *flags, const struct work_dir *work_dir,
                        struct arena *arena, struct fetcher_info *ret_fetcher, struct err *err)
{
    *ret_fetcher = (struct fetcher_info){
        .cache_dir = *flags->fetcher_cache_dir ? flags->fetcher_cache_dir
                                               : arena_printf(arena, "%s/fetched", work_dir->path),
        .cache_bytes = flags->fetcher_cache_bytes,
        .ca_file = flags->fetcher_ca_file,
        .max_bytes = flags->fetcher_max_bytes,
        .timeout_ms = flags->fetcher_timeout_ms,
    };
    return list("fetcher-files", flags->fetcher_files, ",", arena, &ret_fetcher->files,
                &ret_fetcher->files_count, err);
}

static int make_launchers(const struct agent_flags *flags, const struct work_dir *work_dir,
                          struct arena *arena, struct policy *self, struct err *err)
{
    int rc;

    self->launcher = (struct msg_launcher_configure){
        .fetcher = &self->fetcher,
        .records_dir = work_dir->records,
        .executors_dir = work_dir->executors,
        .sandboxes_dir = work_dir->sandboxes,
        .volumes_dir = work_dir->volumes,
        .trash_dir = work_dir->trash,
        .cgroup_root = arena_printf(arena, "%s/%s", flags->cgroup_root, work_dir->unique),
        .pids_max = flags->pids_max,
        .log_max_bytes = flags->log_max_bytes,
        .log_files = flags->log_files,
    };
    rc = make_lists(flags, self->wants_docker, arena, &self->launcher, err);
    return rc < 0 ? rc : make_fetcher(flags, work_dir, arena, &self->fetcher, err);
}

/* --- proffer-docker ----------------------------------------------------------------------------- */

/* One that is misspelt would allow nothing, and nobody would know why. */
static int check_allowances(const struct msg_docker_configure *want, struct err *err)
{
    static const char *const known[] = {
        "privileged",        "devices", "capabilities", "named-volumes", "host-namespaces",
        "unsafe-parameters", NULL};

    for (size_t i = 0; i < want->allow_count; i++) {
        size_t j = 0;

        while (known[j] && strcmp(known[j], want->allow[i]) != 0)
            j++;
        if (!known[j])
            return err_set(
                err, -EINVAL,
                "--docker-allow: there is no '%.40s': privileged, devices, capabilities, "
                "named-volumes, host-namespaces, unsafe-parameters",
                want->allow[i]);
    }
    return 0;
}

static int make_dockers(const struct agent_flags *flags, const struct work_dir *work_dir,
                        struct arena *arena, struct msg_docker_configure *want, struct err *err)
{
    int rc;

    *want = (struct msg_docker_configure){
        .socket = flags->docker_socket,
        .owner = work_dir->unique,
        .state_dir = arena_printf(arena, "%s/docker", work_dir->path),
        .sandboxes_dir = work_dir->sandboxes,
        .volumes_dir = work_dir->volumes,
        .cgroup_parent = arena_printf(arena, "%s/%s/docker", flags->cgroup_root, work_dir->unique),
        .pids_max = flags->pids_max,
        .log_max_bytes = flags->log_max_bytes,
        .log_files = flags->log_files,
        .config_file = flags->docker_config,
        .credentials_dir = flags->docker_credentials,
        .call_timeout_ms = flags->docker_call_timeout_ms,
        .pull_timeout_ms = flags->docker_pull_timeout_ms,
        .patience_ms = flags->docker_patience_ms,
        .gc_high = flags->docker_gc_high,
        .gc_low = flags->docker_gc_low,
        .gc_min_age_ms = flags->docker_gc_min_age_ms,
    };
    rc = list("docker-allow", flags->docker_allow, ",", arena, &want->allow, &want->allow_count,
              err);
    if (rc == 0)
        rc = check_allowances(want, err);
    if (rc == 0)
        rc = list("docker-host-paths", flags->docker_host_paths, ":,", arena, &want->host_paths,
                  &want->host_paths_count, err);
    if (rc == 0)
        rc = list("docker-gc-keep", flags->docker_gc_keep, ",", arena, &want->gc_keep,
                  &want->gc_keep_count, err);
    return rc;
}

static int check_containerizers(const char *text, struct arena *arena, bool *ret_wants_docker,
                                struct err *err)
{
    const char *const *names;
    size_t count;
    int rc = list("containerizers", text, ",", arena, &names, &count, err);

    *ret_wants_docker = false;
    for (size_t i = 0; i < count && rc == 0; i++) {
        if (!strcmp(names[i], "docker"))
            *ret_wants_docker = true;
        else if (strcmp(names[i], "native") != 0)
            rc = err_set(err, -EINVAL, "--containerizers: there is no '%.40s': native, docker",
                         names[i]);
    }
    return rc;
}

/* What native tasks and Docker's are given alike. */
static void share_with_docker(struct policy *self)
{
    self->docker.fetcher = &self->fetcher;
    self->docker.gpus = self->launcher.gpus;
    self->docker.gpus_count = self->launcher.gpus_count;
    self->docker.seccomp_dir = option_of(&self->launcher, "linux/seccomp.dir");
}

int policy_make(const struct agent_flags *flags, const struct work_dir *work_dir, uid_t agent_uid,
                struct arena *arena, struct policy *ret_policy, struct err *err)
{
    int rc = check_containerizers(flags->containerizers, arena, &ret_policy->wants_docker, err);

    if (rc == 0)
        rc = make_launchers(flags, work_dir, arena, ret_policy, err);
    ret_policy->launcher.agent_uid = agent_uid;
    if (rc == 0)
        rc = make_dockers(flags, work_dir, arena, &ret_policy->docker, err);
    if (rc == 0)
        share_with_docker(ret_policy);
    return rc;
}
