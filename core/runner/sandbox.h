/*
 * sandbox.h — the runner confines itself, before it loads anything.
 *
 *     sandbox_begin(fd, &err);                    at the very start of the process
 *     witness_init(board);
 *     broker_start(&config, board, &err);         once hubd has said how; class network only
 *     sandbox_enter(&config, file, &state, &err);
 *     … dlopen() …
 *
 * A table of steps, each of which takes something away for good, in an order in which each can
 * still do its work:
 *
 *     identity.c  another user, or a user namespace; no capabilities
 *     limits.c    what the process may use up
 *     landlock.c  which files it may open, which TCP ports it may connect to
 *     filter.c    which system calls it may make
 *
 * CLASSES. `pure`: no sockets at all; of the file system only shared libraries, time zones, the
 * connector's own file and what hubd grants of the places that the connector asks for.
 * `network`: sockets of TCP that send and receive but neither connect nor listen, and the files
 * that TLS reads. Connections are made for it by its broker (broker.h), which is confined too: it
 * connects, to the ports of the hosts that the connector asks for, and reads what name resolution
 * reads.
 *
 * MECHANISMS (enum wire_mechanism) that the kernel or the user cannot have are missing, which is
 * reported to hubd; with `sandbox_required` it is an error. What cannot be missing, as rlimits, is
 * an error always: half a sandbox is none.
 *
 * A sanitizer's runtime needs more than a connector; builds with one confine less.
 *
 * Thread: [main], while it is the only one.
 */
#ifndef HUB_RUNNER_SANDBOX_H
#define HUB_RUNNER_SANDBOX_H

#include "base/error.h"
#include "wire/wire.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANDBOX_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define SANDBOX_SANITIZED 1
#endif
#endif
#ifndef SANDBOX_SANITIZED
#define SANDBOX_SANITIZED 0
#endif

/* What the process is. As bits, since some things are for several. */
enum sandbox_role {
    SANDBOX_PURE = 1,
    SANDBOX_NETWORK = 2,
    SANDBOX_BROKER = 4,
    SANDBOX_RUNNER = SANDBOX_PURE | SANDBOX_NETWORK,
    SANDBOX_ANY = SANDBOX_RUNNER | SANDBOX_BROKER,
};

/* How it went. */
struct sandbox_state {
    uint32_t mechanisms; /* bits: 1 << enum wire_mechanism */
    uint32_t missing;    /* bits: what this user on this kernel could not have */
    uint32_t landlock_abi;
    int why[WIRE_MECHANISM_END]; /* of the missing ones: errno */
};

/* At the very start: dies with the thread that started it, drops the environment, and closes every
 * descriptor but 0, 1, 2 and the channel. */
HUB_MUST_CHECK int sandbox_begin(int channel_fd, struct hub_error *error);

/* What this attempt's class may do is all that is left afterwards. `connector_fd` is the
 * connector's file, which may still be read. */
HUB_MUST_CHECK int sandbox_enter(const struct wire_config *config, int connector_fd,
                                 struct sandbox_state *ret_state, struct hub_error *error);

/* The same for the broker of a runner that has this configuration. */
HUB_MUST_CHECK int sandbox_enter_broker(const struct wire_config *config, struct hub_error *error);

/* Is this program built with a sanitizer, which needs address space and /proc for itself? */
bool sandbox_is_sanitized(void);

/* --- The parts: each notes what holds and what is missing. 0, or -errno for what must not be
 * -----*/

void sandbox_note(struct sandbox_state *self, enum wire_mechanism mechanism, int err);

int identity_change(const struct wire_config *config, struct sandbox_state *state);

int limits_set(const struct wire_config *config, enum sandbox_role role,
               struct sandbox_state *state);
/* An attempt begins: it finds at least `cpu_s` of processor time, at most about twice that. Costs
 * nothing as long as it cannot have been used up. */
void limits_renew_processor_time(uint32_t cpu_s);

/* `connector_fd` -1: there is none. */
int landlock_confine(const struct wire_config *config, enum sandbox_role role, int connector_fd,
                     struct sandbox_state *state);

int filter_install(enum sandbox_role role, struct sandbox_state *state);

#endif
