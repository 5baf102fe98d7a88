#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048

static const struct {
    const char *name;
    char letter;
    char priority; /* syslog(3) */
} levels[LOG_LEVEL_MAX] = {
    [LOG_LEVEL_ERROR] = {"error", 'E', '3'},
    [LOG_LEVEL_WARNING] = {"warning", 'W', '4'},
    [LOG_LEVEL_INFO] = {"info", 'I', '6'},
    [LOG_LEVEL_DEBUG] = {"debug", 'D', '7'},
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

void log_write(enum log_level level, const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    size_t start, used;
    va_list args;

    if (level > log_threshold)
        return;
    start = write_prefix(line, sizeof(line), level);
    va_start(args, format);
    vsnprintf(line + start, sizeof(line) - start - 1, format, args);
    va_end(args);
    used = strlen(line);
    for (size_t i = start; i < used; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = ' ';
    line[used++] = '\n';
    while (write(STDERR_FILENO, line, used) < 0 && errno == EINTR)
        ;
}
