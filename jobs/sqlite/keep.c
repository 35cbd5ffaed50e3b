#include "jobs/sqlite/lite.h"

#include <string.h>

/* Of one owner: how much it has. */
struct box {
    int64_t number; /* 0: it has nothing yet */
    int64_t items;
    int64_t bytes;
};

/* What is there under a key. */
struct present {
    bool found;
    bool expired;
    int64_t bytes; /* of key and value */
};

/* --- The owner ---------------------------------------------------------------------------------*/

static int find_box(struct lite_db *db, const struct store_keeper *keeper, int64_t job,
                    struct box *ret_box)
{
    struct lite_call call = lite_call(db, LITE_BOX_FIND);

    *ret_box = (struct box){0};
    lite_bind_int(&call, job);
    lite_bind_text(&call, keeper->connector);
    lite_bind_text(&call, job != 0 ? (struct str){0} : keeper->account);
    int found = lite_step(&call);
    if (found > 0) {
        ret_box->number = lite_int(&call);
        ret_box->items = lite_int(&call);
        ret_box->bytes = lite_int(&call);
    }
    lite_end(&call);
    return found < 0 ? found : 0;
}

static int make_box(struct lite *self, const struct store_keeper *keeper, int64_t job,
                    struct box *ret_box)
{
    struct lite_call call = lite_call(&self->writer, LITE_BOX_INSERT);

    lite_bind_int(&call, job);
    lite_bind_text(&call, keeper->connector);
    lite_bind_text(&call, job != 0 ? (struct str){0} : keeper->account);
    int err = lite_run(&call);
    if (err == 0) {
        ret_box->number = sqlite3_last_insert_rowid(self->writer.handle);
        self->any_kept |= job != 0;
    }
    return err;
}

static int change_box(struct lite *self, int64_t box, int64_t items, int64_t bytes)
{
    struct lite_call call = lite_call(&self->writer, LITE_BOX_CHANGE);

    lite_bind_int(&call, box);
    lite_bind_int(&call, items);
    lite_bind_int(&call, bytes);
    return lite_run(&call);
}

int lite_keeper_seq(struct lite *self, struct store_op *op, const struct store_keeper *keeper,
                    int64_t *ret_seq)
{
    struct lite_job job;
    int found = lite_job_find(self, &keeper->job, &op->arena, &job);

    if (found < 0) {
        return found;
    }
    bool runs = found > 0 && job.state == JOB_RUNNING && job.attempt == keeper->attempt;
    bool unwritten = found > 0 && job.state == JOB_QUEUED && job.attempt + 1 == keeper->attempt;
    if (!runs && !unwritten) {
        op->err = HUB_ERR_CLOSED;
        return 0;
    }
    *ret_seq = job.seq;
    return 0;
}

/* --- Writing -----------------------------------------------------------------------------------*/

static int look(struct lite *self, const struct store_keep_put *put, int64_t box,
                struct present *ret_present)
{
    struct lite_call call = lite_call(&self->writer, LITE_VALUE_FIND);

    *ret_present = (struct present){0};
    lite_bind_int(&call, box);
    lite_bind_blob(&call, put->key.ptr, put->key.len);
    int found = lite_step(&call);
    if (found > 0) {
        ret_present->found = true;
        ret_present->bytes = lite_int(&call);
        int64_t expires_at = lite_int(&call);
        ret_present->expired = expires_at != 0 && expires_at <= put->at;
    }
    lite_end(&call);
    return found < 0 ? found : 0;
}

static int remove_value(struct lite *self, int64_t box, struct str key, int64_t bytes)
{
    struct lite_call call = lite_call(&self->writer, LITE_VALUE_DELETE);

    lite_bind_int(&call, box);
    lite_bind_blob(&call, key.ptr, key.len);
    int err = lite_run(&call);
    return err < 0 ? err : change_box(self, box, -1, -bytes);
}

static bool fits(const struct lite *self, const struct store_keeper *keeper, const struct box *box,
                 const struct present *present, int64_t bytes)
{
    int64_t items_max =
        keeper->of_account ? (int64_t)self->options.keep_items_max : STORE_KEEP_JOB_ITEMS_MAX;
    int64_t bytes_max =
        keeper->of_account ? (int64_t)self->options.keep_bytes_max : STORE_KEEP_JOB_BYTES_MAX;

    return box->items + !present->found <= items_max &&
           box->bytes - present->bytes + bytes <= bytes_max;
}

static int write_value(struct lite *self, const struct store_keep_put *put, int64_t box)
{
    struct lite_call call = lite_call(&self->writer, LITE_VALUE_PUT);

    lite_bind_int(&call, box);
    lite_bind_blob(&call, put->key.ptr, put->key.len);
    lite_bind_bytes(&call, put->value);
    lite_bind_int(&call, put->at);
    if (put->expires_at != 0 && put->keeper.of_account) {
        lite_bind_int(&call, put->expires_at);
    } else {
        lite_bind_null(&call);
    }
    return lite_run(&call);
}

static int put_value(struct lite *self, struct store_op *op, int64_t job, struct box *box,
                     const struct present *present)
{
    const struct store_keep_put *put = &op->keep_put;
    int64_t bytes = (int64_t)(put->key.len + put->value.len);
    int err = 0;

    if (put->only_new && present->found && !present->expired) {
        op->err = HUB_ERR_CONFLICT;
        return 0;
    }
    if (!fits(self, &put->keeper, box, present, bytes)) {
        op->err = HUB_ERR_LIMIT;
        return 0;
    }
    if (box->number == 0) {
        err = make_box(self, &put->keeper, job, box);
    }
    if (err == 0) {
        err = write_value(self, put, box->number);
    }
    return err < 0 ? err : change_box(self, box->number, !present->found, bytes - present->bytes);
}

int lite_keep_put(struct lite *self, struct store_op *op)
{
    const struct store_keep_put *put = &op->keep_put;
    struct present present = {0};
    struct box box;
    int64_t seq = 0;

    int err = lite_keeper_seq(self, op, &put->keeper, &seq);
    if (err < 0 || op->err < 0) {
        return err;
    }
    int64_t job = put->keeper.of_account ? 0 : seq;
    err = find_box(&self->writer, &put->keeper, job, &box);
    if (err == 0 && box.number != 0) {
        err = look(self, put, box.number, &present);
    }
    if (err < 0) {
        return err;
    }
    if (!put->removes) {
        return put_value(self, op, job, &box, &present);
    }
    return present.found ? remove_value(self, box.number, put->key, present.bytes) : 0;
}

/* --- Reading -----------------------------------------------------------------------------------*/

/* The box of a reader, who sees the job's values whatever its state. 0: there is none. */
static int find_box_to_read(struct lite *self, const struct store_keeper *keeper,
                            struct box *ret_box)
{
    int64_t job = 0;

    *ret_box = (struct box){0};
    if (!keeper->of_account) {
        struct lite_call call = lite_call(&self->reader, LITE_JOB_SEQ);
        lite_bind_id(&call, &keeper->job);
        int found = lite_step(&call);
        job = found > 0 ? lite_int(&call) : 0;
        lite_end(&call);
        if (found <= 0) {
            return found;
        }
    }
    return find_box(&self->reader, keeper, job, ret_box);
}

static void read_kept(struct lite_call *call, struct arena *arena, struct store_kept *ret_kept,
                      bool *ret_ok)
{
    ret_kept->key = lite_copy(call, arena, ret_ok);
    ret_kept->value = lite_copy(call, arena, ret_ok);
    ret_kept->kept_at = lite_int(call);
}

int lite_keep_get(struct lite *self, struct store_op *op)
{
    struct store_keep_get *get = &op->keep_get;
    struct box box;
    bool ok = true;

    int err = find_box_to_read(self, &get->keeper, &box);
    if (err < 0 || box.number == 0) {
        return err < 0 ? err : HUB_ERR_NOT_FOUND;
    }
    struct lite_call call = lite_call(&self->reader, LITE_VALUE_GET);
    lite_bind_int(&call, box.number);
    lite_bind_blob(&call, get->key.ptr, get->key.len);
    lite_bind_int(&call, get->now);
    int found = lite_step(&call);
    if (found > 0) {
        read_kept(&call, &op->arena, &get->ret_kept, &ok);
    }
    lite_end(&call);
    return found < 0 ? found : found == 0 ? HUB_ERR_NOT_FOUND : ok ? 0 : HUB_ERR_NOMEM;
}

/* The first key behind all that begin with `prefix`: keys are UTF-8, where no byte is 0xff. */
static struct str behind(struct arena *arena, struct str prefix)
{
    char *bytes = arena_alloc(arena, prefix.len + 1);

    if (!bytes) {
        return (struct str){0};
    }
    if (prefix.len > 0) {
        memcpy(bytes, prefix.ptr, prefix.len);
    }
    bytes[prefix.len] = '\xff';
    return str_of(bytes, prefix.len + 1);
}

/* Up to `limit` of them, and up to STORE_KEEP_LIST_BYTES but at least one. */
static int read_list(struct lite_call *call, struct store_op *op, struct lite_rows *rows)
{
    const struct store_keep_list *list = &op->keep_list;
    size_t bytes = 0;
    bool ok = true;
    int got = 1;

    while (rows->len < list->limit && (got = lite_step(call)) > 0) {
        struct str key = lite_str(call);
        struct str value = lite_str(call);
        bytes += value.len;
        if (rows->len > 0 && bytes > STORE_KEEP_LIST_BYTES) {
            break;
        }
        struct store_kept *kept = lite_rows_add(rows);
        if (!kept) {
            return HUB_ERR_NOMEM;
        }
        kept->kept_at = lite_int(call);
        kept->key = arena_str(&op->arena, key);
        kept->value = value.len > 0 ? arena_str(&op->arena, value) : value;
        ok = ok && kept->key.ptr && (value.len == 0 || kept->value.ptr);
    }
    return !ok ? HUB_ERR_NOMEM : got < 0 ? got : 0;
}

int lite_keep_list(struct lite *self, struct store_op *op)
{
    struct store_keep_list *list = &op->keep_list;
    struct lite_rows rows = {.arena = &op->arena, .size = sizeof(struct store_kept)};
    struct str end = behind(&op->arena, list->prefix);
    struct box box;

    int err = end.ptr ? find_box_to_read(self, &list->keeper, &box) : HUB_ERR_NOMEM;
    if (err < 0) {
        return err;
    }
    if (box.number != 0) {
        struct lite_call call = lite_call(&self->reader, LITE_VALUE_LIST);
        lite_bind_int(&call, box.number);
        lite_bind_bytes(&call, list->prefix);
        lite_bind_bytes(&call, list->after);
        lite_bind_bytes(&call, end);
        lite_bind_int(&call, list->now);
        err = read_list(&call, op, &rows);
        lite_end(&call);
    }
    list->ret_values = rows.items;
    list->ret_count = rows.len;
    return err;
}

/* --- What is over ------------------------------------------------------------------------------*/

int lite_keep_drop_of_job(struct lite *self, int64_t seq)
{
    if (!self->any_kept) {
        return 0;
    }
    int err = lite_run_int(&self->writer, LITE_VALUES_DELETE_OF_JOB, seq);
    return err < 0 ? err : lite_run_int(&self->writer, LITE_BOX_DELETE_OF_JOB, seq);
}

struct expired {
    int64_t box;
    int64_t bytes;
    struct str key;
};

static int find_expired(struct lite *self, struct store_op *op, struct lite_rows *rows)
{
    struct lite_call call = lite_call(&self->writer, LITE_VALUE_EXPIRED);
    bool ok = true;
    int got;

    lite_bind_int(&call, op->purge.now);
    lite_bind_int(&call, op->purge.limit);
    while ((got = lite_step(&call)) > 0) {
        struct expired *expired = lite_rows_add(rows);
        if (!expired) {
            got = HUB_ERR_NOMEM;
            break;
        }
        expired->box = lite_int(&call);
        expired->bytes = lite_int(&call);
        expired->key = lite_copy(&call, &op->arena, &ok);
    }
    lite_end(&call);
    return ok ? got : HUB_ERR_NOMEM;
}

int lite_keep_purge(struct lite *self, struct store_op *op)
{
    struct lite_rows rows = {.arena = &op->arena, .size = sizeof(struct expired)};
    int err = find_expired(self, op, &rows);
    const struct expired *expired = rows.items;

    for (unsigned i = 0; i < rows.len && err == 0; i++) {
        err = remove_value(self, expired[i].box, expired[i].key, expired[i].bytes);
    }
    op->purge.ret_removed += rows.len;
    op->purge.ret_more |= op->purge.limit > 0 && rows.len == op->purge.limit;
    return err;
}
