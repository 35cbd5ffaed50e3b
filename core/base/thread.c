#include "base/thread.h"

#include <pthread.h>
#include <stdio.h>

static _Thread_local enum thread_role own_role = THREAD_ANY;

void thread_set_role(enum thread_role role, const char *name)
{
    char kernel_name[16]; /* TASK_COMM_LEN */

    own_role = role;
    snprintf(kernel_name, sizeof kernel_name, "%s", name);
    pthread_setname_np(pthread_self(), kernel_name);
}

bool thread_has_role(enum thread_role role)
{
    return own_role == role || own_role == THREAD_ANY || role == THREAD_ANY;
}
