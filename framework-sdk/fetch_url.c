#include "framework-sdk/fetch_url.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define DIGITS     "0123456789"
#define LETTERS    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define HOST_CHARS LETTERS DIGITS ".-_:[]" /* nothing that could end the authority part */
#define PATH_CHARS LETTERS DIGITS "-._~/"  /* RFC 3986, unreserved, and what a query may hold */
#define FILE_MAX   4096

static void append_escaped(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (strchr(PATH_CHARS, *text))
            buf_append(out, text, 1);
        else
            buf_printf(out, "%%%02X", (unsigned char)*text);
    }
}

int fetch_check(const struct fetch_target *target, const struct fetch_range *range, struct err *err)
{
    const char *address = target->agent_address;

    if (!address || !*address || address[strspn(address, HOST_CHARS)] || !strchr(address, ':'))
        return err_set(err, -EINVAL, "'%.64s' is not the address of an agent (ip:port)",
                       address ? address : "");
    if (!target->sandbox || !*target->sandbox)
        return err_set(err, -EINVAL, "the sandbox is not known (yet)");
    if (!target->file || !*target->file ||
        strlen(target->file) + strlen(target->sandbox) > FILE_MAX)
        return err_set(err, -EINVAL, "'%.64s' is not the name of a file",
                       target->file ? target->file : "");
    if (range->offset < 0 || range->length < 0)
        return err_set(err, -EINVAL, "%s: negative offset or length", target->file);
    return 0;
}

void fetch_url(const struct fetch_target *target, struct buf *out)
{
    buf_printf(out, "http://%s/files/download?path=", target->agent_address);
    append_escaped(out, target->sandbox);
    buf_puts(out, "/");
    append_escaped(out, target->file);
}

void fetch_url_range(const struct fetch_range *range, struct buf *out)
{
    buf_printf(out, "&offset=%" PRId64, range->offset);
    if (range->length)
        buf_printf(out, "&length=%" PRId64, range->length);
    if (range->wait_ms)
        buf_printf(out, "&wait_ms=%" PRId64, range->wait_ms);
    if (range->file) {
        buf_puts(out, "&file=");
        append_escaped(out, range->file);
    }
}
