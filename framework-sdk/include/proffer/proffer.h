/* proffer/proffer.h - the whole SDK. Start with scheduler.h; executor.h is for programs that run tasks. */
#ifndef PROFFER_PROFFER_H
#define PROFFER_PROFFER_H

#include <proffer/executor.h>
#include <proffer/sandbox.h>
#include <proffer/scheduler.h>
#include <proffer/types.h>

#endif
