/* master/flags.h - proffer-master's command line. */
#ifndef PROFFER_MASTER_FLAGS_H
#define PROFFER_MASTER_FLAGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "master/view/documents.h"

/* What proffer-master listens on when nothing is said. The agent's HTTP has 5051, hence 5055. */
#define MASTER_LINK_PORT 5050
#define MASTER_HTTP_PORT 5055

struct master_flags {
    const char *address;   /* numeric; both ports listen there */
    const char *advertise; /* numeric; what others are told, "" for `address` */
    int64_t port;          /* of the link; 0: the kernel picks, as the next one */
    int64_t http_port;
    const char *hostname; /* "": the machine's */
    const char *cluster;
    const char *domain;       /* "": not known */
    int64_t offer_timeout_ms; /* 0: never */
    int64_t gang_hold_ms;
    bool preemption;
    int64_t preemption_grace_ms; /* 0: none */
    int64_t preemption_grace_max_ms;
    const char *preemption_rate; /* "20/1m" */
    int64_t optimistic_offers_max;
    int64_t maintenance_notice_ms;
    int64_t agent_timeout_ms;
    int64_t agent_reregister_ms;
    const char *removal_rate;  /* "20/1m" */
    int64_t removal_limit;     /* percent */
    int64_t maintenance_limit; /* percent */
    int64_t failover_timeout_ms;
    const char *work_dir;
    const char *registry; /* a store that there is */
    int64_t epoch_at_least;
    const char *min_allocatable;
    int64_t offers_max;
    const char *allocator;
    const char *fair_sharing_excluded;
    const char *keys;
    bool insecure;
    const char *log_level;
    int64_t ready_fd; /* 0: none */

    enum log_level level;  /* from log_level */
    int64_t removal_count; /* from removal_rate, as the next one */
    int64_t removal_per_ms;
    int64_t preemption_count; /* from preemption_rate, as the next one */
    int64_t preemption_per_ms;
    struct options_shown shown; /* all of them as text; owned */
};

/* OPTIONS_HELP or OPTIONS_VERSION when that was asked for and printed; -EINVAL with a text for the
 * user. */
int master_flags_parse(struct master_flags *ret_flags, int argc, char **argv, struct err *err);
void master_flags_fini(struct master_flags *self);

#endif
