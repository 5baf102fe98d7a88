/* proffer-batch: run many commands over a Proffer cluster. The command line and the loop. */
#include "examples/batch/batch.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "examples/batch/journal.h"
#include "examples/batch/memory.h"
#include "examples/batch/units.h"

#define PRIORITY_MAX     1000000
#define FAILOVER_SECONDS (7.0 * 86400) /* that tasks go on for when this program is killed */

enum exit_code {
    EXIT_ALL_SUCCEEDED = 0,
    EXIT_SOME_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_NO_CLUSTER = 3,
    EXIT_INTERRUPTED = 130,
};

static const char help[] =
    "Usage: proffer-batch [OPTION...] [FILE]\n"
    "Run the jobs of FILE (or standard input) over a Proffer cluster: one shell command a line,\n"
    "or JSON: {\"cmd\":\"...\",\"name\":\"...\",\"cpus\":1,\"mem\":128,\"env\":{},\"retries\":0,\n"
    "\"timeout\":\"5m\",\"after\":[\"name\"]}. Exits 0 only if all jobs succeeded.\n"
    "\n"
    "  -m, --master HOST:PORT   the master (default $PROFFER_MASTER, else 127.0.0.1:5050)\n"
    "  -o, --output DIR         collect each job's output in DIR/NAME.out and DIR/NAME.err\n"
    "      --resume             go on with the run that was interrupted in DIR\n"
    "  -r, --report FILE        write a line of JSON for each job that ends\n"
    "  -c, --cpus N             of a job that does not say (default 1)\n"
    "  -M, --mem MIB            of a job that does not say (default 128)\n"
    "  -R, --resources TEXT     all that it takes, as cpus:1;mem:128;disk:10\n"
    "  -n, --retries N          attempts after a failed one (default 0)\n"
    "  -t, --timeout TIME       kill an attempt TIME after its start, as 90s, 5m, 1h30m\n"
    "  -j, --jobs N             at most N at the same time\n"
    "  -i, --image IMAGE        run the jobs in Docker containers of this image\n"
    "  -u, --user NAME          whom the jobs run as on the agents\n"
    "      --uri URI[,HOW...]   fetch it for each job before it starts; may be repeated;\n"
    "                           HOW: extract, executable, cache, output=NAME, sha256=HEX\n"
    "      --isolation JSON     of a job that does not say, as {\"network\":\"none\"}\n"
    "      --role ROLE          whose resources to use (default: the unreserved ones)\n"
    "      --name NAME          of the framework (default: batch)\n"
    "      --priority N         of the jobs in their role: those with less give way first\n"
    "      --needs              tell the master what the jobs need: it offers that, and where it\n"
    "                           preempts, others may have to give way to it\n"
    "      --kill-grace TIME    between SIGTERM and SIGKILL (default 3s)\n"
    "      --fail-fast          stop at the first job that fails\n"
    "      --connect-timeout T  give up when no master answers for so long (default 30s)\n"
    "      --keys FILE          certificate, for a master with keys\n"
    "      --insecure           allow a master that is not on this host without keys\n"
    "  -q, --quiet              say only what failed\n"
    "  -h, --help  -V, --version\n"
    "\n"
    "Exit: 0 all succeeded, 1 some failed, 2 usage, 3 no cluster, 130 interrupted.\n";

enum long_only {
    OPT_ROLE = 256,
    OPT_ISOLATION,
    OPT_RESUME,
    OPT_NAME,
    OPT_PRIORITY,
    OPT_NEEDS,
    OPT_KILL_GRACE,
    OPT_FAIL_FAST,
    OPT_CONNECT_TIMEOUT,
    OPT_KEYS,
    OPT_INSECURE,
    OPT_URI
};

static const struct option long_options[] = {
    {"master", required_argument, NULL, 'm'},
    {"output", required_argument, NULL, 'o'},
    {"resume", no_argument, NULL, OPT_RESUME},
    {"report", required_argument, NULL, 'r'},
    {"cpus", required_argument, NULL, 'c'},
    {"mem", required_argument, NULL, 'M'},
    {"resources", required_argument, NULL, 'R'},
    {"retries", required_argument, NULL, 'n'},
    {"timeout", required_argument, NULL, 't'},
    {"jobs", required_argument, NULL, 'j'},
    {"user", required_argument, NULL, 'u'},
    {"image", required_argument, NULL, 'i'},
    {"isolation", required_argument, NULL, OPT_ISOLATION},
    {"role", required_argument, NULL, OPT_ROLE},
    {"name", required_argument, NULL, OPT_NAME},
    {"priority", required_argument, NULL, OPT_PRIORITY},
    {"needs", no_argument, NULL, OPT_NEEDS},
    {"kill-grace", required_argument, NULL, OPT_KILL_GRACE},
    {"fail-fast", no_argument, NULL, OPT_FAIL_FAST},
    {"connect-timeout", required_argument, NULL, OPT_CONNECT_TIMEOUT},
    {"keys", required_argument, NULL, OPT_KEYS},
    {"insecure", no_argument, NULL, OPT_INSECURE},
    {"uri", required_argument, NULL, OPT_URI},
    {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

/* --- the command line
 * ------------------------------------------------------------------------------ */

struct arguments {
    struct batch_options options;
    const char *roles[2];
    const char *cpus, *mem, *resources;
    struct proffer_uri *uris; /* ends with a NULL value; owned */
    size_t uris_count;
    char default_resources[256];
    const char *file;
};

static long parse_number(const char *option, const char *text, long min, long max)
{
    char *end;
    long number;

    errno = 0;
    number = strtol(text, &end, 10);
    if (errno || end == text || *end || number < min || number > max) {
        fprintf(stderr, "proffer-batch: --%s must be a whole number from %ld to %ld, not \"%s\"\n",
                option, min, max, text);
        exit(EXIT_USAGE);
    }
    return number;
}

static long parse_count(const char *option, const char *text, long max)
{
    return parse_number(option, text, 0, max);
}

static int64_t parse_time(const char *option, const char *text)
{
    int64_t ms;

    if (units_parse_ms(text, &ms) < 0) {
        fprintf(stderr, "proffer-batch: --%s must be a time as 90s, 5m, 1h30m, not \"%s\"\n",
                option, text);
        exit(EXIT_USAGE);
    }
    return ms;
}

static const char *check_number(const char *option, const char *text)
{
    char *end;
    double number = strtod(text, &end);

    if (end == text || *end || !(number > 0 && number <= 1e9) || strpbrk(text, "xXeEpPnN")) {
        fprintf(stderr, "proffer-batch: --%s must be a number above 0, not \"%s\"\n", option, text);
        exit(EXIT_USAGE);
    }
    return text;
}

static void add_uri(struct arguments *arguments, char *text)
{
    size_t count = ++arguments->uris_count;
    struct proffer_err err;

    arguments->uris = batch_resize(arguments->uris, count + 1, sizeof(*arguments->uris));
    arguments->uris[count] = (struct proffer_uri){.value = NULL};
    if (proffer_uri_parse(text, &arguments->uris[count - 1], &err) < 0) {
        proffer_print_line(stderr, "proffer-batch: --uri: %s", err.text);
        exit(EXIT_USAGE);
    }
    arguments->options.uris = arguments->uris;
}

static void take_scheduler_option(struct arguments *arguments, int option)
{
    struct proffer_scheduler_options *scheduler = &arguments->options.scheduler;

    switch (option) {
    case 'm':
        scheduler->master = optarg;
        break;
    case OPT_ROLE:
        arguments->roles[0] = optarg;
        scheduler->roles = arguments->roles;
        break;
    case OPT_NAME:
        scheduler->name = optarg;
        break;
    case OPT_KEYS:
        scheduler->keys = optarg;
        break;
    case OPT_INSECURE:
        scheduler->insecure = true;
        break;
    case 'h':
        fputs(help, stdout);
        exit(0);
    case 'V':
        printf("proffer-batch %s\n", proffer_version());
        exit(0);
    default:
        fputs("Try proffer-batch --help\n", stderr);
        exit(EXIT_USAGE);
    }
}

static void take_option(struct arguments *arguments, int option)
{
    struct batch_options *options = &arguments->options;

    switch (option) {
    case 'o':
        options->output_dir = optarg;
        break;
    case 'r':
        options->report_path = optarg;
        break;
    case 'c':
        arguments->cpus = check_number("cpus", optarg);
        break;
    case 'M':
        arguments->mem = check_number("mem", optarg);
        break;
    case 'R':
        arguments->resources = optarg;
        break;
    case 'n':
        options->defaults.retries = (int)parse_count("retries", optarg, 1000000);
        break;
    case 't':
        options->defaults.timeout_ms = parse_time("timeout", optarg);
        break;
    case 'j':
        options->jobs_max = (size_t)parse_count("jobs", optarg, 1000000000);
        break;
    case 'u':
        options->defaults.user = optarg;
        break;
    case 'i':
        options->defaults.image = optarg;
        break;
    case OPT_ISOLATION:
        options->defaults.isolation = optarg;
        break;
    case OPT_KILL_GRACE:
        options->kill_grace_ms = parse_time("kill-grace", optarg);
        if (options->kill_grace_ms == 0)
            options->kill_grace_ms = -1;
        break;
    case OPT_URI:
        add_uri(arguments, optarg);
        break;
    case OPT_PRIORITY:
        options->priority = parse_number("priority", optarg, -PRIORITY_MAX, PRIORITY_MAX);
        break;
    case OPT_NEEDS:
        options->needs = true;
        break;
    case OPT_RESUME:
        options->resume = true;
        break;
    case OPT_FAIL_FAST:
        options->fail_fast = true;
        break;
    case OPT_CONNECT_TIMEOUT:
        options->connect_timeout_ms = parse_time("connect-timeout", optarg);
        break;
    case 'q':
        options->quiet = true;
        break;
    default:
        take_scheduler_option(arguments, option);
    }
}

static void parse_arguments(struct arguments *arguments, int argc, char **argv)
{
    int option;

    while ((option = getopt_long(argc, argv, "m:o:r:c:M:R:n:t:j:u:i:qhV", long_options, NULL)) !=
           -1)
        take_option(arguments, option);
    if (argc - optind > 1) {
        fprintf(stderr, "proffer-batch: one file at most, \"%s\" is one more\n", argv[optind + 1]);
        exit(EXIT_USAGE);
    }
    if (arguments->options.resume && !arguments->options.output_dir) {
        fputs("proffer-batch: --resume needs --output: the folder in which the run was begun\n",
              stderr);
        exit(EXIT_USAGE);
    }
    arguments->file = optind < argc ? argv[optind] : "-";
    snprintf(arguments->default_resources, sizeof(arguments->default_resources), "cpus:%s;mem:%s",
             arguments->cpus ? arguments->cpus : "1", arguments->mem ? arguments->mem : "128");
    arguments->options.defaults.resources =
        arguments->resources ? arguments->resources : arguments->default_resources;
}

/* --- the run
 * ------------------------------------------------------------------------------------------ */

static int read_jobs(struct batch *batch, const char *path, struct proffer_err *err)
{
    bool standard = !strcmp(path, "-");
    FILE *file = standard ? stdin : fopen(path, "re");
    int r;

    if (!file) {
        snprintf(err->text, sizeof(err->text), "%.150s: %s", path, strerror(errno));
        return -errno;
    }
    r = job_list_read(&batch->list, file, standard ? "standard input" : path,
                      &batch->options->defaults, err);
    if (!standard)
        fclose(file);
    return r;
}

/* The descriptors of the loop. */
enum slot { SLOT_SCHEDULER, SLOT_SIGNALS, SLOT_TICK, SLOT_FETCHER, SLOT_MAX };

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

static int open_tick(void)
{
    const struct itimerspec tenth = {{0, 100000000}, {0, 100000000}};
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

    timerfd_settime(fd, 0, &tenth, NULL);
    return fd;
}

static void on_signal(struct batch *batch, int fd)
{
    struct signalfd_siginfo signal_info;

    while (read(fd, &signal_info, sizeof(signal_info)) == (ssize_t)sizeof(signal_info)) {
        if (batch->interrupted) {
            progress_say(batch, "interrupted again: leaving at once");
            batch->failed = true;
            return;
        }
        progress_say(batch, "interrupted: killing %zu running jobs (again to leave at once)",
                     batch->list.counts[JOB_RUNNING]);
        batch_interrupt(batch);
    }
}

static bool gave_up(struct batch *batch, double now)
{
    double limit = (double)batch->options->connect_timeout_ms / 1000;

    if (batch->ever_registered || now - batch->began < limit)
        return false;
    progress_say(batch,
                 "no master answered within %.0f s; is it running? (--master, PROFFER_MASTER)",
                 limit);
    return true;
}

static int make_scheduler(struct batch *batch, const char *framework_id, struct proffer_err *err)
{
    struct proffer_scheduler_options options = batch->options->scheduler;

    options.framework_id = *framework_id ? framework_id : NULL;
    options.ends_with_session = !batch->journal;
    options.failover_timeout = batch->journal ? FAILOVER_SECONDS : 0;
    options.acknowledge_by_hand = batch->journal != NULL;
    return proffer_scheduler_new(&options, &batch_callbacks, batch, &batch->scheduler, err);
}

/* False: there is no use in going on. */
static bool run_scheduler(struct batch *batch, struct pollfd *poll_fd)
{
    struct proffer_err err;

    if (proffer_scheduler_dispatch(batch->scheduler) > 0)
        return true;
    if (!batch->is_framework_gone)
        return false;
    batch_forget_framework(batch);
    proffer_scheduler_destroy(&batch->scheduler);
    if (make_scheduler(batch, "", &err) < 0) {
        progress_say(batch, "%s", err.text);
        return false;
    }
    poll_fd->fd = proffer_scheduler_fd(batch->scheduler);
    return true;
}

static void loop(struct batch *batch, int signals, int tick)
{
    struct pollfd fds[SLOT_MAX] = {
        [SLOT_SCHEDULER] = {proffer_scheduler_fd(batch->scheduler), POLLIN, 0},
        [SLOT_SIGNALS] = {signals, POLLIN, 0},
        [SLOT_TICK] = {tick, POLLIN, 0},
        [SLOT_FETCHER] = {batch->fetcher ? proffer_fetcher_fd(batch->fetcher) : -1, POLLIN, 0},
    };

    while (!job_list_is_done(&batch->list) && !batch->failed) {
        uint64_t ticks;

        if (poll(fds, SLOT_MAX, -1) < 0 && errno != EINTR)
            return;
        if (fds[SLOT_SIGNALS].revents)
            on_signal(batch, signals);
        if (fds[SLOT_FETCHER].revents)
            proffer_fetcher_dispatch(batch->fetcher);
        if (fds[SLOT_SCHEDULER].revents && !run_scheduler(batch, &fds[SLOT_SCHEDULER]))
            return;
        if (fds[SLOT_TICK].revents && read(tick, &ticks, sizeof(ticks)) > 0) {
            progress_show(batch, batch_now());
            batch_tick(batch, batch_now());
        }
        batch_settle(batch);
        if (gave_up(batch, batch_now()))
            return;
    }
}

static int exit_code(const struct batch *batch)
{
    if (batch->interrupted && !batch->options->fail_fast)
        return EXIT_INTERRUPTED;
    if (batch->failed || !job_list_is_done(&batch->list))
        return EXIT_NO_CLUSTER;
    return batch->list.counts[JOB_SUCCEEDED] == batch->list.count ? EXIT_ALL_SUCCEEDED
                                                                  : EXIT_SOME_FAILED;
}

/* What a later run can take over goes on. */
static bool is_over(const struct batch *batch)
{
    return !batch->journal || batch->interrupted || job_list_is_done(&batch->list);
}

static int run(struct batch *batch)
{
    int signals, tick, code;
    struct proffer_err err;

    if (batch->options->resume)
        batch_restore(batch);
    if (job_list_is_done(&batch->list)) {
        progress_summary(batch, batch_now());
        return exit_code(batch);
    }
    signals = open_signals();
    tick = open_tick();
    if (make_scheduler(batch, journal_framework_id(batch), &err) < 0) {
        proffer_print_line(stderr, "proffer-batch: %s", err.text);
        close(signals);
        close(tick);
        return EXIT_USAGE;
    }
    batch_fetch_restored(batch);
    loop(batch, signals, tick);
    batch_settle(batch);
    progress_summary(batch, batch_now());
    report_close(batch);
    code = exit_code(batch);
    proffer_scheduler_stop(batch->scheduler, is_over(batch));
    proffer_scheduler_run(batch->scheduler);
    proffer_scheduler_destroy(&batch->scheduler);
    close(signals);
    close(tick);
    return code;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {
        .options = {.scheduler = {.name = "batch"}, .connect_timeout_ms = 30000}};
    struct batch batch = {.options = &arguments.options, .output_fd = -1};
    struct proffer_err err = {""};
    int code = EXIT_USAGE;

    parse_arguments(&arguments, argc, argv);
    batch.terminal = isatty(STDERR_FILENO);
    batch.began = batch_now();
    if (read_jobs(&batch, arguments.file, &err) < 0 || output_open(&batch, &err) < 0 ||
        journal_open(&batch, &err) < 0 || report_open(&batch, &err) < 0)
        proffer_print_line(stderr, "proffer-batch: %s", err.text);
    else if (batch.list.count == 0)
        code = EXIT_ALL_SUCCEEDED;
    else
        code = run(&batch);
    journal_close(&batch);
    output_close(&batch);
    free(batch.owed);
    free(batch.need);
    batch_forget_leaving(&batch);
    report_close(&batch);
    job_list_fini(&batch.list);
    free(arguments.uris);
    return code;
}
