#include "jobs/sqlite/event.h"

#include "jobs/sqlite/lite.h"

#include <endian.h>
#include <string.h>

/* A row is written when it is so long. */
#define ROW_MAX ((size_t)64 * 1024)

/* In front of each event's type and queue; little-endian. */
struct packed_event {
    struct id job;
    uint64_t at;
    uint32_t attempt;
    uint32_t state;
    uint32_t type_len;
    uint32_t queue_len;
};

/* --- Writing -----------------------------------------------------------------------------------*/

void lite_events_init(struct lite_events *self)
{
    *self = (struct lite_events){0};
    buf_init(&self->packed, BUF_NO_LIMIT);
}

void lite_events_release(struct lite_events *self)
{
    buf_release(&self->packed);
}

void lite_events_clear(struct lite_events *self)
{
    buf_clear(&self->packed);
    self->count = 0;
    self->at = 0;
}

int lite_events_load(struct lite_events *self, struct lite_db *db)
{
    struct lite_call call = lite_call(db, LITE_EVENT_LAST);
    int got = lite_step(&call);

    if (got > 0) {
        int64_t last = lite_int(&call);
        self->last = last > self->last ? last : self->last;
    }
    lite_end(&call);
    return got < 0 ? got : 0;
}

int lite_events_add(struct lite_events *self, struct lite_db *db, struct store_event *event)
{
    const struct packed_event packed = {
        .job = event->job,
        .at = htole64((uint64_t)event->at),
        .attempt = htole32(event->attempt),
        .state = htole32(event->state),
        .type_len = htole32((uint32_t)event->type.len),
        .queue_len = htole32((uint32_t)event->queue.len),
    };
    int err = self->packed.len >= ROW_MAX ? lite_events_flush(self, db, str_of(NULL, 0)) : 0;

    if (err < 0) {
        return err;
    }
    buf_append(&self->packed, &packed, sizeof packed);
    buf_append_str(&self->packed, event->type);
    buf_append_str(&self->packed, event->queue);
    if (buf_failed(&self->packed)) {
        return HUB_ERR_NOMEM;
    }
    self->count++;
    self->at = event->at > self->at ? event->at : self->at;
    event->seq = (uint64_t)++self->last;
    return 0;
}

int lite_events_flush(struct lite_events *self, struct lite_db *db, struct str sums)
{
    struct lite_call call = lite_call(db, LITE_EVENT_INSERT);

    if (self->count == 0) {
        return 0;
    }
    lite_bind_int(&call, self->last - self->count + 1);
    lite_bind_int(&call, self->count);
    lite_bind_int(&call, self->at);
    lite_bind_blob(&call, self->packed.ptr, self->packed.len);
    lite_bind_blob(&call, sums.ptr, sums.len);
    int err = lite_run(&call);
    if (err == 0) {
        lite_events_clear(self);
    }
    return err;
}

int lite_events_purge(struct lite_events *self, struct lite_db *db,
                      const struct lite_events_keep *keep, unsigned limit, unsigned *ret_removed,
                      bool *ret_more)
{
    struct lite_call call = lite_call(db, LITE_EVENT_OLDEST);
    unsigned removed = 0;
    unsigned rows = 0;
    int64_t to = 0;
    int got;

    lite_bind_int(&call, limit);
    while ((got = lite_step(&call)) > 0) {
        int64_t first = lite_int(&call);
        unsigned count = (unsigned)lite_int(&call);
        int64_t last = first + count - 1;
        bool is_old = last <= self->last - (int64_t)keep->events || lite_int(&call) < keep->since;
        if (!is_old || last == self->last) {
            break;
        }
        to = first;
        removed += count;
        rows++;
    }
    lite_end(&call);
    if (got < 0 || rows == 0) {
        return got < 0 ? got : 0;
    }
    *ret_removed += removed;
    *ret_more |= rows == limit;
    return lite_run_int(db, LITE_EVENT_DELETE_TO, to);
}

/* --- Reading -----------------------------------------------------------------------------------*/

/* The next event in front of `*rest`; false if what stands there is not one. */
static bool unpack(struct str *rest, struct store_event *ret_event)
{
    struct packed_event packed;

    if (rest->len < sizeof packed) {
        return false;
    }
    memcpy(&packed, rest->ptr, sizeof packed);
    struct str texts = str_slice(*rest, sizeof packed, rest->len);
    size_t type_len = le32toh(packed.type_len);
    size_t queue_len = le32toh(packed.queue_len);
    if (type_len > texts.len || queue_len > texts.len - type_len ||
        le32toh(packed.state) >= JOB_STATE_COUNT) {
        return false;
    }
    ret_event->job = packed.job;
    ret_event->at = (int64_t)le64toh(packed.at);
    ret_event->attempt = le32toh(packed.attempt);
    ret_event->state = (enum job_state)le32toh(packed.state);
    ret_event->type = str_slice(texts, 0, type_len);
    ret_event->queue = str_slice(texts, type_len, queue_len);
    *rest = str_slice(texts, type_len + queue_len, texts.len);
    return true;
}

/* Takes the events of one row that come after `list->after`, up to the limit. */
static int take_row(struct lite_call *call, struct store_op *op, struct lite_rows *rows,
                    unsigned limit)
{
    uint64_t seq = (uint64_t)lite_int(call);
    uint64_t end = seq + (uint64_t)lite_int(call);
    bool ok = true;
    struct str rest = lite_copy(call, &op->arena, &ok); /* the events' texts point into it */
    struct store_event event = {0};

    if (!ok) {
        return HUB_ERR_NOMEM;
    }
    for (; seq < end && rows->len < limit; seq++) {
        if (!unpack(&rest, &event)) {
            return HUB_ERR_CORRUPT;
        }
        event.seq = seq;
        if (seq <= op->event_list.after) {
            continue;
        }
        struct store_event *kept = lite_rows_add(rows);
        if (!kept) {
            return HUB_ERR_NOMEM;
        }
        *kept = event;
    }
    return 0;
}

static int read_oldest(struct lite *self, uint64_t *ret_oldest)
{
    struct lite_call call = lite_call(&self->reader, LITE_EVENT_FIRST);
    int got = lite_step(&call);

    if (got > 0) {
        *ret_oldest = (uint64_t)lite_int(&call);
    }
    lite_end(&call);
    return got < 0 ? got : 0;
}

int lite_event_list(struct lite *self, struct store_op *op)
{
    struct store_event_list *list = &op->event_list;
    struct lite_call call = lite_call(&self->reader, LITE_EVENTS);
    struct lite_rows rows = {.arena = &op->arena, .size = sizeof(struct store_event)};
    unsigned limit = list->limit < STORE_LIMIT_MAX ? list->limit : STORE_LIMIT_MAX;
    int got = 0;

    lite_bind_int(&call, list->after < INT64_MAX ? (int64_t)list->after + 1 : INT64_MAX);
    while (rows.len < limit && (got = lite_step(&call)) > 0) {
        int err = take_row(&call, op, &rows, limit);
        if (err < 0) {
            got = err;
            break;
        }
    }
    lite_end(&call);
    if (got < 0) {
        return got;
    }
    list->ret_events = rows.items;
    list->ret_count = rows.len;
    return read_oldest(self, &list->ret_oldest);
}
