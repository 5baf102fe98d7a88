/* tests/sim/executors.h - what runs in the container of an executor, as the others of the simulator see it. */
#ifndef PROFFER_TESTS_SIM_EXECUTORS_H
#define PROFFER_TESTS_SIM_EXECUTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct container;
struct message;
struct sim_agent;

void executor_begin(struct container *container);
void executor_end(struct container *container);
int executors_tell(void *agent, uint64_t connection, const struct message *message, bool can_wait);
void executors_admit(void *agent, uint64_t connection);
void executors_hear(void *agent, uint64_t connection, bool is_heard);
void executors_drop(void *agent, uint64_t connection);
/* What its core had taken is written. */
void executors_on_written(struct sim_agent *agent);
#define SIM_OWED_MAX 3 /* updates of an executor that are taken before they are written */
int executors_draw_secret(void *agent, unsigned char *bytes, size_t size);
void executors_lose_agent(struct sim_agent *agent);

#endif
