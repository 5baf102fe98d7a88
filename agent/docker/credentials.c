#include "agent/docker/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>
#include <sodium.h>

#include "base/cleanup.h"
#include "base/mem.h"

#define FILE_MAX      65536
#define VALUE_MAX     8192 /* of X-Registry-Auth, and of what is in it */
#define DOCKER_HUB    "docker.io"
#define DOCKER_HUB_ID "index.docker.io" /* its name in a config.json: https://index.docker.io/v1/ */

static void decref(json_t **value)
{
    json_decref(*value);
}

/* --- config.json -------------------------------------------------------------------------------- */

/* "https://index.docker.io/v1/" is "index.docker.io". */
static bool is_registry(const char *key, const char *registry)
{
    const char *scheme = strstr(key, "://");
    const char *host = scheme ? scheme + 3 : key;
    size_t size = strcspn(host, "/");

    if (!strcmp(registry, DOCKER_HUB) && size == strlen(DOCKER_HUB_ID) &&
        !strncmp(host, DOCKER_HUB_ID, size))
        return true;
    return size == strlen(registry) && !strncmp(host, registry, size);
}

/* {"auth": base64 of user:password} */
static int split_auth(const char *auth, json_t *out, struct err *err)
{
    char plain[VALUE_MAX];
    size_t size;
    char *colon;

    if (sodium_base642bin((unsigned char *)plain, sizeof(plain) - 1, auth, strlen(auth), "\r\n",
                          &size, NULL, sodium_base64_VARIANT_ORIGINAL) < 0)
        return err_set(err, -EINVAL, "its auth is no base64");
    plain[size] = '\0';
    colon = strchr(plain, ':');
    if (!colon || strlen(plain) != size)
        return err_set(err, -EINVAL, "its auth is not user:password");
    *colon = '\0';
    json_object_set_new(out, "username", json_string(plain));
    json_object_set_new(out, "password", json_string(colon + 1));
    sodium_memzero(plain, sizeof(plain));
    return 0;
}

static int encode(const json_t *out, char **ret_value, struct err *err)
{
    CLEANUP(free_p) char *text = json_dumps(out, JSON_COMPACT);
    size_t size;

    if (!text || strlen(text) > VALUE_MAX)
        return err_set(err, -EINVAL, "its credentials are too long");
    size = sodium_base64_encoded_len(strlen(text), sodium_base64_VARIANT_URLSAFE);
    *ret_value = mem_alloc(size);
    sodium_bin2base64(*ret_value, size, (const unsigned char *)text, strlen(text),
                      sodium_base64_VARIANT_URLSAFE);
    sodium_memzero(text, strlen(text));
    return 0;
}

static int take_entry(json_t *entry, const char *registry, char **ret_value, struct err *err)
{
    static const char *const plain[] = {"username", "password", "identitytoken"};
    const char *auth = json_string_value(json_object_get(entry, "auth"));
    CLEANUP(decref) json_t *out = json_object();
    int rc = 0;

    json_object_set_new(out, "serveraddress", json_string(registry));
    if (auth && *auth)
        rc = split_auth(auth, out, err);
    for (size_t i = 0; i < ARRAY_SIZE(plain) && rc == 0; i++)
        if (json_is_string(json_object_get(entry, plain[i])))
            json_object_set(out, plain[i], json_object_get(entry, plain[i]));
    return rc < 0 ? rc : encode(out, ret_value, err);
}

int credentials_find(const char *config, size_t size, const char *registry, char **ret_value,
                     struct err *err)
{
    json_error_t error;
    CLEANUP(decref) json_t *root = json_loadb(config, size, JSON_REJECT_DUPLICATES, &error);
    json_t *auths = json_object_get(root, "auths"), *entry;
    const char *key;

    *ret_value = NULL;
    if (!root)
        return err_set(err, -EINVAL, "line %d: %s", error.line, error.text);
    if (!json_is_object(auths))
        return err_set(err, -EINVAL, "expected {\"auths\": {\"REGISTRY\": {\"auth\": ...}}}");
    json_object_foreach(auths, key, entry) if (is_registry(key, registry)) return take_entry(
        entry, registry, ret_value, err);
    return 0;
}

/* --- files -------------------------------------------------------------------------------------- */

static int read_from(int fd, const char *registry, char **ret_value, struct err *err)
{
    CLEANUP(free_p) char *text = mem_alloc(FILE_MAX + 1);
    ssize_t size = read(fd, text, FILE_MAX + 1);
    int rc;

    if (size < 0)
        return err_errno(err, -errno, "cannot be read");
    if (size > FILE_MAX)
        return err_set(err, -EINVAL, "is longer than %d bytes", FILE_MAX);
    rc = credentials_find(text, (size_t)size, registry, ret_value, err);
    sodium_memzero(text, (size_t)size);
    return rc;
}

static int read_named(const char *dir, const char *name, const char *registry, char **ret_value,
                      struct err *err)
{
    CLEANUP(close_fd) int dir_fd = -1;
    CLEANUP(close_fd) int fd = -1;
    int rc;

    if (!*dir)
        return err_set(err, -EINVAL,
                       "credentials %.60s: this agent has none (--docker-credentials=DIR)", name);
    dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    fd = dir_fd < 0 ? -1 : openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, -errno, "credentials %.60s of this agent", name);
    rc = read_from(fd, registry, ret_value, err);
    if (rc == 0 && !*ret_value)
        rc = err_set(err, -ENOENT, "there is nothing for the registry %.80s in them", registry);
    return rc < 0 ? err_wrap(err, rc, "credentials %.60s", name) : 0;
}

int credentials_read(const char *dir, const char *credentials, const char *file,
                     const char *registry, char **ret_value, struct err *err)
{
    CLEANUP(close_fd) int fd = -1;
    int rc;

    *ret_value = NULL;
    if (*credentials)
        return read_named(dir, credentials, registry, ret_value, err);
    if (!*file)
        return 0;
    fd = open(file, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, -errno, "--docker-config %.100s", file);
    rc = read_from(fd, registry, ret_value, err);
    return rc < 0 ? err_wrap(err, rc, "--docker-config %.100s", file) : 0;
}
