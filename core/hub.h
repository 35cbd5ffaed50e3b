/*
 * hub.h — the daemon put together: everything that lives on the loop thread, and the order in which
 * it comes up and goes down.
 *
 *     up:    state dir and lock → blobs → store → types, dispatcher, engine, supervisor, API,
 * server → scan of the connectors → keys → unfinished jobs → listen → "hubd ready …" down:  no new
 * work, streams end → attempts and requests finish, or the time is up → runners → server → engine,
 * API → store
 *
 *     hub_new(&config, &log, &hub, &error);
 *     exit_code = hub_run(hub);
 *     hub_free(hub);
 *
 * Thread: [loop]; hub_run() makes the calling thread the loop thread.
 */
#ifndef HUB_HUB_H
#define HUB_HUB_H

#include "base/log.h"
#include "config.h"

struct hub;

/* `config` and `log` outlive the hub. */
HUB_MUST_CHECK int hub_new(const struct config *config, struct log *log, struct hub **ret_self,
                           struct hub_error *error);
/* Until SIGTERM or SIGINT, and the drain after it. 0, or 1 if it could not come up. */
int hub_run(struct hub *self);
void hub_free(struct hub *self);

#endif
