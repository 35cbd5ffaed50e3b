#include "email.h"

#include "base/hash.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define DOMAINS_MAX     4096
#define WATCH_MS        100
#define QUEUE_MARGIN_MS 1500 /* before its deadline a waiting job is given back */
#define LANE_MARGIN_MS  2000 /* before its deadline a job's connection is shut down */

/* --- Relays ------------------------------------------------------------------------------------*/

static void line_init(struct line *self, struct relay *relay, const struct transport *transport)
{
    self->relay = relay;
    self->transport = transport;
    list_init(&self->waiting);
    list_init(&self->lanes);
    pthread_cond_init(&self->changed, NULL);
}

static void forget_domain(struct relay *self, struct domain *domain)
{
    (void)map_remove(&self->domains, str_from_c(domain->name));
    list_remove(&domain->order);
    free(domain);
}

static void relay_free(struct relay *self)
{
    LIST_FOR_EACH(link, &self->domain_order) {
        forget_domain(self, CONTAINER_OF(link, struct domain, order));
    }
    map_release(&self->domains);
    for (unsigned i = 0; i < LINES; i++) {
        pthread_cond_destroy(&self->lines[i].changed);
    }
    tls_release(self->trusted);
    token_free(self->token);
    explicit_bzero(self->access_token, sizeof self->access_token);
    account_release(&self->account);
    free(self);
}

static int relay_new(struct email *email, const char *key, struct str text, struct relay **ret,
                     struct hub_error *error)
{
    static const struct transport *const TRANSPORTS[LINES] = {&TRANSPORT_ESMTP, &TRANSPORT_CURL};
    struct json_object *json = NULL;
    struct relay *self = calloc(1, sizeof *self);
    int err = self ? json_read(text, JSON_DEPTH_MAX, &json, NULL, error)
                   : hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    if (err == 0) {
        err = account_init(&self->account, json, error);
    }
    json_object_put(json);
    if (err < 0) {
        free(self);
        return err;
    }
    self->email = email;
    memcpy(self->key, key, sizeof self->key);
    map_init(&self->domains);
    list_init(&self->domain_order);
    list_init(&self->order);
    for (unsigned i = 0; i < LINES; i++) {
        line_init(&self->lines[i], self, TRANSPORTS[i]);
    }
    *ret = self;
    return 0;
}

static bool is_idle(const struct relay *self)
{
    return self->users == 0 && self->lines[LINE_ESMTP].lane_count == 0 &&
           self->lines[LINE_CURL].lane_count == 0;
}

/* The one that was not used for the longest time goes. */
static struct relay *take_oldest(struct email *email)
{
    struct relay *oldest = NULL;
    LIST_FOR_EACH(link, &email->relay_order) {
        struct relay *relay = CONTAINER_OF(link, struct relay, order);
        oldest = is_idle(relay) ? relay : oldest;
    }
    if (oldest) {
        (void)map_remove(&email->relays, str_from_c(oldest->key));
        list_remove(&oldest->order);
    }
    return oldest;
}

static int keep_relay(struct email *email, struct relay *relay, struct hub_error *error)
{
    struct relay *oldest = NULL;
    pthread_mutex_lock(&email->lock);
    if (email->relays.len >= RELAYS_MAX) {
        oldest = take_oldest(email);
    }
    int err = email->relays.len >= RELAYS_MAX
                  ? hub_fail(error, HUB_ERR_LIMIT, "more than %d accounts at once", RELAYS_MAX)
                  : map_put(&email->relays, str_from_c(relay->key), relay);
    if (err == 0) {
        list_prepend(&email->relay_order, &relay->order);
        relay->users = 1;
    }
    pthread_mutex_unlock(&email->lock);
    if (oldest) {
        relay_free(oldest);
    }
    return err;
}

struct relay *relay_get(struct email *email, struct str account, struct hub_error *error)
{
    struct sha256_digest digest;
    char key[SHA256_HEX_LEN + 1];
    sha256_of(account, &digest);
    sha256_hex(&digest, key);
    pthread_mutex_lock(&email->lock);
    struct relay *self = map_get(&email->relays, str_from_c(key));
    if (self) {
        list_remove(&self->order);
        list_prepend(&email->relay_order, &self->order);
        self->users++;
    }
    pthread_mutex_unlock(&email->lock);
    if (self || relay_new(email, key, account, &self, error) < 0) {
        return self;
    }
    if (keep_relay(email, self, error) < 0) {
        relay_free(self);
        return NULL;
    }
    return self;
}

void relay_put(struct relay *self)
{
    struct email *email = self->email;
    pthread_mutex_lock(&email->lock);
    self->users--;
    pthread_mutex_unlock(&email->lock);
}

/* --- The end -----------------------------------------------------------------------------------*/

static void wake_lanes(struct relay *relay)
{
    for (unsigned i = 0; i < LINES; i++) {
        pthread_cond_broadcast(&relay->lines[i].changed);
        LIST_FOR_EACH(link, &relay->lines[i].lanes) {
            struct lane *lane = CONTAINER_OF(link, struct lane, link);
            if (lane->fd >= 0) {
                shutdown(lane->fd, SHUT_RDWR);
            }
        }
    }
}

void relays_release(struct email *email)
{
    pthread_mutex_lock(&email->lock);
    email->closing = true;
    LIST_FOR_EACH(link, &email->relay_order) {
        wake_lanes(CONTAINER_OF(link, struct relay, order));
    }
    pthread_mutex_unlock(&email->lock);
    email->timers->stop(email->watch);
    email->watch = NULL;
    lanes_join(email);
    LIST_FOR_EACH(link, &email->relay_order) {
        struct relay *relay = CONTAINER_OF(link, struct relay, order);
        list_remove(link);
        relay_free(relay);
    }
    map_release(&email->relays);
}

/* --- Lines -------------------------------------------------------------------------------------*/

void relay_submit(struct relay *self, struct delivery *delivery, unsigned line)
{
    struct email *email = self->email;
    struct line *into = &self->lines[line];
    pthread_mutex_lock(&email->lock);
    delivery->line = into;
    list_append(&into->waiting, &delivery->link);
    into->waiting_count++;
    line_need_lane(into);
    pthread_cond_signal(&into->changed);
    pthread_mutex_unlock(&email->lock);
}

/* --- Watching ----------------------------------------------------------------------------------*/

static void watch_lane(struct lane *lane, int64_t now)
{
    int64_t until = lane->give_up_at_ms;
    if (lane->current && lane->current->job) {
        int64_t end = lane->current->job->deadline_ms - LANE_MARGIN_MS;
        until = until == 0 || end < until ? end : until;
    }
    if (lane->fd >= 0 && until != 0 && now >= until && !lane->timed_out) {
        lane->timed_out = true;
        shutdown(lane->fd, SHUT_RDWR);
    }
}

static void watch_line(struct line *line, int64_t now, struct list *late)
{
    LIST_FOR_EACH(link, &line->lanes) {
        watch_lane(CONTAINER_OF(link, struct lane, link), now);
    }
    LIST_FOR_EACH(link, &line->waiting) {
        struct delivery *delivery = CONTAINER_OF(link, struct delivery, link);
        if (now >= delivery->job->deadline_ms - QUEUE_MARGIN_MS) {
            list_remove(link);
            delivery->line = NULL;
            line->waiting_count--;
            list_append(late, link);
        }
    }
    line_need_lane(line);
}

static void watch(void *context)
{
    struct email *email = context;
    struct list late;
    bool busy = false;
    int64_t now = email->host->now_ms();
    list_init(&late);
    pthread_mutex_lock(&email->lock);
    email->watch = NULL;
    LIST_FOR_EACH(link, &email->relay_order) {
        struct relay *relay = CONTAINER_OF(link, struct relay, order);
        for (unsigned i = 0; i < LINES; i++) {
            watch_line(&relay->lines[i], now, &late);
        }
        busy = busy || !is_idle(relay);
    }
    pthread_mutex_unlock(&email->lock);
    LIST_FOR_EACH(link, &late) {
        list_remove(link);
        send_give_back(CONTAINER_OF(link, struct delivery, link), FAILURE_TIMEOUT,
                       "no connection was free in time");
    }
    lanes_reap(email);
    if (busy) {
        relays_watch(email);
    }
}

void relays_watch(struct email *email)
{
    if (!email->watch) {
        email->watch = email->timers->start(WATCH_MS, watch, email);
    }
}

/* --- Pace --------------------------------------------------------------------------------------*/

/* Takes one, or tells how long it takes until there is one. A second's worth may come at once. */
static uint64_t pace_take(struct pace *self, double per_second, int64_t now)
{
    if (per_second <= 0) {
        return 0;
    }
    double most = per_second > 1 ? per_second : 1;
    if (self->at_ms == 0) {
        self->level = most;
    }
    self->level += (double)(now - self->at_ms) / 1000.0 * per_second;
    self->level = self->level > most ? most : self->level;
    self->at_ms = now;
    if (self->level >= 1) {
        self->level -= 1;
        return 0;
    }
    return (uint64_t)ceil((1 - self->level) / per_second * 1000.0);
}

uint64_t relay_wait_ms(struct relay *self)
{
    if (self->account.messages_per_second <= 0) {
        return 0;
    }
    pthread_mutex_lock(&self->email->lock);
    uint64_t wait =
        pace_take(&self->pace, self->account.messages_per_second, self->email->host->now_ms());
    pthread_mutex_unlock(&self->email->lock);
    return wait;
}

/* --- Domains -----------------------------------------------------------------------------------*/

static struct domain *domain_find(struct relay *self, struct str name, bool make)
{
    struct domain *domain = map_get(&self->domains, name);
    if (domain || !make || name.len >= sizeof domain->name) {
        return domain;
    }
    if (self->domains.len >= DOMAINS_MAX) {
        forget_domain(self, CONTAINER_OF(self->domain_order.prev, struct domain, order));
    }
    domain = calloc(1, sizeof *domain);
    if (!domain) {
        return NULL;
    }
    list_init(&domain->order);
    memcpy(domain->name, name.ptr, name.len);
    if (map_put(&self->domains, str_from_c(domain->name), domain) < 0) {
        free(domain);
        return NULL;
    }
    list_prepend(&self->domain_order, &domain->order);
    return domain;
}

uint64_t domain_wait_ms(struct relay *self, struct str name)
{
    uint64_t wait = 0;
    double limit = self->account.domain_messages_per_second;
    pthread_mutex_lock(&self->email->lock);
    struct domain *domain = domain_find(self, name, limit > 0);
    int64_t now = self->email->host->now_ms();
    if (domain && domain->until_ms > now) {
        wait = (uint64_t)(domain->until_ms - now);
    } else if (domain) {
        wait = pace_take(&domain->pace, limit, now);
    }
    pthread_mutex_unlock(&self->email->lock);
    return wait;
}

void domain_told(struct relay *self, struct str name, bool deferred)
{
    const struct account *account = &self->account;
    pthread_mutex_lock(&self->email->lock);
    struct domain *domain = domain_find(self, name, deferred);
    int64_t now = self->email->host->now_ms();
    if (domain && !deferred) {
        domain->backoff_ms = 0;
        domain->until_ms = 0;
    } else if (domain && domain->until_ms <= now) {
        unsigned doubled = domain->backoff_ms * 2;
        domain->backoff_ms = doubled < account->domain_backoff_ms ? account->domain_backoff_ms
                             : doubled > account->domain_backoff_max_ms
                                 ? account->domain_backoff_max_ms
                                 : doubled;
        domain->until_ms = now + domain->backoff_ms;
    }
    pthread_mutex_unlock(&self->email->lock);
}
