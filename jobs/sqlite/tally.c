#include "jobs/sqlite/tally.h"

#include "jobs/sqlite/lite.h"

#include <endian.h>
#include <string.h>

#define ARENA_LIMIT ((size_t)1 << 20)

/* --- Sums --------------------------------------------------------------------------------------*/

static void sums_clear(struct lite_sums *self)
{
    if (self->zone_count > 0) {
        memset(self->slots, 0, sizeof self->slots);
        self->zone_count = 0;
    }
    self->queue_count = 0;
    arena_release(&self->arena);
}

static bool sums_empty(const struct lite_sums *self)
{
    return self->zone_count == 0 && self->queue_count == 0;
}

/* The sum of a zone, made if need be. Linear probing: half of the slots are free. */
static struct lite_zone_sum *sum_of_zone(struct lite_sums *self, int64_t zone)
{
    for (uint64_t i = (uint64_t)zone;; i++) {
        uint16_t *slot = &self->slots[i % LITE_SUMS_SLOTS];
        if (*slot == 0) {
            *slot = (uint16_t)++self->zone_count;
            self->zones[*slot - 1] = (struct lite_zone_sum){.zone = zone};
        }
        if (self->zones[*slot - 1].zone == zone) {
            return &self->zones[*slot - 1];
        }
    }
}

/* NULL: out of memory. */
static struct lite_queue_sum *sum_of_queue(struct lite_sums *self, struct str queue)
{
    for (unsigned i = 0; i < self->queue_count; i++) {
        if (str_eq(self->queues[i].queue, queue)) {
            return &self->queues[i];
        }
    }
    struct str name = arena_str(&self->arena, queue);
    if (!name.ptr) {
        return NULL;
    }
    struct lite_queue_sum *sum = &self->queues[self->queue_count++];
    *sum = (struct lite_queue_sum){.queue = name};
    return sum;
}

/* Is there room for `zones` and `queues` more? */
static bool sums_fit(const struct lite_sums *self, unsigned zones, unsigned queues)
{
    return self->zone_count + zones <= LITE_SUMS_ZONES &&
           self->queue_count + queues <= LITE_SUMS_QUEUES;
}

static void add_zone(struct lite_sums *self, const struct lite_zone_sum *change)
{
    struct lite_zone_sum *sum = sum_of_zone(self, change->zone);

    sum->jobs += change->jobs;
    sum->unfinished += change->unfinished;
    sum->finished |= change->finished;
    if (change->purge_at != 0 && (sum->purge_at == 0 || change->purge_at < sum->purge_at)) {
        sum->purge_at = change->purge_at;
    }
}

static int add_queue(struct lite_sums *self, const struct lite_queue_sum *change)
{
    struct lite_queue_sum *sum = sum_of_queue(self, change->queue);

    for (unsigned state = 0; sum && state < JOB_STATE_COUNT; state++) {
        sum->counts[state] += change->counts[state];
    }
    return sum ? 0 : HUB_ERR_NOMEM;
}

/* --- In the row of the events ------------------------------------------------------------------*/

/* Little-endian: the numbers of zones and queues, the zones, the queues each with its name behind.
 */
struct packed_head {
    uint32_t zones;
    uint32_t queues;
};

struct packed_zone {
    uint64_t zone;
    uint64_t purge_at;
    uint32_t jobs;
    uint32_t unfinished;
    uint32_t finished;
    uint32_t reserved;
};

struct packed_queue {
    uint32_t counts[JOB_STATE_COUNT];
    uint32_t name_len;
};

static void pack_zone(struct buf *buf, const struct lite_zone_sum *sum)
{
    const struct packed_zone packed = {
        .zone = htole64((uint64_t)sum->zone),
        .purge_at = htole64((uint64_t)sum->purge_at),
        .jobs = htole32((uint32_t)sum->jobs),
        .unfinished = htole32((uint32_t)sum->unfinished),
        .finished = htole32(sum->finished),
    };

    buf_append(buf, &packed, sizeof packed);
}

static void pack_queue(struct buf *buf, const struct lite_queue_sum *sum)
{
    struct packed_queue packed = {.name_len = htole32((uint32_t)sum->queue.len)};

    for (unsigned state = 0; state < JOB_STATE_COUNT; state++) {
        packed.counts[state] = htole32((uint32_t)sum->counts[state]);
    }
    buf_append(buf, &packed, sizeof packed);
    buf_append_str(buf, sum->queue);
}

static int pack(const struct lite_sums *sums, struct buf *buf)
{
    const struct packed_head head = {
        .zones = htole32(sums->zone_count),
        .queues = htole32(sums->queue_count),
    };

    buf_clear(buf);
    buf_append(buf, &head, sizeof head);
    for (unsigned i = 0; i < sums->zone_count; i++) {
        pack_zone(buf, &sums->zones[i]);
    }
    for (unsigned i = 0; i < sums->queue_count; i++) {
        pack_queue(buf, &sums->queues[i]);
    }
    return buf_failed(buf) ? HUB_ERR_NOMEM : 0;
}

/* The next `size` bytes of `*rest`; false if there are not so many. */
static bool take(struct str *rest, void *ret_bytes, size_t size)
{
    if (rest->len < size) {
        return false;
    }
    memcpy(ret_bytes, rest->ptr, size);
    *rest = str_slice(*rest, size, rest->len);
    return true;
}

static bool take_zone(struct str *rest, struct lite_zone_sum *ret_sum)
{
    struct packed_zone packed;

    if (!take(rest, &packed, sizeof packed)) {
        return false;
    }
    *ret_sum = (struct lite_zone_sum){
        .zone = (int64_t)le64toh(packed.zone),
        .purge_at = (int64_t)le64toh(packed.purge_at),
        .jobs = (int32_t)le32toh(packed.jobs),
        .unfinished = (int32_t)le32toh(packed.unfinished),
        .finished = le32toh(packed.finished),
    };
    return true;
}

static bool take_queue(struct str *rest, struct lite_queue_sum *ret_sum)
{
    struct packed_queue packed;

    if (!take(rest, &packed, sizeof packed) || le32toh(packed.name_len) > rest->len) {
        return false;
    }
    for (unsigned state = 0; state < JOB_STATE_COUNT; state++) {
        ret_sum->counts[state] = (int32_t)le32toh(packed.counts[state]);
    }
    ret_sum->queue = str_slice(*rest, 0, le32toh(packed.name_len));
    *rest = str_slice(*rest, ret_sum->queue.len, rest->len);
    return true;
}

/* --- Into the tables ---------------------------------------------------------------------------*/

static int write_zone(struct lite_db *db, const struct lite_zone_sum *sum)
{
    struct lite_call call = lite_call(db, LITE_ZONE_CHANGE);

    lite_bind_int(&call, sum->zone);
    lite_bind_int(&call, sum->jobs);
    lite_bind_int(&call, sum->unfinished);
    lite_bind_int(&call, sum->finished);
    if (sum->purge_at != 0) {
        lite_bind_int(&call, sum->purge_at);
    } else {
        lite_bind_null(&call);
    }
    int err = lite_run(&call);
    if (err < 0 || sum->jobs >= 0) {
        return err;
    }
    return lite_run_int(db, LITE_ZONE_DELETE_EMPTY, sum->zone);
}

static int write_count(struct lite_db *db, struct str queue, enum job_state state, int change)
{
    struct lite_call call = lite_call(db, LITE_COUNT_CHANGE);

    lite_bind_text(&call, queue);
    lite_bind_int(&call, state);
    lite_bind_int(&call, change);
    int err = lite_run(&call);
    if (err < 0 || change > 0) {
        return err;
    }
    call = lite_call(db, LITE_COUNT_DELETE_ZERO);
    lite_bind_text(&call, queue);
    lite_bind_int(&call, state);
    return lite_run(&call);
}

static int write_queue(struct lite_db *db, const struct lite_queue_sum *sum)
{
    int err = 0;

    for (enum job_state state = 0; state < JOB_STATE_COUNT && err == 0; state++) {
        int change = sum->counts[state];
        err = change != 0 ? write_count(db, sum->queue, state, change) : 0;
    }
    return err;
}

static int write_sums(struct lite_db *db, const struct lite_sums *sums)
{
    int err = 0;

    for (unsigned i = 0; i < sums->zone_count && err == 0; i++) {
        err = write_zone(db, &sums->zones[i]);
    }
    for (unsigned i = 0; i < sums->queue_count && err == 0; i++) {
        err = write_queue(db, &sums->queues[i]);
    }
    return err;
}

/* What is pending stays so until the commit: the transaction may be rolled back. */
int lite_tally_settle(struct lite_tally *self, struct lite_db *db, int64_t last_event)
{
    bool any_pending = !self->settled && !sums_empty(&self->pending);
    int err = 0;

    if (!any_pending && sums_empty(&self->now)) {
        return 0;
    }
    if (any_pending) {
        err = write_sums(db, &self->pending);
    }
    if (err == 0) {
        err = write_sums(db, &self->now);
    }
    if (err == 0) {
        err = lite_run_int(db, LITE_TALLY_SET, last_event);
    }
    if (err == 0) {
        self->settled = true;
        sums_clear(&self->now);
    }
    return err;
}

/* --- A transaction -----------------------------------------------------------------------------*/

static int step(enum job_state from, enum job_state to, bool (*counts)(enum job_state state))
{
    return (to != LITE_NO_STATE && counts(to)) - (from != LITE_NO_STATE && counts(from));
}

static bool exists(enum job_state state)
{
    return state != LITE_NO_STATE;
}

static bool unfinished(enum job_state state)
{
    return !lite_terminal(state);
}

int lite_tally_note(struct lite_tally *self, struct lite_db *db, int64_t last_event, int64_t seq,
                    struct str queue, enum job_state from, enum job_state to, int64_t purge_at)
{
    int err = sums_fit(&self->now, 1, 1) ? 0 : lite_tally_settle(self, db, last_event);

    if (err < 0) {
        return err;
    }
    struct lite_queue_sum *sum = sum_of_queue(&self->now, queue);
    if (!sum) {
        return HUB_ERR_NOMEM;
    }
    bool ends = to != LITE_NO_STATE && lite_terminal(to);
    const struct lite_zone_sum change = {
        .zone = lite_zone(seq),
        .jobs = step(from, to, exists),
        .unfinished = step(from, to, unfinished),
        .finished = ends ? 1u << to : 0,
        .purge_at = ends ? purge_at : 0,
    };
    add_zone(&self->now, &change);
    if (from != LITE_NO_STATE) {
        sum->counts[from]--;
    }
    if (to != LITE_NO_STATE) {
        sum->counts[to]++;
    }
    return 0;
}

/* So that lite_tally_committed(), which can't fail, finds a place for each queue. */
static int reserve_pending(struct lite_tally *self)
{
    bool ok = true;

    for (unsigned i = 0; i < self->now.queue_count && ok; i++) {
        ok = sum_of_queue(&self->pending, self->now.queues[i].queue);
    }
    return ok ? 0 : HUB_ERR_NOMEM;
}

int lite_tally_ride(struct lite_tally *self, struct lite_db *db, bool any_events,
                    int64_t last_event, struct str *ret_sums)
{
    const struct lite_sums *now = &self->now;

    *ret_sums = str_of(NULL, 0);
    if (sums_empty(now)) {
        return 0;
    }
    if (self->settled || !any_events ||
        !sums_fit(&self->pending, now->zone_count, now->queue_count)) {
        return lite_tally_settle(self, db, last_event);
    }
    int err = reserve_pending(self);
    if (err == 0) {
        err = pack(now, &self->packed);
    }
    if (err == 0) {
        *ret_sums = buf_view(&self->packed);
    }
    return err;
}

void lite_tally_committed(struct lite_tally *self)
{
    if (self->settled) {
        sums_clear(&self->pending);
    }
    for (unsigned i = 0; i < self->now.zone_count; i++) {
        add_zone(&self->pending, &self->now.zones[i]);
    }
    for (unsigned i = 0; i < self->now.queue_count; i++) {
        (void)add_queue(&self->pending, &self->now.queues[i]);
    }
    lite_tally_rolled_back(self);
}

void lite_tally_rolled_back(struct lite_tally *self)
{
    self->settled = false;
    sums_clear(&self->now);
}

/* --- Life --------------------------------------------------------------------------------------*/

/* Adds the sums of one row. */
static int load_row(struct lite_tally *self, struct lite_db *db, struct str packed,
                    int64_t last_event)
{
    struct packed_head head;
    int err = 0;

    if (!take(&packed, &head, sizeof head)) {
        return HUB_ERR_CORRUPT;
    }
    unsigned zones = le32toh(head.zones);
    unsigned queues = le32toh(head.queues);
    if (zones > LITE_SUMS_ZONES || queues > LITE_SUMS_QUEUES) {
        return HUB_ERR_CORRUPT;
    }
    if (!sums_fit(&self->now, zones, queues)) {
        err = lite_tally_settle(self, db, last_event);
    }
    for (struct lite_zone_sum zone; zones > 0 && err == 0; zones--) {
        err = take_zone(&packed, &zone) ? 0 : HUB_ERR_CORRUPT;
        if (err == 0) {
            add_zone(&self->now, &zone);
        }
    }
    for (struct lite_queue_sum queue; queues > 0 && err == 0; queues--) {
        err = take_queue(&packed, &queue) ? add_queue(&self->now, &queue) : HUB_ERR_CORRUPT;
    }
    return err;
}

/* Reads them all; they are written only if there are too many to be kept in memory. */
static int load_rows(struct lite_tally *self, struct lite_db *db, int64_t last_event)
{
    struct lite_call call = lite_call(db, LITE_TALLY_MISSING);
    int got;

    while ((got = lite_step(&call)) > 0) {
        int err = load_row(self, db, lite_str(&call), last_event);
        if (err < 0) {
            got = err;
            break;
        }
    }
    lite_end(&call);
    if (got < 0) {
        return got;
    }
    return self->settled ? lite_tally_settle(self, db, last_event) : reserve_pending(self);
}

int lite_tally_load(struct lite_tally *self, struct lite_db *db, int64_t last_event)
{
    struct lite_call call = lite_call(db, LITE_BEGIN_WRITE);

    lite_tally_rolled_back(self);
    sums_clear(&self->pending);
    int err = lite_run(&call);
    if (err < 0) {
        return err;
    }
    err = load_rows(self, db, last_event);
    call = lite_call(db, err == 0 ? LITE_COMMIT : LITE_ROLLBACK);
    int end = lite_run(&call);
    err = err < 0 ? err : end;
    if (err == 0) {
        lite_tally_committed(self);
    } else {
        lite_tally_rolled_back(self);
    }
    return err;
}

void lite_tally_init(struct lite_tally *self)
{
    memset(self, 0, sizeof *self);
    arena_init(&self->now.arena, ARENA_LIMIT);
    arena_init(&self->pending.arena, ARENA_LIMIT);
    buf_init(&self->packed, BUF_NO_LIMIT);
}

void lite_tally_release(struct lite_tally *self)
{
    sums_clear(&self->now);
    sums_clear(&self->pending);
    buf_release(&self->packed);
}
