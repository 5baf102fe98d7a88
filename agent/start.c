#include "agent/start.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>

#include "agent/probe/probe.h"
#include "base/cleanup.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/version.h"

#define GOODBYE           "the agent leaves"
#define GOODBYE_LINGER_MS 1000
#define PARTS_MAX         64 /* of a list in an option */

/* --- the launcher ------------------------------------------------------------------------------- */

/* Parts of a text, in `arena`. */
static int split(const char *option, const char *text, char separator, struct arena *arena,
                 const char **ret_parts, size_t *ret_count, struct err *err)
{
    const char between[] = {separator, '\0'};
    size_t count = 0;

    while (*text) {
        size_t size = strcspn(text, between);

        if (count == PARTS_MAX)
            return err_set(err, -EINVAL, "--%s: more than %d of them", option, PARTS_MAX);
        if (size)
            ret_parts[count++] = arena_memdup(arena, text, size);
        text += size + (text[size] == separator);
    }
    *ret_count = count;
    return 0;
}

static int split_options(const char *text, struct arena *arena, struct label_info *ret_options,
                         size_t *ret_count, struct err *err)
{
    const char *parts[PARTS_MAX];
    int rc = split("isolator-options", text, ';', arena, parts, ret_count, err);

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

/* "gpu0=/dev/nvidia0+/dev/nvidia-uvm;gpu1=..." */
static int split_gpus(struct shell *self, struct err *err)
{
    const char *parts[PARTS_MAX];
    size_t count;
    int rc = split("gpus", self->flags->gpus, ';', self->arena, parts, &count, err);

    self->gpus = arena_array(self->arena, PARTS_MAX, sizeof(*self->gpus));
    self->gpus_count = 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        struct gpu_info *gpu = &self->gpus[self->gpus_count++];
        const char *equals = strchr(parts[i], '=');
        const char **paths = arena_array(self->arena, PARTS_MAX, sizeof(*paths));

        if (!equals)
            return err_set(err, -EINVAL, "--gpus %.100s: want gpu0=/dev/nvidia0 and the like",
                           parts[i]);
        gpu->name = arena_memdup(self->arena, parts[i], (size_t)(equals - parts[i]));
        gpu->paths = paths;
        rc = split("gpus", equals + 1, '+', self->arena, paths, &gpu->paths_count, err);
        if (rc == 0 && (id_check(gpu->name, "a GPU's name", err) < 0 || !gpu->paths_count))
            rc = err_set(err, -EINVAL, "--gpus %.100s: want gpu0=/dev/nvidia0 and the like",
                         parts[i]);
    }
    return rc;
}

static int start_program(const struct agent_flags *flags, bool has_modules,
                         struct launcher_process *ret_launcher, struct err *err)
{
    const struct launcher_program program = {has_modules ? "proffer-launcher-modules"
                                                         : "proffer-launcher",
                                             "--launcher", flags->launcher};

    return launcher_process_start(&program, ret_launcher, err);
}

/* What is fetched for tasks, of either kind; in the shell's arena. */
static int make_fetcher(const struct shell *self, const struct fetcher_info **ret_fetcher,
                        struct err *err)
{
    const struct agent_flags *flags = self->flags;
    struct fetcher_info *fetcher = arena_alloc(self->arena, sizeof(*fetcher));
    const char **files = arena_array(self->arena, PARTS_MAX, sizeof(*files));

    *fetcher = (struct fetcher_info){
        .cache_dir = *flags->fetcher_cache_dir
                         ? flags->fetcher_cache_dir
                         : arena_printf(self->arena, "%s/fetched", self->work_dir.path),
        .cache_bytes = flags->fetcher_cache_bytes,
        .files = files,
        .ca_file = flags->fetcher_ca_file,
        .max_bytes = flags->fetcher_max_bytes,
        .timeout_ms = flags->fetcher_timeout_ms,
    };
    *ret_fetcher = fetcher;
    return split("fetcher-files", flags->fetcher_files, ',', self->arena, files,
                 &fetcher->files_count, err);
}

/* Its containers are in the agent's group. */
static int say_docker(const struct shell *self, struct label_info *options, size_t *count,
                      struct err *err)
{
    bool is_wanted;
    int rc = docker_side_is_wanted(self->flags, &is_wanted, err);

    if (rc == 0 && is_wanted)
        options[(*count)++] = (struct label_info){.key = "cgroup/devices.per_task", .value = "yes"};
    return rc;
}

/* For the first one, and for one that clears up after it. */
static int launch(struct shell *self, const char *const *recover, size_t recover_count,
                  const struct msg_launcher_ready **ret_ready, struct err *err)
{
    const struct agent_flags *flags = self->flags;
    const char *isolation[PARTS_MAX], *modules[PARTS_MAX], *devices[PARTS_MAX];
    struct label_info options[PARTS_MAX + 1];
    struct msg_launcher_configure configure = {
        .recover = recover,
        .recover_count = recover_count,
        .records_dir = self->work_dir.records,
        .isolation = isolation,
        .modules = modules,
        .options = options,
        .devices = devices,
        .cgroup_root =
            arena_printf(self->arena, "%s/%s", flags->cgroup_root, self->work_dir.unique),
        .pids_max = flags->pids_max,
        .log_max_bytes = flags->log_max_bytes,
        .log_files = flags->log_files,
    };
    int rc = split("isolation", flags->isolation, ',', self->arena, isolation,
                   &configure.isolation_count, err);

    if (rc == 0)
        rc = split("modules", flags->modules, ',', self->arena, modules, &configure.modules_count,
                   err);
    if (rc == 0)
        rc = split("devices", flags->devices, ',', self->arena, devices, &configure.devices_count,
                   err);
    if (rc == 0)
        rc = split_gpus(self, err);
    configure.gpus = self->gpus;
    configure.gpus_count = self->gpus_count;
    if (rc == 0)
        rc = split_options(flags->isolator_options, self->arena, options, &configure.options_count,
                           err);
    if (rc == 0)
        rc = say_docker(self, options, &configure.options_count, err);
    if (rc == 0)
        rc = make_fetcher(self, &configure.fetcher, err);
    if (rc == 0)
        rc = start_program(flags, configure.modules_count > 0, &self->launcher, err);
    configure.programs_dir = self->launcher.programs_dir;
    if (rc == 0)
        rc = launcher_process_configure(&self->launcher, &configure, self->arena, ret_ready, err);
    return rc;
}

static int start_launcher(struct shell *self, const struct msg_launcher_ready **ret_ready,
                          struct err *err)
{
    const char **recover = arena_array(self->arena, self->past.count, sizeof(*recover));
    size_t count = agent_past_containers(&self->past, probe_boot_id(self->arena), false, recover);
    int rc = launch(self, recover, count, ret_ready, err);

    if (rc < 0)
        return rc;
    for (size_t i = 0; i < (*ret_ready)->warnings_count; i++)
        log_warning("%s", (*ret_ready)->warnings[i]);
    return daemon_watch(&self->loop, self->launcher.channel.fd, err);
}

/* The profiles that native tasks may name. */
static int find_seccomp_dir(const struct shell *self, const char **ret_dir, struct err *err)
{
    struct label_info options[PARTS_MAX];
    size_t count;
    int rc = split_options(self->flags->isolator_options, self->arena, options, &count, err);

    *ret_dir = "";
    for (size_t i = 0; rc == 0 && i < count; i++)
        if (!strcmp(options[i].key, "linux/seccomp.dir"))
            *ret_dir = options[i].value;
    return rc;
}

/* Containers of an Engine that this agent is not to use would be left to nobody. */
static int start_docker(struct shell *self, struct err *err)
{
    const char **recover = arena_array(self->arena, self->past.count, sizeof(*recover));
    size_t count = agent_past_containers(&self->past, probe_boot_id(self->arena), true, recover);
    struct docker_share share = {
        .work_dir = &self->work_dir, .gpus = self->gpus, .gpus_count = self->gpus_count};
    bool is_wanted;
    int rc = docker_side_is_wanted(self->flags, &is_wanted, err);

    if (rc == 0)
        rc = make_fetcher(self, &share.fetcher, err);
    if (rc == 0)
        rc = find_seccomp_dir(self, &share.seccomp_dir, err);
    if (rc < 0)
        return rc;
    if (is_wanted)
        return docker_side_start(&self->docker, self->flags, &share, recover, count, &self->loop,
                                 err);
    if (!count)
        return 0;
    return err_set(err, -EINVAL,
                   "%zu tasks of an earlier agent still run in Docker containers: start it with "
                   "--containerizers=native,docker, or end them first",
                   count);
}

/* The launcher died while it ended all. A new one begins by ending what it is not told to recover; there
 * is no thread and no ZeroMQ any more, so it may be forked. */
static void clear_up(struct shell *self)
{
    const struct msg_launcher_ready *ready;
    struct err err;

    if (launch(self, NULL, 0, &ready, &err) < 0)
        log_error("tasks may be left running below the group %s/%s: %s", self->flags->cgroup_root,
                  self->work_dir.unique, err.text);
    launcher_process_end(&self->launcher, GOODBYE);
}

/* --- the view ----------------------------------------------------------------------------------- */

static const char *host_of(const char *address, struct arena *arena)
{
    const char *colon = strrchr(address, ':');

    return arena_memdup(arena, address, colon ? (size_t)(colon - address) : strlen(address));
}

/* Who was given any port that is free keeps it when it begins anew: people, and what follows the output of
 * tasks, know it. */
static int open_view(struct shell *self, struct agent_view_settings *settings, struct err *err)
{
    bool is_free = !settings->port;
    int rc = -ENOENT;

    if (is_free)
        settings->port = work_dir_port(&self->work_dir);
    if (settings->port)
        rc = agent_view_new(settings, &self->view, err);
    if (rc < 0 && is_free) {
        settings->port = 0;
        rc = agent_view_new(settings, &self->view, err);
    }
    if (rc == 0 && is_free)
        work_dir_note_port(&self->work_dir, agent_view_port(self->view));
    return rc;
}

static int start_view(struct shell *self, struct err *err)
{
    const struct agent_flags *flags = self->flags;
    const char *ip = *flags->advertise ? flags->advertise : flags->address;
    struct agent_view_settings settings = {
        .address = flags->address,
        .port = (uint16_t)flags->port,
        .sandboxes_dir = self->work_dir.sandboxes,
        .master = host_of(flags->master, self->arena),
        .flags = &flags->shown,
    };
    int rc = open_view(self, &settings, err);

    if (rc < 0)
        return err_wrap(err, rc, "--port %lld", (long long)flags->port);
    daemon_print_address(self->http_address, ip, agent_view_port(self->view));
    return daemon_watch(&self->loop, agent_view_questions_fd(self->view), err);
}

/* --- link and core ------------------------------------------------------------------------------ */

static int draw_seed(uint64_t *ret_seed, struct err *err)
{
    if (getrandom(ret_seed, sizeof(*ret_seed), 0) != (ssize_t)sizeof(*ret_seed))
        return err_errno(err, -errno, "getrandom");
    return 0;
}

static int load_keys(struct shell *self, struct err *err)
{
    int rc;

    if (!*self->flags->keys)
        return 0;
    rc = link_keys_load(self->flags->keys, LINK_CLIENT, &self->keys, err);
    if (rc < 0)
        return err_wrap(err, rc, "--keys");
    if (*self->flags->master_key) {
        self->keys.peers = &self->flags->master_key;
        self->keys.peers_count = 1;
    }
    return 0;
}

static int start_link(struct shell *self, const struct link_client_events *events, struct err *err)
{
    struct link_client_settings settings = {
        .address = self->flags->master,
        .kind = PEER_AGENT,
        .keys = *self->flags->keys ? &self->keys : NULL,
        .insecure = self->flags->insecure,
        .version = PROFFER_VERSION,
    };
    int rc = load_keys(self, err);

    if (rc == 0)
        rc = draw_seed(&settings.seed, err);
    if (rc == 0)
        rc = link_context_new(&self->context, err);
    if (rc < 0)
        return rc;
    rc = link_client_new(self->context, &settings, events, &self->link, err);
    return rc < 0 ? err_wrap(err, rc, "--master")
                  : daemon_watch(&self->loop, link_client_fd(self->link), err);
}

/* So that a framework can ask for agents with an Engine: the attribute `docker`, unless the operator has set it. */
static void add_engine(struct shell *self, struct agent_info *info)
{
    const struct engine_info *engine = self->docker.engine;
    struct attribute_info *attributes;
    size_t count = info->attributes_count;

    if (!engine || !engine->up)
        return;
    for (size_t i = 0; i < count; i++)
        if (!strcmp(info->attributes[i].name, "docker"))
            return;
    attributes = arena_array(self->arena, count + 1, sizeof(*attributes));
    if (count)
        memcpy(attributes, info->attributes, count * sizeof(*attributes));
    attributes[count] = (struct attribute_info){
        .name = "docker", .kind = VALUE_TEXT, .text = arena_strdup(self->arena, engine->version)};
    info->attributes = attributes;
    info->attributes_count = count + 1;
}

static int start_core(struct shell *self, struct agent_info *info,
                      const struct msg_launcher_ready *ready, const struct agent_env *env,
                      struct err *err)
{
    struct agent_settings settings = {
        .info = info,
        .past = self->past,
        .sandboxes_dir = self->work_dir.sandboxes,
        .volumes_dir = self->work_dir.volumes,
        .default_user = self->flags->default_user,
        .switch_user = self->flags->switch_user,
        .kill_grace_ms = self->flags->kill_grace_ms,
        .has_docker = self->docker.is_used,
        .gpus = self->gpus,
        .gpus_count = self->gpus_count,
        .gc_delay_ms = self->flags->gc_delay_ms,
        .gc_headroom_milli = self->flags->gc_headroom_percent * 10,
        .disk_watch_ms = self->flags->disk_watch_ms,
    };
    int rc = draw_seed(&settings.seed, err);

    if (rc < 0)
        return rc;
    info->address = self->http_address;
    add_engine(self, info);
    info->isolation = ready->isolation;
    info->isolation_count = ready->isolation_count;
    rc = agent_new(&settings, env, self->now, &self->core, err);
    return rc == -EBADMSG
               ? err_wrap(err, rc, "the checkpoint %s is not used", self->work_dir.checkpoint)
               : rc;
}

/* --- all of it ---------------------------------------------------------------------------------- */

static int probe(struct shell *self, struct agent_info **ret_info, struct err *err)
{
    const struct probe_settings settings = {
        .work_dir = self->work_dir.path,
        .hostname = self->flags->hostname,
        .resources = self->flags->resources,
        .attributes = self->flags->attributes,
        .domain = self->flags->domain,
        .gpus = self->gpus_count,
    };

    return probe_machine(&settings, self->arena, ret_info, err);
}

static int open_store(struct shell *self, struct err *err)
{
    int rc = checkpoint_open(self->work_dir.checkpoint, &self->store, err);

    return rc < 0 ? rc : checkpoint_load(self->store, self->arena, &self->past, err);
}

/* The launcher comes before every thread and socket: it forks, and must hold nothing of ours. */
int agent_shell_start(struct shell *self, const struct agent_env *env,
                      const struct link_client_events *events, struct err *err)
{
    const struct msg_launcher_ready *ready = NULL;
    struct agent_info *info = NULL;
    int rc = work_dir_open(self->flags->work_dir, &self->work_dir, err);

    if (rc == 0)
        rc = daemon_loop_open(&self->loop, SIGUSR1, err);
    if (rc == 0)
        rc = open_store(self, err);
    if (rc == 0)
        rc = start_launcher(self, &ready, err);
    if (rc == 0)
        rc = start_docker(self, err);
    if (rc == 0)
        rc = probe(self, &info, err);
    if (rc == 0)
        rc = volumes_open(self->work_dir.volumes, self->work_dir.trash, &self->volumes, err);
    if (rc == 0)
        rc = start_view(self, err);
    if (rc == 0)
        rc = start_link(self, events, err);
    if (rc == 0)
        rc = start_core(self, info, ready, env, err);
    return rc;
}

void agent_shell_stop(struct shell *self)
{
    if (self->link)
        link_client_destroy(&self->link, GOODBYE_LINGER_MS);
    link_context_destroy(&self->context);
    link_keys_fini(&self->keys);
    agent_view_destroy(&self->view);
    agent_destroy(&self->core);
    if (docker_side_end(&self->docker, self->ends_tasks ? GOODBYE : NULL) < 0 && self->ends_tasks)
        log_error("Docker containers may be left; the next agent of this work folder removes them");
    if (launcher_process_end(&self->launcher, self->ends_tasks ? GOODBYE : NULL) < 0 &&
        self->ends_tasks)
        clear_up(self);
    volumes_close(&self->volumes);
    checkpoint_close(&self->store);
    hold_fini(&self->hold);
    daemon_loop_close(&self->loop);
    work_dir_close(&self->work_dir);
    arena_destroy(&self->messages);
    arena_destroy(&self->arena);
}
