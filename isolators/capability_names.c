#include "isolators/capabilities.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include <cap-ng.h>

#define PREFIX "CAP_"

int capability_number(const char *name)
{
    bool has_prefix = strncasecmp(name, PREFIX, strlen(PREFIX)) == 0;
    int number = capng_name_to_capability(has_prefix ? name + strlen(PREFIX) : name);

    return number < 0 || number > 63 ? -EINVAL : number;
}
