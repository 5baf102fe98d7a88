/* agent/docker/images_kept.h - which images were pulled through us, and when each was last used: a line of a file for
 * each, "<seconds since 1970> <name>". It may go only if it came from here. */
#ifndef PROFFER_AGENT_DOCKER_IMAGES_KEPT_H
#define PROFFER_AGENT_DOCKER_IMAGES_KEPT_H

#include <stdint.h>

/* Lines that make no sense are passed over. */
void images_kept_read(int state_dir, void (*each)(void *owner, const char *name, int64_t used_us),
                      void *owner);
/* Appends; the newest line of a name counts. `used_us` 0: it is gone. The file is written anew when it has grown. */
void images_kept_note(int state_dir, const char *name, int64_t used_us);

#endif
