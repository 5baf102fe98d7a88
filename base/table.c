#include "base/table.h"

#include <string.h>

#include <sodium.h>

static unsigned char table_key[crypto_shorthash_KEYBYTES] = "proffer's fixed";

unsigned table_hash(const void *key, size_t size)
{
    unsigned char hash[crypto_shorthash_BYTES];
    unsigned result;

    crypto_shorthash(hash, key, size, table_key);
    memcpy(&result, hash, sizeof(result));
    return result;
}

void table_randomize(void)
{
    randombytes_buf(table_key, sizeof(table_key));
}
