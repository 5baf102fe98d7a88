/* master/notify.h - telling whoever started this process that it serves. */
#ifndef PROFFER_MASTER_NOTIFY_H
#define PROFFER_MASTER_NOTIFY_H

#include "base/err.h"

/* "READY\n<link address>\n<http address>\n" to a descriptor, which is closed then; -1: nobody
 * asked. */
int notify_ready_fd(int fd, const char *link_address, const char *http_address, struct err *err);
/* One state ("READY=1") to systemd's socket, when it gave one. What goes wrong is not worth failing
 * for. */
void notify_systemd(const char *state);

#endif
