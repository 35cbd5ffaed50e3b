#include "jobs/sqlite/lite.h"

#include <string.h>

#define LOOK_MAX  2048                /* entries that one call looks at */
#define BYTES_MAX ((size_t)256 << 10) /* of bodies that one call gives, or one more */

/* The columns in the order in which all statements give them; texts live until the next step. */
static int read_entry(struct lite_call *call, struct ledger_entry *ret_entry)
{
    ret_entry->seq = lite_int(call);
    ret_entry->at = lite_int(call);
    ret_entry->connector = lite_str(call);
    ret_entry->account = lite_str(call);
    ret_entry->job = lite_id(call);
    ret_entry->attempt = (uint32_t)lite_int(call);
    ret_entry->kind = lite_str(call);
    ret_entry->body = lite_str(call);
    struct str hash = lite_str(call);
    if (hash.len != SHA256_LEN) {
        ret_entry->hash = (struct sha256_digest){{0}};
        return HUB_ERR_CORRUPT;
    }
    memcpy(ret_entry->hash.bytes, hash.ptr, SHA256_LEN);
    return 0;
}

/* --- Writing -----------------------------------------------------------------------------------*/

/* Number, time and hash of the last entry; all zero: there is none. One that is damaged is op->err:
 * nothing is bound to it. */
static int read_head(struct lite *self, struct store_op *op, struct ledger_entry *ret_head)
{
    struct lite_call call = lite_call(&self->writer, LITE_LEDGER_LAST);

    *ret_head = (struct ledger_entry){0};
    int got = lite_step(&call);
    if (got > 0) {
        op->err = read_entry(&call, ret_head);
    }
    lite_end(&call);
    return got < 0 ? got : 0;
}

static int insert_entry(struct lite *self, const struct ledger_entry *entry)
{
    struct lite_call call = lite_call(&self->writer, LITE_LEDGER_INSERT);

    lite_bind_int(&call, entry->seq);
    lite_bind_int(&call, entry->at);
    lite_bind_text(&call, entry->connector);
    lite_bind_text(&call, entry->account);
    lite_bind_id(&call, &entry->job);
    lite_bind_int(&call, entry->attempt);
    lite_bind_text(&call, entry->kind);
    lite_bind_text(&call, entry->body);
    lite_bind_blob(&call, entry->hash.bytes, SHA256_LEN);
    return lite_run(&call);
}

int lite_ledger_append(struct lite *self, struct store_op *op)
{
    struct store_ledger_append *append = &op->ledger_append;
    struct ledger_entry head;
    int64_t seq;

    int err = lite_keeper_seq(self, op, &append->keeper, &seq);
    if (err < 0 || op->err < 0) {
        return err;
    }
    err = read_head(self, op, &head);
    if (err < 0 || op->err < 0) {
        return err;
    }
    struct ledger_entry entry = {
        .seq = head.seq + 1,
        .at = append->at > head.at ? append->at : head.at,
        .connector = append->keeper.connector,
        .account = append->keeper.account,
        .job = append->keeper.job,
        .attempt = append->keeper.attempt,
        .kind = append->kind,
        .body = append->body,
    };
    err = ledger_hash(&entry, &head.hash, &entry.hash);
    if (err == 0) {
        err = insert_entry(self, &entry);
    }
    append->ret_seq = entry.seq;
    return err;
}

/* --- Reading -----------------------------------------------------------------------------------*/

/* Where entries of the time `at` begin: the number before. Times never fall. */
static int find_time(struct lite *self, int64_t at, int64_t *ret_after)
{
    struct lite_call call = lite_call(&self->reader, LITE_LEDGER_FROM);

    lite_bind_int(&call, at);
    int found = lite_step(&call);
    if (found > 0) {
        int64_t before = lite_int(&call) - 1;
        *ret_after = before > *ret_after ? before : *ret_after;
    } else if (found == 0) {
        *ret_after = INT64_MAX;
    }
    lite_end(&call);
    return found < 0 ? found : 0;
}

static bool is_wanted(const struct store_ledger_list *list, const struct ledger_entry *entry)
{
    return (list->connector.len == 0 || str_eq(list->connector, entry->connector)) &&
           (list->account.len == 0 || str_eq(list->account, entry->account));
}

static int keep_entry(struct store_op *op, struct lite_rows *rows, const struct ledger_entry *entry)
{
    struct ledger_entry *kept = lite_rows_add(rows);

    if (!kept) {
        return HUB_ERR_NOMEM;
    }
    *kept = *entry;
    struct str *texts[] = {&kept->connector, &kept->account, &kept->kind, &kept->body};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (texts[i]->len > 0) {
            *texts[i] = arena_str(&op->arena, *texts[i]);
            if (!texts[i]->ptr) {
                return HUB_ERR_NOMEM;
            }
        }
    }
    return 0;
}

static int read_entries(struct lite_call *call, struct store_op *op, struct lite_rows *rows)
{
    struct store_ledger_list *list = &op->ledger_list;
    struct ledger_entry entry;
    unsigned looked = 0;
    size_t bytes = 0;
    int got = 1;

    while (rows->len < list->limit && bytes < BYTES_MAX && (got = lite_step(call)) > 0) {
        /* A hash that is none is shown as zeros: to find it is the work of verify. */
        (void)read_entry(call, &entry);
        if (list->to != 0 && entry.at >= list->to) {
            return 0;
        }
        looked++;
        list->ret_next = entry.seq;
        if (is_wanted(list, &entry)) {
            bytes += entry.body.len;
            int err = keep_entry(op, rows, &entry);
            if (err < 0) {
                return err;
            }
        }
    }
    list->ret_more = got > 0 || looked == LOOK_MAX;
    return got < 0 ? got : 0;
}

int lite_ledger_list(struct lite *self, struct store_op *op)
{
    struct store_ledger_list *list = &op->ledger_list;
    struct lite_rows rows = {.arena = &op->arena, .size = sizeof(struct ledger_entry)};
    int64_t after = list->after;
    int err = 0;

    list->ret_more = false;
    list->ret_next = after;
    if (list->from != 0) {
        err = find_time(self, list->from, &after);
    }
    if (err == 0) {
        struct lite_call call = lite_call(&self->reader, LITE_LEDGER_AFTER);
        lite_bind_int(&call, after);
        lite_bind_int(&call, LOOK_MAX);
        err = read_entries(&call, op, &rows);
        lite_end(&call);
    }
    list->ret_entries = rows.items;
    list->ret_count = rows.len;
    return err;
}

/* --- Verifying ---------------------------------------------------------------------------------*/

/* 1: the entry is the one that must follow. 0: it is not. Negative: out of memory. */
static int follows(const struct ledger_entry *entry, int read_err, int64_t seq,
                   const struct sha256_digest *previous)
{
    struct sha256_digest hash;

    if (read_err < 0 || entry->seq != seq) {
        return 0;
    }
    int err = ledger_hash(entry, previous, &hash);
    return err < 0 ? err : sha256_eq(&hash, &entry->hash);
}

int lite_ledger_verify(struct lite *self, struct store_op *op)
{
    struct store_ledger_verify *verify = &op->ledger_verify;
    struct lite_call call = lite_call(&self->reader, LITE_LEDGER_AFTER);
    struct ledger_entry entry;
    unsigned looked = 0;
    int good = 1;
    int got;

    verify->ret_first_bad = 0;
    lite_bind_int(&call, verify->seq);
    lite_bind_int(&call, LOOK_MAX);
    while (good == 1 && (got = lite_step(&call)) > 0) {
        int err = read_entry(&call, &entry);
        good = follows(&entry, err, verify->seq + 1, &verify->hash);
        if (good == 1) {
            verify->seq = entry.seq;
            verify->hash = entry.hash;
            looked++;
        }
    }
    lite_end(&call);
    if (good < 0 || (good == 1 && got < 0)) {
        return good < 0 ? good : got;
    }
    if (good == 0) {
        verify->ret_first_bad = verify->seq + 1;
    }
    verify->ret_more = looked == LOOK_MAX;
    return 0;
}
