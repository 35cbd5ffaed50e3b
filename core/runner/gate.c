#include "runner/gate.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define PORT_HTTPS 443
#define GROWTH     64u

int gate_init(struct gate *self, const struct wire_config *config)
{
    struct str bad;
    *self = (struct gate){.lock = PTHREAD_MUTEX_INITIALIZER};
    int err =
        http_rules_add_lines(&self->asked, config->hosts, PORT_HTTPS, config->connector, &bad);
    if (err == 0) {
        err = http_rules_add_lines(&self->granted, config->http_allow, 0, config->connector, &bad);
    }
    if (err == 0) {
        err = http_rules_add_lines(&self->private, config->http_allow_private, 0, config->connector,
                                   &bad);
    }
    if (err < 0) {
        gate_release(self); /* what cannot be read asks for nothing */
    }
    return err == HUB_ERR_NOMEM ? err : 0;
}

void gate_release(struct gate *self)
{
    http_rules_release(&self->asked);
    http_rules_release(&self->granted);
    http_rules_release(&self->private);
    free(self->names);
    self->names = NULL;
    self->count = 0;
}

/* --- Rules -------------------------------------------------------------------------------------*/

static bool is_granted(const struct gate *self, struct str host, unsigned port)
{
    return http_rules_match_host(&self->asked, host, port) &&
           (self->granted.count == 0 || http_rules_match_host(&self->granted, host, port));
}

bool gate_may_resolve(const struct gate *self, struct str name)
{
    return is_granted(self, name, HTTP_PORT_ANY);
}

/* May this address be spoken to as that of this host? Sets `*special` if only that is against it.
 */
static bool passes(const struct gate *self, struct str host, unsigned port,
                   const struct sockaddr *address, const char **special)
{
    const char *kind = http_address_special(address);
    if (!is_granted(self, host, port)) {
        return false;
    }
    if (kind && !http_rules_match(&self->private, host, port, address)) {
        *special = kind;
        return false;
    }
    return true;
}

/* --- Addresses ---------------------------------------------------------------------------------*/

struct target {
    sa_family_t family;
    unsigned char address[16];
    unsigned port;
    char text[INET6_ADDRSTRLEN];
};

static bool take_target(const struct sockaddr *address, struct target *ret_target)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)address;
    *ret_target = (struct target){.family = address->sa_family};
    if (address->sa_family == AF_INET) {
        memcpy(ret_target->address, &v4->sin_addr, sizeof v4->sin_addr);
        ret_target->port = ntohs(v4->sin_port);
    } else if (address->sa_family == AF_INET6) {
        memcpy(ret_target->address, &v6->sin6_addr, sizeof v6->sin6_addr);
        ret_target->port = ntohs(v6->sin6_port);
    } else {
        return false;
    }
    return inet_ntop(address->sa_family, ret_target->address, ret_target->text,
                     sizeof ret_target->text) != NULL;
}

static bool is_same(const struct gate_name *name, const struct target *target)
{
    return name->family == target->family &&
           memcmp(name->address, target->address, sizeof name->address) == 0;
}

/* --- Names -------------------------------------------------------------------------------------*/

/* The place of this name with this address, a new one, or that of the oldest. */
static struct gate_name *find_place(struct gate *self, struct str text, const struct target *target)
{
    struct gate_name *oldest = NULL;
    for (unsigned i = 0; i < self->count; i++) {
        struct gate_name *name = &self->names[i];
        if (is_same(name, target) && str_eq_nocase(str_of(name->text, name->len), text)) {
            return name;
        }
        if (!oldest || name->until_ms < oldest->until_ms) {
            oldest = name;
        }
    }
    if (self->count == GATE_REMEMBERED_MAX) {
        return oldest;
    }
    if (self->count % GROWTH == 0) {
        struct gate_name *larger =
            realloc(self->names, (self->count + GROWTH) * sizeof *self->names);
        if (!larger) {
            return oldest;
        }
        self->names = larger;
    }
    return &self->names[self->count++];
}

int gate_remember(struct gate *self, struct str name, const struct sockaddr *address,
                  int64_t now_ms)
{
    struct target target;
    if (name.len > sizeof self->names->text || !take_target(address, &target)) {
        return HUB_ERR_INVALID_INPUT;
    }
    pthread_mutex_lock(&self->lock);
    struct gate_name *place = find_place(self, name, &target);
    if (place) {
        place->until_ms = now_ms + GATE_REMEMBERED_MS;
        place->family = target.family;
        place->len = (unsigned char)name.len;
        memcpy(place->address, target.address, sizeof place->address);
        memcpy(place->text, name.ptr, name.len);
    }
    pthread_mutex_unlock(&self->lock);
    return place ? 0 : HUB_ERR_NOMEM;
}

/* Does it pass as one of the names that were resolved to it? */
static bool passes_by_name(struct gate *self, const struct target *target,
                           const struct sockaddr *address, int64_t now_ms, const char **special)
{
    bool found = false;
    pthread_mutex_lock(&self->lock);
    for (unsigned i = 0; i < self->count && !found; i++) {
        const struct gate_name *name = &self->names[i];
        found = name->until_ms > now_ms && is_same(name, target) &&
                passes(self, str_of(name->text, name->len), target->port, address, special);
    }
    pthread_mutex_unlock(&self->lock);
    return found;
}

/* RFC 6761: such names are not asked of anybody. libcurl knows them without a resolver. */
static bool passes_as_localhost(const struct gate *self, const struct target *target,
                                const struct sockaddr *address, const char **special)
{
    const char *kind = http_address_special(address);
    return kind && strcmp(kind, "loopback") == 0 &&
           passes(self, STR("localhost"), target->port, address, special);
}

const char *gate_refuses(struct gate *self, const struct sockaddr *address, int64_t now_ms)
{
    struct target target;
    const char *special = "not granted";
    if (!take_target(address, &target) || target.port == 0) {
        return "not an internet address";
    }
    return passes(self, str_from_c(target.text), target.port, address, &special) ||
                   passes_as_localhost(self, &target, address, &special) ||
                   passes_by_name(self, &target, address, now_ms, &special)
               ? NULL
               : special;
}
