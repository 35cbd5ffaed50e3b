/*
 * filter_make.c — which system calls a runner may make, compiled while hubd is built.
 *
 *     filter_make ROLE FILE      writes the BPF program of the role: pure, network or broker
 *
 * An allow-list by role. What happens to the rest:
 *   - what libraries try and can do without is answered with an error (ABSENT, REFUSED);
 *   - everything else is stopped (SCMP_ACT_TRAP): the kernel sends SIGSYS instead of making the
 *     call, the handler notes its number on the board, and the process dies by that signal, so that
 *     hubd can say which call it was. The connector can neither replace the handler nor block the
 *     signal: the filter knows the first, the kernel the second.
 * A call of another architecture kills at once.
 *
 * USER_NOTIF, the alternative, would give hubd a descriptor per runner to watch and to answer, for
 * a number that is needed once. (For connections: see broker.h.)
 *
 * NO ADDRESS passes the filter of a runner of class network: neither connect() nor bind(), no
 * address with sendto(), and no MSG_FASTOPEN, by which sending connects; nor has it sockets that
 * send elsewhere than where they are connected to (UDP, raw ones, datagrams of AF_UNIX), or other
 * protocols that would not ask (SCTP, MPTCP). IP options, which can name the way, are not to be
 * set. So it speaks to whom its broker has connected it to.
 *
 * Arguments are compared as the 64 bits that the register holds, while the kernel looks at 32 of
 * some: rules name what is allowed, never what is not, so that the upper half opens nothing.
 *
 * Calls without a condition cost next to nothing: the kernel keeps a bitmap of them.
 */
#include "runner/filter.h"
#include "runner/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* --- Allowed -----------------------------------------------------------------------------------*/

#define CALL(name) SCMP_SYS(name)

static const int ALLOWED[] = {
    /* descriptors that it has */
    CALL(read),
    CALL(write),
    CALL(readv),
    CALL(writev),
    CALL(pread64),
    CALL(pwrite64),
    CALL(preadv),
    CALL(pwritev),
    CALL(preadv2),
    CALL(pwritev2),
    CALL(lseek),
    CALL(close),
    CALL(close_range),
    CALL(fstat),
    CALL(fstatfs),
    CALL(fcntl),
    CALL(flock),
    CALL(dup),
    CALL(dup2),
    CALL(dup3),
    CALL(ftruncate),
    CALL(fallocate),
    CALL(fsync),
    CALL(fdatasync),
    CALL(sync_file_range),
    CALL(copy_file_range),
    CALL(sendfile),
    CALL(splice),
    CALL(tee),
    CALL(vmsplice),
    CALL(fadvise64),
    CALL(readahead),
    CALL(getdents64),
    CALL(recvmsg),
    CALL(getsockopt),
    CALL(getsockname),
    /* files that Landlock lets it open */
    CALL(open),
    CALL(openat),
    CALL(openat2),
    CALL(stat),
    CALL(lstat),
    CALL(newfstatat),
    CALL(statx),
    CALL(statfs),
    CALL(access),
    CALL(faccessat),
    CALL(faccessat2),
    CALL(readlink),
    CALL(readlinkat),
    CALL(getcwd),
    CALL(umask),
    /* new descriptors that lead nowhere */
    CALL(memfd_create),
    CALL(pipe),
    CALL(pipe2),
    CALL(eventfd),
    CALL(eventfd2),
    CALL(timerfd_create),
    CALL(timerfd_settime),
    CALL(timerfd_gettime),
    CALL(signalfd),
    CALL(signalfd4),
    /* waiting */
    CALL(epoll_create),
    CALL(epoll_create1),
    CALL(epoll_ctl),
    CALL(epoll_wait),
    CALL(epoll_pwait),
    CALL(epoll_pwait2),
    CALL(poll),
    CALL(ppoll),
    CALL(select),
    CALL(pselect6),
    CALL(futex),
    CALL(pause),
    CALL(nanosleep),
    CALL(clock_nanosleep),
    CALL(restart_syscall),
    CALL(sched_yield),
    /* memory */
    CALL(mmap),
    CALL(munmap),
    CALL(mprotect),
    CALL(mremap),
    CALL(madvise),
    CALL(msync),
    CALL(brk),
    CALL(mincore),
    CALL(mlock),
    CALL(mlock2),
    CALL(munlock),
    CALL(membarrier),
    /* itself */
    CALL(exit),
    CALL(exit_group),
    CALL(getpid),
    CALL(gettid),
    CALL(getppid),
    CALL(getpgrp),
    CALL(getpgid),
    CALL(getsid),
    CALL(getuid),
    CALL(geteuid),
    CALL(getgid),
    CALL(getegid),
    CALL(getresuid),
    CALL(getresgid),
    CALL(getgroups),
    CALL(capget),
    CALL(getrlimit),
    CALL(setrlimit),
    CALL(getrusage),
    CALL(times),
    CALL(getpriority),
    CALL(arch_prctl),
    CALL(set_tid_address),
    CALL(set_robust_list),
    CALL(get_robust_list),
    CALL(rseq),
    CALL(sched_getaffinity),
    CALL(sched_getparam),
    CALL(sched_getscheduler),
    CALL(sched_get_priority_max),
    CALL(sched_get_priority_min),
    CALL(getcpu),
    /* signals to itself */
    CALL(rt_sigprocmask),
    CALL(rt_sigreturn),
    CALL(rt_sigpending),
    CALL(rt_sigsuspend),
    CALL(rt_sigtimedwait),
    CALL(sigaltstack),
    CALL(alarm),
    CALL(getitimer),
    CALL(setitimer),
    CALL(timer_create),
    CALL(timer_settime),
    CALL(timer_gettime),
    CALL(timer_getoverrun),
    CALL(timer_delete),
    /* facts */
    CALL(clock_gettime),
    CALL(clock_getres),
    CALL(gettimeofday),
    CALL(time),
    CALL(uname),
    CALL(sysinfo),
    CALL(getrandom),
};

static const int ALLOWED_PURE[] = {CALL(sendmsg)};

static const int ALLOWED_NETWORK[] = {
    CALL(recvfrom),
    CALL(recvmmsg),
    CALL(shutdown),
    CALL(getpeername),
};

/* The broker resolves names, with UDP and netlink, and connects. Landlock refuses TCP's bind(). */
static const int ALLOWED_BROKER[] = {
    CALL(connect),  CALL(bind),     CALL(sendmsg),  CALL(sendto),      CALL(sendmmsg),
    CALL(recvfrom), CALL(recvmmsg), CALL(shutdown), CALL(getpeername), CALL(setsockopt),
};

/* Without conditions, for sanitizers: the leak checker stops all threads from a process that shares
 * their memory. */
static const int ALLOWED_SANITIZER[] = {
    CALL(wait4),        CALL(ptrace),
    CALL(prctl),        CALL(prlimit64),
    CALL(tgkill),       CALL(tkill),
    CALL(kill),         CALL(ioctl),
    CALL(rt_sigaction), CALL(sched_setaffinity),
    CALL(personality),  CALL(process_vm_readv),
};

/* --- Answered with an error --------------------------------------------------------------------*/

static const struct answered {
    int call;
    int error;
} ANSWERED[] = {
    /* ABSENT: the C library falls back on clone(), whose flags a filter can see */
    {CALL(clone3), ENOSYS},
    {CALL(io_uring_setup), ENOSYS},
    {CALL(io_uring_enter), ENOSYS},
    {CALL(io_uring_register), ENOSYS},
    {CALL(get_mempolicy), ENOSYS},
    {CALL(set_mempolicy), ENOSYS},
    {CALL(mbind), ENOSYS},
    {CALL(migrate_pages), ENOSYS},
    {CALL(move_pages), ENOSYS},
    /* REFUSED: what codecs' threads ask for, and can do without */
    {CALL(setpriority), EPERM},
    {CALL(ioprio_set), EPERM},
    {CALL(sched_setparam), EPERM},
    {CALL(sched_setscheduler), EPERM},
    {CALL(sched_setattr), EPERM},
};

/* --- Allowed under conditions ------------------------------------------------------------------*/

#define CONDITIONS_MAX 3
#define NET_ROLES      (SANDBOX_NETWORK | SANDBOX_BROKER)
#define ACT_REFUSED    SCMP_ACT_ERRNO(EACCES)
#define SOCKET_TYPE    0xfull /* without SOCK_NONBLOCK and SOCK_CLOEXEC */

#define THREAD_FLAGS                                                                               \
    ((scmp_datum_t)(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD))
#define NAMESPACE_FLAGS                                                                            \
    ((scmp_datum_t)((unsigned)CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |        \
                    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET))

#define IS(arg, value)         SCMP_CMP64(arg, SCMP_CMP_EQ, (scmp_datum_t)(value))
#define BITS(arg, mask, value) SCMP_CMP64(arg, SCMP_CMP_MASKED_EQ, (scmp_datum_t)(mask), value)

struct conditional {
    int call;
    unsigned roles; /* enum sandbox_role */
    uint32_t action;
    unsigned count;
    struct scmp_arg_cmp conditions[CONDITIONS_MAX];
};

static int add_conditional(scmp_filter_ctx filter, enum sandbox_role role,
                           const struct conditional *rules, size_t count)
{
    int err = 0;
    for (size_t i = 0; i < count && err == 0; i++) {
        if (rules[i].roles & role) {
            err = seccomp_rule_add_array(filter, rules[i].action, rules[i].call, rules[i].count,
                                         rules[i].conditions);
        }
    }
    return err;
}

/* A thread, but no process and no namespace; signals for itself. Of the handlers, those of the
 * signals that end a connector which broke its limits (XCPU, XFSZ, SYS) stay ours. */
static int add_own_rules(scmp_filter_ctx filter, enum sandbox_role role)
{
#define SIGNAL(number)                                                                             \
    {                                                                                              \
        CALL(rt_sigaction), SANDBOX_ANY, SCMP_ACT_ALLOW, 1,                                        \
        {                                                                                          \
            IS(0, number)                                                                          \
        }                                                                                          \
    }
#define PRCTL(option)                                                                              \
    {                                                                                              \
        CALL(prctl), SANDBOX_ANY, SCMP_ACT_ALLOW, 1,                                               \
        {                                                                                          \
            IS(0, option)                                                                          \
        }                                                                                          \
    }
#define IOCTL(request)                                                                             \
    {                                                                                              \
        CALL(ioctl), SANDBOX_ANY, SCMP_ACT_ALLOW, 1,                                               \
        {                                                                                          \
            IS(1, request)                                                                         \
        }                                                                                          \
    }
    static const struct conditional RULES[] = {
        {CALL(clone),
         SANDBOX_ANY,
         SCMP_ACT_ALLOW,
         1,
         {BITS(0, THREAD_FLAGS | NAMESPACE_FLAGS, THREAD_FLAGS)}},
        {CALL(tgkill), SANDBOX_ANY, SCMP_ACT_ALLOW, 1, {IS(0, FILTER_OWN_PID)}},
        {CALL(kill), SANDBOX_ANY, SCMP_ACT_ALLOW, 1, {IS(0, FILTER_OWN_PID)}},
        {CALL(prlimit64), SANDBOX_ANY, SCMP_ACT_ALLOW, 1, {IS(0, 0)}},
        {CALL(sched_setaffinity), SANDBOX_ANY, SCMP_ACT_ALLOW, 1, {IS(0, 0)}},
        {CALL(rt_sigaction), SANDBOX_ANY, SCMP_ACT_ALLOW, 1, {SCMP_CMP64(0, SCMP_CMP_LT, SIGXCPU)}},
        SIGNAL(SIGVTALRM),
        SIGNAL(SIGPROF),
        SIGNAL(SIGWINCH),
        SIGNAL(SIGIO),
        SIGNAL(SIGPWR),
        {CALL(rt_sigaction), SANDBOX_ANY, SCMP_ACT_ALLOW, 1, {BITS(0, ~31ull, 32)}}, /* 32 to 63 */
        SIGNAL(64),
        PRCTL(PR_SET_NAME),
        PRCTL(PR_GET_NAME),
        PRCTL(PR_GET_DUMPABLE),
        PRCTL(PR_CAPBSET_READ),
        PRCTL(PR_SET_VMA), /* names of memory, which the C library gives */
        IOCTL(TCGETS),     /* isatty() */
        IOCTL(FIONREAD),
        IOCTL(FIONBIO),
        IOCTL(FIOCLEX),
    };
    return add_conditional(filter, role, RULES, sizeof RULES / sizeof RULES[0]);
}

/* Name services and syslog() are looked for on sockets of AF_UNIX, and done without. */
static int add_socket_rules(scmp_filter_ctx filter, enum sandbox_role role)
{
#define SOCKET(role, family, type, protocol)                                                       \
    {                                                                                              \
        CALL(socket), role, SCMP_ACT_ALLOW, 3,                                                     \
        {                                                                                          \
            IS(0, family), BITS(1, SOCKET_TYPE, type), IS(2, protocol)                             \
        }                                                                                          \
    }
#define PAIR(type)                                                                                 \
    {                                                                                              \
        CALL(socketpair), SANDBOX_NETWORK, SCMP_ACT_ALLOW, 2,                                      \
        {                                                                                          \
            IS(0, AF_UNIX), BITS(1, SOCKET_TYPE, type)                                             \
        }                                                                                          \
    }
    static const struct conditional RULES[] = {
        {CALL(socket), SANDBOX_ANY, ACT_REFUSED, 1, {IS(0, AF_UNIX)}},
        SOCKET(NET_ROLES, AF_INET, SOCK_STREAM, 0),
        SOCKET(NET_ROLES, AF_INET, SOCK_STREAM, IPPROTO_TCP),
        SOCKET(NET_ROLES, AF_INET6, SOCK_STREAM, 0),
        SOCKET(NET_ROLES, AF_INET6, SOCK_STREAM, IPPROTO_TCP),
        SOCKET(SANDBOX_BROKER, AF_INET, SOCK_DGRAM, 0),
        SOCKET(SANDBOX_BROKER, AF_INET, SOCK_DGRAM, IPPROTO_UDP),
        SOCKET(SANDBOX_BROKER, AF_INET6, SOCK_DGRAM, 0),
        SOCKET(SANDBOX_BROKER, AF_INET6, SOCK_DGRAM, IPPROTO_UDP),
        {CALL(socket),
         SANDBOX_BROKER,
         SCMP_ACT_ALLOW,
         2,
         {IS(0, AF_NETLINK), IS(2, NETLINK_ROUTE)}},
        {CALL(socket), SANDBOX_NETWORK, ACT_REFUSED, 1, {IS(0, AF_NETLINK)}},
        PAIR(SOCK_STREAM),
        PAIR(SOCK_SEQPACKET),
        {CALL(bind), SANDBOX_NETWORK, ACT_REFUSED, 0, {{0}}},
        {CALL(sendto), SANDBOX_NETWORK, SCMP_ACT_ALLOW, 2, {IS(4, 0), BITS(3, MSG_FASTOPEN, 0)}},
        {CALL(sendmsg), SANDBOX_NETWORK, SCMP_ACT_ALLOW, 1, {BITS(2, MSG_FASTOPEN, 0)}},
        {CALL(sendmmsg), SANDBOX_NETWORK, SCMP_ACT_ALLOW, 1, {BITS(3, MSG_FASTOPEN, 0)}},
        {CALL(setsockopt), SANDBOX_NETWORK, SCMP_ACT_ALLOW, 1, {IS(1, SOL_SOCKET)}},
        {CALL(setsockopt), SANDBOX_NETWORK, SCMP_ACT_ALLOW, 1, {IS(1, IPPROTO_TCP)}},
        {CALL(setsockopt), SANDBOX_NETWORK, SCMP_ACT_ALLOW, 1, {IS(1, SOL_TLS)}},
        {CALL(setsockopt), SANDBOX_NETWORK, SCMP_ACT_ALLOW, 2, {IS(1, IPPROTO_IP), IS(2, IP_TOS)}},
        {CALL(setsockopt),
         SANDBOX_NETWORK,
         SCMP_ACT_ALLOW,
         2,
         {IS(1, IPPROTO_IPV6), IS(2, IPV6_V6ONLY)}},
        {CALL(setsockopt),
         SANDBOX_NETWORK,
         SCMP_ACT_ALLOW,
         2,
         {IS(1, IPPROTO_IPV6), IS(2, IPV6_TCLASS)}},
    };
    return add_conditional(filter, role, RULES, sizeof RULES / sizeof RULES[0]);
}

/* --- All of it ---------------------------------------------------------------------------------*/

static int allow_all(scmp_filter_ctx filter, const int *calls, size_t count)
{
    int err = 0;
    for (size_t i = 0; i < count && err == 0; i++) {
        err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
    }
    return err;
}

#define ALLOW_ALL(filter, calls) allow_all(filter, calls, sizeof(calls) / sizeof(calls)[0])

/* What shares memory is a thread or the leak checker; a fork does not. */
static int add_sanitizer_rules(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp shares = BITS(0, CLONE_VM, CLONE_VM);
    int err = ALLOW_ALL(filter, ALLOWED_SANITIZER);
    return err < 0 ? err : seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, CALL(clone), 1, &shares);
}

static int answer_all(scmp_filter_ctx filter)
{
    int err = 0;
    for (size_t i = 0; i < sizeof ANSWERED / sizeof ANSWERED[0] && err == 0; i++) {
        uint32_t action = SCMP_ACT_ERRNO((uint32_t)ANSWERED[i].error);
        err = seccomp_rule_add(filter, action, ANSWERED[i].call, 0);
    }
    return err;
}

static int allow_role(scmp_filter_ctx filter, enum sandbox_role role)
{
    return role == SANDBOX_NETWORK  ? ALLOW_ALL(filter, ALLOWED_NETWORK)
           : role == SANDBOX_BROKER ? ALLOW_ALL(filter, ALLOWED_BROKER)
                                    : ALLOW_ALL(filter, ALLOWED_PURE);
}

static int build(scmp_filter_ctx filter, enum sandbox_role role)
{
    int err = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (err == 0) { /* a tree; the list that is the default is tried from its beginning each time */
        err = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    }
    if (err == 0) {
        err = ALLOW_ALL(filter, ALLOWED);
    }
    if (err == 0) {
        err = allow_role(filter, role);
    }
    if (err == 0) {
        err = answer_all(filter);
    }
    if (err == 0) {
        err = add_socket_rules(filter, role);
    }
    if (err == 0) {
        err = SANDBOX_SANITIZED ? add_sanitizer_rules(filter) : add_own_rules(filter, role);
    }
    return err;
}

static const struct {
    const char *name;
    enum sandbox_role role;
} ROLES[] = {
    {"pure", SANDBOX_PURE},
    {"network", SANDBOX_NETWORK},
    {"broker", SANDBOX_BROKER},
};

static int write_filter(enum sandbox_role role, const char *file)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_TRAP);
    int out = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    int err = filter == NULL ? -ENOMEM : out < 0 ? -errno : build(filter, role);
    if (err == 0) {
        err = seccomp_export_bpf(filter, out);
    }
    if (out >= 0 && close(out) < 0 && err == 0) {
        err = -errno;
    }
    seccomp_release(filter);
    return err;
}

int main(int argc, char **argv)
{
    for (size_t i = 0; argc == 3 && i < sizeof ROLES / sizeof ROLES[0]; i++) {
        if (strcmp(argv[1], ROLES[i].name) == 0) {
            int err = write_filter(ROLES[i].role, argv[2]);
            if (err < 0) {
                fprintf(stderr, "filter_make: %s: %s\n", argv[2], strerror(-err));
            }
            return err < 0 ? 1 : 0;
        }
    }
    fprintf(stderr, "usage: filter_make pure|network|broker FILE\n");
    return 2;
}
