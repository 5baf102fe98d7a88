#include "agent/restart.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"

#define VARIABLE     "PROFFER_AGENT_RESTARTED" /* at these times, newest first */
#define RESTARTS_MAX 3
#define WINDOW_US    ((int64_t)60 * US_PER_S)
#define NO_READY_FD  "--ready-fd=-1"

/* The times that are not long ago; how many. */
static size_t read_times(int64_t now_us, int64_t ret_times[RESTARTS_MAX])
{
    const char *text = getenv(VARIABLE);
    size_t count = 0;
    char *end;

    while (text && *text && count < RESTARTS_MAX) {
        int64_t at_us = strtoll(text, &end, 10);

        if (end == text)
            break;
        if (at_us <= now_us && now_us - at_us < WINDOW_US)
            ret_times[count++] = at_us;
        text = end;
    }
    return count;
}

bool restart_is_due(int64_t now_us)
{
    int64_t times[RESTARTS_MAX];

    return read_times(now_us, times) < RESTARTS_MAX;
}

int restart_note(int64_t now_us)
{
    int64_t times[RESTARTS_MAX] = {0};
    size_t count = read_times(now_us, times);
    char text[RESTARTS_MAX * 24 + 24];
    int size = snprintf(text, sizeof(text), "%" PRId64, now_us);

    for (size_t i = 0; i < count && i + 1 < RESTARTS_MAX; i++)
        size += snprintf(text + size, sizeof(text) - (size_t)size, " %" PRId64, times[i]);
    return setenv(VARIABLE, text, 1) < 0 ? -errno : 0;
}

int restart(char **argv, bool has_told_ready, struct err *err)
{
    char no_ready_fd[] = NO_READY_FD;
    CLEANUP(free_p) char **again = NULL;
    size_t count = 0;

    while (argv[count])
        count++;
    again = mem_calloc(count + 2, sizeof(*again));
    memcpy(again, argv, count * sizeof(*again));
    if (has_told_ready && (count == 0 || strcmp(argv[count - 1], NO_READY_FD) != 0))
        again[count] = no_ready_fd;
    if (restart_note(clock_now().mono_us) < 0)
        return err_errno(err, -ENOMEM, "the environment of a new agent");
    execv("/proc/self/exe", again);
    return err_errno(err, -errno, "the agent cannot be executed anew");
}
