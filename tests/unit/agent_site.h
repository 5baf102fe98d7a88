/* tests/unit/agent_site.h - an agent's view with its thread, over a folder of sandboxes that is made for
 * it, and a plain HTTP client. The test plays the agent's loop.
 */
#ifndef PROFFER_TESTS_AGENT_SITE_H
#define PROFFER_TESTS_AGENT_SITE_H

#include <sys/types.h>

#include "agent/view/view.h"
#include "base/buf.h"

struct agent_site {
    char *dir;       /* removed with everything in it */
    char *sandboxes; /* a folder in it */
    struct agent_view *view;
    int desk_fd;
    pid_t desk; /* answers there */
};

struct agent_site *agent_site_new(void);
void agent_site_destroy(struct agent_site **self_p);

/* A connection on which GET `target` was asked. */
int agent_site_ask(const struct agent_site *self, const char *target);
/* Read the answer to its end and close: the status; `body` is replaced. */
int agent_site_receive(int fd, struct buf *body);
int agent_site_get(const struct agent_site *self, const char *target, struct buf *body);

/* A file in the sandboxes folder, with its folders. */
void agent_site_write(const struct agent_site *self, const char *path, const char *text);
/* A new folder under /tmp, and its end. */
char *temporary_dir_new(void);
void temporary_dir_destroy(char **path_p);

#endif
