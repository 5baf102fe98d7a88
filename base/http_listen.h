/* base/http_listen.h - a listening TCP socket, and a clear word when it cannot be had. */
#ifndef PROFFER_BASE_HTTP_LISTEN_H
#define PROFFER_BASE_HTTP_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* The descriptor (close-on-exec, non-blocking), or -errno with address, port and advice in the
 * text. */
int http_listen(const char *address_text, uint16_t port, struct err *err);
/* The port it got, for port 0. */
uint16_t http_listen_port(int fd);
/* Who is at the other end of a connection: "10.0.0.7:51324", "[::1]:51324". */
void http_print_peer(int fd, char *ret_text, size_t size);

#endif
