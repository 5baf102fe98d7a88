/* bench/store.c - this machine's own limit of keeping things: what an agent's checkpoint is made of, bare.
 *
 *     store FOLDER SECONDS
 *
 * In a file of FOLDER: commits of one small row to SQLite in WAL mode that outlive the process
 * (synchronous=NORMAL, as the checkpoint), and writes of a page with fdatasync. Prints "N commits_per_s" and "N
 * syncs_per_s".
 */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"

#define PAGE 4096
#define ROW  300 /* about what a task's update takes */

static void run(sqlite3 *db, const char *text)
{
    if (sqlite3_exec(db, text, NULL, NULL, NULL) == SQLITE_OK)
        return;
    fprintf(stderr, "store: %s: %s\n", text, sqlite3_errmsg(db));
    exit(1);
}

static double commits(const char *path, int64_t span_us)
{
    static char row[ROW];
    int64_t from = clock_now().mono_us, now = from, count = 0;
    sqlite3_stmt *put;
    sqlite3 *db;

    if (sqlite3_open(path, &db) != SQLITE_OK)
        exit(1);
    run(db, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
            "CREATE TABLE t (k INTEGER PRIMARY KEY, v BLOB)");
    sqlite3_prepare_v2(db, "INSERT OR REPLACE INTO t VALUES (?, ?)", -1, &put, NULL);
    for (; now - from < span_us; now = clock_now().mono_us, count++) {
        sqlite3_bind_int64(put, 1, count % 1000);
        sqlite3_bind_blob(put, 2, row, sizeof(row), SQLITE_STATIC);
        if (sqlite3_step(put) != SQLITE_DONE)
            exit(1);
        sqlite3_reset(put);
    }
    sqlite3_finalize(put);
    sqlite3_close(db);
    return (double)count * US_PER_S / (double)(now - from);
}

static double syncs(const char *path, int64_t span_us)
{
    static char page[PAGE];
    int64_t from = clock_now().mono_us, now = from, count = 0;
    int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);

    for (; now - from < span_us; now = clock_now().mono_us, count++)
        if (pwrite(fd, page, PAGE, (count % 64) * PAGE) != PAGE || fdatasync(fd) < 0)
            exit(1);
    close(fd);
    return (double)count * US_PER_S / (double)(now - from);
}

int main(int argc, char **argv)
{
    char path[4096];
    int64_t span_us;

    if (argc != 3)
        return 2;
    span_us = (int64_t)(strtod(argv[2], NULL) * US_PER_S);
    snprintf(path, sizeof(path), "%s/store-limit.db", argv[1]);
    printf("%.0f commits_per_s\n", commits(path, span_us));
    unlink(path);
    snprintf(path, sizeof(path), "%s/store-limit.raw", argv[1]);
    printf("%.0f syncs_per_s\n", syncs(path, span_us));
    unlink(path);
    return 0;
}
