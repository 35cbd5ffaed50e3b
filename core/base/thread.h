/*
 * thread.h — the roles of threads, asserted in debug builds.
 *
 * Each thread says its role once, at its start. A function tagged [loop] in its header begins with
 * ASSERT_THREAD(THREAD_LOOP). A thread without a role (a test, a pool's worker) passes every check.
 */
#ifndef HUB_BASE_THREAD_H
#define HUB_BASE_THREAD_H

#include <assert.h>
#include <stdbool.h>

enum thread_role { THREAD_ANY, THREAD_LOOP, THREAD_STORE, THREAD_READER, THREAD_RUNNER };

void thread_set_role(enum thread_role role, const char *name); /* also names it for the kernel */
bool thread_has_role(enum thread_role role);

#ifdef NDEBUG
#define ASSERT_THREAD(role) ((void)0)
#else
#define ASSERT_THREAD(role) assert(thread_has_role(role))
#endif

#endif
