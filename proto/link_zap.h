/* proto/link_zap.h - inside the link: who is let in (ZeroMQ's ZAP, RFC 27).
 *
 * One handler a process, on a small thread of its own, because a connection's handshake should not
 * wait for the master's loop, and servers on other threads share it. It also serves links without
 * keys: a socket that has a ZAP domain refuses the old ZMTP 1.0, for which any bytes are a message.
 * The keys stand in a hash table; czmq's zcertstore reads its directory again for every connection.
 */
#ifndef PROFFER_PROTO_LINK_ZAP_H
#define PROFFER_PROTO_LINK_ZAP_H

#include "base/err.h"
#include "proto/link.h"

struct link_zap;

int link_zap_new(void *zmq, struct link_zap **ret_zap, struct err *err);
/* After zmq_ctx_shutdown, which ends the thread. */
void link_zap_destroy(struct link_zap **self_p);

/* Connections to sockets of this ZAP domain: without `keys` all, else those whose key is among the
 * peers, or any key when there are none. -EINVAL: a peer's key is no Z85 text. Thread-safe, as is
 * remove. */
int link_zap_add(struct link_zap *self, const char *domain, const struct link_keys *keys,
                 struct err *err);
void link_zap_remove(struct link_zap *self, const char *domain);

#endif
