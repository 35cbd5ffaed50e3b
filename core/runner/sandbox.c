#include "runner/sandbox.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

bool sandbox_is_sanitized(void)
{
    return SANDBOX_SANITIZED;
}

int sandbox_begin(int channel_fd, struct hub_error *error)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) {
        return hub_fail_errno(error, errno, "prctl(PR_SET_PDEATHSIG)");
    }
    if (close_range((unsigned)channel_fd + 1, ~0u, 0) < 0) {
        return hub_fail_errno(error, errno, "close_range");
    }
    if (clearenv() != 0) {
        return hub_fail(error, HUB_ERR_NOMEM, "clearenv");
    }
    /* A reader that went away is no reason to die. */
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR) {
        return hub_fail_errno(error, errno, "signal");
    }
    return 0;
}

void sandbox_note(struct sandbox_state *self, enum wire_mechanism mechanism, int err)
{
    uint32_t bit = 1u << mechanism;
    if (err == 0) {
        self->mechanisms |= bit;
    } else {
        self->missing |= bit;
        self->why[mechanism] = -err;
    }
}

/* --- The steps: 0 or -errno --------------------------------------------------------------------*/

struct confining {
    const struct wire_config *config;
    enum sandbox_role role;
    int connector_fd;
    struct sandbox_state *state;
};

static int change_identity(struct confining *self)
{
    return identity_change(self->config, self->state);
}

static int no_new_privileges(struct confining *self)
{
    int err = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
    if (err == 0) {
        sandbox_note(self->state, WIRE_MECHANISM_NO_NEW_PRIVS, 0);
    }
    return err;
}

/* No ptrace by others of the same user, no look into /proc/PID/mem. */
static int not_dumpable(struct confining *self)
{
    (void)self;
    return !SANDBOX_SANITIZED && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? -errno : 0;
}

static int set_limits(struct confining *self)
{
    return limits_set(self->config, self->role, self->state);
}

static int confine_files(struct confining *self)
{
    return landlock_confine(self->config, self->role, self->connector_fd, self->state);
}

static int install_filter(struct confining *self)
{
    return filter_install(self->role, self->state);
}

static const struct step {
    const char *name;
    int (*take)(struct confining *self);
} STEPS[] = {
    {"identity", change_identity}, {"no_new_privs", no_new_privileges}, {"dumpable", not_dumpable},
    {"limits", set_limits},        {"landlock", confine_files},         {"seccomp", install_filter},
};

static int check_required(const struct sandbox_state *state, struct hub_error *error)
{
    for (unsigned i = 0; i < WIRE_MECHANISM_END; i++) {
        if (state->missing & 1u << i) {
            return hub_fail(error, HUB_ERR_UNAVAILABLE,
                            "the sandbox's mechanism %s is required and not to be had here (%s)",
                            wire_mechanism_name(i), strerrordesc_np(state->why[i]));
        }
    }
    return 0;
}

static int take_all(struct confining *self, struct hub_error *error)
{
    for (size_t i = 0; i < sizeof STEPS / sizeof STEPS[0]; i++) {
        int err = STEPS[i].take(self);
        if (err < 0) {
            return hub_fail_errno(error, -err, "the sandbox's step %s failed", STEPS[i].name);
        }
    }
    return self->config->sandbox_required ? check_required(self->state, error) : 0;
}

int sandbox_enter(const struct wire_config *config, int connector_fd,
                  struct sandbox_state *ret_state, struct hub_error *error)
{
    struct sandbox_state state = {0};
    bool network = config->confinement == WIRE_CLASS_NETWORK;
    struct confining confining = {config, network ? SANDBOX_NETWORK : SANDBOX_PURE, connector_fd,
                                  &state};
    int err = take_all(&confining, error);
    if (err == 0) {
        *ret_state = state;
    }
    return err;
}

int sandbox_enter_broker(const struct wire_config *config, struct hub_error *error)
{
    struct sandbox_state state = {0};
    struct confining confining = {config, SANDBOX_BROKER, -1, &state};
    return take_all(&confining, error);
}
