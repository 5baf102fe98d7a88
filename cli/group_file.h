/* cli/group_file.h - a group of tasks in a JSON file (docs/pods.md), into what the SDK takes. */
#ifndef PROFFER_CLI_GROUP_FILE_H
#define PROFFER_CLI_GROUP_FILE_H

#include <stddef.h>

#include <jansson.h>

#include <proffer/types.h>

struct group_file {
    struct proffer_group group;
    struct proffer_task *tasks; /* owned */
    size_t tasks_count;
    json_t *root;  /* owned; most texts are in it */
    void **memory; /* owned; the rest */
    size_t memory_count;
};

/* 0, or EXIT_USAGE after it was said what is wrong and where. */
int group_file_read(const char *path, struct group_file *ret_file);
void group_file_fini(struct group_file *self);

#endif
