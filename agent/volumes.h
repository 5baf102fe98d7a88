/* agent/volumes.h - the folders of persistent volumes.
 *
 *     <work>/volumes/<role>/<id>/   a volume; a '/' in the role is a space here
 *     <work>/trash/                 what was volumes, until a thread of its own has removed it
 *
 * Making and removing are one system call or two, and on disk when they return; what takes long happens in
 * the thread. What it has not removed when the agent ends is removed by the next one.
 */
#ifndef PROFFER_AGENT_VOLUMES_H
#define PROFFER_AGENT_VOLUMES_H

#include "base/err.h"

struct volumes;

/* Both folders must be there. Begins to empty the trash. */
int volumes_open(const char *dir, const char *trash_dir, struct volumes **ret_volumes,
                 struct err *err);
void volumes_close(struct volumes **self_p);

/* An empty folder. -EEXIST: there is one with something in it. */
int volumes_make(struct volumes *self, const char *role, const char *id, struct err *err);
/* One that is not there is no error. */
int volumes_remove(struct volumes *self, const char *role, const char *id, struct err *err);

#endif
