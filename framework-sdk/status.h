/* framework-sdk/status.h - what became of a task or an operation, as a framework's author sees it. */
#ifndef PROFFER_SDK_STATUS_H
#define PROFFER_SDK_STATUS_H

#include <proffer/types.h>

#include "proto/schema.h"

/* Borrows everything. */
struct proffer_status sdk_status(const struct task_status *info);
struct proffer_operation_status sdk_operation_status(const struct operation_status *info);

#endif
