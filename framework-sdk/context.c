#include "framework-sdk/context.h"

#include <pthread.h>
#include <stddef.h>

#include "base/bug.h"

static pthread_mutex_t context_lock = PTHREAD_MUTEX_INITIALIZER;
static struct link_context *shared_context;
static unsigned context_users;

int sdk_context_get(struct link_context **ret_context, struct err *err)
{
    int rc = 0;

    pthread_mutex_lock(&context_lock);
    if (!context_users)
        rc = link_context_new(&shared_context, err);
    if (rc >= 0) {
        context_users++;
        *ret_context = shared_context;
    }
    pthread_mutex_unlock(&context_lock);
    return rc;
}

void sdk_context_put(struct link_context **context_p)
{
    if (!*context_p)
        return;
    pthread_mutex_lock(&context_lock);
    BUG_ON(*context_p != shared_context || !context_users);
    if (!--context_users)
        link_context_destroy(&shared_context);
    pthread_mutex_unlock(&context_lock);
    *context_p = NULL;
}
