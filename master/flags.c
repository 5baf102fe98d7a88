#include "master/flags.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/daemon.h"
#include "base/mem.h"
#include "base/options.h"
#include "base/units.h"
#include "master/store/store.h"

#define DAY_MS    (INT64_C(24) * 60 * 60 * 1000)
#define YEAR_MS   (365 * DAY_MS)
#define EPOCH_MAX (INT64_MAX / 2) /* room to count on */
#define WORK_DIR  "/var/lib/proffer-master"

/* Where the parser puts values; it is for the main thread and once in a process, as is getopt. */
static struct master_flags given = {
    .address = "127.0.0.1",
    .advertise = "",
    .port = MASTER_LINK_PORT,
    .http_port = MASTER_HTTP_PORT,
    .hostname = "",
    .cluster = "",
    .offer_timeout_ms = 30000,
    .gang_hold_ms = 30000,
    .preemption_grace_ms = 30000,
    .preemption_grace_max_ms = 300000,
    .preemption_rate = "20/1m",
    .optimistic_offers_max = 16,
    .agent_timeout_ms = 75000,
    .agent_reregister_ms = 600000,
    .maintenance_notice_ms = 3600000,
    .removal_rate = "20/1m",
    .removal_limit = 50,
    .maintenance_limit = 50,
    .failover_timeout_ms = 7 * DAY_MS,
    .work_dir = "",
    .registry = "sqlite",
    .domain = "",
    .min_allocatable = "cpus:0.01|mem:32",
    .offers_max = 0,
    .allocator = "drf",
    .fair_sharing_excluded = "",
    .keys = "",
    .log_level = "info",
};

static const struct option_def options[] = {
    {OPTION_STRING, "address", 'a', "IP", "listen here; beyond loopback with --keys or --insecure",
     &given.address, 0, 0, false},
    {OPTION_STRING, "advertise-address", 0, "IP", "tell others this address instead",
     &given.advertise, 0, 0, false},
    {OPTION_INT, "port", 'p', "PORT", "where agents and frameworks connect", &given.port, 0, 65535,
     false},
    {OPTION_INT, "http-port", 0, "PORT", "where people and tools read", &given.http_port, 0, 65535,
     false},
    {OPTION_STRING, "hostname", 0, "NAME", "this machine's name, as shown", &given.hostname, 0, 0,
     false},
    {OPTION_STRING, "cluster", 0, "NAME", "the cluster's name, as shown", &given.cluster, 0, 0,
     false},
    {OPTION_STRING, "domain", 0, "REGION/ZONE",
     "where it stands: agents in other regions are offered to frameworks that know of regions",
     &given.domain, 0, 0, false},
    {OPTION_DURATION, "offer-timeout", 0, "TIME", "take unanswered offers back; 0 is never",
     &given.offer_timeout_ms, 0, YEAR_MS, false},
    {OPTION_DURATION, "gang-hold", 0, "TIME",
     "a gang holds what it has gathered no longer than this", &given.gang_hold_ms, 1, YEAR_MS,
     false},
    {OPTION_FLAG, "preemption", 0, NULL,
     "have tasks give way to needs of roles that lack their guarantee or have a higher priority",
     &given.preemption, 0, 0, false},
    {OPTION_DURATION, "preemption-grace", 0, "TIME",
     "between the notice to a task's framework and its kill, if it does not say",
     &given.preemption_grace_ms, 0, YEAR_MS, false},
    {OPTION_DURATION, "preemption-grace-max", 0, "TIME", "the longest that a task may ask for",
     &given.preemption_grace_max_ms, 1, YEAR_MS, false},
    {OPTION_STRING, "preemption-rate", 0, "N/TIME",
     "preempt at most so many tasks of a role in so much time", &given.preemption_rate, 0, 0,
     false},
    {OPTION_DURATION, "agent-timeout", 0, "TIME", "an agent silent for so long is unreachable",
     &given.agent_timeout_ms, 1000, YEAR_MS, false},
    {OPTION_DURATION, "agent-reregister-timeout", 0, "TIME",
     "after a start, one of the registry that is not back in so long is unreachable",
     &given.agent_reregister_ms, 1000, YEAR_MS, false},
    {OPTION_DURATION, "maintenance-notice", 0, "TIME",
     "so long before maintenance of an agent those who run tasks there are asked to leave",
     &given.maintenance_notice_ms, 1, YEAR_MS, false},
    {OPTION_INT, "maintenance-limit", 0, "PERCENT",
     "maintenance that would take down more of the agents at once has to be forced",
     &given.maintenance_limit, 1, 100, false},
    {OPTION_STRING, "agent-removal-rate", 0, "N/TIME",
     "mark at most so many agents unreachable in so much time", &given.removal_rate, 0, 0, false},
    {OPTION_INT, "agent-removal-limit", 0, "PERCENT",
     "mark none unreachable while more than this are away at once", &given.removal_limit, 1, 100,
     false},
    {OPTION_DURATION, "failover-timeout", 0, "TIME",
     "how long tasks outlive a framework's connection, if it does not say",
     &given.failover_timeout_ms, 1000, 10 * YEAR_MS, false},
    {OPTION_STRING, "min-allocatable", 0, "RESOURCES", "do not offer less; '|' is or, ';' is and",
     &given.min_allocatable, 0, 0, false},
    {OPTION_STRING, "work-dir", 'w', "DIR", "what must not be forgotten is kept there",
     &given.work_dir, 0, 0, false},
    {OPTION_STRING, "registry", 0, "KIND", "sqlite; memory: a restart forgets all", &given.registry,
     0, 0, false},
    {OPTION_INT, "epoch-at-least", 0, "N", "after a registry was lost, or an old one put back",
     &given.epoch_at_least, 0, EPOCH_MAX, false},
    {OPTION_INT, "max-offers-per-framework", 0, "N",
     "a framework holds no more offers at a time; 0 is no limit", &given.offers_max, 0, INT32_MAX,
     false},
    {OPTION_INT, "optimistic-offers-max", 0, "N",
     "show what an agent has to no more frameworks of optimistic roles at a time",
     &given.optimistic_offers_max, 1, 1000, false},
    {OPTION_STRING, "allocator", 0, "ORDER",
     "who is offered first: drf (the smallest dominant share) or random (by weight)",
     &given.allocator, 0, 0, false},
    {OPTION_STRING, "fair-sharing-excluded-resource-names", 0, "NAMES",
     "do not count these in shares, as in gpus,licences", &given.fair_sharing_excluded, 0, 0,
     false},
    {OPTION_STRING, "keys", 0, "FILE", "certificate: encrypt, and let in those it lists",
     &given.keys, 0, 0, false},
    {OPTION_FLAG, "insecure", 0, NULL, "listen beyond loopback without keys", &given.insecure, 0, 0,
     false},
    {OPTION_STRING, "log-level", 0, "LEVEL", "error, warning, info or debug", &given.log_level, 0,
     0, false},
    {OPTION_INT, "ready-fd", 0, "N", "when serving, write READY and both addresses to descriptor N",
     &given.ready_fd, 0, 1048576, true},
    {0},
};

static const struct command_def command = {
    .name = "proffer-master",
    .synopsis = "[OPTION...]",
    .summary = "Pools what agents have, offers it to frameworks, and relays what becomes of tasks.",
    .footer = "GET /help on the HTTP port lists what can be read there.\n"
              "Exit codes: 0 after SIGTERM or SIGINT, 1 could not run, 2 wrong command line.",
    .options = options,
};

void master_flags_fini(struct master_flags *self)
{
    options_shown_fini(&self->shown);
}

/* --- what the parser cannot know ----------------------------------------------------------------
 */

/* "20/1m" */
static int parse_rate(const char *option, const char *text, int64_t *ret_count, int64_t *ret_per_ms,
                      struct err *err)
{
    char *end;

    errno = 0;
    *ret_count = strtoll(text, &end, 10);
    if (errno || end == text || *end != '/' || *ret_count < 1 || *ret_count > 1000000 ||
        units_parse_duration_ms(end + 1, ret_per_ms, NULL) < 0 || *ret_per_ms < 1)
        return err_set(err, -EINVAL, "--%s %s: expected a number and a time, as 20/1m", option,
                       text);
    return 0;
}

/* Whoever may not write to /var/lib has a folder of his own. */
static const char *default_work_dir(void)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

    if (geteuid() == 0 || (!state && !home))
        return WORK_DIR;
    return state && *state ? mem_printf("%s/proffer-master", state)
                           : mem_printf("%s/.local/state/proffer-master", home ? home : "");
}

static int check_registry(struct master_flags *flags, struct err *err)
{
    if (!store_find(flags->registry))
        return err_set(err, -EINVAL, "--registry %s: expected sqlite or memory", flags->registry);
    if (!*flags->work_dir)
        flags->work_dir = default_work_dir();
    return 0;
}

static int check(struct master_flags *flags, struct err *err)
{
    int r = daemon_check_addresses(flags->address, flags->advertise, err);

    if (r < 0)
        return r;
    if (log_level_parse(flags->log_level, &flags->level) < 0)
        return err_set(err, -EINVAL, "--log-level %s: expected error, warning, info or debug",
                       flags->log_level);
    r = parse_rate("agent-removal-rate", flags->removal_rate, &flags->removal_count,
                   &flags->removal_per_ms, err);
    if (r == 0)
        r = parse_rate("preemption-rate", flags->preemption_rate, &flags->preemption_count,
                       &flags->preemption_per_ms, err);
    return r < 0 ? r : check_registry(flags, err);
}

int master_flags_parse(struct master_flags *ret_flags, int argc, char **argv, struct err *err)
{
    int operand;
    int r;

    r = options_parse(&command, argc, argv, &operand, err);
    if (r != 0)
        return r;
    if (operand < argc)
        return err_set(err, -EINVAL, "%s: there are options only, see --help", argv[operand]);
    r = check(&given, err);
    if (r < 0)
        return r;
    options_show(options, &given.shown);
    *ret_flags = given;
    return 0;
}
