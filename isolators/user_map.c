#include "isolators/user_map.h"

#include <stdio.h>

void user_map_print(uint32_t inner, uint32_t outer, uint32_t base,
                    char ret_text[USER_MAP_TEXT_SIZE])
{
    const uint32_t below = base ? (inner < USER_RANGE_SIZE ? inner : USER_RANGE_SIZE) : 0;
    int size = snprintf(ret_text, USER_MAP_TEXT_SIZE, "%u %u 1\n", inner, outer);

    if (below)
        size +=
            snprintf(ret_text + size, USER_MAP_TEXT_SIZE - (size_t)size, "0 %u %u\n", base, below);
    if (base && inner + 1 < USER_RANGE_SIZE)
        snprintf(ret_text + size, USER_MAP_TEXT_SIZE - (size_t)size, "%u %u %u\n", inner + 1,
                 base + inner + 1, USER_RANGE_SIZE - inner - 1);
}
