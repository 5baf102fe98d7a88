/* master/store/store.c - which registries there are. */
#include "master/store/store.h"

#include <string.h>

#include "base/cleanup.h"

const struct store_ops *store_find(const char *name)
{
    static const struct store_ops *const stores[] = {&store_sqlite, &store_memory};

    for (size_t i = 0; i < ARRAY_SIZE(stores); i++)
        if (!strcmp(stores[i]->name, name))
            return stores[i];
    return NULL;
}
