#include "base/bug.h"

#include <stdio.h>
#include <stdlib.h>

void bug(const char *file, int line, const char *condition)
{
    fprintf(stderr, "BUG: %s:%d: %s\n", file, line, condition);
    abort();
}
