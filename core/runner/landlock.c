/*
 * landlock.c — which files the process may open, and which TCP ports it may connect to: a runner
 * to none, its broker to those of the hosts that the connector asks for.
 *
 * Everything that this kernel's Landlock can take away is taken away; a few places are given back
 * for reading, none for writing, none for executing (dlopen() only reads). Descriptors that were
 * open before, or that hubd sends, keep what they could do. Landlock also keeps the process from
 * tracing any other, and from ABI 6 on from signalling any other.
 *
 * The numbers are those of the kernel's include/uapi/linux/landlock.h; headers of distributions
 * are older than kernels.
 */
#include "runner/http_guard.h"
#include "runner/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CREATE_RULESET_VERSION 1u
#define RULE_PATH_BENEATH      1
#define RULE_NET_PORT          2

#define FS_WRITE_FILE          (1ull << 1)
#define FS_READ_FILE           (1ull << 2)
#define FS_READ_DIR            (1ull << 3)
#define FS_ALL_OF_ABI_1        ((1ull << 13) - 1)
#define FS_REFER               (1ull << 13)                   /* ABI 2 */
#define FS_TRUNCATE            (1ull << 14)                   /* ABI 3 */
#define FS_IOCTL_DEV           (1ull << 15)                   /* ABI 5 */
#define FS_OF_FILES            (FS_WRITE_FILE | FS_READ_FILE) /* that a rule about a file may give */
#define NET_BIND_TCP           (1ull << 0)                    /* ABI 4 */
#define NET_CONNECT_TCP        (1ull << 1)
#define SCOPE_ABSTRACT_SOCKET  (1ull << 0) /* ABI 6 */
#define SCOPE_SIGNAL           (1ull << 1)

#define PORT_DNS               53
#define PORT_HTTPS             443

struct ruleset_attr {
    uint64_t handled_access_fs;
    uint64_t handled_access_net;
    uint64_t scoped;
};

struct path_beneath_attr {
    uint64_t allowed_access;
    int32_t parent_fd;
} __attribute__((packed));

struct net_port_attr {
    uint64_t allowed_access;
    uint64_t port;
};

/* What may be read beside the connector's own file. What is not there is left out. */
static const struct place {
    const char *path;
    unsigned roles; /* enum sandbox_role */
    uint64_t access;
} PLACES[] = {
    {"/usr/lib", SANDBOX_ANY, FS_READ_FILE | FS_READ_DIR},
    {"/usr/lib64", SANDBOX_ANY, FS_READ_FILE | FS_READ_DIR},
    {"/usr/local/lib", SANDBOX_ANY, FS_READ_FILE | FS_READ_DIR},
    {"/lib", SANDBOX_ANY, FS_READ_FILE | FS_READ_DIR},
    {"/lib64", SANDBOX_ANY, FS_READ_FILE | FS_READ_DIR},
    {"/etc/ld.so.cache", SANDBOX_ANY, FS_READ_FILE},
    {"/etc/localtime", SANDBOX_ANY, FS_READ_FILE},
    {"/usr/share/zoneinfo", SANDBOX_ANY, FS_READ_FILE | FS_READ_DIR},
    {"/etc/ssl/openssl.cnf", SANDBOX_ANY, FS_READ_FILE}, /* OpenSSL fails if it may not read it */
    {"/dev/null", SANDBOX_ANY, FS_READ_FILE | FS_WRITE_FILE},
    {"/dev/urandom", SANDBOX_ANY, FS_READ_FILE},
    {"/sys/devices/system/cpu", SANDBOX_ANY,
     FS_READ_FILE | FS_READ_DIR}, /* how many threads to start */
    {"/etc/resolv.conf", SANDBOX_BROKER, FS_READ_FILE},
    {"/run/systemd/resolve", SANDBOX_BROKER, FS_READ_FILE}, /* where it often leads to */
    {"/etc/hosts", SANDBOX_BROKER, FS_READ_FILE},
    {"/etc/host.conf", SANDBOX_BROKER, FS_READ_FILE},
    {"/etc/nsswitch.conf", SANDBOX_BROKER, FS_READ_FILE},
    {"/etc/gai.conf", SANDBOX_BROKER, FS_READ_FILE},
    {"/etc/services", SANDBOX_BROKER, FS_READ_FILE},
    {"/etc/ssl/certs", SANDBOX_NETWORK, FS_READ_FILE | FS_READ_DIR},
    {"/usr/share/ca-certificates", SANDBOX_NETWORK, FS_READ_FILE | FS_READ_DIR},
    {"/usr/local/share/ca-certificates", SANDBOX_NETWORK, FS_READ_FILE | FS_READ_DIR},
#if SANDBOX_SANITIZED
    {"/proc", SANDBOX_ANY, FS_READ_FILE | FS_READ_DIR},
#endif
};

static const uint64_t FS_OF_ABI[] = {
    0,
    FS_ALL_OF_ABI_1,
    FS_ALL_OF_ABI_1 | FS_REFER,
    FS_ALL_OF_ABI_1 | FS_REFER | FS_TRUNCATE,
    FS_ALL_OF_ABI_1 | FS_REFER | FS_TRUNCATE,
    FS_ALL_OF_ABI_1 | FS_REFER | FS_TRUNCATE | FS_IOCTL_DEV,
};
#define FS_ABI_LAST (sizeof FS_OF_ABI / sizeof FS_OF_ABI[0] - 1)

struct confined {
    const struct wire_config *config;
    enum sandbox_role role;
    int connector_fd;
    struct http_rules hosts; /* of a broker */
};

/* --- Rules: 0 or -errno ------------------------------------------------------------------------*/

static int allow_file(int ruleset, int fd, uint64_t access)
{
    struct stat st;
    if (fstat(fd, &st) < 0) {
        return -errno;
    }
    struct path_beneath_attr rule = {S_ISDIR(st.st_mode) ? access : access & FS_OF_FILES, fd};
    long added = syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0);
    /* EBADFD: a file in memory, which no rule is needed for. */
    return added < 0 && errno != EBADFD ? -errno : 0;
}

static int allow_path(int ruleset, const char *path, uint64_t access)
{
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0) {
        return 0;
    }
    int err = allow_file(ruleset, fd, access);
    close(fd);
    return err;
}

static int allow_text(int ruleset, struct str text)
{
    char path[4097];
    snprintf(path, sizeof path, "%.*s", STR_ARG(text));
    return allow_path(ruleset, path, FS_READ_FILE | FS_READ_DIR);
}

static int allow_granted(int ruleset, const struct wire_config *config)
{
    struct str records = config->readable;
    struct wire_place place;
    int err = config->http_authorities.len > 0 ? allow_text(ruleset, config->http_authorities) : 0;
    while (err == 0 && wire_place_next(&records, &place) == 0) {
        err = allow_text(ruleset, place.path);
    }
    return err;
}

static int allow_files(int ruleset, const struct confined *self)
{
    int err = self->connector_fd >= 0 ? allow_file(ruleset, self->connector_fd, FS_READ_FILE) : 0;
    for (size_t i = 0; i < sizeof PLACES / sizeof PLACES[0] && err == 0; i++) {
        if (PLACES[i].roles & self->role) {
            err = allow_path(ruleset, PLACES[i].path, PLACES[i].access);
        }
    }
    return err < 0 || self->role == SANDBOX_BROKER ? err : allow_granted(ruleset, self->config);
}

static int allow_port(int ruleset, uint64_t port)
{
    struct net_port_attr rule = {NET_CONNECT_TCP, port};
    return syscall(SYS_landlock_add_rule, ruleset, RULE_NET_PORT, &rule, 0) < 0 ? -errno : 0;
}

static int allow_ports(int ruleset, const struct http_rules *hosts)
{
    int err = allow_port(ruleset, PORT_DNS);
    for (unsigned i = 0; i < hosts->count && err == 0; i++) {
        err = allow_port(ruleset, hosts->items[i].port);
    }
    return err;
}

static bool any_port(const struct http_rules *hosts)
{
    for (unsigned i = 0; i < hosts->count; i++) {
        if (hosts->items[i].port == 0) {
            return true;
        }
    }
    return false;
}

/* --- All of it ---------------------------------------------------------------------------------*/

static int build(int ruleset, const struct confined *self, const struct ruleset_attr *handled)
{
    int err = allow_files(ruleset, self);
    if (err == 0 && self->role == SANDBOX_BROKER && handled->handled_access_net & NET_CONNECT_TCP) {
        err = allow_ports(ruleset, &self->hosts);
    }
    if (err == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0) {
        err = -errno;
    }
    return err;
}

/* How much of struct ruleset_attr a kernel of this ABI knows. */
static size_t size_for(int abi)
{
    return abi >= 6   ? sizeof(struct ruleset_attr)
           : abi >= 4 ? offsetof(struct ruleset_attr, scoped)
                      : offsetof(struct ruleset_attr, handled_access_net);
}

static struct ruleset_attr handled_for(int abi, const struct confined *self)
{
    bool any = self->role == SANDBOX_BROKER && any_port(&self->hosts);
    return (struct ruleset_attr){
        .handled_access_fs = FS_OF_ABI[(size_t)abi < FS_ABI_LAST ? (size_t)abi : FS_ABI_LAST],
        .handled_access_net = abi < 4 ? 0
                              : any   ? NET_BIND_TCP
                                      : NET_BIND_TCP | NET_CONNECT_TCP,
        .scoped = abi < 6 ? 0 : SCOPE_ABSTRACT_SOCKET | SCOPE_SIGNAL,
    };
}

static int restrict_self(int abi, const struct confined *self)
{
    struct ruleset_attr handled = handled_for(abi, self);
    long ruleset = syscall(SYS_landlock_create_ruleset, &handled, size_for(abi), 0);
    int err = ruleset < 0 ? -errno : build((int)ruleset, self, &handled);
    if (ruleset >= 0) {
        close((int)ruleset);
    }
    return err;
}

/* A host that cannot be read gives no port. */
static int take_hosts(struct confined *self)
{
    struct str bad;
    int err = http_rules_add_lines(&self->hosts, self->config->hosts, PORT_HTTPS,
                                   self->config->connector, &bad);
    return err == HUB_ERR_NOMEM ? -ENOMEM : 0;
}

int landlock_confine(const struct wire_config *config, enum sandbox_role role, int connector_fd,
                     struct sandbox_state *state)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);
    int absent = abi < 0 ? -errno : -EOPNOTSUPP;
    if (abi > 0) {
        struct confined self = {config, role, connector_fd, {0}};
        int err = role == SANDBOX_BROKER ? take_hosts(&self) : 0;
        err = err < 0 ? err : restrict_self((int)abi, &self);
        http_rules_release(&self.hosts);
        if (err < 0) {
            return err;
        }
        state->landlock_abi = (uint32_t)abi;
    }
    sandbox_note(state, WIRE_MECHANISM_LANDLOCK_FILES, abi >= 1 ? 0 : absent);
    sandbox_note(state, WIRE_MECHANISM_LANDLOCK_NET, abi >= 4 ? 0 : absent);
    sandbox_note(state, WIRE_MECHANISM_LANDLOCK_SCOPE, abi >= 6 ? 0 : absent);
    return 0;
}
