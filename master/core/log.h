/* master/core/log.h - what an operator should know: one line an event, through the env. */
#ifndef PROFFER_MASTER_CORE_LOG_H
#define PROFFER_MASTER_CORE_LOG_H

#include "master/core/state.h"

/* Something happened that is part of normal life. */
void log_note(struct master *master, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A peer did what it should not have. */
void log_warn(struct master *master, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* An operator has to look at this. */
void log_alarm(struct master *master, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
