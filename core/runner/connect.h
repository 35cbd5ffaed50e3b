/*
 * connect.h — what stands in for the C library's connect().
 *
 * The program exports a connect() and a socket() of its own. Shared libraries find those first.
 * Where there is a broker, it makes the connection (broker.h). And while a thread wants it so,
 * something else does: a library that opens its connections itself (libesmtp) can be given one that
 * was set up and bounded in time before.
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
