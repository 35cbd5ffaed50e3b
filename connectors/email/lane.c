#include "email.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PACE_PATIENCE_MS 20000 /* that a lane waits for its relay's pace before it gives back */

/* --- Waiting -----------------------------------------------------------------------------------*/

/* Under the lock, until woken or so many milliseconds have passed. */
static void wait_changed(struct line *line, int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_cond_clockwait(&line->changed, &line->relay->email->lock, CLOCK_MONOTONIC, &until);
}

/* Something waits in the line, before `idle_ms` have passed? Under the lock. */
static bool wait_for_work(struct lane *self, int64_t idle_ms)
{
    struct line *line = self->line;
    int64_t until = self->email->host->now_ms() + idle_ms;
    line->idle_count++;
    while (!self->email->closing && list_empty(&line->waiting)) {
        int64_t left = until - self->email->host->now_ms();
        if (left <= 0) {
            break;
        }
        wait_changed(line, left);
    }
    line->idle_count--;
    return !self->email->closing && !list_empty(&line->waiting);
}

static struct delivery *take(struct lane *self)
{
    struct line *line = self->line;
    struct delivery *delivery = CONTAINER_OF(list_first(&line->waiting), struct delivery, link);
    list_remove(&delivery->link);
    line->waiting_count--;
    delivery->line = NULL;
    delivery->lane = self;
    self->current = delivery;
    return delivery;
}

/* Waits until the relay's pace allows one more. False: not in time. */
static bool wait_for_pace(struct lane *self, struct delivery *delivery)
{
    struct email *email = self->email;
    int64_t patience = email->host->now_ms() + PACE_PATIENCE_MS;
    int64_t deadline = delivery->job->deadline_ms - PACE_PATIENCE_MS / 4;
    uint64_t wait;
    while ((wait = relay_wait_ms(self->line->relay)) > 0) {
        int64_t now = email->host->now_ms();
        if (now + (int64_t)wait > (patience < deadline ? patience : deadline)) {
            return false;
        }
        pthread_mutex_lock(&email->lock);
        bool stop = delivery->cancelled || email->closing;
        if (!stop) {
            wait_changed(self->line, (int64_t)wait);
        }
        pthread_mutex_unlock(&email->lock);
        if (stop) {
            return true;
        }
    }
    return true;
}

static void forget_current(struct lane *self, struct delivery *delivery)
{
    pthread_mutex_lock(&self->email->lock);
    self->current = NULL;
    delivery->lane = NULL;
    self->give_up_at_ms = 0;
    pthread_mutex_unlock(&self->email->lock);
}

struct delivery *lane_next(struct lane *self)
{
    const struct account *account = &self->line->relay->account;
    struct delivery *delivery;
    lane_allow(self, 0);
    if (self->carried >= account->messages_per_connection) {
        return NULL;
    }
    for (;;) {
        pthread_mutex_lock(&self->email->lock);
        bool work = wait_for_work(self, account->idle_ms);
        delivery = work ? take(self) : NULL;
        pthread_mutex_unlock(&self->email->lock);
        if (!delivery) {
            return NULL;
        }
        if (!wait_for_pace(self, delivery)) {
            forget_current(self, delivery);
            send_give_back(delivery, FAILURE_TIMEOUT, "the account's pace allows no more now");
        } else if (send_prepare(delivery)) {
            return delivery;
        }
    }
}

void lane_finished(struct lane *self, struct delivery *delivery)
{
    self->carried++;
    forget_current(self, delivery);
    send_finish(delivery);
}

/* --- The connection ----------------------------------------------------------------------------*/

void lane_allow(struct lane *self, uint64_t ms)
{
    pthread_mutex_lock(&self->email->lock);
    self->give_up_at_ms = ms > 0 ? self->email->host->now_ms() + (int64_t)ms : 0;
    pthread_mutex_unlock(&self->email->lock);
}

void lane_abort(struct lane *self, enum failure why)
{
    if (self->aborted == FAILURE_NONE) {
        self->aborted = why;
        shutdown(self->fd, SHUT_RDWR);
    }
}

enum failure lane_failure(struct lane *self, enum failure otherwise)
{
    pthread_mutex_lock(&self->email->lock);
    bool timed_out = self->timed_out;
    pthread_mutex_unlock(&self->email->lock);
    return self->aborted != FAILURE_NONE ? self->aborted : timed_out ? FAILURE_TIMEOUT : otherwise;
}

bool lane_is_dead(const struct lane *self)
{
    struct pollfd poll_fd = {.fd = self->fd, .events = POLLRDHUP};
    return poll(&poll_fd, 1, 0) > 0;
}

const char *lane_own_name(struct lane *self)
{
    struct sockaddr_storage own = {0};
    socklen_t len = sizeof own;
    char text[INET6_ADDRSTRLEN] = "127.0.0.1";
    if (self->line->relay->account.helo) {
        return self->line->relay->account.helo;
    }
    bool known = getsockname(self->fd, (struct sockaddr *)&own, &len) == 0;
    if (known && own.ss_family == AF_INET6) {
        inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&own)->sin6_addr, text, sizeof text);
        snprintf(self->own_name, sizeof self->own_name, "[IPv6:%s]", text);
        return self->own_name;
    }
    if (known && own.ss_family == AF_INET) {
        inet_ntop(AF_INET, &((struct sockaddr_in *)&own)->sin_addr, text, sizeof text);
    }
    snprintf(self->own_name, sizeof self->own_name, "[%s]", text);
    return self->own_name;
}

static void set_fd(struct lane *self, int fd)
{
    pthread_mutex_lock(&self->email->lock);
    self->fd = fd;
    self->timed_out = false;
    self->give_up_at_ms = 0;
    pthread_mutex_unlock(&self->email->lock);
}

static void disconnect(struct lane *self)
{
    int fd = self->fd;
    set_fd(self, -1);
    if (fd >= 0) {
        close(fd);
    }
    tls_state_release(&self->tls);
}

/* The whole line waits for the same relay: what keeps this lane from it keeps the others too. */
static void fail_line(struct lane *self, enum failure failure, const char *why)
{
    struct list all;
    list_init(&all);
    pthread_mutex_lock(&self->email->lock);
    list_splice(&all, &self->line->waiting);
    self->line->waiting_count = 0;
    LIST_FOR_EACH(link, &all) {
        CONTAINER_OF(link, struct delivery, link)->line = NULL;
    }
    pthread_mutex_unlock(&self->email->lock);
    LIST_FOR_EACH(link, &all) {
        list_remove(link);
        send_give_back(CONTAINER_OF(link, struct delivery, link), failure, why);
    }
}

static enum failure connect_lane(struct lane *self, char *ret_why, size_t why_size)
{
    const struct account *account = &self->line->relay->account;
    int fd = -1;
    self->aborted = FAILURE_NONE;
    self->carried = 0;
    self->server = (struct server){0};
    self->last = (struct reply){0};
    if (account->tls != TLS_NONE && tls_state_init(&self->tls, self->line->relay) < 0) {
        return FAILURE_MEMORY;
    }
    enum failure failure = dial(self->email, account, account->connect_ms, &fd, ret_why, why_size);
    if (failure != FAILURE_NONE) {
        tls_state_release(&self->tls);
        return failure;
    }
    set_fd(self, fd);
    return FAILURE_NONE;
}

/* --- The thread --------------------------------------------------------------------------------*/

static void end_lane(struct lane *self)
{
    struct email *email = self->email;
    pthread_mutex_lock(&email->lock);
    list_remove(&self->link);
    list_append(&email->ended, &self->link);
    self->line->lane_count--;
    email->lane_count--;
    line_need_lane(self->line); /* what came while it made up its mind */
    pthread_mutex_unlock(&email->lock);
}

static bool has_work(struct lane *self)
{
    pthread_mutex_lock(&self->email->lock);
    bool work = wait_for_work(self, self->line->relay->account.idle_ms);
    pthread_mutex_unlock(&self->email->lock);
    return work;
}

static void *lane_main(void *context)
{
    struct lane *self = context;
    struct delivery *first = NULL;
    char why[256];
    while (first || has_work(self)) {
        why[0] = '\0';
        enum failure failure = connect_lane(self, why, sizeof why);
        if (failure != FAILURE_NONE) {
            if (first) {
                forget_current(self, first);
                send_give_back(first, failure, why);
                first = NULL;
            }
            fail_line(self, failure, why);
            continue;
        }
        first = first ? first : lane_next(self);
        first = first ? self->line->transport->run(self, first) : NULL;
        disconnect(self);
    }
    end_lane(self);
    return NULL;
}

void line_need_lane(struct line *self)
{
    struct email *email = self->relay->email;
    bool enough = self->waiting_count <= self->idle_count ||
                  self->lane_count >= self->relay->account.connections ||
                  email->lane_count >= LANES_MAX || email->closing;
    struct lane *lane = enough ? NULL : calloc(1, sizeof *lane);
    if (!lane) {
        return;
    }
    lane->email = email;
    lane->line = self;
    lane->fd = -1;
    list_init(&lane->link);
    if (pthread_create(&lane->thread, NULL, lane_main, lane) != 0) {
        free(lane); /* those that are there will do, or the next look */
        return;
    }
    list_append(&self->lanes, &lane->link);
    self->lane_count++;
    email->lane_count++;
}

void lanes_reap(struct email *email)
{
    struct list *link;
    for (;;) {
        pthread_mutex_lock(&email->lock);
        link = list_first(&email->ended);
        if (link) {
            list_remove(link);
        }
        pthread_mutex_unlock(&email->lock);
        if (!link) {
            return;
        }
        struct lane *lane = CONTAINER_OF(link, struct lane, link);
        pthread_join(lane->thread, NULL);
        free(lane);
    }
}

static struct lane *any_lane(struct email *email)
{
    struct lane *found = NULL;
    pthread_mutex_lock(&email->lock);
    LIST_FOR_EACH(link, &email->relay_order) {
        struct relay *relay = CONTAINER_OF(link, struct relay, order);
        for (unsigned i = 0; i < LINES; i++) {
            struct list *first = list_first(&relay->lines[i].lanes);
            found = first ? CONTAINER_OF(first, struct lane, link) : found;
        }
    }
    pthread_mutex_unlock(&email->lock);
    return found;
}

void lanes_join(struct email *email)
{
    while (any_lane(email)) {
        lanes_reap(email);
        usleep(1000);
    }
    lanes_reap(email);
}
