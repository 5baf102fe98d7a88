/* proto/link_address.c - inside the link: where a server listens, where a client connects to. */
#include "proto/link_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"

static void classify(struct link_address *self)
{
    struct in6_addr v6;
    struct in_addr v4;

    self->is_ipv6 = inet_pton(AF_INET6, self->host, &v6) == 1;
    if (self->is_ipv6) {
        self->is_name = false;
        self->is_loopback = IN6_IS_ADDR_LOOPBACK(&v6);
    } else if (inet_pton(AF_INET, self->host, &v4) == 1) {
        self->is_name = false;
        self->is_loopback = ntohl(v4.s_addr) >> 24 == 127;
    } else {
        self->is_name = true;
        self->is_loopback = strcmp(self->host, "localhost") == 0;
    }
}

/* It goes into an endpoint's text, where libzmq gives ';', '/' and others a meaning. */
static bool is_host(const char *host, size_t size)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "-._:%";

    return size > 0 && size < sizeof(((struct link_address *)0)->host) &&
           strspn(host, allowed) >= size;
}

int link_address_parse(struct link_address *self, const char *text, struct err *err)
{
    const char *colon = strrchr(text, ':');
    const char *host = text;
    size_t size = colon ? (size_t)(colon - text) : 0;
    struct link_address address = {0};
    int64_t port;

    if (size >= 2 && host[0] == '[' && host[size - 1] == ']') {
        host++;
        size -= 2;
    } else if (colon && memchr(host, ':', size)) {
        return err_set(err, -EINVAL, "address \"%s\": write an IPv6 address as [ADDR]:PORT", text);
    }
    if (!colon || !is_host(host, size))
        return err_set(err, -EINVAL, "address \"%s\" is not HOST:PORT", text);
    if (units_parse_int(colon + 1, 1, UINT16_MAX, &port, err))
        return err_wrap(err, -EINVAL, "address \"%s\": port", text);
    memcpy(address.host, host, size);
    address.port = (uint16_t)port;
    classify(&address);
    if (host != text && !address.is_ipv6)
        return err_set(err, -EINVAL, "address \"%s\": no IPv6 address in the brackets", text);
    *self = address;
    return 0;
}

int link_address_set(struct link_address *self, const char *ip, uint16_t port, struct err *err)
{
    struct link_address address = {.port = port};

    if (strlen(ip) < sizeof(address.host))
        snprintf(address.host, sizeof(address.host), "%s", ip);
    classify(&address);
    if (address.is_name)
        return err_set(err, -EINVAL,
                       "\"%s\" is no numeric address: write one of this host's, "
                       "127.0.0.1 or 0.0.0.0",
                       ip);
    *self = address;
    return 0;
}

void link_address_print(const struct link_address *self, char *ret_endpoint, size_t size)
{
    const char *open = self->is_ipv6 ? "[" : "";
    const char *close = self->is_ipv6 ? "]" : "";

    if (self->port)
        snprintf(ret_endpoint, size, "tcp://%s%s%s:%u", open, self->host, close, self->port);
    else
        snprintf(ret_endpoint, size, "tcp://%s%s%s:*", open, self->host, close);
}
