/* proffer status: the cluster on one screen. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/printable.h"
#include "cli/http.h"
#include "cli/list.h"

#define BAR_WIDTH 20

/* What the lines below are made of. */
struct cluster {
    json_t *summary; /* /state-summary */
    json_t *master;  /* /version and who leads: of /state-summary and /metrics/snapshot */
    json_t *metrics;
};

static void cluster_fini(struct cluster *cluster)
{
    json_decref(cluster->summary);
    json_decref(cluster->master);
    json_decref(cluster->metrics);
}

static int fetch(const char *http, struct cluster *cluster)
{
    int code;

    cluster->summary = http_get(http, "/state-summary", &code);
    if (cluster->summary)
        cluster->master = http_get(http, "/version", &code);
    if (cluster->master)
        cluster->metrics = http_get(http, "/metrics/snapshot", &code);
    return code;
}

static double metric(const struct cluster *cluster, const char *name)
{
    return number(cluster->metrics, name);
}

static void print_resource(const struct cluster *cluster, const char *label, const char *name,
                           const char *unit)
{
    char bar[BAR_WIDTH + 1];
    char key[64];
    double total, used;
    int filled;

    snprintf(key, sizeof(key), "master/%s_total", name);
    total = metric(cluster, key);
    snprintf(key, sizeof(key), "master/%s_used", name);
    used = metric(cluster, key);
    filled = total > 0 ? (int)(used / total * BAR_WIDTH + 0.5) : 0;
    for (int i = 0; i < BAR_WIDTH; i++)
        bar[i] = i < filled ? '#' : '.';
    bar[BAR_WIDTH] = '\0';
    printf("  %-6s [%s] %.12g of %.12g%s used\n", label, bar, used, total, unit);
}

static void print_tasks(const struct cluster *cluster)
{
    static const char *const states[] = {"staging",     "starting", "running", "killing",
                                         "unreachable", "finished", "failed",  "killed",
                                         "error",       "dropped",  "gone"};
    bool any = false;

    printf("Tasks       ");
    for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
        char key[64];

        snprintf(key, sizeof(key), "master/tasks_%s", states[i]);
        if (metric(cluster, key) <= 0)
            continue;
        printf("%s%.0f %s", any ? ", " : "", metric(cluster, key), states[i]);
        any = true;
    }
    puts(any ? "" : "none");
}

static void print_people(const struct cluster *cluster, const char *http)
{
    const char *name = field(cluster->summary, "cluster");

    print_line(stdout, "Cluster     %s, master %s (HTTP %s), version %s",
               *name ? name : "(no name)", field(cluster->summary, "hostname"), http,
               field(cluster->master, "version"));
    printf("Agents      %.0f active", metric(cluster, "master/slaves_active"));
    if (metric(cluster, "master/slaves_inactive") > 0)
        printf(", %.0f inactive", metric(cluster, "master/slaves_inactive"));
    if (metric(cluster, "master/slaves_unreachable") > 0)
        printf(", %.0f unreachable", metric(cluster, "master/slaves_unreachable"));
    printf("\nFrameworks  %.0f active", metric(cluster, "master/frameworks_active"));
    if (metric(cluster, "master/frameworks_disconnected") > 0)
        printf(", %.0f disconnected", metric(cluster, "master/frameworks_disconnected"));
    printf("\nOffers      %.0f out\n", metric(cluster, "master/outstanding_offers"));
}

int cmd_status(int argc, char **argv)
{
    static struct list_options options = LIST_DEFAULTS;
    const struct option_def defs[] = {LIST_OPTIONS(options), {.name = NULL}};
    const struct command_def def = {.name = "proffer status",
                                    .synopsis = CLI_OPTIONS_ONLY,
                                    .summary = "Show how the cluster is, on one screen.",
                                    .footer = "Exit: 0 ok, 2 usage, 5 no answer from the master.",
                                    .options = defs};
    CLEANUP(cluster_fini) struct cluster cluster = {0};
    int operand, code = cli_options(&def, argc, argv, &operand);

    if (code >= 0 || (code = list_options_check(&options)) ||
        (code = fetch(options.http, &cluster)))
        return code;
    if (!strcmp(options.format, "json")) {
        json_object_set(cluster.summary, "metrics", cluster.metrics);
        json_object_set(cluster.summary, "version", json_object_get(cluster.master, "version"));
        list_print_json(cluster.summary);
        return EXIT_OK;
    }
    print_people(&cluster, options.http);
    print_tasks(&cluster);
    puts("Resources");
    print_resource(&cluster, "cpus", "cpus", "");
    print_resource(&cluster, "mem", "mem", " MiB");
    print_resource(&cluster, "disk", "disk", " MiB");
    return EXIT_OK;
}
