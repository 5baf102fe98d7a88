#include <errno.h>
#include <string.h>

#include <proffer/proffer.h>

#include "framework-sdk/err.h"

/* One word behind the URI, if it is one. */
static bool take_word(const char *word, struct proffer_uri *uri)
{
    if (!strcmp(word, "extract"))
        uri->extract = true;
    else if (!strcmp(word, "executable"))
        uri->executable = true;
    else if (!strcmp(word, "cache"))
        uri->cache = true;
    else if (!strncmp(word, "output=", 7))
        uri->output = word + 7;
    else if (!strncmp(word, "sha256=", 7))
        uri->sha256 = word + 7;
    else
        return false;
    return true;
}

/* From the end on, as there may be commas in the URI itself. */
PROFFER_API int proffer_uri_parse(char *text, struct proffer_uri *ret_uri, struct proffer_err *err)
{
    struct proffer_uri uri = {.value = text};
    char *comma;

    while ((comma = strrchr(text, ',')) && take_word(comma + 1, &uri))
        *comma = '\0';
    if (!*text)
        return err_set(sdk_err(err), -EINVAL,
                       "want URI[,extract][,executable][,cache][,output=NAME][,sha256=HEX]");
    *ret_uri = uri;
    return 0;
}
