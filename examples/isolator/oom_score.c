/* example/oom_score: an isolator that is not part of Proffer. When the host runs out of memory, the kernel takes tasks
 * before all else, as far as `adj` says.
 *
 *     cc -shared -fPIC -I/usr/local/include/proffer-isolator -D_GNU_SOURCE -o oom_score.so oom_score.c
 *     proffer-agent --modules /usr/local/lib/oom_score.so \
 *         --isolation cgroup/cpu,cgroup/memory,example/oom_score --isolator-options example/oom_score.adj=300
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <isolators/isolator.h>

#define NAME    "example/oom_score"
#define ADJ_MAX 1000

static char adj[8] = "500";

static int oom_setup(const struct isolator_host *host, struct err *err)
{
    const char *value = isolator_option(host, NAME, "adj");
    char *end = NULL;
    long number;

    if (!value)
        return 0;
    number = strtol(value, &end, 10);
    if (end == value || *end || number < 0 || number > ADJ_MAX || strlen(value) >= sizeof(adj))
        return isolator_err(err, -ISOLATOR_WRONG_SETTING, "adj=%.20s: want 0 to %d", value,
                            ADJ_MAX);
    memcpy(adj, value, strlen(value) + 1);
    return 0;
}

/* In the task's own process, just created. */
static int write_score(const struct spawn_step *step, struct spawned *spawned, struct err *err)
{
    const char *text = step->data;
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    ssize_t written = fd < 0 ? -1 : write(fd, text, strlen(text));
    int error = errno;

    (void)spawned;
    (void)err;
    if (fd >= 0)
        close(fd);
    return written < 0 ? -error : 0;
}

static int oom_prepare(const struct isolation *want, struct spawn *spawn, void **ret_state,
                       struct err *err)
{
    const struct spawn_step step = {
        .phase = SPAWN_BOUNDING,
        .what = "write its oom_score_adj",
        .run = write_score,
        .data = adj,
    };

    (void)want;
    (void)ret_state; /* nothing is kept of a container */
    return spawn_add_step(spawn, &step, err);
}

static const struct isolator_option oom_options[] = {
    {"adj",
     "0 to 1000: how much sooner than others tasks are killed when the host has no memory left"},
    {NULL, NULL},
};

static const struct isolator_ops oom_score = {
    .name = NAME,
    .options = oom_options,
    .setup = oom_setup,
    .prepare = oom_prepare,
};

static const struct isolator_ops *const isolators[] = {&oom_score, NULL};

PROFFER_ISOLATOR_PLUGIN("oom_score, the example", isolators);
