/* proto/link_context.c - the process's ZeroMQ context, and key files. */
#include "proto/link_socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <czmq.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "proto/link_zap.h"

/* A client takes three: the socket, its monitor, and libzmq's end of that. */
#define SOCKETS_MAX 8192

int link_context_new(struct link_context **ret_context, struct err *err)
{
    CLEANUP(link_context_destroy) struct link_context *self = mem_new(struct link_context);

    pthread_mutex_init(&self->lock, NULL);
    self->zmq = zmq_ctx_new();
    if (!self->zmq)
        return err_set(err, -errno, "ZeroMQ context: %s", zmq_strerror(errno));
    if (zmq_ctx_set(self->zmq, ZMQ_MAX_SOCKETS, SOCKETS_MAX))
        return err_set(err, -errno, "ZeroMQ sockets: %s", zmq_strerror(errno));
    *ret_context = TAKE(self);
    return 0;
}

void link_context_destroy(struct link_context **self_p)
{
    struct link_context *self = *self_p;

    if (!self)
        return;
    if (self->zmq)
        zmq_ctx_shutdown(self->zmq); /* ends the ZAP thread; what lingers goes on */
    link_zap_destroy(&self->zap);
    while (self->zmq && zmq_ctx_term(self->zmq) && errno == EINTR)
        ;
    pthread_mutex_destroy(&self->lock);
    free(self);
    *self_p = NULL;
}

int link_keys_load(const char *path, struct link_keys *ret_keys, struct err *err)
{
    CLEANUP(free_p) char *secret_path = mem_printf("%s_secret", path);
    CLEANUP(zcert_destroy) zcert_t *certificate = NULL;
    const char *file = access(secret_path, F_OK) == 0 ? secret_path : path;
    struct link_keys keys = {0};
    struct stat info;

    if (access(file, R_OK) || stat(file, &info))
        return err_errno(err, -errno, "keys in %s", file);
    certificate = zcert_load(path);
    if (!certificate)
        return err_set(err, -EINVAL, "keys in %s: no certificate as `proffer keys` writes it",
                       file);
    snprintf(keys.public_key, sizeof(keys.public_key), "%s", zcert_public_txt(certificate));
    snprintf(keys.secret_key, sizeof(keys.secret_key), "%s", zcert_secret_txt(certificate));
    if (strspn(keys.secret_key, "0") == sizeof(keys.secret_key) - 1)
        keys.secret_key[0] = '\0'; /* czmq's way to say that there is none */
    if (*keys.secret_key && info.st_mode & (S_IRGRP | S_IROTH))
        return err_set(err, -EACCES, "keys in %s: others can read the secret; chmod 600 it", file);
    *ret_keys = keys;
    return 0;
}
