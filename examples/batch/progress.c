/* What people see: a line that is redrawn on a terminal, plain lines elsewhere, a summary at the
 * end. */
#include "examples/batch/batch.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "examples/batch/units.h"

#define REDRAW_SECONDS 0.1
#define PLAIN_SECONDS  5.0
#define FAILURES_SHOWN 10

double batch_now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_REALTIME, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static size_t ended(const struct job_list *list)
{
    return list->counts[JOB_SUCCEEDED] + list->counts[JOB_FAILED] + list->counts[JOB_SKIPPED] +
           list->counts[JOB_STOPPED];
}

static void append(char *line, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void append(char *line, size_t size, const char *format, ...)
{
    size_t used = strlen(line);
    va_list args;

    va_start(args, format);
    vsnprintf(line + used, size - used, format, args);
    va_end(args);
}

static void append_shown(char *line, size_t size, const char *what, const char *text)
{
    char *shown = proffer_printable(text);

    append(line, size, "%s%s", what, shown);
    free(shown);
}

static void write_line(const struct batch *batch, double now, char *line, size_t size)
{
    const struct job_list *list = &batch->list;
    size_t done = ended(list), out = list->counts[JOB_RUNNING] + list->counts[JOB_FETCHING];
    double rate = now > batch->began ? (double)done / (now - batch->began) : 0;
    char left[32];

    line[0] = '\0';
    append(line, size, "%zu/%zu done, %zu running", done, list->count, out);
    if (list->counts[JOB_FAILED])
        append(line, size, ", %zu failed", list->counts[JOB_FAILED]);
    append(line, size, ", %.1f/s", rate);
    if (done > 0 && done < list->count) {
        units_print_clock((double)(list->count - done) / rate, left, sizeof(left));
        append(line, size, ", %s left", left);
    }
    if (!proffer_scheduler_is_connected(batch->scheduler))
        append(line, size, "; waiting for the master");
    else if (out == 0 && batch->shortage[0])
        append_shown(line, size, "; no offer fits ", batch->shortage);
    else if (out == 0 && done < list->count)
        append(line, size, "; waiting for offers");
}

static size_t columns(void)
{
    struct winsize window;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 1)
        return window.ws_col;
    return 80;
}

void progress_show(struct batch *batch, double now)
{
    char line[512];
    size_t width;

    if (batch->options->quiet)
        return;
    if (now - batch->last_line < (batch->terminal ? REDRAW_SECONDS : PLAIN_SECONDS))
        return;
    batch->last_line = now;
    write_line(batch, now, line, sizeof(line));
    if (!batch->terminal) {
        fprintf(stderr, "%s\n", line);
        return;
    }
    width = columns() - 1;
    if (width < sizeof(line))
        line[width] = '\0';
    fprintf(stderr, "\r\033[K%s", line);
    fflush(stderr);
    batch->line_width = strlen(line);
}

static void clear_line(struct batch *batch)
{
    if (batch->line_width)
        fputs("\r\033[K", stderr);
    batch->line_width = 0;
    batch->last_line = batch->terminal ? 0 : batch->last_line;
}

/* Much of it is others' text. */
static void say(const char *format, va_list args)
{
    char *text;

    if (vasprintf(&text, format, args) < 0)
        abort();
    proffer_print_line(stderr, "%s", text);
    free(text);
}

void progress_say(struct batch *batch, const char *format, ...)
{
    va_list args;

    clear_line(batch);
    va_start(args, format);
    say(format, args);
    va_end(args);
}

static void list_failures(const struct batch *batch)
{
    size_t shown = 0, failed = batch->list.counts[JOB_FAILED];

    for (size_t i = 0; i < batch->list.count && shown < FAILURES_SHOWN; i++) {
        const struct job *job = &batch->list.jobs[i];

        if (job->state != JOB_FAILED)
            continue;
        proffer_print_line(stderr, "  %s: %s", job->name, job->message ? job->message : "");
        shown++;
    }
    if (failed > shown)
        fprintf(stderr, "  and %zu more\n", failed - shown);
}

void progress_summary(struct batch *batch, double now)
{
    const size_t *counts = batch->list.counts;
    double seconds = now - batch->began;

    clear_line(batch);
    if (batch->options->quiet && counts[JOB_SUCCEEDED] == batch->list.count)
        return;
    fprintf(stderr, "%zu jobs: %zu succeeded", batch->list.count, counts[JOB_SUCCEEDED]);
    if (counts[JOB_FAILED])
        fprintf(stderr, ", %zu failed", counts[JOB_FAILED]);
    if (counts[JOB_SKIPPED])
        fprintf(stderr, ", %zu skipped", counts[JOB_SKIPPED]);
    if (counts[JOB_STOPPED])
        fprintf(stderr, ", %zu stopped before their end", counts[JOB_STOPPED]);
    if (!job_list_is_done(&batch->list))
        fprintf(stderr, ", %zu left",
                counts[JOB_WAITING] + counts[JOB_READY] + counts[JOB_RUNNING] +
                    counts[JOB_FETCHING]);
    fprintf(stderr, "; %.1f s, %.1f jobs/s\n", seconds,
            seconds > 0 ? (double)ended(&batch->list) / seconds : 0.0);
    list_failures(batch);
}
