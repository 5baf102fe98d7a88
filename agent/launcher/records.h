/* agent/launcher/records.h - the directory in which shims write how their task ended.
 *
 * A record is <container_id>.exit while there is something to read. Its file is used again: before and
 * after it is called spare.<launcher's pid>.<number>, so that nothing is made or freed for each task.
 */
#ifndef PROFFER_AGENT_LAUNCHER_RECORDS_H
#define PROFFER_AGENT_LAUNCHER_RECORDS_H

#include <stddef.h>

#include "base/err.h"

#define RECORD_SPARE_MAX 48 /* bytes of a spare's name */

struct records {
    int dir;        /* -1: not open */
    unsigned *free; /* owned; numbers of spares that no container uses */
    size_t free_count;
    size_t free_capacity;
    unsigned made;
};

/* Makes the directory when it is missing, and clears it of what an earlier launcher left. */
int records_open(struct records *self, const char *path, struct err *err);
/* Clears the directory. */
void records_fini(struct records *self);
/* The number of a spare for one container. */
unsigned records_take(struct records *self);
void records_spare_name(unsigned number, char ret_name[RECORD_SPARE_MAX]);
/* The container is done with: its record, if there is one, becomes a spare again. */
void records_give(struct records *self, unsigned number, const char *id);
/* The bytes of a record; -ENOENT: none. */
int records_read(const struct records *self, const char *id, char *ret_bytes, size_t size);

#endif
