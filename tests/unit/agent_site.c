/* The view with its thread, and its client. */
#include "tests/unit/agent_site.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/options_shown.h"
#include "tests/unit/desk_site.h"

#define DEADLINE_S 20

char *temporary_dir_new(void)
{
    char *path = mem_strdup("/tmp/proffer-test-XXXXXX");

    assert_non_null(mkdtemp(path));
    return path;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
    (void)info;
    (void)type;
    (void)ftw;
    return remove(path);
}

void temporary_dir_destroy(char **path_p)
{
    if (*path_p)
        nftw(*path_p, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(*path_p);
    *path_p = NULL;
}

struct agent_site *agent_site_new(void)
{
    static char name[] = "work_dir", value[] = "/somewhere";
    static struct option_shown flag = {name, value};
    static const struct options_shown flags = {&flag, 1};
    struct agent_site *self = mem_new(struct agent_site);
    struct agent_view_settings settings = {
        .address = "127.0.0.1", .master = "master1", .flags = &flags};
    struct err err;

    self->dir = temporary_dir_new();
    self->sandboxes = mem_printf("%s/sandboxes", self->dir);
    assert_int_equal(mkdir(self->sandboxes, 0755), 0);
    settings.sandboxes_dir = self->sandboxes;
    settings.desk_fd = self->desk_fd = desk_site_new(self->sandboxes, &self->desk);
    if (agent_view_new(&settings, &self->view, &err) < 0)
        fail_msg("%s", err.text);
    return self;
}

void agent_site_destroy(struct agent_site **self_p)
{
    struct agent_site *self = *self_p;

    if (!self)
        return;
    agent_view_destroy(&self->view);
    close_fd(&self->desk_fd);
    desk_site_wait(self->desk);
    temporary_dir_destroy(&self->dir);
    free(self->sandboxes);
    free(self);
    *self_p = NULL;
}

int agent_site_ask(const struct agent_site *self, const char *target)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(agent_view_port(self->view)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    const struct timeval deadline = {.tv_sec = DEADLINE_S};
    CLEANUP(buf_fini) struct buf request = {0};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline)), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    buf_printf(&request, "GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", target);
    assert_int_equal(write(fd, request.data, request.size), (int)request.size);
    return fd;
}

int agent_site_receive(int fd, struct buf *body)
{
    CLEANUP(close_fd) int owned = fd;
    const char *head_end;
    ssize_t size;
    int status;

    body->size = 0;
    while ((size = recv(owned, buf_reserve(body, 65536), 65536, 0)) > 0)
        body->size += (size_t)size;
    assert_int_equal(size, 0);
    body->data[body->size] = '\0';
    assert_int_equal(sscanf(body->data, "HTTP/1.1 %d ", &status), 1);
    head_end = strstr(body->data, "\r\n\r\n");
    assert_non_null(head_end);
    buf_consume(body, (size_t)(head_end + 4 - body->data));
    return status;
}

int agent_site_get(const struct agent_site *self, const char *target, struct buf *body)
{
    return agent_site_receive(agent_site_ask(self, target), body);
}

void agent_site_write(const struct agent_site *self, const char *path, const char *text)
{
    CLEANUP(free_p) char *whole = mem_printf("%s/%s", self->sandboxes, path);
    CLEANUP(close_fd) int fd = -1;

    for (char *slash = whole + strlen(self->sandboxes) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(whole, 0755);
        *slash = '/';
    }
    fd = open(whole, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (int)strlen(text));
}
