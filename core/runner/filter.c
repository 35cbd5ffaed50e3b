/* filter.c — see filter.h. */
#include "runner/filter.h"
#include "runner/sandbox.h"
#include "runner/witness.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* SIGSYS is blocked while its handler runs. A forbidden call then lets the kernel put back the
 * default and end the process by it. */
static void forbidden(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    witness_forbidden_call(info->si_syscall);
    syscall(SYS_acct, NULL);
}

static int catch_forbidden(void)
{
    struct sigaction action = {.sa_sigaction = forbidden, .sa_flags = SA_SIGINFO};
    return sigaction(SIGSYS, &action, NULL) < 0 ? -errno : 0;
}

/* A copy of the role's program. */
static struct sock_filter *copy_program(enum sandbox_role role, size_t *ret_len)
{
    const char *bytes = role == SANDBOX_NETWORK  ? filter_network
                        : role == SANDBOX_BROKER ? filter_broker
                                                 : filter_pure;
    size_t len = role == SANDBOX_NETWORK  ? filter_network_len
                 : role == SANDBOX_BROKER ? filter_broker_len
                                          : filter_pure_len;
    struct sock_filter *program = malloc(len);
    if (program != NULL) {
        memcpy(program, bytes, len);
        *ret_len = len / sizeof *program;
    }
    return program;
}

/* False if no rule asked for it: then it is not the program that we take it for. */
static bool put_own_pid(struct sock_filter *program, size_t len)
{
    bool any = SANDBOX_SANITIZED;
    for (size_t i = 0; i < len; i++) {
        if (program[i].code == (BPF_JMP | BPF_JEQ | BPF_K) && program[i].k == FILTER_OWN_PID) {
            program[i].k = (uint32_t)getpid();
            any = true;
        }
    }
    return any;
}

int filter_install(enum sandbox_role role, struct sandbox_state *state)
{
    int err = catch_forbidden();
    if (err < 0) {
        return err;
    }
    size_t len = 0;
    struct sock_filter *program = copy_program(role, &len);
    if (program == NULL) {
        return -ENOMEM;
    }
    if (!put_own_pid(program, len)) {
        err = -EINVAL;
    } else {
        struct sock_fprog filter = {(unsigned short)len, program};
        int why = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) < 0 ? -errno : 0;
        sandbox_note(state, WIRE_MECHANISM_SECCOMP, why);
        sandbox_note(state, WIRE_MECHANISM_HOSTS, why); /* else it could pass its broker by */
    }
    free(program);
    return err;
}
