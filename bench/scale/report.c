#include "bench/scale/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void report(const char *name, size_t agents, double value, const char *unit)
{
    printf("scale_%s_%zu %.*f %s\n", name, agents,
           value < 1     ? 3
           : value < 10  ? 2
           : value < 100 ? 1
                         : 0,
           value, unit);
    fflush(stdout);
}

static int compare_us(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

void sort_us(uint32_t *samples_us, size_t count)
{
    qsort(samples_us, count, sizeof(samples_us[0]), compare_us);
}

double quantile_ms(const uint32_t *sorted_us, size_t count, double quantile)
{
    size_t index = (size_t)(quantile * (double)count);

    return count ? sorted_us[index < count ? index : count - 1] / 1e3 : 0;
}

double resident_mb(pid_t pid)
{
    char path[64], line[256];
    long long kb = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    file = fopen(path, "re");
    while (file && fgets(line, sizeof(line), file))
        if (!strncmp(line, "VmRSS:", 6))
            kb = strtoll(line + 6, NULL, 10);
    if (file)
        fclose(file);
    return (double)kb / 1024;
}

double cpu_seconds(pid_t pid)
{
    char path[64], line[1024] = "";
    unsigned long long user = 0, system = 0;
    const char *rest;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    file = fopen(path, "re");
    if (!file)
        return 0;
    rest = fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;
    fclose(file);
    if (!rest || sscanf(rest, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user,
                        &system) != 2)
        return 0;
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

double cpu_seconds_of_all(void)
{
    unsigned long long user = 0, nice = 0, system = 0, idle, wait, irq = 0, soft = 0;
    FILE *file = fopen("/proc/stat", "re");
    int count;

    if (!file)
        return 0;
    count = fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle,
                   &wait, &irq, &soft);
    fclose(file);
    return count == 7 ? (double)(user + nice + system + irq + soft) / (double)sysconf(_SC_CLK_TCK)
                      : 0;
}
