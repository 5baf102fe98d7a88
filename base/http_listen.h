/* base/http_listen.h - a listening TCP socket, and a clear word when it cannot be had. */
#ifndef PROFFER_BASE_HTTP_LISTEN_H
#define PROFFER_BASE_HTTP_LISTEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* The descriptor (close-on-exec, non-blocking), or -errno with address, port and advice in the
 * text. */
int http_listen(const char *address_text, uint16_t port, struct err *err);
/* The port it got, for port 0. */
uint16_t http_listen_port(int fd);

#endif
