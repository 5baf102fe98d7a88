#include "agent/docker/core/image_name.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

#define DOCKER_HUB     "docker.io"
#define DOCKER_HUB_OLD "index.docker.io"
#define OFFICIAL       "library/"
#define TAG_LATEST     "latest"

static int copy(char *ret_text, const char *text, size_t size)
{
    if (!size || size >= IMAGE_PART_MAX)
        return -EINVAL;
    memcpy(ret_text, text, size);
    ret_text[size] = '\0';
    return 0;
}

static bool has_upper_case(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (isupper((unsigned char)text[i]))
            return true;
    return false;
}

/* Its first part is a host if it looks like one; `docker pull` has it so. Names on the Hub have no capitals: an Engine
 * takes such a part for a host, and must not be given the Hub's credentials for it. */
static bool has_host(const char *name, size_t size)
{
    return name[size] == '/' && (memchr(name, '.', size) || memchr(name, ':', size) ||
                                 !strncmp(name, "localhost/", 10) || has_upper_case(name, size));
}

static void set_registry(struct image_name *self)
{
    size_t size = strcspn(self->name, "/");

    snprintf(self->registry, sizeof(self->registry), "%s", DOCKER_HUB);
    if (has_host(self->name, size))
        copy(self->registry, self->name, size);
    if (!strcmp(self->registry, DOCKER_HUB_OLD))
        snprintf(self->registry, sizeof(self->registry), "%s", DOCKER_HUB);
}

int image_name_parse(const char *text, struct image_name *ret_name, struct err *err)
{
    struct image_name self = {.tag = TAG_LATEST};
    size_t size = strcspn(text, "@");
    const char *slash, *colon;
    int rc = 0;

    if (text[size] == '@')
        rc = copy(self.tag, text + size + 1, strlen(text + size + 1));
    slash = memrchr(text, '/', size);
    colon = memrchr(slash ? slash : text, ':', size - (slash ? (size_t)(slash - text) : 0));
    if (colon && rc == 0 && text[size] != '@')
        rc = copy(self.tag, colon + 1, size - (size_t)(colon + 1 - text));
    if (rc == 0)
        rc = copy(self.name, text, colon ? (size_t)(colon - text) : size);
    for (const char *c = text; *c && rc == 0; c++)
        if (*c <= ' ' || *c == 0x7f || *c == '?' || *c == '#')
            rc = -EINVAL;
    if (rc < 0)
        return err_set(err, rc,
                       "'%.100s' cannot be the name of an image: expected "
                       "[registry/]name[:tag]",
                       text);
    set_registry(&self);
    *ret_name = self;
    return 0;
}

void image_name_normal(const char *text, char ret_text[IMAGE_NAME_MAX])
{
    struct image_name name;
    const char *path;
    size_t size;

    if (image_name_parse(text, &name, NULL) < 0) {
        snprintf(ret_text, IMAGE_NAME_MAX, "%s", text);
        return;
    }
    size = strcspn(name.name, "/");
    path = has_host(name.name, size) ? name.name + size + 1 : name.name;
    snprintf(ret_text, IMAGE_NAME_MAX, "%s/%s%s%s%s", name.registry,
             !strcmp(name.registry, DOCKER_HUB) && !strchr(path, '/') ? OFFICIAL : "", path,
             strchr(text, '@') ? "@" : ":", name.tag);
}

const char *image_name_familiar(const char *normal)
{
    if (strncmp(normal, DOCKER_HUB "/", strlen(DOCKER_HUB "/")) != 0)
        return normal;
    normal += strlen(DOCKER_HUB "/");
    return strncmp(normal, OFFICIAL, strlen(OFFICIAL)) ? normal : normal + strlen(OFFICIAL);
}
