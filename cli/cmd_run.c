/* proffer run: one command as a task; its output and its exit code become ours.
 *
 * A framework of its own that ends with this process. Output is fetched from the agent as it is
 * written; the last of it after the task has ended.
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

#define TASK_ID "run"
#define REST_MS 500 /* before output is asked for again that the agent had none of */

struct run_options {
    struct proffer_scheduler_options scheduler;
    const char *roles[2];
    const char *role, *cpus, *mem, *resources, *user, *name;
    int64_t ports, timeout_ms, wait_ms;
    struct option_strings env;
};

/* One of stdout and stderr, on its way from the sandbox to ours. */
struct stream {
    struct run *run;
    const char *file;
    int fd;
    int64_t offset;
    bool busy;
    bool rests; /* the agent did not even wait: the end is near, its update on the way */
    int64_t asked_us;
    bool done; /* the task has ended and nothing is left to read */
};

struct run {
    const struct run_options *options;
    struct proffer_scheduler *scheduler;
    struct proffer_fetcher *fetcher;
    struct proffer_task task;
    struct stream streams[2];
    char *agent_address, *sandbox; /* NULL until it runs */
    bool launched, ended, killed, broken;
    bool told_shortage;
    bool cut_off;     /* its agent cannot be reached: nobody answers a kill */
    int64_t sizes[2]; /* of what it wrote, once ended */
    int64_t give_up_us;
    int code;
};

/* --- output
 * --------------------------------------------------------------------------------------- */

static void fetch_more(struct stream *stream);

/* The agent rotates what becomes too large: what followed is in a file that begins anew. */
static void tell_of_gap(const struct stream *stream)
{
    int64_t size = stream->run->sizes[stream - stream->run->streams];

    if (stream->offset < size)
        cli_fail(
            0,
            "%s of the task: only the first %lld of %lld bytes are shown; the agent has put the "
            "file aside (--log-max of the agent)",
            stream->file, (long long)stream->offset, (long long)size);
}

static void on_fetched(void *user, int error, const char *message, int64_t bytes)
{
    struct stream *stream = user;
    struct run *run = stream->run;

    stream->busy = false;
    stream->offset += bytes;
    if (error < 0 && error != -ENOENT) {
        cli_fail(0, "%s of the task: %s", stream->file, message);
        stream->done = true;
        return;
    }
    stream->done = run->ended && bytes == 0;
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
    if (run->ended && stream->offset >= run->sizes[stream - run->streams]) {
        stream->done = true;
        return;
    }
    stream->busy = true;
    stream->rests = false;
    stream->asked_us = clock_now().mono_us;
    if (proffer_fetcher_follow(run->fetcher, run->agent_address, run->sandbox, stream->file,
                               stream->offset, !run->ended, stream->fd, on_fetched, stream,
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
    int r = run->launched ? 0 : proffer_fit_launch(fit, &run->task, &err);

    if (r < 0 && r != -ENOSPC) {
        run->code = cli_fail(EXIT_RUN_FAILED, "%s", err.text);
        run->ended = true;
    } else if (r == -ENOSPC) {
        if (!run->told_shortage)
            cli_fail(0, "no offer is large enough yet: %s", err.text);
        run->told_shortage = true;
    } else {
        run->launched = true;
    }
    proffer_fit_finish(&fit, r == -ENOSPC ? 5.0 : 3600.0);
    if (run->launched)
        proffer_suppress(scheduler, NULL);
}

static int code_of(const struct proffer_status *status)
{
    if (status->state == PROFFER_TASK_FINISHED)
        return 0;
    if (status->has_exit && status->exit_signal)
        return 128 + status->exit_signal;
    if (status->has_exit && status->exit_code)
        return status->exit_code;
    return status->state == PROFFER_TASK_KILLED ? 128 + SIGTERM : EXIT_RUN_FAILED;
}

/* The command has said itself what was wrong. */
static bool is_plain_exit(const struct proffer_status *status)
{
    return status->has_exit && status->exit_code &&
           (!*status->reason || !strcmp(status->reason, "REASON_COMMAND_EXECUTOR_FAILED"));
}

static void on_update(struct proffer_scheduler *scheduler, const struct proffer_status *status,
                      void *user)
{
    struct run *run = user;

    (void)scheduler;
    if (!run->sandbox && *status->sandbox) {
        run->sandbox = mem_strdup(status->sandbox);
        run->agent_address = mem_strdup(status->agent_address);
    }
    if (status->state == PROFFER_TASK_UNREACHABLE && !run->cut_off)
        cli_fail(0, "its agent cannot be reached; waiting for it (Ctrl-C to leave)");
    run->cut_off = status->state == PROFFER_TASK_UNREACHABLE;
    if (proffer_task_state_is_terminal(status->state)) {
        run->ended = true;
        run->sizes[0] = status->stdout_bytes;
        run->sizes[1] = status->stderr_bytes;
        run->code = code_of(status);
        if (run->code && !is_plain_exit(status) && !run->killed && *status->message)
            cli_fail(0, "%s: %s", proffer_task_state_name(status->state), status->message);
    }
    fetch_more(&run->streams[0]);
    fetch_more(&run->streams[1]);
}

static void on_disconnected(struct proffer_scheduler *scheduler, const char *reason, void *user)
{
    (void)scheduler;
    (void)user;
    cli_fail(0, "no connection to the master: %s; trying again (--master, PROFFER_MASTER)", reason);
}

static void on_error(struct proffer_scheduler *scheduler, const char *message, void *user)
{
    struct run *run = user;

    (void)scheduler;
    run->broken = true;
    run->code = cli_fail(EXIT_RUN_FAILED, "%s", message);
}

/* --- the loop
 * --------------------------------------------------------------------------------------- */

static int open_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void on_signal(struct run *run, int fd)
{
    struct signalfd_siginfo info;

    while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (run->killed || !run->launched || run->cut_off) {
            run->broken = true;
            run->code = 128 + (int)info.ssi_signo;
        }
        run->killed = true;
        proffer_kill(run->scheduler, TASK_ID, -1);
    }
}

static bool is_over(const struct run *run)
{
    return run->broken ||
           (run->ended && (!run->sandbox || (run->streams[0].done && run->streams[1].done)));
}

static int timeout_ms(const struct run *run)
{
    int64_t left_ms = (run->give_up_us - clock_now().mono_us + US_PER_MS - 1) / US_PER_MS;

    if (!run->launched && run->options->wait_ms)
        return left_ms > 0 ? (int)left_ms : 0;
    return run->streams[0].rests || run->streams[1].rests ? REST_MS : -1;
}

static bool gave_up(const struct run *run)
{
    return !run->launched && run->options->wait_ms && clock_now().mono_us >= run->give_up_us;
}

static void loop(struct run *run, int signals)
{
    struct pollfd fds[] = {{proffer_scheduler_fd(run->scheduler), POLLIN, 0},
                           {proffer_fetcher_fd(run->fetcher), POLLIN, 0},
                           {signals, POLLIN, 0}};

    while (!is_over(run)) {
        int count = poll(fds, ARRAY_SIZE(fds), timeout_ms(run));

        if (gave_up(run)) {
            run->code =
                cli_fail(EXIT_RUN_FAILED, "nothing could be launched within the --wait time");
            return;
        }
        for (size_t i = 0; count == 0 && i < ARRAY_SIZE(run->streams); i++)
            fetch_more(&run->streams[i]);
        if (fds[2].revents)
            on_signal(run, signals);
        if (fds[1].revents)
            proffer_fetcher_dispatch(run->fetcher);
        if (fds[0].revents && proffer_scheduler_dispatch(run->scheduler) <= 0)
            return;
    }
}

static int run_task(struct run *run)
{
    static const struct proffer_callbacks callbacks = {.offers = on_offers,
                                                       .update = on_update,
                                                       .error = on_error,
                                                       .disconnected = on_disconnected};
    CLEANUP(close_fd) int signals = open_signals();
    struct proffer_err err;

    if (proffer_fetcher_new(2, &run->fetcher, &err) < 0 ||
        proffer_scheduler_new(&run->options->scheduler, &callbacks, run, &run->scheduler, &err) < 0)
        return cli_fail(EXIT_RUN_FAILED, "%s", err.text);
    run->give_up_us = clock_now().mono_us + run->options->wait_ms * US_PER_MS;
    loop(run, signals);
    proffer_scheduler_stop(run->scheduler, true);
    proffer_scheduler_run(run->scheduler);
    return run->code;
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

static int run_command(struct run_options *options, char **words, int count)
{
    struct run run = {.options = options,
                      .code = EXIT_RUN_FAILED,
                      .streams = {{.file = "stdout", .fd = STDOUT_FILENO},
                                  {.file = "stderr", .fd = STDERR_FILENO}}};
    CLEANUP(free_p) struct proffer_pair *env = mem_calloc(options->env.count + 1, sizeof(*env));
    CLEANUP(free_p)
    char *resources = options->resources
                          ? mem_strdup(options->resources)
                          : mem_printf("cpus:%s;mem:%s", options->cpus, options->mem);
    int code = parse_env(&options->env, env);

    run.streams[0].run = run.streams[1].run = &run;
    run.task = (struct proffer_task){
        .id = TASK_ID,
        .name = options->name ? options->name : words[0],
        .resources = resources,
        .ports = (size_t)options->ports,
        .command = count == 1 ? words[0] : NULL,
        .argv = count == 1 ? NULL : (const char *const *)words,
        .env = env,
        .user = options->user,
        .max_completion_ms = options->timeout_ms,
    };
    if (code == 0)
        code = run_task(&run);
    proffer_scheduler_destroy(&run.scheduler);
    proffer_fetcher_destroy(&run.fetcher);
    free(run.agent_address);
    free(run.sandbox);
    for (size_t i = 0; i < options->env.count; i++)
        free((char *)env[i].name);
    return code;
}

int cmd_run(int argc, char **argv)
{
    static struct run_options options = {
        .scheduler = {.name = "run", .ends_with_session = true}, .cpus = "1", .mem = "128"};
    const struct option_def defs[] = {
        {OPTION_STRING, "master", 'm', "HOST:PORT", "the master", &options.scheduler.master, 0, 0,
         false},
        {OPTION_STRING, "cpus", 'c', "N", "processors", &options.cpus, 0, 0, true},
        {OPTION_STRING, "mem", 'M', "MIB", "memory", &options.mem, 0, 0, true},
        {OPTION_STRING, "resources", 'R', "TEXT", "all that it takes, as cpus:1;mem:64;disk:10",
         &options.resources, 0, 0, true},
        {OPTION_INT, "ports", 'p', "N", "that many ports, in PORT0, PORT1...", &options.ports, 0,
         65535, true},
        {OPTION_STRINGS, "env", 'e', "NAME=VALUE", "for the command; may be repeated", &options.env,
         0, 0, true},
        {OPTION_STRING, "user", 'u', "NAME", "whom it runs as", &options.user, 0, 0, true},
        {OPTION_STRING, "name", 'n', "NAME", "of the task", &options.name, 0, 0, true},
        {OPTION_STRING, "role", '\0', "ROLE", "whose resources to use", &options.role, 0, 0, true},
        {OPTION_DURATION, "timeout", 't', "TIME", "kill it after TIME", &options.timeout_ms, 0, 0,
         true},
        {OPTION_DURATION, "wait", 'w', "TIME", "give up when nothing can be launched for so long",
         &options.wait_ms, 0, 86400000, true},
        {OPTION_STRING, "keys", '\0', "FILE", "certificate, for a master with keys",
         &options.scheduler.keys, 0, 0, false},
        {OPTION_FLAG, "insecure", '\0', NULL, "allow a master elsewhere without keys",
         &options.scheduler.insecure, 0, 0, false},
        {.name = NULL}};
    const struct command_def def = {
        .name = "proffer run",
        .synopsis = "[OPTION...] COMMAND [ARGUMENT...]",
        .summary = "Run one command as a task: a single word goes to the shell, several are run as "
                   "they are. Output is shown as it comes.",
        .footer = "Exit: the command's own code, 128+N when signal N ended it, 125 when proffer\n"
                  "failed.",
        .options = defs,
        .stop_at_operand = true};
    int operand, code = cli_options(&def, argc, argv, &operand);

    if (code < 0 && operand == argc)
        code = cli_fail(EXIT_USAGE, "what shall be run? (proffer run COMMAND [ARGUMENT...])");
    if (code < 0) {
        options.roles[0] = options.role;
        options.scheduler.roles = options.role ? options.roles : NULL;
        code = run_command(&options, argv + operand, argc - operand);
    }
    options_fini_strings(&options.env);
    return code;
}
