#include "keep.h"

#include "base/clock.h"

/* A call on its way through the store; in the operation's arena. */
struct kept_call {
    struct supervisor *supervisor;
    struct supervisor_call *call;
};

/* --- Operations --------------------------------------------------------------------------------*/

/* A copy in the operation's arena. */
static struct str copy(struct store_op *op, struct str text, bool *ok)
{
    if (text.len == 0) {
        return (struct str){0};
    }
    struct str copied = arena_str(&op->arena, text);
    *ok = *ok && copied.ptr != NULL;
    return copied;
}

static struct store_keeper keeper_of(struct store_op *op, const struct supervisor_keep *keep,
                                     bool *ok)
{
    struct store_keeper keeper = {
        .attempt = keep->attempt,
        .connector = copy(op, keep->connector, ok),
        .account = copy(op, keep->account, ok),
        .of_account = keep->of_account,
    };

    *ok = *ok && id_parse(keep->job_id, &keeper.job);
    return keeper;
}

static bool fill_put(struct store_op *op, const struct supervisor_keep *keep)
{
    int64_t now = clock_wall_ms();
    bool ok = true;

    op->keep_put = (struct store_keep_put){
        .keeper = keeper_of(op, keep, &ok),
        .only_new = keep->only_new,
        .removes = keep->removes,
        .key = copy(op, keep->key, &ok),
        .value = copy(op, keep->value, &ok),
        .at = now,
    };
    if (keep->expires_ms > 0 && keep->expires_ms < (uint64_t)(INT64_MAX - now)) {
        op->keep_put.expires_at = now + (int64_t)keep->expires_ms;
    }
    return ok;
}

static bool fill_get(struct store_op *op, const struct supervisor_keep *keep)
{
    bool ok = true;

    op->keep_get = (struct store_keep_get){
        .keeper = keeper_of(op, keep, &ok),
        .key = copy(op, keep->key, &ok),
        .now = clock_wall_ms(),
    };
    return ok;
}

static bool fill_list(struct store_op *op, const struct supervisor_keep *keep)
{
    bool ok = true;

    op->keep_list = (struct store_keep_list){
        .keeper = keeper_of(op, keep, &ok),
        .prefix = copy(op, keep->key, &ok),
        .after = copy(op, keep->after, &ok),
        .limit = keep->limit,
        .now = clock_wall_ms(),
    };
    return ok;
}

static bool fill_append(struct store_op *op, const struct supervisor_keep *keep)
{
    bool ok = true;

    op->ledger_append = (struct store_ledger_append){
        .keeper = keeper_of(op, keep, &ok),
        .kind = copy(op, keep->key, &ok),
        .body = copy(op, keep->value, &ok),
        .at = clock_wall_ms(),
    };
    return ok;
}

static const struct {
    enum store_op_kind kind;
    bool (*fill)(struct store_op *op, const struct supervisor_keep *keep);
} OPERATIONS[] = {
    [SUPERVISOR_KEEP_PUT] = {STORE_KEEP_PUT, fill_put},
    [SUPERVISOR_KEEP_GET] = {STORE_KEEP_GET, fill_get},
    [SUPERVISOR_KEEP_LIST] = {STORE_KEEP_LIST, fill_list},
    [SUPERVISOR_LEDGER_APPEND] = {STORE_LEDGER_APPEND, fill_append},
};

/* --- Answers -----------------------------------------------------------------------------------*/

static struct supervisor_kept kept_of(const struct store_kept *kept)
{
    return (struct supervisor_kept){kept->key, kept->value, kept->kept_at};
}

static void answer_list(const struct kept_call *waiting, struct store_op *op)
{
    const struct store_keep_list *list = &op->keep_list;
    struct supervisor_kept *values =
        arena_alloc(&op->arena, (list->ret_count + 1) * sizeof *values);

    for (unsigned i = 0; values != NULL && i < list->ret_count; i++) {
        values[i] = kept_of(&list->ret_values[i]);
    }
    supervisor_answer(waiting->supervisor, waiting->call, values != NULL ? 0 : HUB_ERR_NOMEM,
                      values, list->ret_count);
}

static void on_done(struct store_op *op, void *context)
{
    const struct kept_call *waiting = context;

    if (op->kind == STORE_KEEP_LIST && op->err == 0) {
        answer_list(waiting, op);
    } else if (op->kind == STORE_KEEP_GET && op->err == 0) {
        struct supervisor_kept value = kept_of(&op->keep_get.ret_kept);
        supervisor_answer(waiting->supervisor, waiting->call, 0, &value, 1);
    } else {
        bool absent = op->kind == STORE_KEEP_GET && op->err == HUB_ERR_NOT_FOUND;
        supervisor_answer(waiting->supervisor, waiting->call, absent ? 0 : op->err, NULL, 0);
    }
}

void keep_take(struct store *store, struct supervisor *supervisor, struct supervisor_call *call,
               const struct supervisor_keep *keep)
{
    struct store_op *op = store_op_new(OPERATIONS[keep->kind].kind);
    struct kept_call *waiting = op != NULL ? arena_alloc(&op->arena, sizeof *waiting) : NULL;

    if (waiting == NULL || !OPERATIONS[keep->kind].fill(op, keep)) {
        store_op_free(op);
        supervisor_answer(supervisor, call, HUB_ERR_NOMEM, NULL, 0);
        return;
    }
    *waiting = (struct kept_call){supervisor, call};
    op->done = on_done;
    op->context = waiting;
    store_submit(store, op);
}
