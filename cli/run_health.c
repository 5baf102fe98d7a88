#include "cli/run_health.h"

#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "cli/cli.h"

/* "8080/path", "/path": the port of the task's own. */
static int parse_place(const char *option, const char *text, struct proffer_check *check)
{
    const char *slash = strchr(text, '/');
    char *end;
    long port = strtol(text, &end, 10);

    if (!slash || (slash != text && (end != slash || port < 1 || port > 65535)))
        return cli_fail(EXIT_USAGE, "--%s %s: must be /PATH or PORT/PATH", option, text);
    check->port = slash == text ? 0 : (int)port;
    check->http = slash;
    return 0;
}

static int parse_port(const char *text, struct proffer_check *check)
{
    int64_t port;
    struct err err;

    if (units_parse_int(text, 0, 65535, &port, &err) < 0)
        return cli_fail(EXIT_USAGE, "--health-tcp: %s (0: the task's first port)", err.text);
    check->tcp = true;
    check->port = (int)port;
    return 0;
}

int run_health_to_check(const struct run_health *self, struct proffer_check *ret_check)
{
    int wanted = !!self->command + !!self->http + !!self->https + !!self->tcp;

    *ret_check = (struct proffer_check){
        .interval_ms = self->interval_ms,
        .timeout_ms = self->timeout_ms,
        .grace_ms = self->grace_ms < 0 ? 0
                    : self->grace_ms   ? self->grace_ms
                                       : -1,
        .failures = self->failures,
        .command = self->command,
    };
    if (!wanted && (self->interval_ms || self->timeout_ms || self->failures || self->grace_ms >= 0))
        return cli_fail(EXIT_USAGE, "--health-interval and the like are for a task with a check: "
                                    "--health-command, --health-http, --health-https or "
                                    "--health-tcp");
    if (wanted > 1)
        return cli_fail(EXIT_USAGE, "one of --health-command, --health-http, --health-https and "
                                    "--health-tcp is enough");
    if (self->http)
        return parse_place("health-http", self->http, ret_check);
    ret_check->https = self->https != NULL;
    if (self->https)
        return parse_place("health-https", self->https, ret_check);
    if (self->tcp)
        return parse_port(self->tcp, ret_check);
    return wanted ? 0 : 1;
}
