#include "jobs/sqlite/idempotency.h"

#include "jobs/sqlite/rows.h"

#include <stdlib.h>
#include <string.h>

#define TAG_BITS 24
#define TAG_MASK ((1u << TAG_BITS) - 1)
#define CAP_MIN  64

/* Which of the 256 tables, and the 24 bits that a slot keeps: other bytes of the digest. */
static unsigned table_of(const uint8_t scope[LITE_SCOPE_LEN])
{
    return scope[0];
}

static uint32_t tag_of(const uint8_t scope[LITE_SCOPE_LEN])
{
    return (uint32_t)scope[1] | (uint32_t)scope[2] << 8 | (uint32_t)scope[3] << 16;
}

static uint64_t slot_of(uint32_t tag, int64_t seq)
{
    return (uint64_t)seq << TAG_BITS | tag;
}

static uint32_t slot_home(const struct lite_key_table *table, uint64_t slot)
{
    return (uint32_t)slot & TAG_MASK & (table->cap - 1);
}

/* --- The tables --------------------------------------------------------------------------------*/

void lite_keys_init(struct lite_keys *self, uint64_t max)
{
    memset(self, 0, sizeof *self);
    self->max = max;
}

void lite_keys_release(struct lite_keys *self)
{
    for (unsigned i = 0; i < LITE_KEY_TABLES; i++) {
        free(self->tables[i].slots);
    }
    free(self->changes);
    lite_keys_init(self, self->max);
}

static void table_put(struct lite_key_table *table, uint64_t slot)
{
    uint32_t i = slot_home(table, slot);

    while (table->slots[i] != 0) {
        i = (i + 1) & (table->cap - 1);
    }
    table->slots[i] = slot;
    table->len++;
}

static int table_grow(struct lite_key_table *table)
{
    struct lite_key_table bigger = {.cap = table->cap ? table->cap * 2 : CAP_MIN};

    bigger.slots = calloc(bigger.cap, sizeof *bigger.slots);
    if (!bigger.slots) {
        return HUB_ERR_NOMEM;
    }
    for (uint32_t i = 0; i < table->cap; i++) {
        if (table->slots[i] != 0) {
            table_put(&bigger, table->slots[i]);
        }
    }
    free(table->slots);
    *table = bigger;
    return 0;
}

static int keys_add(struct lite_keys *self, const uint8_t scope[LITE_SCOPE_LEN], int64_t seq)
{
    struct lite_key_table *table = &self->tables[table_of(scope)];

    if (table->len >= table->cap / 4 * 3) {
        int err = table_grow(table);
        if (err < 0) {
            return err;
        }
    }
    table_put(table, slot_of(tag_of(scope), seq));
    self->len++;
    return 0;
}

/* Closes the gap at `hole`: moves up what stands behind it and may stand there (Knuth, vol. 3,
 * §6.4, algorithm R). */
static void table_close_gap(struct lite_key_table *table, uint32_t hole)
{
    uint32_t mask = table->cap - 1;

    table->slots[hole] = 0;
    for (uint32_t i = (hole + 1) & mask; table->slots[i] != 0; i = (i + 1) & mask) {
        uint32_t home = slot_home(table, table->slots[i]);
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            table->slots[hole] = table->slots[i];
            table->slots[i] = 0;
            hole = i;
        }
    }
}

static void keys_remove(struct lite_keys *self, const uint8_t scope[LITE_SCOPE_LEN], int64_t seq)
{
    struct lite_key_table *table = &self->tables[table_of(scope)];
    uint64_t slot = slot_of(tag_of(scope), seq);

    if (table->cap == 0) {
        return;
    }
    for (uint32_t i = slot_home(table, slot); table->slots[i] != 0;
         i = (i + 1) & (table->cap - 1)) {
        if (table->slots[i] == slot) {
            table_close_gap(table, i);
            table->len--;
            self->len--;
            return;
        }
    }
}

/* --- Transactions ------------------------------------------------------------------------------*/

static int note_change(struct lite_keys *self, const uint8_t *scope, int64_t seq, bool added)
{
    struct lite_key_change *changes =
        lite_array_room(self->changes, self->change_count, &self->change_cap, sizeof *changes);

    if (!changes) {
        return HUB_ERR_NOMEM;
    }
    self->changes = changes;
    struct lite_key_change *change = &self->changes[self->change_count++];
    *change = (struct lite_key_change){.seq = seq, .added = added};
    memcpy(change->scope, scope, LITE_SCOPE_LEN);
    return 0;
}

static void end_changes(struct lite_keys *self, bool committed)
{
    for (size_t i = 0; i < self->change_count; i++) {
        const struct lite_key_change *change = &self->changes[i];
        /* A scope is added at once, so that the same transaction sees it, and removed late. */
        if (change->added != committed) {
            keys_remove(self, change->scope, change->seq);
        }
    }
    self->change_count = 0;
}

void lite_keys_committed(struct lite_keys *self)
{
    end_changes(self, true);
}

void lite_keys_rolled_back(struct lite_keys *self)
{
    end_changes(self, false);
}

int lite_keys_load(struct lite_keys *self, struct lite_db *db)
{
    struct lite_call call = lite_call(db, LITE_KEEP_ALL);
    int err;

    while ((err = lite_step(&call)) > 0) {
        int64_t seq = lite_int(&call);
        struct str scope = lite_str(&call);
        err = scope.len == LITE_SCOPE_LEN ? keys_add(self, (const uint8_t *)scope.ptr, seq)
                                          : HUB_ERR_CORRUPT;
        if (err < 0) {
            break;
        }
    }
    lite_end(&call);
    return err;
}

/* --- Claims ------------------------------------------------------------------------------------*/

struct kept {
    int64_t seq;
    bool same_request;
    int64_t expires_at;
    struct id job; /* zero: gone */
};

/* Reads the row `seq`: 1 if it holds the scope. */
static int read_kept(struct lite_db *db, const struct store_idempotency *wanted, int64_t seq,
                     struct kept *ret_kept)
{
    struct lite_call call = lite_call(db, LITE_KEEP_FIND);

    lite_bind_int(&call, seq);
    int found = lite_step(&call);
    if (found > 0) {
        struct str scope = lite_str(&call);
        struct str request = lite_str(&call);
        found = str_eq(scope, str_of((const char *)wanted->scope.bytes, LITE_SCOPE_LEN));
        ret_kept->seq = seq;
        ret_kept->same_request =
            str_eq(request, str_of((const char *)wanted->request.bytes, LITE_SCOPE_LEN));
        ret_kept->expires_at = lite_int(&call);
        ret_kept->job = lite_id(&call);
    }
    lite_end(&call);
    return found;
}

/* 1 if the scope is known, 0 if not. */
static int find_kept(struct lite_keys *self, struct lite_db *db,
                     const struct store_idempotency *wanted, struct kept *ret_kept)
{
    const struct lite_key_table *table = &self->tables[table_of(wanted->scope.bytes)];
    uint32_t tag = tag_of(wanted->scope.bytes);

    if (table->cap == 0) {
        return 0;
    }
    for (uint32_t i = slot_home(table, tag); table->slots[i] != 0; i = (i + 1) & (table->cap - 1)) {
        if (((uint32_t)table->slots[i] & TAG_MASK) != tag) {
            continue;
        }
        int found = read_kept(db, wanted, (int64_t)(table->slots[i] >> TAG_BITS), ret_kept);
        if (found != 0) {
            return found;
        }
    }
    return 0;
}

static int delete_kept(struct lite_keys *self, struct lite_db *db, const uint8_t *scope,
                       int64_t seq)
{
    int err = lite_run_int(db, LITE_KEEP_DELETE, seq);

    return err < 0 ? err : note_change(self, scope, seq, false);
}

static int insert_kept(struct lite_keys *self, struct lite_db *db,
                       const struct store_idempotency *claim, int64_t seq)
{
    struct lite_call call = lite_call(db, LITE_KEEP_INSERT);

    lite_bind_int(&call, seq);
    lite_bind_blob(&call, claim->scope.bytes, LITE_SCOPE_LEN);
    lite_bind_blob(&call, claim->request.bytes, LITE_SCOPE_LEN);
    lite_bind_int(&call, claim->expires_at);
    int err = lite_run(&call);
    if (err == 0) {
        err = keys_add(self, claim->scope.bytes, seq);
    }
    return err < 0 ? err : note_change(self, claim->scope.bytes, seq, true);
}

int lite_keys_claim(struct lite_keys *self, struct lite_db *db, struct store_op *op, int64_t seq)
{
    struct store_job_insert *insert = &op->job_insert;
    const struct store_idempotency *claim = &insert->idempotency;
    struct kept kept = {0};
    int found = find_kept(self, db, claim, &kept);

    if (found < 0) {
        return found;
    }
    if (found > 0 && kept.expires_at > insert->job.created_at) {
        op->err = kept.same_request ? HUB_ERR_CONFLICT : HUB_ERR_IDEMPOTENCY_MISMATCH;
        insert->ret_existing = kept.job;
        return 0;
    }
    if (found > 0) {
        int err = delete_kept(self, db, claim->scope.bytes, kept.seq);
        if (err < 0) {
            return err;
        }
    } else if (self->len >= self->max) {
        op->err = HUB_ERR_UNAVAILABLE;
        return 0;
    }
    return insert_kept(self, db, claim, seq);
}

int lite_keys_unclaim(struct lite_keys *self, struct lite_db *db, struct store_op *op, int64_t seq)
{
    return delete_kept(self, db, op->job_insert.idempotency.scope.bytes, seq);
}

int lite_keys_purge(struct lite_keys *self, struct lite_db *db, int64_t now, unsigned limit,
                    unsigned *ret_removed)
{
    struct lite_call call = lite_call(db, LITE_KEEP_OLDEST);
    int64_t last = 0;
    unsigned removed = 0;
    int err;

    lite_bind_int(&call, limit);
    while ((err = lite_step(&call)) > 0) {
        int64_t seq = lite_int(&call);
        struct str scope = lite_str(&call);
        if (lite_int(&call) > now || scope.len != LITE_SCOPE_LEN) {
            break;
        }
        err = note_change(self, (const uint8_t *)scope.ptr, seq, false);
        if (err < 0) {
            break;
        }
        last = seq;
        removed++;
    }
    lite_end(&call);
    if (err < 0 || removed == 0) {
        return err < 0 ? err : 0;
    }
    err = lite_run_int(db, LITE_KEEP_DELETE_TO, last);
    if (err == 0) {
        *ret_removed += removed;
    }
    return err;
}
