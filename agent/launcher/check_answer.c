#include "agent/launcher/check_answer.h"

#include <string.h>

#define NAME   "HTTP/"
#define DIGITS 3 /* of a status */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* How long "1.1" is; 0: it is no version, or none of those. */
static size_t version_size(const char *text, size_t size, bool any)
{
    const size_t whole = size >= 3 && text[1] == '.' && is_digit(text[2]) ? 3 : 1;

    if (!size || !is_digit(text[0]))
        return 0;
    if (!any && (text[0] != '1' || whole != 3 || text[2] > '1'))
        return 0;
    return whole;
}

int check_answer_status(const char *line, size_t size, bool any_version)
{
    const char *end = line + size;
    size_t version;
    int status = 0;

    if (size < strlen(NAME) || memcmp(line, NAME, strlen(NAME)) != 0)
        return 0;
    line += strlen(NAME);
    version = version_size(line, (size_t)(end - line), any_version);
    line += version;
    if (!version || line == end || *line != ' ')
        return 0;
    while (line < end && *line == ' ')
        line++;
    if (end - line < DIGITS)
        return 0;
    for (int i = 0; i < DIGITS; i++, line++) {
        if (!is_digit(*line))
            return 0;
        status = status * 10 + *line - '0';
    }
    if (status < 100 || (line < end && *line != ' ' && *line != '\r' && *line != '\n'))
        return 0;
    return status;
}
