#include "check/threads.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

typedef int create_fn(pthread_t *thread, const pthread_attr_t *attributes,
                      void *(*run)(void *context), void *context);

static _Atomic unsigned started;

unsigned threads_started(void)
{
    return atomic_load(&started);
}

/* Hidden it would not replace the C library's. */
__attribute__((visibility("default"))) int pthread_create(pthread_t *thread,
                                                          const pthread_attr_t *attributes,
                                                          void *(*run)(void *context),
                                                          void *context)
{
    static _Atomic(create_fn *) behind;
    create_fn *create = atomic_load(&behind);
    if (!create) {
        *(void **)&create = dlsym(RTLD_NEXT, "pthread_create");
        atomic_store(&behind, create);
    }
    if (!create) {
        return EAGAIN;
    }
    atomic_fetch_add(&started, 1);
    return create(thread, attributes, run, context);
}
