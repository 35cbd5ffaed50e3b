#include "jobs/sqlite/lite.h"

#include "base/clock.h"

#include <stdlib.h>

/* --- Accounts ----------------------------------------------------------------------------------*/

static int put_row(struct lite *self, struct store_account *account)
{
    struct lite_call call = lite_call(&self->writer, LITE_ACCOUNT_PUT);

    lite_bind_text(&call, account->name);
    lite_bind_text(&call, account->connector);
    lite_bind_blob(&call, account->sealed.ptr, account->sealed.len);
    lite_bind_int(&call, account->is_default);
    lite_bind_int(&call, account->in_flight);
    lite_bind_int(&call, account->rate);
    lite_bind_int(&call, account->rate_period_ms);
    lite_bind_int(&call, account->created_at);
    lite_bind_int(&call, account->updated_at);
    int got = lite_step(&call);
    if (got > 0) {
        account->created_at = lite_int(&call);
    }
    lite_end(&call);
    return got < 0 ? got : 0;
}

int lite_account_put(struct lite *self, struct store_op *op)
{
    struct store_account *account = &op->account_put.account;
    int err = put_row(self, account);

    if (err < 0 || !account->is_default) {
        return err;
    }
    struct lite_call call = lite_call(&self->writer, LITE_ACCOUNT_NO_DEFAULT);
    lite_bind_text(&call, account->connector);
    lite_bind_text(&call, account->name);
    return lite_run(&call);
}

int lite_account_delete(struct lite *self, struct store_op *op)
{
    struct lite_call call = lite_call(&self->writer, LITE_ACCOUNT_DELETE);

    lite_bind_text(&call, op->account_delete.name);
    int err = lite_run(&call);
    if (err == 0 && lite_changes(&self->writer) == 0) {
        op->err = HUB_ERR_NOT_FOUND;
    }
    return err;
}

static void read_account(struct lite_call *call, struct arena *arena, struct store_account *account,
                         bool *ret_ok)
{
    account->name = lite_copy(call, arena, ret_ok);
    account->connector = lite_copy(call, arena, ret_ok);
    account->sealed = lite_copy(call, arena, ret_ok);
    account->is_default = lite_int(call) != 0;
    account->in_flight = (uint32_t)lite_int(call);
    account->rate = (uint32_t)lite_int(call);
    account->rate_period_ms = (uint32_t)lite_int(call);
    account->created_at = lite_int(call);
    account->updated_at = lite_int(call);
}

int lite_account_list(struct lite *self, struct store_op *op)
{
    struct lite_call call = lite_call(&self->reader, LITE_ACCOUNT_ALL);
    struct lite_rows rows = {.arena = &op->arena, .size = sizeof(struct store_account)};
    bool ok = true;
    int got;

    while ((got = lite_step(&call)) > 0) {
        struct store_account *account = lite_rows_add(&rows);
        if (!account) {
            got = HUB_ERR_NOMEM;
            break;
        }
        read_account(&call, &op->arena, account, &ok);
    }
    lite_end(&call);
    op->account_list.ret_accounts = rows.items;
    op->account_list.ret_count = rows.len;
    return ok ? got : HUB_ERR_NOMEM;
}

/* --- Uses --------------------------------------------------------------------------------------*/

static int drop_use(struct lite *self, int64_t key)
{
    struct lite_call call = lite_call(&self->writer, LITE_USE_DROP);

    lite_bind_int(&call, key);
    return lite_run(&call);
}

int lite_account_used(struct lite *self, const struct lite_job *job,
                      const struct store_job_move *move)
{
    const struct attempt_record *attempt = &move->attempt;
    int64_t key = lite_attempt_key(job->seq, attempt->number);

    if (job->account.len == 0 || !move->has_attempt) {
        return 0;
    }
    if (move->untouched) {
        return drop_use(self, key); /* its start may have been on record as one */
    }
    struct lite_call call = lite_call(&self->writer, LITE_USE_PUT);
    lite_bind_int(&call, key);
    lite_bind_text(&call, job->account);
    lite_bind_id(&call, &job->id);
    lite_bind_int(&call, attempt->started_at);
    lite_bind_int(&call, attempt->finished_at);
    lite_bind_int(&call, attempt->outcome);
    return lite_run(&call);
}

static int begin_use(struct lite *self, struct store_account_use *use)
{
    struct lite_call call = lite_call(&self->writer, LITE_USE_BEGIN);

    lite_bind_text(&call, use->account);
    lite_bind_id(&call, &use->job);
    lite_bind_int(&call, use->started_at);
    lite_bind_int(&call, use->attempt);
    lite_bind_text(&call, use->pointer);
    int got = lite_step(&call);
    if (got > 0) {
        use->key = lite_int(&call);
    }
    lite_end(&call);
    return got < 0 ? got : 0;
}

static int end_use(struct lite *self, const struct store_account_use *use)
{
    struct lite_call call = lite_call(&self->writer, LITE_USE_END);

    lite_bind_int(&call, use->key);
    lite_bind_int(&call, use->ended_at);
    lite_bind_int(&call, use->outcome);
    return lite_run(&call);
}

int lite_account_use(struct lite *self, struct store_op *op)
{
    struct store_account_use *use = &op->account_use;

    if (use->key == 0) {
        return begin_use(self, use);
    }
    return use->untouched ? drop_use(self, use->key) : end_use(self, use);
}

int lite_account_uses_lost(struct lite *self)
{
    struct lite_call call = lite_call(&self->writer, LITE_USE_LOST);

    lite_bind_int(&call, clock_wall_ms());
    lite_bind_int(&call, ATTEMPT_RELEASED);
    return lite_run(&call);
}

int lite_account_purge(struct lite *self, struct store_purge *purge)
{
    unsigned limit = purge->limit > purge->ret_removed ? purge->limit - purge->ret_removed : 0;
    struct lite_call call = lite_call(&self->writer, LITE_USE_PURGE);

    lite_bind_int(&call, purge->now - STORE_USES_KEEP_MS);
    lite_bind_int(&call, limit);
    int err = lite_run(&call);
    if (err == 0) {
        unsigned removed = (unsigned)lite_changes(&self->writer);
        purge->ret_removed += removed;
        purge->ret_more |= purge->limit > 0 && removed == limit;
    }
    return err;
}

int lite_account_uses(struct lite *self, struct store_op *op)
{
    struct store_account_uses *uses = &op->account_uses;
    struct lite_rows rows = {.arena = &op->arena, .size = sizeof(struct store_use)};
    unsigned limit = uses->limit < STORE_LIMIT_MAX ? uses->limit : STORE_LIMIT_MAX;
    struct lite_call call = lite_call(&self->reader, LITE_USE_LIST);
    bool ok = true;
    int got;

    lite_bind_text(&call, uses->name);
    lite_bind_int(&call, uses->before_at ? uses->before_at : INT64_MAX);
    lite_bind_int(&call, uses->before_at ? uses->before_key : INT64_MAX);
    lite_bind_int(&call, (int64_t)limit + 1);
    while ((got = lite_step(&call)) > 0 && rows.len < limit) {
        struct store_use *use = lite_rows_add(&rows);
        if (!use) {
            got = HUB_ERR_NOMEM;
            break;
        }
        use->key = lite_int(&call);
        use->job = lite_id(&call);
        use->attempt = (uint32_t)(use->key & LITE_ATTEMPT_MAX);
        use->started_at = lite_int(&call);
        use->ended_at = lite_int(&call);
        use->outcome = (enum attempt_outcome)lite_int(&call);
        uint32_t attempt = (uint32_t)lite_int(&call);
        use->pointer = lite_copy(&call, &op->arena, &ok);
        use->attempt = use->key < 0 ? attempt : use->attempt;
    }
    lite_end(&call);
    uses->ret_uses = rows.items;
    uses->ret_count = rows.len;
    uses->ret_more = got > 0;
    return !ok ? HUB_ERR_NOMEM : got < 0 ? got : 0;
}
