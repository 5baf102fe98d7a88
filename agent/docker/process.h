/* agent/docker/process.h - proffer-docker: the agent's channel, the Engine's socket, and the core between them.
 *
 * A process of its own, started by the agent beside the launcher. It alone speaks with the Engine. One thread, one loop
 * (libcurl on an epoll): a thousand containers are a thousand open answers and no thread. When its channel closes it
 * exits and touches nothing; the next one finds the containers by their labels.
 */
#ifndef PROFFER_AGENT_DOCKER_PROCESS_H
#define PROFFER_AGENT_DOCKER_PROCESS_H

/* Until the agent goes. The exit code. */
int docker_process_run(int channel_fd);

#endif
