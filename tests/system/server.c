/* tests/system/server.c - an HTTP server for the system tests.
 *
 *     server FOLDER
 *
 * Listens on a free port of 127.0.0.1, which it prints first; then one line for each request. Besides the files of its folder:
 *
 *     /status            the status that stands in the file `status` of the folder
 *     /redirect/N/PATH   redirects N times, then to /PATH
 *     /slow/PATH         the file, and each kilobyte after a pause
 *     /held/PATH         a kilobyte of it, and the rest when there is a file `go` in the folder
 *     /silent            no answer
 *     /short/PATH        says that there is more than comes
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAUSE_MS 200
#define LOOK_MS  20

enum pace { AT_ONCE, SLOWLY, WHEN_TOLD };

static void say(int fd, const char *text)
{
    (void)!write(fd, text, strlen(text));
}

static void answer(int fd, int status, const char *more)
{
    char text[1024];

    snprintf(text, sizeof(text), "HTTP/1.1 %d X\r\nConnection: close\r\n%s\r\n", status, more);
    say(fd, text);
}

static void keep_pace(enum pace pace)
{
    if (pace == SLOWLY)
        poll(NULL, 0, PAUSE_MS);
    while (pace == WHEN_TOLD && access("go", F_OK) < 0)
        poll(NULL, 0, LOOK_MS);
}

static void send_file(int fd, const char *path, long more, enum pace pace)
{
    int file = open(path, O_RDONLY);
    char text[1024];
    struct stat info;
    ssize_t size;

    if (file < 0 || fstat(file, &info) < 0 || !S_ISREG(info.st_mode)) {
        answer(fd, 404, "Content-Length: 0\r\n");
        return;
    }
    snprintf(text, sizeof(text), "Content-Length: %ld\r\n", (long)info.st_size + more);
    answer(fd, 200, text);
    while ((size = read(file, text, sizeof(text))) > 0) {
        if (write(fd, text, (size_t)size) < 0)
            break;
        keep_pace(pace);
    }
    close(file);
}

static void send_status(int fd)
{
    FILE *file = fopen("status", "r");
    int status = 500;

    if (file && fscanf(file, "%d", &status) != 1)
        status = 500;
    if (file)
        fclose(file);
    answer(fd, status, "Content-Length: 0\r\n");
}

static void redirect(int fd, const char *rest)
{
    char more[512];
    char *path;
    long left = strtol(rest, &path, 10);

    if (left > 1)
        snprintf(more, sizeof(more), "Location: /redirect/%ld%.300s\r\nContent-Length: 0\r\n",
                 left - 1, path);
    else
        snprintf(more, sizeof(more), "Location: %.300s\r\nContent-Length: 0\r\n", path);
    answer(fd, 302, more);
}

static void serve(int fd)
{
    char request[8192], path[1024];
    size_t size = 0;
    ssize_t got;

    do {
        got = read(fd, request + size, sizeof(request) - 1 - size);
        size += got > 0 ? (size_t)got : 0;
        request[size] = '\0';
    } while (got > 0 && !strstr(request, "\r\n\r\n") && size < sizeof(request) - 1);
    if (sscanf(request, "%*s %1023s", path) != 1 || strstr(path, "..")) {
        answer(fd, 400, "");
        return;
    }
    path[strcspn(path, "?")] = '\0';
    printf("%s\n", path);
    fflush(stdout);
    if (!strcmp(path, "/status"))
        send_status(fd);
    else if (!strncmp(path, "/redirect/", 10))
        redirect(fd, path + 10);
    else if (!strncmp(path, "/slow/", 6))
        send_file(fd, path + 6, 0, SLOWLY);
    else if (!strncmp(path, "/held/", 6))
        send_file(fd, path + 6, 0, WHEN_TOLD);
    else if (!strncmp(path, "/short/", 7))
        send_file(fd, path + 7, 100, AT_ONCE);
    else if (!strcmp(path, "/silent"))
        pause();
    else
        send_file(fd, path + 1, 0, AT_ONCE);
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (argc != 2 || chdir(argv[1]) < 0)
        return 2;
    signal(SIGCHLD, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    if (bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, 64) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        return 1;
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        int peer = accept(fd, NULL, NULL);

        if (peer >= 0 && fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL); /* one that is silent would stay */
            serve(peer);
            shutdown(peer, SHUT_WR);
            _exit(0);
        }
        close(peer);
    }
}
