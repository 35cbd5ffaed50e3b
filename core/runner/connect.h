/*
 * connect.h — what stands in for the C library's connect() while a thread wants it so.
 *
 * The program exports a connect() of its own. Shared libraries find that one first, so a library
 * that opens its connections itself (libesmtp) can be given one that was looked at before, set up
 * and bounded in time. Without a stand-in it is the system call and nothing more.
 *
 *     connect_set_stand_in(dial, context);
 *     smtp_start_session(session);           // its connect() becomes dial(context, fd, …)
 *     connect_set_stand_in(NULL, NULL);
 *
 * Thread: [any]; each has its own.
 */
#ifndef HUB_RUNNER_CONNECT_H
#define HUB_RUNNER_CONNECT_H

#include <stdint.h>

typedef int connect_stand_in(void *context, int fd, const void *address, uint32_t address_size);

void connect_set_stand_in(connect_stand_in *instead, void *context);

#endif
