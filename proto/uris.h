/* proto/uris.h - what a task may have fetched: one rule for the SDK, the master, the agent and the fetcher.
 */
#ifndef PROFFER_PROTO_URIS_H
#define PROFFER_PROTO_URIS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "proto/schema.h"

#define URIS_MAX 128

/* 0, or -errno with a text that names the one that is wrong. */
int uris_check(const struct command_info *command, struct err *err);
/* Without the user and password that may stand in it; in `arena`. */
const char *uri_shown(const char *uri, struct arena *arena);
/* The name of its file in the sandbox: what is asked for, or the last part of the path; in `arena`. */
const char *uri_output(const struct uri_info *uri, struct arena *arena);
/* Of file:// and plain paths: the path; NULL: it is http or https. */
const char *uri_path(const char *uri);
/* A path that cannot leave the folder that it is relative to: not empty, no "..", no '/' in front. */
bool path_is_beneath(const char *path);
/* In the sandbox: is the task's output there, or what was rotated away of it (stdout.1), or would it have to be a folder? */
bool path_is_log(const char *path);

#endif
