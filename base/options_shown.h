/* base/options_shown.h - what was said on the command line, as text: a daemon's /flags. */
#ifndef PROFFER_BASE_OPTIONS_SHOWN_H
#define PROFFER_BASE_OPTIONS_SHOWN_H

#include <stddef.h>

struct option_def;

struct option_shown {
    const char *name; /* as Mesos has it: with '_' */
    const char *value;
};

/* Those that have a value. Owned. */
struct options_shown {
    struct option_shown *items;
    size_t count;
};

/* After options_parse. */
void options_show(const struct option_def *options, struct options_shown *ret_shown);
/* Takes a zeroed one. */
void options_shown_fini(struct options_shown *self);

#endif
