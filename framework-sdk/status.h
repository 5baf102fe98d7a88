/* framework-sdk/status.h - what became of a task, as a framework's author sees it. */
#ifndef PROFFER_SDK_STATUS_H
#define PROFFER_SDK_STATUS_H

#include <proffer/types.h>

#include "proto/schema.h"

/* Borrows everything. */
struct proffer_status sdk_status(const struct task_status *info);

#endif
