#include "agent/flags.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/daemon.h"
#include "base/options.h"

#define DAY_MS (INT64_C(24) * 60 * 60 * 1000)
#define MIB    (INT64_C(1024) * 1024)

/* Where the parser puts values; a process has one command line. */
static struct agent_flags given = {
    .master = "127.0.0.1:5050",
    .address = "127.0.0.1",
    .advertise = "",
    .port = AGENT_HTTP_PORT,
    .hostname = "",
    .work_dir = "/var/lib/proffer-agent",
    .resources = "",
    .attributes = "",
    .domain = "",
    .isolation = AGENT_ISOLATION,
    .isolator_options = "",
    .devices = "",
    .gpus = "",
    .modules = "",
    .cgroup_root = "proffer",
    .pids_max = 4096,
    .log_max_bytes = 16 * MIB,
    .log_files = 4,
    .kill_grace_ms = 3000,
    .executor_reregister_ms = 15000,
    .fetcher_cache_dir = "",
    .fetcher_cache_bytes = 2048 * MIB,
    .fetcher_files = "",
    .fetcher_ca_file = "",
    .fetcher_max_bytes = 10240 * MIB,
    .fetcher_timeout_ms = 3600000,
    .gc_delay_ms = 7 * DAY_MS,
    .gc_headroom_percent = 10,
    .disk_watch_ms = 60000,
    .default_user = "",
    .task_users = "",
    .agent_user = "",
    .keys = "",
    .master_key = "",
    .log_level = "info",
    .launcher = "",
    .containerizers = "native",
    .docker_socket = "/var/run/docker.sock",
    .docker_program = "",
    .docker_config = "",
    .docker_credentials = "",
    .docker_allow = "",
    .docker_host_paths = "",
    .docker_call_timeout_ms = 60000,
    .docker_pull_timeout_ms = 1800000,
    .docker_patience_ms = 60000,
    .docker_gc_high = 90,
    .docker_gc_low = 80,
    .docker_gc_min_age_ms = 7200000,
    .docker_gc_keep = "",
    .ready_fd = -1,
};

static const struct option_def options[] = {
    {OPTION_STRING, "master", 'm', "HOST:PORT", "the master to register with", &given.master, 0, 0,
     false},
    {OPTION_STRING, "address", 'a', "IP", "listen here for HTTP: /state, files of tasks",
     &given.address, 0, 0, false},
    {OPTION_STRING, "advertise-address", 0, "IP", "tell others this address instead",
     &given.advertise, 0, 0, false},
    {OPTION_INT, "port", 'p', "PORT", "of HTTP; 0: any that is free", &given.port, 0, 65535, false},
    {OPTION_STRING, "hostname", 0, "NAME", "this machine's name, as shown", &given.hostname, 0, 0,
     false},
    {OPTION_STRING, "work-dir", 'w', "DIR", "sandboxes and everything else is kept there",
     &given.work_dir, 0, 0, false},
    {OPTION_STRING, "resources", 'r', "RESOURCES",
     "what to offer, as `cpus:4;mem:8192`; what is not named is detected", &given.resources, 0, 0,
     false},
    {OPTION_STRING, "attributes", 0, "ATTRIBUTES", "what to tell frameworks, as `rack:a;level:10`",
     &given.attributes, 0, 0, false},
    {OPTION_STRING, "domain", 0, "REGION/ZONE", "where this machine stands", &given.domain, 0, 0,
     false},
    {OPTION_STRING, "isolation", 'i', "NAMES",
     "isolators, with commas between; `default` among them is these, all are in proffer-agent(8)",
     &given.isolation, 0, 0, false},
    {OPTION_STRING, "isolator-options", 0, "NAME.KEY=VALUE;...", "settings of isolators",
     &given.isolator_options, 0, 0, false},
    {OPTION_STRING, "modules", 0, "FILES",
     "with isolators that are not built in, with commas between", &given.modules, 0, 0, false},
    {OPTION_STRING, "devices", 0, "PATH[:rwm],...", "that every task may use (cgroup/devices)",
     &given.devices, 0, 0, false},
    {OPTION_STRING, "gpus", 0, "NAME=PATH[+PATH];...",
     "devices that are granted whole, to one task each (gpu/devices)", &given.gpus, 0, 0, false},
    {OPTION_STRING, "cgroup-root", 0, "NAME", "the group below which tasks have theirs",
     &given.cgroup_root, 0, 0, false},
    {OPTION_INT, "pids-max", 0, "N", "processes of a task that does not say; 0: no limit",
     &given.pids_max, 0, INT64_C(4194304), false},
    {OPTION_BYTES, "log-max", 0, "SIZE", "stdout and stderr of tasks rotate at this size",
     &given.log_max_bytes, 4096, INT64_MAX, false},
    {OPTION_INT, "log-files", 0, "N", "how many of them are kept", &given.log_files, 1, 100, false},
    {OPTION_DURATION, "kill-grace", 0, "TIME",
     "between SIGTERM and SIGKILL, for tasks that do not say", &given.kill_grace_ms, 1, DAY_MS,
     false},
    {OPTION_DURATION, "executor-reregister", 0, "TIME",
     "an executor without a connection is waited for", &given.executor_reregister_ms, 1, DAY_MS,
     false},
    {OPTION_STRING, "fetcher-cache-dir", 0, "DIR",
     "what tasks want fetched once for all (default: `fetched` in the work folder)",
     &given.fetcher_cache_dir, 0, 0, false},
    {OPTION_BYTES, "fetcher-cache-size", 0, "SIZE", "that it may hold; what was not used goes",
     &given.fetcher_cache_bytes, 0, INT64_MAX, false},
    {OPTION_STRING, "fetcher-files", 0, "DIRS",
     "folders whose files tasks may name as file://, with commas between", &given.fetcher_files, 0,
     0, false},
    {OPTION_STRING, "fetcher-ca-file", 0, "FILE",
     "certificates that https trusts, instead of the machine's", &given.fetcher_ca_file, 0, 0,
     false},
    {OPTION_BYTES, "fetcher-max-size", 0, "SIZE", "of what a URI names, packed or unpacked",
     &given.fetcher_max_bytes, 1, INT64_MAX, false},
    {OPTION_DURATION, "fetcher-timeout", 0, "TIME", "for all that one task wants",
     &given.fetcher_timeout_ms, 1, 7 * DAY_MS, false},
    {OPTION_DURATION, "gc-delay", 0, "TIME",
     "sandboxes of ended tasks stay so long on an empty disk", &given.gc_delay_ms, 1, 3650 * DAY_MS,
     false},
    {OPTION_INT, "gc-disk-headroom", 0, "PERCENT",
     "that much of the disk is kept free of them: the fuller it is, the sooner they go",
     &given.gc_headroom_percent, 0, 100, false},
    {OPTION_DURATION, "disk-watch-interval", 0, "TIME", "between two looks at how full the disk is",
     &given.disk_watch_ms, 100, DAY_MS, false},
    {OPTION_FLAG, "switch-user", 0, NULL,
     "run tasks as the user they name (default: when started as root)", &given.switch_user, 0, 0,
     false},
    {OPTION_STRING, "default-user", 0, "USER", "for tasks that name none", &given.default_user, 0,
     0, false},
    {OPTION_STRING, "task-users", 0, "USERS",
     "whom tasks may run as, with commas between (default: anybody but the agent)",
     &given.task_users, 0, 0, false},
    {OPTION_STRING, "agent-user", 0, "USER",
     "whom to be for all that needs no rights, when started as root (default: see the manual)",
     &given.agent_user, 0, 0, false},
    {OPTION_STRING, "keys", 0, "FILE", "encrypt, with this certificate", &given.keys, 0, 0, false},
    {OPTION_STRING, "master-key", 0, "KEY", "the master's public key, if the certificate lacks it",
     &given.master_key, 0, 0, false},
    {OPTION_FLAG, "insecure", 0, NULL, "go beyond loopback without keys", &given.insecure, 0, 0,
     false},
    {OPTION_STRING, "log-level", 0, "LEVEL", "error, warning, info or debug", &given.log_level, 0,
     0, false},
    {OPTION_STRING, "launcher", 0, "FILE", "proffer-launcher, if it is not where it was installed",
     &given.launcher, 0, 0, false},
    {OPTION_STRING, "containerizers", 0, "NAMES",
     "what runs tasks here, with commas between: native, docker", &given.containerizers, 0, 0,
     false},
    {OPTION_STRING, "docker-socket", 0, "FILE", "of the Docker Engine", &given.docker_socket, 0, 0,
     false},
    {OPTION_STRING, "docker-config", 0, "FILE",
     "credentials for registries, as ~/.docker/config.json", &given.docker_config, 0, 0, false},
    {OPTION_STRING, "docker-credentials", 0, "DIR", "more such files, which tasks may name",
     &given.docker_credentials, 0, 0, false},
    {OPTION_STRING, "docker-allow", 0, "NAMES",
     "what tasks may ask for: privileged, devices, capabilities, named-volumes, host-namespaces, "
     "unsafe-parameters",
     &given.docker_allow, 0, 0, false},
    {OPTION_STRING, "docker-host-paths", 0, "DIRS",
     "what of this host tasks may have as volumes, with colons between", &given.docker_host_paths,
     0, 0, false},
    {OPTION_DURATION, "docker-call-timeout", 0, "TIME", "for one call of the Docker Engine",
     &given.docker_call_timeout_ms, 1000, DAY_MS, false},
    {OPTION_DURATION, "docker-pull-timeout", 0, "TIME", "for an image",
     &given.docker_pull_timeout_ms, 1000, DAY_MS, false},
    {OPTION_DURATION, "docker-patience", 0, "TIME",
     "so long new tasks wait for a Docker Engine that went away", &given.docker_patience_ms, 1000,
     DAY_MS, false},
    {OPTION_INT, "docker-gc-high", 0, "PERCENT",
     "of the Docker Engine's disk in use at which images go; 0: never", &given.docker_gc_high, 0,
     100, false},
    {OPTION_INT, "docker-gc-low", 0, "PERCENT", "down to which they go", &given.docker_gc_low, 0,
     100, false},
    {OPTION_DURATION, "docker-gc-min-age", 0, "TIME", "an image stays that was used since",
     &given.docker_gc_min_age_ms, 0, 365 * DAY_MS, false},
    {OPTION_STRING, "docker-gc-keep", 0, "IMAGES",
     "images that stay, with commas between; `*` is any text", &given.docker_gc_keep, 0, 0, false},
    {OPTION_STRING, "docker-program", 0, "FILE",
     "proffer-docker, if it is not where it was installed", &given.docker_program, 0, 0, false},
    {OPTION_INT, "ready-fd", 0, "N", "once registered, write READY and the HTTP address there",
     &given.ready_fd, -1, 1048576, true},
    {0},
};

static const struct command_def command = {
    .name = "proffer-agent",
    .synopsis = "[OPTION...]",
    .summary = "Offers what this machine has to a master and runs the tasks that it sends.",
    .footer = "GET /help on the HTTP port lists what can be read there.\n"
              "SIGTERM ends all tasks, SIGUSR1 leaves them to the next agent on the work folder.\n"
              "Exit codes: 0 after such a signal, 1 could not run or is not wanted, 2 wrong "
              "command line.",
    .options = options,
};

void agent_flags_fini(struct agent_flags *self)
{
    options_shown_fini(&self->shown);
}

/* --- what the parser cannot know ----------------------------------------------------------------
 */

static int check_addresses(const struct agent_flags *flags, struct err *err)
{
    int rc = daemon_check_addresses(flags->address, flags->advertise, err);

    if (rc < 0)
        return rc;
    if (!strchr(flags->master, ':'))
        return err_set(err, -EINVAL, "--master %s: expected HOST:PORT such as 10.0.0.1:5050",
                       flags->master);
    return 0;
}

/* Other processes, elsewhere, open them. */
static int check_paths(const struct agent_flags *flags, struct err *err)
{
    if (*flags->fetcher_cache_dir && *flags->fetcher_cache_dir != '/')
        return err_set(err, -EINVAL, "--fetcher-cache-dir %s: expected an absolute path",
                       flags->fetcher_cache_dir);
    if (*flags->fetcher_ca_file && *flags->fetcher_ca_file != '/')
        return err_set(err, -EINVAL, "--fetcher-ca-file %s: expected an absolute path",
                       flags->fetcher_ca_file);
    return 0;
}

static int check(struct agent_flags *flags, struct err *err)
{
    int rc = check_addresses(flags, err);

    if (rc == 0)
        rc = check_paths(flags, err);

    if (rc < 0)
        return rc;
    if (flags->docker_gc_high && flags->docker_gc_low >= flags->docker_gc_high)
        return err_set(err, -EINVAL, "--docker-gc-low: expected less than --docker-gc-high");
    if (flags->switch_user && geteuid() != 0)
        return err_set(err, -EINVAL, "--switch-user: only root can run tasks as other users");
    if (*flags->master_key && !*flags->keys)
        return err_set(err, -EINVAL, "--master-key: give --keys, a certificate of our own, too");
    if (log_level_parse(flags->log_level, &flags->level) < 0)
        return err_set(err, -EINVAL, "--log-level %s: expected error, warning, info or debug",
                       flags->log_level);
    return 0;
}

int agent_flags_parse(struct agent_flags *ret_flags, int argc, char **argv, struct err *err)
{
    int operand;
    int rc;

    given.switch_user = geteuid() == 0;
    rc = options_parse(&command, argc, argv, &operand, err);
    if (rc != 0)
        return rc;
    if (operand < argc)
        return err_set(err, -EINVAL, "%s: there are options only, see --help", argv[operand]);
    rc = check(&given, err);
    if (rc < 0)
        return rc;
    options_show(options, &given.shown);
    *ret_flags = given;
    return 0;
}
