#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log_limit.h"
#include "base/printable.h"

#define LINE_MAX_BYTES 2048

static const struct {
    const char *name;
    char letter;
    char priority;  /* syslog(3) */
    unsigned burst; /* so many of one kind in LOG_WINDOW_US; 0: all */
} levels[LOG_LEVEL_MAX] = {
    [LOG_LEVEL_ERROR] = {"error", 'E', '3', 10},
    [LOG_LEVEL_WARNING] = {"warning", 'W', '4', 10},
    [LOG_LEVEL_INFO] = {"info", 'I', '6', 100},
    [LOG_LEVEL_DEBUG] = {"debug", 'D', '7', 0},
};

static const char *log_program = "proffer";
static enum log_level log_threshold = LOG_LEVEL_INFO;
static bool log_to_journal;

void log_open(const char *program, enum log_level level)
{
    log_program = program;
    log_threshold = level;
    log_to_journal = getenv("JOURNAL_STREAM") != NULL;
}

int log_level_parse(const char *text, enum log_level *ret_level)
{
    for (int i = 0; i < LOG_LEVEL_MAX; i++) {
        if (!strcmp(text, levels[i].name)) {
            *ret_level = (enum log_level)i;
            return 0;
        }
    }
    return -EINVAL;
}

static size_t write_prefix(char *line, size_t size, enum log_level level)
{
    struct timespec time;
    struct tm parts;
    size_t used;

    if (log_to_journal)
        return (size_t)snprintf(line, size, "<%c>", levels[level].priority);
    clock_gettime(CLOCK_REALTIME, &time);
    localtime_r(&time.tv_sec, &parts);
    used = strftime(line, size, "%Y-%m-%dT%H:%M:%S", &parts);
    return used + (size_t)snprintf(line + used, size - used,
                                   ".%03ld %c %s: ", time.tv_nsec / 1000000, levels[level].letter,
                                   log_program);
}

static void emit(enum log_level level, const char *text)
{
    char line[LINE_MAX_BYTES];
    size_t start = write_prefix(line, sizeof(line), level), used;

    printable_copy(line + start, sizeof(line) - start - 1, text, "");
    used = strlen(line);
    line[used++] = '\n';
    while (write(STDERR_FILENO, line, used) < 0 && errno == EINTR)
        ;
}

/* --- not too much of the same ------------------------------------------------------------------- */

static pthread_mutex_t limit_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct log_limit limit;

/* What had to be left out by now, and whether this may be written. */
static enum log_verdict ask_limit(enum log_level level, const char *text)
{
    char said[LOG_EXAMPLE + 64];
    int64_t now_us = clock_now().mono_us;
    enum log_verdict verdict = LOG_WRITE;
    struct log_kind over;

    pthread_mutex_lock(&limit_mutex);
    while (log_limit_take_over(&limit, now_us, &over)) {
        snprintf(said, sizeof(said), "%u more like this were left out: %s", over.left_out,
                 over.example);
        emit((enum log_level)over.level, said);
    }
    if (levels[level].burst)
        verdict = log_limit_check(&limit, now_us, (int)level, text, levels[level].burst);
    pthread_mutex_unlock(&limit_mutex);
    return verdict;
}

void log_write(enum log_level level, const char *format, ...)
{
    char text[LINE_MAX_BYTES];
    enum log_verdict verdict;
    va_list args;

    if (level > log_threshold)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    verdict = ask_limit(level, text);
    if (verdict == LOG_WRITE)
        emit(level, text);
    else if (verdict == LOG_LEAVE_OUT_FIRST)
        emit(level, "too much of the same: for some seconds it is counted only");
}
