/* Any bytes as the first line of what a service answers to a check: a status is three digits behind a version, and does not
 * depend on what follows. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/launcher/check_answer.h"
#include "base/bug.h"
#include "base/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Up to the end of its first digits after a space. */
static size_t shortest(const char *line, size_t size)
{
    size_t at = 0;

    while (at < size && line[at] != ' ')
        at++;
    while (at < size && line[at] == ' ')
        at++;
    return at + 3;
}

/* In a block of its own size, so that a byte behind it is seen to be read. */
static int status_of_copy(const char *line, size_t size, bool any_version)
{
    CLEANUP(free_p) char *copy = malloc(size);

    BUG_ON(!copy);
    memcpy(copy, line, size);
    return check_answer_status(copy, size, any_version);
}

static int check(const char *line, size_t size, bool any_version)
{
    const int status = check_answer_status(line, size, any_version);
    size_t least;

    BUG_ON(status != 0 && (status < 100 || status > 999));
    if (!status)
        return 0;
    least = shortest(line, size);
    BUG_ON(memcmp(line, "HTTP/", 5) != 0 || least > size);
    BUG_ON(status !=
           (line[least - 3] - '0') * 100 + (line[least - 2] - '0') * 10 + (line[least - 1] - '0'));
    for (size_t cut = 1; cut <= least; cut++)
        BUG_ON(status_of_copy(line, cut, any_version) != (cut == least ? status : 0));
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const int any = check((const char *)data, size, true);
    const int plain = check((const char *)data, size, false);

    BUG_ON(plain != 0 && plain != any);
    return 0;
}
