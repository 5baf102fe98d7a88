/* pool - an executor that runs shell lines in a few processes of its own, the others wait their turn.
 *
 *     pool [WORKERS]        run by an agent: a task's data is the line; WORKERS (4) run at a time
 *
 * A container is made once, for the pool; a task costs a fork. What a line prints is sent to the framework line by line as
 * messages, and the last of it is the data of the task's end. Asked "how many", it answers how many run and wait.
 */
#include <proffer/proffer.h>

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORKERS_MAX 64
#define LINE_MAX    4096

struct job {
    struct job *next;
    char *id, *line; /* owned */
    pid_t pid;       /* 0: it waits */
    int pid_fd, output_fd;
    bool is_killed;
    int64_t force_ms; /* when it is killed by force; 0: not at all */
    char last[LINE_MAX];
    size_t used;    /* of `last`: the line that is not complete yet */
    size_t printed; /* of `last`: the length of the last complete one */
};

struct pool {
    struct proffer_executor *executor;
    struct job *jobs; /* oldest first */
    int workers, running;
    bool is_ending;
};

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void say(struct pool *pool, const struct job *job, struct proffer_executor_update update)
{
    struct proffer_err err;

    update.task_id = job->id;
    if (proffer_executor_update(pool->executor, &update, &err) < 0)
        fprintf(stderr, "pool: %s\n", err.text);
}

/* --- a process -------------------------------------------------------------------------------- */

static void run_line(const char *line, int output_fd)
{
    setpgid(0, 0);
    dup2(output_fd, STDOUT_FILENO);
    dup2(output_fd, STDERR_FILENO);
    execl("/bin/sh", "sh", "-c", line, (char *)NULL);
    _exit(127);
}

static int start(struct job *job)
{
    int ends[2];

    if (pipe(ends) < 0)
        return -1;
    job->pid = fork();
    if (job->pid == 0) {
        close(ends[0]);
        run_line(job->line, ends[1]);
    }
    close(ends[1]);
    job->output_fd = ends[0];
    job->pid_fd = job->pid < 0 ? -1 : (int)syscall(SYS_pidfd_open, job->pid, 0);
    if (job->pid_fd >= 0)
        return 0;
    close(ends[0]);
    if (job->pid > 0) {
        kill(job->pid, SIGKILL);
        waitpid(job->pid, NULL, 0);
    }
    return -1;
}

static void forget(struct pool *pool, struct job *job)
{
    struct job **at = &pool->jobs;

    while (*at != job)
        at = &(*at)->next;
    *at = job->next;
    free(job->id);
    free(job->line);
    free(job);
}

/* As many as may run at a time. */
static void start_some(struct pool *pool)
{
    struct job *job, *next;

    for (job = pool->jobs; job && pool->running < pool->workers; job = next) {
        next = job->next;
        if (job->pid)
            continue;
        if (start(job) < 0) {
            say(pool, job,
                (struct proffer_executor_update){.state = PROFFER_TASK_FAILED,
                                                 .message = "no process can be made"});
            forget(pool, job);
            continue;
        }
        pool->running++;
        say(pool, job, (struct proffer_executor_update){.state = PROFFER_TASK_RUNNING});
    }
}

static void take_output(struct pool *pool, struct job *job, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (text[i] != '\n' && job->used < LINE_MAX) {
            job->last[job->used++] = text[i];
            continue;
        }
        (void)proffer_executor_message(pool->executor, job->id, job->last, job->used, NULL);
        job->printed = job->used;
        job->used = 0;
    }
}

/* False: there is no more for ever. */
static bool read_output(struct pool *pool, struct job *job)
{
    char text[4096];
    ssize_t size = read(job->output_fd, text, sizeof(text));

    if (size > 0) {
        take_output(pool, job, text, (size_t)size);
        return true;
    }
    close(job->output_fd);
    job->output_fd = -1; /* it may go on without */
    return false;
}

static void end(struct pool *pool, struct job *job)
{
    struct proffer_executor_update update = {.has_exit = true};
    struct pollfd left = {.fd = job->output_fd, .events = POLLIN};
    int status = 0;

    waitpid(job->pid, &status, 0);
    kill(-job->pid, SIGKILL); /* what it has left behind */
    while (job->output_fd >= 0 && poll(&left, 1, 0) > 0 && read_output(pool, job))
        ;
    update.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    update.exit_signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    update.data = job->last;
    update.data_size = job->used ? job->used : job->printed;
    update.state = !update.exit_code && !update.exit_signal ? PROFFER_TASK_FINISHED
                   : job->is_killed                         ? PROFFER_TASK_KILLED
                                                            : PROFFER_TASK_FAILED;
    say(pool, job, update);
    close(job->pid_fd);
    if (job->output_fd >= 0)
        close(job->output_fd);
    pool->running--;
    forget(pool, job);
}

/* --- what the agent says ---------------------------------------------------------------------- */

static void on_launch(struct proffer_executor *executor, const struct proffer_executor_task *task,
                      void *user)
{
    struct pool *pool = user;
    struct job *job = calloc(1, sizeof(*job)), **at = &pool->jobs;

    (void)executor;
    if (!job)
        abort();
    job->id = strdup(task->id);
    job->line = strndup(task->data ? task->data : "", task->data_size);
    while (*at)
        at = &(*at)->next;
    *at = job;
    start_some(pool);
}

static void kill_job(struct pool *pool, struct job *job, int64_t grace_ms)
{
    if (!job->pid) {
        say(pool, job,
            (struct proffer_executor_update){.state = PROFFER_TASK_KILLED,
                                             .message = "before its turn"});
        forget(pool, job);
        return;
    }
    job->is_killed = true;
    job->force_ms = now_ms() + grace_ms;
    kill(-job->pid, SIGTERM);
}

static void on_kill(struct proffer_executor *executor, const char *task_id, int64_t grace_ms,
                    void *user)
{
    struct pool *pool = user;
    struct job *job, *next;

    (void)executor;
    for (job = pool->jobs; job; job = next) {
        next = job->next;
        if (!strcmp(job->id, task_id))
            kill_job(pool, job, grace_ms);
    }
}

static void on_shutdown(struct proffer_executor *executor, int64_t grace_ms, void *user)
{
    struct pool *pool = user;
    struct job *job, *next;

    (void)executor;
    pool->is_ending = true;
    for (job = pool->jobs; job; job = next) {
        next = job->next;
        kill_job(pool, job, grace_ms / 2);
    }
}

static void on_message(struct proffer_executor *executor, const char *task_id, const void *data,
                       size_t size, void *user)
{
    struct pool *pool = user;
    char answer[64];
    int waiting = -pool->running;

    (void)task_id;
    if (size != strlen("how many") || memcmp(data, "how many", size) != 0)
        return;
    for (const struct job *job = pool->jobs; job; job = job->next)
        waiting++;
    snprintf(answer, sizeof(answer), "%d run, %d wait", pool->running, waiting);
    (void)proffer_executor_message(executor, NULL, answer, strlen(answer), NULL);
}

static void on_error(struct proffer_executor *executor, const char *message, void *user)
{
    (void)executor, (void)user;
    fprintf(stderr, "pool: %s\n", message);
}

/* --- the loop --------------------------------------------------------------------------------- */

static int force_late(const struct pool *pool)
{
    int64_t next_ms = -1, now = now_ms();

    for (const struct job *job = pool->jobs; job; job = job->next) {
        if (!job->force_ms)
            continue;
        if (job->force_ms <= now)
            kill(-job->pid, SIGKILL);
        else if (next_ms < 0 || job->force_ms - now < next_ms)
            next_ms = job->force_ms - now;
    }
    return (int)next_ms;
}

static void wait_for_events(struct pool *pool)
{
    struct pollfd fds[1 + 2 * WORKERS_MAX] = {
        {.fd = proffer_executor_fd(pool->executor), .events = POLLIN}};
    struct job *jobs[WORKERS_MAX];
    nfds_t count = 0;

    for (struct job *job = pool->jobs; job; job = job->next) {
        if (!job->pid)
            continue;
        fds[1 + 2 * count] = (struct pollfd){.fd = job->output_fd, .events = POLLIN};
        fds[2 + 2 * count] = (struct pollfd){.fd = job->pid_fd, .events = POLLIN};
        jobs[count++] = job;
    }
    if (poll(fds, 1 + 2 * count, force_late(pool)) < 0)
        return;
    for (nfds_t i = 0; i < count; i++) {
        if (fds[2 + 2 * i].revents)
            end(pool, jobs[i]);
        else if (fds[1 + 2 * i].revents)
            read_output(pool, jobs[i]);
    }
}

static int run(struct pool *pool)
{
    int rc = 1;

    while (rc > 0) {
        if (pool->is_ending && !pool->jobs)
            proffer_executor_stop(pool->executor);
        wait_for_events(pool);
        start_some(pool);
        rc = proffer_executor_dispatch(pool->executor);
    }
    return rc;
}

int main(int argc, char **argv)
{
    const struct proffer_executor_callbacks callbacks = {.launch = on_launch,
                                                         .kill = on_kill,
                                                         .shutdown = on_shutdown,
                                                         .message = on_message,
                                                         .error = on_error};
    struct pool pool = {.workers = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 4};
    struct proffer_err err;
    int rc;

    if (pool.workers < 1 || pool.workers > WORKERS_MAX) {
        fprintf(stderr, "usage: pool [WORKERS], at most %d\n", WORKERS_MAX);
        return 2;
    }
    if (proffer_executor_new(NULL, &callbacks, &pool, &pool.executor, &err) < 0) {
        fprintf(stderr, "pool: %s\n", err.text);
        return EXIT_FAILURE;
    }
    rc = run(&pool);
    proffer_executor_destroy(&pool.executor);
    return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
