/* proffer run: one command as a task; its output and its exit code become ours.
 *
 * A framework of its own that ends with this process. Output is fetched from the agent as it is
 * written; the last of it after the task has ended. An agent that is away is asked again for as long as
 * the task may go on, and AWAY_MS beyond.
 */
#include "cli/cli.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <proffer/proffer.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/units.h"
#include "cli/docker_options.h"
#include "cli/run_group.h"
#include "cli/run_health.h"
#include "cli/running.h"

#define TASK_ID        "run"
#define REST_MS        500 /* before output is asked for again that the agent had none of */
#define USUAL_CPUS     "1"
#define USUAL_MEM      "128"
#define NAME_SHOWN_MAX 200
#define RLIMIT_PREFIX  "RLMT_"
#define PATIENCE_MS    2000 /* with an agent that is away, before its address is asked for */
#define AWAY_MS        (20 * 1000)
#define ASK_AGAIN_MS   5000

struct run_options {
    struct proffer_scheduler_options scheduler;
    const char *roles[2];
    const char *role, *cpus, *mem, *resources, *user, *name, *cores, *limits, *isolation, *group;
    int64_t ports, timeout_ms, wait_ms, pids_max;
    int64_t kill_grace_ms; /* negative: the agent's */
    struct option_strings env, uris, rlimits;
    struct run_health health;
    struct docker_options docker;
};

/* One of stdout and stderr, on its way from the sandbox to ours. */
struct stream {
    struct run *run;
    const char *file;
    int fd;
    struct proffer_log_place place;
    int64_t offset; /* shown by now */
    bool busy;
    bool asked_at_end; /* what is asked for is all that there will be */
    bool rests;        /* the agent did not even wait: the end is near, its update on the way */
    int64_t asked_us;
    int64_t away_since_us; /* the agent does not answer; 0: it does */
    bool done;             /* the task has ended and nothing is left to read */
};

struct run {
    struct running running;
    const struct run_options *options;
    struct proffer_fetcher *fetcher;
    struct proffer_task task;
    struct proffer_check health_check;
    struct stream streams[2];
    char *agent_address, *sandbox; /* NULL until it runs */
    bool ended;
    bool told_away;
    bool cut_off;     /* its agent cannot be reached: nobody answers a kill */
    int64_t sizes[2]; /* of what it wrote, once ended */
    int64_t ended_us;
    int64_t ask_us; /* it has ended, and how is not known yet: ask then; 0: not so */
};

/* --- output
 * --------------------------------------------------------------------------------------- */

static void fetch_more(struct stream *stream);

static int64_t size_of(const struct stream *stream)
{
    return stream->run->sizes[stream - stream->run->streams];
}

/* The agent puts what becomes too large aside, and keeps so many files. */
static void tell_of_gap(const struct stream *stream)
{
    int64_t size = size_of(stream);

    if (stream->offset < size)
        cli_fail(
            0,
            "%s of the task: only %lld of %lld bytes are shown; the agent has dropped the rest "
            "(its --log-max and --log-files, or a full disk)",
            stream->file, (long long)stream->offset, (long long)size);
}

static bool is_away(int error)
{
    return error == -EHOSTUNREACH || error == -ECONNRESET || error == -ETIMEDOUT;
}

static void give_up(struct stream *stream, const char *message)
{
    const struct run *run = stream->run;

    stream->done = true;
    if (stream->offset < size_of(stream))
        cli_fail(0, "%s of the task: the last %lld bytes are missing: the agent at %s: %s",
                 stream->file, (long long)(size_of(stream) - stream->offset), run->agent_address,
                 message);
}

/* The agent is started anew, or its host is cut off. Should it come back on another port, the master
 * knows. */
static void on_away(struct stream *stream, const char *message)
{
    struct run *run = stream->run;
    int64_t since_us;

    if (!stream->away_since_us)
        stream->away_since_us = clock_now().mono_us;
    since_us = run->ended_us > stream->away_since_us ? run->ended_us : stream->away_since_us;
    if (run->ended && clock_now().mono_us - since_us >= AWAY_MS * US_PER_MS) {
        give_up(stream, message);
        return;
    }
    if (!run->told_away)
        cli_fail(0, "output of the task: the agent at %s: %s; trying again", run->agent_address,
                 message);
    run->told_away = true;
    if (!run->ended)
        proffer_reconcile(run->running.scheduler, TASK_ID, NULL);
    fetch_more(stream);
}

static void on_fetched(void *user, int error, const char *message, int64_t bytes)
{
    struct stream *stream = user;
    struct run *run = stream->run;

    stream->busy = false;
    stream->offset += bytes;
    if (bytes > 0 || !is_away(error))
        stream->away_since_us = 0;
    if (is_away(error)) {
        on_away(stream, message);
        return;
    }
    run->told_away = false;
    if (error < 0 && error != -ENOENT) {
        cli_fail(0, "%s of the task: %s", stream->file, message);
        stream->done = true;
        return;
    }
    stream->done = stream->asked_at_end && bytes == 0;
    if (stream->done)
        tell_of_gap(stream);
    stream->rests =
        !run->ended && bytes == 0 && clock_now().mono_us - stream->asked_us < REST_MS * US_PER_MS;
    if (!stream->rests)
        fetch_more(stream);
}

/* Ask for what comes after what we have; while the task runs the agent holds its answer back until
 * there is something. */
static void fetch_more(struct stream *stream)
{
    struct run *run = stream->run;
    struct proffer_err err;

    if (stream->busy || stream->done || !run->sandbox)
        return;
    if (run->ended && stream->offset >= size_of(stream)) {
        stream->done = true;
        return;
    }
    stream->busy = true;
    stream->rests = false;
    stream->asked_at_end = run->ended;
    stream->asked_us = clock_now().mono_us;
    if (proffer_fetcher_follow_log(run->fetcher, run->agent_address, run->sandbox, stream->file,
                                   &stream->place, !run->ended, stream->fd, on_fetched, stream,
                                   &err) < 0) {
        cli_fail(0, "%s of the task: %s", stream->file, err.text);
        stream->busy = false;
        stream->done = true;
    }
}

/* --- the task
 * -------------------------------------------------------------------------------------- */

static void on_offers(struct proffer_scheduler *scheduler,
                      const struct proffer_offer *const *offers, size_t count, void *user)
{
    struct run *run = user;
    struct proffer_fit *fit = proffer_fit_new(scheduler, offers, count);
    struct proffer_err err;
    int rc = run->running.is_launched ? 0 : proffer_fit_launch(fit, &run->task, &err);

    running_settle(&run->running, fit, rc, &err);
}

/* The command has said itself what was wrong. */
static bool is_plain_exit(const struct proffer_status *status)
{
    return status->has_exit && status->exit_code &&
           (!*status->reason || !strcmp(status->reason, "REASON_COMMAND_EXECUTOR_FAILED"));
}

/* The newest is right: an agent that was started anew may have another address. */
static void note_place(struct run *run, const struct proffer_status *status)
{
    if (!*status->sandbox || !*status->agent_address)
        return;
    free(run->sandbox);
    free(run->agent_address);
    run->sandbox = mem_strdup(status->sandbox);
    run->agent_address = mem_strdup(status->agent_address);
}

/* It says that the task has ended, not how: its update does, which follows, unless its agent is lost with
 * it. So it is asked about until one of the two is told. */
static bool is_answer_only(const struct proffer_status *status)
{
    return !status->uuid && !strcmp(status->reason, "REASON_RECONCILIATION") &&
           (status->state == PROFFER_TASK_FINISHED || status->state == PROFFER_TASK_FAILED ||
            status->state == PROFFER_TASK_KILLED);
}

static void on_end(struct run *run, const struct proffer_status *status)
{
    run->ended = true;
    run->ended_us = clock_now().mono_us;
    run->ask_us = 0;
    run->sizes[0] = status->stdout_bytes;
    run->sizes[1] = status->stderr_bytes;
    run->running.code = running_code_of(status);
    if (run->running.code && !is_plain_exit(status) && !run->running.is_killed && *status->message)
        cli_fail(0, "%s: %s", proffer_task_state_name(status->state), status->message);
}

static void on_update(struct proffer_scheduler *scheduler, const struct proffer_status *status,
                      void *user)
{
    struct run *run = user;

    (void)scheduler;
    if (run->ended)
        return;
    note_place(run, status);
    if (status->state == PROFFER_TASK_UNREACHABLE && !run->cut_off)
        cli_fail(0, "its agent cannot be reached; waiting for it (Ctrl-C to leave)");
    run->cut_off = status->state == PROFFER_TASK_UNREACHABLE;
    if (is_answer_only(status))
        run->ask_us = clock_now().mono_us + ASK_AGAIN_MS * US_PER_MS;
    else if (proffer_task_state_is_terminal(status->state) || status->state == PROFFER_TASK_UNKNOWN)
        on_end(run, status);
    fetch_more(&run->streams[0]);
    fetch_more(&run->streams[1]);
}

static void on_error(struct proffer_scheduler *scheduler, const char *message, void *user)
{
    struct run *run = user;

    (void)scheduler;
    run->running.is_broken = true;
    run->running.code = cli_fail(EXIT_RUN_FAILED, "%s", message);
}

/* --- the loop
 * --------------------------------------------------------------------------------------- */

static void on_signal(struct run *run, int fd)
{
    struct signalfd_siginfo info;

    while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (run->running.is_killed || !run->running.is_launched || run->cut_off || run->ended) {
            run->running.is_broken = true;
            run->running.code = 128 + (int)info.ssi_signo;
        }
        run->running.is_killed = true;
        proffer_kill(run->running.scheduler, TASK_ID, -1);
    }
}

static bool is_over(const struct run *run)
{
    return run->running.is_broken ||
           (run->ended && (!run->sandbox || (run->streams[0].done && run->streams[1].done)));
}

static int timeout_ms(const struct run *run)
{
    if (run->streams[0].rests || run->streams[1].rests || run->ask_us)
        return REST_MS;
    return running_timeout_ms(&run->running);
}

static void on_rested(struct run *run)
{
    int64_t now_us = clock_now().mono_us;

    for (size_t i = 0; i < ARRAY_SIZE(run->streams); i++)
        fetch_more(&run->streams[i]);
    if (!run->ask_us || now_us < run->ask_us)
        return;
    run->ask_us = now_us + ASK_AGAIN_MS * US_PER_MS;
    proffer_reconcile(run->running.scheduler, TASK_ID, NULL);
}

static void loop(struct run *run, int signals)
{
    struct pollfd fds[] = {{proffer_scheduler_fd(run->running.scheduler), POLLIN, 0},
                           {proffer_fetcher_fd(run->fetcher), POLLIN, 0},
                           {signals, POLLIN, 0}};

    while (!is_over(run)) {
        int count = poll(fds, ARRAY_SIZE(fds), timeout_ms(run));

        if (running_gave_up(&run->running))
            return;
        if (count == 0)
            on_rested(run);
        if (fds[2].revents)
            on_signal(run, signals);
        if (fds[1].revents)
            proffer_fetcher_dispatch(run->fetcher);
        if (fds[0].revents && proffer_scheduler_dispatch(run->running.scheduler) <= 0)
            return;
    }
}

static int run_task(struct run *run)
{
    static const struct proffer_callbacks callbacks = {.offers = on_offers,
                                                       .update = on_update,
                                                       .error = on_error,
                                                       .disconnected = running_disconnected};
    CLEANUP(close_fd) int signals = running_signals();
    struct proffer_err err;

    if (proffer_fetcher_new(2, &run->fetcher, &err) < 0 ||
        proffer_fetcher_set_patience(run->fetcher, PATIENCE_MS, &err) < 0 ||
        proffer_scheduler_new(&run->options->scheduler, &callbacks, run, &run->running.scheduler,
                              &err) < 0)
        return cli_fail(EXIT_RUN_FAILED, "%s", err.text);
    running_wait(&run->running, run->options->wait_ms);
    loop(run, signals);
    proffer_scheduler_stop(run->running.scheduler, true);
    proffer_scheduler_run(run->running.scheduler);
    return run->running.code;
}

/* --- the command line
 * --------------------------------------------------------------------------------- */

static int parse_env(const struct option_strings *strings, struct proffer_pair *pairs)
{
    for (size_t i = 0; i < strings->count; i++) {
        const char *equals = strchr(strings->items[i], '=');

        if (!equals || equals == strings->items[i])
            return cli_fail(EXIT_USAGE, "--env %s: must be NAME=VALUE", strings->items[i]);
        pairs[i].name = mem_printf("%.*s", (int)(equals - strings->items[i]), strings->items[i]);
        pairs[i].value = equals + 1;
    }
    return 0;
}

/* "NOFILE=1024:4096" is RLMT_NOFILE. */
static int parse_rlimits(const struct option_strings *strings, struct proffer_pair *pairs)
{
    for (size_t i = 0; i < strings->count; i++) {
        const char *text = strings->items[i];
        const char *equals = strchr(text, '=');
        const char *prefix =
            strncmp(text, RLIMIT_PREFIX, strlen(RLIMIT_PREFIX)) ? RLIMIT_PREFIX : "";

        if (!equals || equals == text)
            return cli_fail(EXIT_USAGE, "--rlimit %s: must be NAME=VALUE, as NOFILE=1024", text);
        pairs[i].name = mem_printf("%s%.*s", prefix, (int)(equals - text), text);
        pairs[i].value = equals + 1;
    }
    return 0;
}

static int parse_uris(const struct option_strings *strings, struct proffer_uri *uris)
{
    for (size_t i = 0; i < strings->count; i++) {
        struct proffer_err err;

        if (proffer_uri_parse(mem_strdup(strings->items[i]), &uris[i], &err) < 0)
            return cli_fail(EXIT_USAGE, "--uri %s: %s", strings->items[i], err.text);
    }
    return 0;
}

/* The SDK's 0 is the default. */
static int64_t grace_of(int64_t given_ms)
{
    return given_ms < 0 ? 0 : given_ms ? given_ms : -1;
}

static size_t most(int64_t asked, size_t published)
{
    return (size_t)asked > published ? (size_t)asked : published;
}

static void free_names(const struct proffer_pair *pairs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free((char *)pairs[i].name);
}

/* A script may be longer than a name can be; "..." is not in the middle of a character. */
static char *name_after(const char *command)
{
    size_t size = strlen(command);

    if (size <= NAME_SHOWN_MAX)
        return mem_strdup(command);
    size = NAME_SHOWN_MAX;
    while (size > 0 && ((unsigned char)command[size] & 0xc0) == 0x80)
        size--;
    return mem_printf("%.*s...", (int)size, command);
}

static int run_command(const struct run_options *options, char **words, int count)
{
    struct run run = {.options = options,
                      .running.code = EXIT_RUN_FAILED,
                      .streams = {{.file = "stdout", .fd = STDOUT_FILENO},
                                  {.file = "stderr", .fd = STDERR_FILENO}}};
    CLEANUP(free_p) struct proffer_pair *env = mem_calloc(options->env.count + 1, sizeof(*env));
    CLEANUP(free_p)
    char *resources = options->resources
                          ? mem_strdup(options->resources)
                          : mem_printf("cpus:%s;mem:%s", options->cpus, options->mem);
    CLEANUP(docker_task_fini) struct docker_task docker = {.texts = NULL};
    CLEANUP(free_p) char *name = name_after(count ? words[0] : options->docker.image);
    CLEANUP(free_p)
    struct proffer_uri *uris = mem_calloc(options->uris.count + 1, sizeof(*uris));
    CLEANUP(free_p)
    struct proffer_pair *rlimits = mem_calloc(options->rlimits.count + 1, sizeof(*rlimits));
    int code = parse_env(&options->env, env);
    int health = run_health_to_check(&options->health, &run.health_check);

    if (code == 0)
        code = docker_options_read(&options->docker, &docker);
    run.streams[0].run = run.streams[1].run = &run;
    run.task = (struct proffer_task){
        .id = TASK_ID,
        .name = options->name ? options->name : name,
        .resources = resources,
        .cores = options->cores,
        .limits = options->limits,
        .isolation = options->isolation,
        .ports = most(options->ports, docker.docker.ports_count),
        .command = count == 1 ? words[0] : NULL,
        .argv = count <= 1 ? NULL : (const char *const *)words,
        .env = env,
        .user = options->user,
        .max_completion_ms = options->timeout_ms,
        .rlimits = rlimits,
        .pids_max = options->pids_max,
        .kill_grace_ms = grace_of(options->kill_grace_ms),
        .docker = options->docker.image ? &docker.docker : NULL,
        .health_check = health == 0 ? &run.health_check : NULL,
        .uris = uris,
    };
    if (health > 1)
        code = health;
    if (code == 0)
        code = parse_uris(&options->uris, uris);
    if (code == 0)
        code = parse_rlimits(&options->rlimits, rlimits);
    if (code == 0)
        code = run_task(&run);
    proffer_scheduler_destroy(&run.running.scheduler);
    proffer_fetcher_destroy(&run.fetcher);
    free(run.agent_address);
    free(run.sandbox);
    for (size_t i = 0; i < options->uris.count; i++)
        free((char *)uris[i].value);
    free_names(env, options->env.count);
    free_names(rlimits, options->rlimits.count);
    return code;
}

static struct run_options options = {.scheduler = {.name = "run", .ends_with_session = true},
                                     .cpus = USUAL_CPUS,
                                     .mem = USUAL_MEM,
                                     .health.grace_ms = -1,
                                     .kill_grace_ms = -1};

static const struct option_def defs[] = {
    {OPTION_STRING, "master", 'm', "HOST:PORT", "the master", &options.scheduler.master, 0, 0,
     false},
    {OPTION_STRING, "cpus", 'c', "N", "processors", &options.cpus, 0, 0, true},
    {OPTION_STRING, "mem", 'M', "MIB", "memory", &options.mem, 0, 0, true},
    {OPTION_STRING, "resources", 'R', "TEXT", "all that it takes, as cpus:1;mem:64;disk:10",
     &options.resources, 0, 0, true},
    {OPTION_INT, "ports", 'p', "N", "that many ports, in PORT0, PORT1...", &options.ports, 0, 65535,
     true},
    {OPTION_STRING, "cores", '\0', "POLICY", NULL, &options.cores, 0, 0, true},
    {OPTION_STRING, "limits", '\0', "TEXT", NULL, &options.limits, 0, 0, true},
    {OPTION_STRING, "isolation", '\0', "JSON",
     "of the agent's isolators, as {\"network\":\"none\"}", &options.isolation, 0, 0, true},
    {OPTION_STRING, "group", '\0', "FILE", "the tasks of a group instead (docs/pods.md)",
     &options.group, 0, 0, true},
    {OPTION_STRINGS, "env", 'e', "NAME=VALUE", "for the command; may be repeated", &options.env, 0,
     0, true},
    {OPTION_STRINGS, "uri", '\0', "URI[,HOW...]", "fetch it first; may be repeated", &options.uris,
     0, 0, true},
    {OPTION_STRING, "user", 'u', "NAME", "whom it runs as", &options.user, 0, 0, true},
    {OPTION_STRING, "name", 'n', "NAME", "of the task", &options.name, 0, 0, true},
    {OPTION_STRING, "role", '\0', "ROLE", "whose resources to use", &options.role, 0, 0, true},
    {OPTION_DURATION, "timeout", 't', "TIME", "kill it TIME after its start", &options.timeout_ms,
     0, 0, true},
    {OPTION_DURATION, "kill-grace", '\0', "TIME", NULL, &options.kill_grace_ms, 0,
     RUN_HEALTH_MAX_MS, true},
    {OPTION_STRINGS, "rlimit", '\0', "NAME=VALUE", NULL, &options.rlimits, 0, 0, true},
    {OPTION_INT, "pids-max", '\0', "N", NULL, &options.pids_max, 1, INT32_MAX, true},
    {OPTION_DURATION, "wait", 'w', "TIME", "give up when nothing can be launched for so long",
     &options.wait_ms, 0, 86400000, true},
    {OPTION_STRING, "image", 'i', "IMAGE", "run it in a Docker container of this image",
     &options.docker.image, 0, 0, true},
    {OPTION_STRING, "network", '\0', "NAME", "of the container: host, none, bridge or another",
     &options.docker.network, 0, 0, true},
    {OPTION_STRINGS, "publish", '\0', "PORT", "of the container, at PORT0... of the host",
     &options.docker.publish, 0, 0, true},
    {OPTION_STRINGS, "volume", '\0', "DIR:PATH[:ro]",
     "a folder of the agent's host, or the sandbox", &options.docker.volumes, 0, 0, true},
    {OPTION_STRING, "pull", '\0', "WHEN", NULL, &options.docker.pull, 0, 0, true},
    {OPTION_STRING, "credentials", '\0', "NAME", NULL, &options.docker.credentials, 0, 0, true},
    {OPTION_STRING, "container-user", '\0', "USER", NULL, &options.docker.user, 0, 0, true},
    {OPTION_STRINGS, "docker", '\0', "NAME=VALUE", NULL, &options.docker.parameters, 0, 0, true},
    {OPTION_STRING, "health-command", '\0', "LINE", NULL, &options.health.command, 0, 0, true},
    {OPTION_STRING, "health-http", '\0', "[PORT]/PATH", "end it when this URL of it fails",
     &options.health.http, 0, 0, true},
    {OPTION_STRING, "health-https", '\0', "[PORT]/PATH", NULL, &options.health.https, 0, 0, true},
    {OPTION_STRING, "health-tcp", '\0', "PORT", NULL, &options.health.tcp, 0, 0, true},
    {OPTION_DURATION, "health-interval", '\0', "TIME", NULL, &options.health.interval_ms, 1,
     RUN_HEALTH_MAX_MS, true},
    {OPTION_DURATION, "health-timeout", '\0', "TIME", NULL, &options.health.timeout_ms, 1,
     RUN_HEALTH_MAX_MS, true},
    {OPTION_DURATION, "health-grace", '\0', "TIME", NULL, &options.health.grace_ms, 0, 0, true},
    {OPTION_INT, "health-failures", '\0', "N", NULL, &options.health.failures, 1, 1000, true},
    {OPTION_STRING, "keys", '\0', "FILE", "certificate, for a master with keys",
     &options.scheduler.keys, 0, 0, false},
    {OPTION_FLAG, "insecure", '\0', NULL, "allow a master elsewhere without keys",
     &options.scheduler.insecure, 0, 0, false},
    {.name = NULL}};

/* What would be said of one task is said of each in the file. -1: nothing is. */
static int check_group_alone(const struct run_options *self)
{
    const struct run_health *health = &self->health;
    const struct docker_options *docker = &self->docker;
    const struct {
        const char *name;
        bool is_given;
    } others[] = {
        {"cpus", strcmp(self->cpus, USUAL_CPUS) != 0},
        {"mem", strcmp(self->mem, USUAL_MEM) != 0},
        {"resources", self->resources},
        {"ports", self->ports},
        {"cores", self->cores},
        {"limits", self->limits},
        {"isolation", self->isolation},
        {"env", self->env.count},
        {"uri", self->uris.count},
        {"user", self->user},
        {"name", self->name},
        {"timeout", self->timeout_ms},
        {"kill-grace", self->kill_grace_ms >= 0},
        {"rlimit", self->rlimits.count},
        {"pids-max", self->pids_max},
        {"health-command and the like",
         health->command || health->http || health->https || health->tcp || health->interval_ms ||
             health->timeout_ms || health->failures || health->grace_ms >= 0},
        {"network", docker->network},
        {"image and what goes with it", docker->image || docker->user || docker->pull ||
                                            docker->credentials || docker->publish.count ||
                                            docker->volumes.count || docker->parameters.count},
    };

    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        if (others[i].is_given)
            return cli_fail(EXIT_USAGE, "--%s: of a group that is said in its file (docs/pods.md)",
                            others[i].name);
    return -1;
}

int cmd_run(int argc, char **argv)
{
    static const struct command_def def = {
        .name = "proffer run",
        .synopsis = "[OPTION...] COMMAND [ARGUMENT...]",
        .summary = "Run one command as a task: a single word goes to the shell, several are run as "
                   "they are. Output is shown as it comes.",
        .footer = "proffer(1) has more: cores and limits, the container, health checks.\n"
                  "Exit: the command's own code, 128+N for signal N, 125 when proffer failed.",
        .options = defs,
        .stop_at_operand = true};
    int operand, code = cli_options(&def, argc, argv, &operand);

    if (code < 0 && operand < argc && options.group)
        code = cli_fail(EXIT_USAGE, "the tasks of a group have their commands in its file");
    if (code < 0 && options.group)
        code = check_group_alone(&options);
    if (code < 0 && operand == argc && !options.docker.image && !options.group)
        code = cli_fail(EXIT_USAGE, "what shall be run? (proffer run COMMAND [ARGUMENT...])");
    if (code < 0) {
        options.roles[0] = options.role;
        options.scheduler.roles = options.role ? options.roles : NULL;
        code = options.group ? run_group(&options.scheduler, options.group, options.wait_ms)
                             : run_command(&options, argv + operand, argc - operand);
    }
    options_fini_strings(&options.env);
    options_fini_strings(&options.rlimits);
    docker_options_fini(&options.docker);
    return code;
}
