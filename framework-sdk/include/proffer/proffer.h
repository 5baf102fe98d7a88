/* proffer/proffer.h - the whole SDK. Start with scheduler.h. */
#ifndef PROFFER_PROFFER_H
#define PROFFER_PROFFER_H

#include <proffer/sandbox.h>
#include <proffer/scheduler.h>
#include <proffer/types.h>

#endif
