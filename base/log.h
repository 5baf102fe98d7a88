/* base/log.h - what a daemon tells its operator, on stderr, one line an event.
 *
 * Only the loop callback that decides what happens logs, once, with ids; code that returns an error
 * does not. Under systemd each line carries its syslog priority ("<4>"). Thread-safe: one write(2) a
 * line. Text that peers sent is cleaned of control characters.
 *
 * Of errors and warnings of one kind (base/log_limit.h) 10 are written in 10 s, of information 100; how many were
 * left out is told with whatever is written next after that. What is for debugging is written whole.
 */
#ifndef PROFFER_BASE_LOG_H
#define PROFFER_BASE_LOG_H

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_MAX,
};

/* `program` stands in each line ("proffer-master"); what is above `level` is not written. */
void log_open(const char *program, enum log_level level);
/* "error", "warning", "info", "debug"; -EINVAL for another word. */
int log_level_parse(const char *text, enum log_level *ret_level);
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)   log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
