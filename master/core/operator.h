/* master/core/operator.h - what an operator may ask of the core: kill a task, tear a framework
 * down. */
#ifndef PROFFER_MASTER_CORE_OPERATOR_H
#define PROFFER_MASTER_CORE_OPERATOR_H

#include "master/core/state.h"

void operator_call(struct master *master, const struct message *call);
/* The one answer to a call, now or later; `code` is an HTTP status. */
void operator_answer(struct master *master, uint64_t number, int code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The answer to a call whose record could not be kept: 503 with the reason. */
void operator_answer_unkept(struct master *master, uint64_t number, const char *why);

#endif
