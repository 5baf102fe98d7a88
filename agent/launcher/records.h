/* agent/launcher/records.h - the folder in which shims write what becomes of their container.
 *
 *     <container id>.run         a record, see agent/shim/record.h; there until the agent wants to forget it
 *     spare.<pid>.<number>       a file that was one, and will be again: nothing is made or freed for each container
 *     .launcher                  a FIFO: its lock says which launcher rules here, and shims write their notes into it
 *
 * The FIFO is one and the same for all launchers that come and go, so shims that outlived theirs are heard by the
 * next one. A shim that writes while there is none gets EPIPE; what it had to say stands in its record.
 */
#ifndef PROFFER_AGENT_LAUNCHER_RECORDS_H
#define PROFFER_AGENT_LAUNCHER_RECORDS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define RECORD_SPARE_MAX 48 /* bytes of a spare's name */

struct records {
    int dir; /* -1: not open */
    int notes_read_fd;
    int notes_write_fd; /* the shims' end; non-blocking */
    uint64_t *free;     /* owned; numbers of spares that no container uses */
    size_t free_count;
    size_t free_capacity;
    uint64_t made;
};

void records_init(struct records *self);
/* Makes the folder when it is missing. Waits for the end of an earlier launcher that still rules there, a few seconds;
 * one that does not end by then (it was stopped) is killed. Drops old spares and old notes. */
int records_open(struct records *self, const char *path, struct err *err);
/* Closes it; all records stay. */
void records_fini(struct records *self);
/* Nothing is to be recovered: removes what is in the folder. */
void records_clear(const struct records *self);
/* The name of a spare for one container, which is taken once a shim has it. */
void records_spare(const struct records *self, char ret_name[RECORD_SPARE_MAX]);
void records_take(struct records *self);
/* The container is done with: its record, if there is one, becomes a spare again. */
void records_give(struct records *self, const char *id);
/* Calls `each` with every id that has a record; the folder may be changed meanwhile. 0 or -errno. */
int records_each(const struct records *self, void (*each)(void *owner, const char *id),
                 void *owner);

#endif
