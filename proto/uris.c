#include "proto/uris.h"

#include <errno.h>
#include <string.h>

#define SHA256_HEX 64
#define SHOWN_MAX  160

const char *uri_path(const char *uri)
{
    if (*uri == '/')
        return uri;
    return strncmp(uri, "file:///", 8) == 0 ? uri + 7 : NULL;
}

static bool is_web(const char *uri)
{
    return strncmp(uri, "http://", 7) == 0 || strncmp(uri, "https://", 8) == 0;
}

const char *uri_shown(const char *uri, struct arena *arena)
{
    const char *host = is_web(uri) ? strstr(uri, "://") + 3 : NULL;
    size_t size = host ? strcspn(host, "/?#") : 0;
    const char *at = host ? memrchr(host, '@', size) : NULL;

    if (!at)
        return arena_strdup(arena, uri);
    return arena_printf(arena, "%.*s***%s", (int)(host - uri), uri, at);
}

const char *uri_output(const struct uri_info *uri, struct arena *arena)
{
    const char *path = uri_path(uri->value), *last;
    size_t size;

    if (uri->output_file && *uri->output_file)
        return uri->output_file;
    if (!path) {
        path = strstr(uri->value, "://");
        path = path ? path + 3 : uri->value;
        path += strcspn(path, "/?#");
    }
    size = is_web(uri->value) ? strcspn(path, "?#") : strlen(path);
    last = memrchr(path, '/', size);
    if (!last)
        return "";
    return arena_memdup(arena, last + 1, size - (size_t)(last + 1 - path));
}

bool path_is_beneath(const char *path)
{
    if (!*path || *path == '/')
        return false;
    for (const char *part = path; part; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL) {
        size_t size = strcspn(part, "/");

        if (size == 0 || (size == 1 && *part == '.') || (size == 2 && !strncmp(part, "..", 2)))
            return false;
    }
    return true;
}

static bool is_plain(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text <= ' ' || *text == 127)
            return false;
    return true;
}

static bool is_sha256(const char *text)
{
    return strlen(text) == SHA256_HEX && strspn(text, "0123456789abcdefABCDEF") == SHA256_HEX;
}

bool path_is_log(const char *path)
{
    const size_t size = strcspn(path, "/"), named = sizeof("stdout") - 1;

    if (size < named ||
        (strncmp(path, "stdout", named) != 0 && strncmp(path, "stderr", named) != 0))
        return false;
    return size == named || (path[named] == '.' && size > named + 1 &&
                             strspn(path + named + 1, "0123456789") == size - named - 1);
}

static int check_one(const struct uri_info *uri, struct arena *arena, struct err *err)
{
    const char *output;

    if (!is_web(uri->value) && !uri_path(uri->value))
        return err_set(err, -EINVAL,
                       "want http://, https://, file:/// or an absolute path on the agent");
    if (is_web(uri->value) && !is_plain(uri->value))
        return err_set(err, -EINVAL, "there is a space or a control character in it");
    if (uri->sha256 && *uri->sha256 && !is_sha256(uri->sha256))
        return err_set(err, -EINVAL, "sha256 '%.70s': want 64 hexadecimal digits", uri->sha256);
    if (uri->extract && uri->executable)
        return err_set(err, -EINVAL, "an archive that is extracted cannot be executable");
    output = uri_output(uri, arena);
    if (!path_is_beneath(output))
        return err_set(err, -EINVAL,
                       "'%.80s' is no name of a file in the sandbox: give it an output_file, "
                       "relative and without '..'",
                       output);
    if (path_is_log(output))
        return err_set(err, -EINVAL, "output_file %.80s: the task's output goes there", output);
    return 0;
}

/* Two that would be one file; an archive's own goes when it is unpacked. */
static int check_names(const struct command_info *command, size_t index, struct arena *arena,
                       struct err *err)
{
    const char *name = uri_output(&command->uris[index], arena);

    for (size_t i = 0; i < index && !command->uris[index].extract; i++)
        if (!command->uris[i].extract && !strcmp(uri_output(&command->uris[i], arena), name))
            return err_set(err, -EEXIST, "another one is the file %.80s already", name);
    return 0;
}

int uris_check(const struct command_info *command, struct err *err)
{
    struct arena *arena = arena_new(0);
    int rc = 0;

    if (command->uris_count > URIS_MAX)
        rc =
            err_set(err, -E2BIG, "%zu uris, at most %d are allowed", command->uris_count, URIS_MAX);
    for (size_t i = 0; i < command->uris_count && rc == 0; i++) {
        rc = check_one(&command->uris[i], arena, err);
        if (rc == 0)
            rc = check_names(command, i, arena, err);
        if (rc < 0)
            rc = err_wrap(err, rc, "uri %.*s", SHOWN_MAX, uri_shown(command->uris[i].value, arena));
    }
    arena_destroy(&arena);
    return rc;
}
