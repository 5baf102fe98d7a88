/* proto/link_keys.c - certificates and lists of keys, as files. */
#include "proto/link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <czmq.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/mem.h"

#define KEY_CHARS    40
#define KEY_BYTES    32
#define LIST_MAX     (4 * 1024 * 1024) /* bytes: about a hundred thousand keys */
#define LINE_SPACE   " \t\r"
#define META_SERVER  "server"
#define META_CLIENTS "clients"

void link_keys_fini(struct link_keys *self)
{
    free(self->loaded);
    free(self->loaded_text);
    *self = (struct link_keys){0};
}

static bool is_key(const char *text)
{
    unsigned char raw[KEY_BYTES];

    return strlen(text) == KEY_CHARS && zmq_z85_decode(raw, text);
}

/* --- peers ---------------------------------------------------------------------------------------
 */

static int read_text(const char *path, char **ret_text, struct err *err)
{
    FILE *file = fopen(path, "re");
    CLEANUP(buf_fini) struct buf text = {0};
    char part[4096];
    size_t size;
    bool is_whole;

    if (!file)
        return err_errno(err, -errno, "list of keys %s", path);
    while (text.size <= LIST_MAX && (size = fread(part, 1, sizeof(part), file)) > 0)
        buf_append(&text, part, size);
    is_whole = feof(file) && !ferror(file);
    fclose(file);
    if (text.size > LIST_MAX)
        return err_set(err, -EFBIG, "list of keys %s: longer than %d bytes", path, LIST_MAX);
    if (!is_whole)
        return err_set(err, -EIO, "list of keys %s: it cannot be read", path);
    *ret_text = mem_strdup(buf_text(&text));
    return 0;
}

/* A line's first word; what follows is a note. */
static char *first_word(char *line)
{
    line += strspn(line, LINE_SPACE);
    line[strcspn(line, LINE_SPACE)] = '\0';
    return line;
}

/* The keys in `keys->loaded_text`, one a line. An empty list would let anybody in. */
static int split_list(struct link_keys *keys, const char *path, struct err *err)
{
    size_t number = 0, count = 0;

    for (char *line = keys->loaded_text, *next; line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        number++;
        line = first_word(line);
        if (!*line || (*line == '#' && !is_key(line))) /* a key may begin with it, too */
            continue;
        if (!is_key(line))
            return err_set(err, -EINVAL,
                           "list of keys %s, line %zu: \"%.48s\" is no public key, which is 40 "
                           "characters of Z85",
                           path, number, line);
        keys->loaded = mem_resize(keys->loaded, count + 1, sizeof(*keys->loaded));
        keys->loaded[count++] = line;
    }
    if (!count)
        return err_set(err, -EINVAL,
                       "list of keys %s is empty: nobody could connect; without `" META_CLIENTS
                       "` in the certificate anybody with a key can",
                       path);
    keys->peers = keys->loaded;
    keys->peers_count = count;
    return 0;
}

/* A relative path is meant from where the certificate is. */
static int load_clients(const char *certificate, const char *list, struct link_keys *keys,
                        struct err *err)
{
    const char *slash = strrchr(certificate, '/');
    int folder = slash && *list != '/' ? (int)(slash - certificate) + 1 : 0;
    CLEANUP(free_p) char *path = mem_printf("%.*s%s", folder, certificate, list);
    int result = read_text(path, &keys->loaded_text, err);

    return result < 0 ? result : split_list(keys, path, err);
}

static int take_server(const char *file, const char *key, struct link_keys *keys, struct err *err)
{
    if (!is_key(key))
        return err_set(err, -EINVAL,
                       "keys in %s: `" META_SERVER "` is \"%.48s\", which is no public key of 40 "
                       "characters of Z85",
                       file, key);
    keys->loaded_text = mem_strdup(key);
    keys->loaded = mem_resize(NULL, 1, sizeof(*keys->loaded));
    keys->loaded[0] = keys->loaded_text;
    keys->peers = keys->loaded;
    keys->peers_count = 1;
    return 0;
}

/* --- the certificate -----------------------------------------------------------------------------
 */

static int take_pair(const char *file, zcert_t *certificate, struct link_keys *keys,
                     struct err *err)
{
    struct stat info;

    if (stat(file, &info) < 0)
        return err_errno(err, -errno, "keys in %s", file);
    snprintf(keys->public_key, sizeof(keys->public_key), "%s", zcert_public_txt(certificate));
    snprintf(keys->secret_key, sizeof(keys->secret_key), "%s", zcert_secret_txt(certificate));
    if (strspn(keys->secret_key, "0") == sizeof(keys->secret_key) - 1)
        keys->secret_key[0] = '\0'; /* czmq's way to say that there is none */
    if (*keys->secret_key && info.st_mode & (S_IRGRP | S_IROTH))
        return err_set(err, -EACCES, "keys in %s: others can read the secret; chmod 600 it", file);
    return 0;
}

int link_keys_load(const char *path, enum link_side side, struct link_keys *ret_keys,
                   struct err *err)
{
    CLEANUP(free_p) char *secret_path = mem_printf("%s_secret", path);
    CLEANUP(zcert_destroy) zcert_t *certificate = NULL;
    CLEANUP(link_keys_fini) struct link_keys keys = {0};
    const char *file = access(secret_path, F_OK) == 0 ? secret_path : path;
    const char *peers;
    int result;

    if (access(file, R_OK))
        return err_errno(err, -errno, "keys in %s", file);
    certificate = zcert_load(path);
    if (!certificate)
        return err_set(err, -EINVAL, "keys in %s: no certificate of the format that czmq writes",
                       file);
    result = take_pair(file, certificate, &keys, err);
    peers = zcert_meta(certificate, side == LINK_CLIENT ? META_SERVER : META_CLIENTS);
    if (result == 0 && peers)
        result = side == LINK_CLIENT ? take_server(file, peers, &keys, err)
                                     : load_clients(file, peers, &keys, err);
    if (result < 0)
        return result;
    *ret_keys = keys;
    keys = (struct link_keys){0};
    return 0;
}
