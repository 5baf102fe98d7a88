#include "cli/docker_options.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/units.h"
#include "cli/cli.h"

static const char *keep(struct docker_task *self, const char *text, size_t size)
{
    self->texts = mem_resize(self->texts, self->texts_count + 1, sizeof(*self->texts));
    self->texts[self->texts_count] = mem_printf("%.*s", (int)size, text);
    return self->texts[self->texts_count++];
}

/* "PORT[/PROTOCOL]": of the container; the host's is one of those that the task gets. */
static int read_port(struct docker_task *self, const char *text, struct proffer_port *ret_port)
{
    size_t size = strcspn(text, "/");
    int64_t port;

    if (units_parse_int(keep(self, text, size), 1, 65535, &port, NULL) < 0)
        return cli_fail(EXIT_USAGE, "--publish %s: must be PORT or PORT/udp", text);
    *ret_port = (struct proffer_port){.container_port = (uint16_t)port,
                                      .protocol = text[size] ? text + size + 1 : "tcp"};
    return 0;
}

/* "HOST:CONTAINER[:ro]" */
static int read_volume(struct docker_task *self, const char *text,
                       struct proffer_docker_volume *ret_volume)
{
    const char *first = strchr(text, ':');
    const char *second = first ? strchr(first + 1, ':') : NULL;
    size_t size = first ? strcspn(first + 1, ":") : 0;

    if (!first || first == text || !size || (second && strcmp(second, ":ro") != 0))
        return cli_fail(EXIT_USAGE, "--volume %s: must be FOLDER:PATH or FOLDER:PATH:ro", text);
    *ret_volume = (struct proffer_docker_volume){
        .host_path = keep(self, text, (size_t)(first - text)),
        .container_path = keep(self, first + 1, size),
        .read_only = second != NULL,
    };
    return 0;
}

static int read_parameter(struct docker_task *self, const char *text,
                          struct proffer_pair *ret_parameter)
{
    const char *equals = strchr(text, '=');

    if (!equals || equals == text)
        return cli_fail(EXIT_USAGE, "--docker %s: must be NAME=VALUE, as hostname=web", text);
    *ret_parameter = (struct proffer_pair){keep(self, text, (size_t)(equals - text)), equals + 1};
    return 0;
}

static int read_pull(const char *text, enum proffer_pull *ret_pull)
{
    if (!text || !strcmp(text, "missing"))
        *ret_pull = PROFFER_PULL_IF_MISSING;
    else if (!strcmp(text, "always"))
        *ret_pull = PROFFER_PULL_ALWAYS;
    else if (!strcmp(text, "never"))
        *ret_pull = PROFFER_PULL_NEVER;
    else
        return cli_fail(EXIT_USAGE, "--pull %s: must be missing, always or never", text);
    return 0;
}

static int read_lists(const struct docker_options *options, struct docker_task *self)
{
    int code = 0;

    for (size_t i = 0; i < options->publish.count && code == 0; i++)
        code = read_port(self, options->publish.items[i], &self->ports[i]);
    for (size_t i = 0; i < options->volumes.count && code == 0; i++)
        code = read_volume(self, options->volumes.items[i], &self->volumes[i]);
    for (size_t i = 0; i < options->parameters.count && code == 0; i++)
        code = read_parameter(self, options->parameters.items[i], &self->parameters[i]);
    return code;
}

int docker_options_read(const struct docker_options *options, struct docker_task *ret_task)
{
    struct docker_task *self = ret_task;
    int code;

    *self = (struct docker_task){0};
    if (!options->image &&
        (options->publish.count || options->volumes.count || options->network ||
         options->parameters.count || options->pull || options->user || options->credentials))
        return cli_fail(EXIT_USAGE, "--network, --publish, --volume, --pull, --credentials, "
                                    "--container-user and --docker are for a task with an --image");
    self->ports = mem_calloc(options->publish.count + 1, sizeof(*self->ports));
    self->volumes = mem_calloc(options->volumes.count + 1, sizeof(*self->volumes));
    self->parameters = mem_calloc(options->parameters.count + 1, sizeof(*self->parameters));
    code = read_lists(options, self);
    if (code == 0)
        code = read_pull(options->pull, &self->docker.pull);
    self->docker.image = options->image;
    self->docker.network = options->network;
    self->docker.user = options->user;
    self->docker.credentials = options->credentials;
    self->docker.ports = self->ports;
    self->docker.ports_count = options->publish.count;
    self->docker.volumes = self->volumes;
    self->docker.parameters = self->parameters;
    return code;
}

void docker_task_fini(struct docker_task *self)
{
    for (size_t i = 0; i < self->texts_count; i++)
        free(self->texts[i]);
    free(self->texts);
    free(self->ports);
    free(self->volumes);
    free(self->parameters);
    *self = (struct docker_task){0};
}

void docker_options_fini(struct docker_options *self)
{
    options_fini_strings(&self->publish);
    options_fini_strings(&self->volumes);
    options_fini_strings(&self->parameters);
}
