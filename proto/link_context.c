/* proto/link_context.c - the process's ZeroMQ context, and key files. */
#include "proto/link_socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

static int check_private(const char *path, struct err *err)
{
    struct stat info;

    if (stat(path, &info))
        return -errno;
    if (info.st_mode & (S_IRGRP | S_IROTH))
        return err_set(err, -EACCES, "%s can be read by others: chmod 600 it, or make new keys",
                       path);
    return 0;
}

int link_keys_load(const char *path, struct link_keys *ret_keys, struct err *err)
{
    CLEANUP(free_p) char *secret_path = mem_printf("%s_secret", path);
    CLEANUP(zcert_destroy) zcert_t *certificate = NULL;
    bool has_secret = true;
    int result = check_private(secret_path, err);

    if (result == -ENOENT) {
        struct stat info;

        if (stat(path, &info))
            return err_errno(err, -errno, "keys in %s", path);
        certificate = zcert_load(path);
        has_secret = certificate && strspn(zcert_secret_txt(certificate), "0") != 40;
        result = has_secret ? check_private(path, err) : 0;
    } else if (result == 0) {
        certificate = zcert_load(path);
    }
    if (result < 0)
        return err_wrap(err, result, "keys");
    if (!certificate)
        return err_set(err, -EINVAL,
                       "keys in %s: no certificate of the form that `proffer keys` writes", path);
    *ret_keys = (struct link_keys){0};
    snprintf(ret_keys->public_key, sizeof(ret_keys->public_key), "%s",
             zcert_public_txt(certificate));
    if (has_secret)
        snprintf(ret_keys->secret_key, sizeof(ret_keys->secret_key), "%s",
                 zcert_secret_txt(certificate));
    return 0;
}
