/* master/core/log.c - formatting of log lines. */
#include "master/core/log.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"

#define LINE_MAX_BYTES 1024 /* longer ones are cut */

static void write_line(struct master *master, int level, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

static void write_line(struct master *master, int level, const char *format, va_list args)
{
    char line[LINE_MAX_BYTES];

    vsnprintf(line, sizeof(line), format, args);
    master->env.log(master->env.ctx, level, line);
}

void log_note(struct master *master, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    write_line(master, LOG_LEVEL_INFO, format, args);
    va_end(args);
}

void log_warn(struct master *master, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    write_line(master, LOG_LEVEL_WARNING, format, args);
    va_end(args);
}

void log_alarm(struct master *master, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    write_line(master, LOG_LEVEL_ERROR, format, args);
    va_end(args);
}
