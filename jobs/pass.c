#include "jobs/engine.h"

#include <stdlib.h>
#include <string.h>

/*
 * What an attempt does under an account beside its own passes that account's gate too. Whoever
 * waits here holds places elsewhere (an attempt, perhaps under an account of its own), so that
 * waiting is kept short: while the provider has asked for a pause, behind too long a line, and
 * where two accounts could wait for each other, the attempt is told to come back.
 */

#define LINE_MAX 16 /* of those that wait for one account */

enum pass_state {
    PASS_WAITING,
    PASS_WRITING, /* the use is on its way to the store */
    PASS_OPEN,
    PASS_GIVEN_UP, /* while it was being written */
};

struct jobs_pass {
    struct jobs *jobs;
    struct account *account;
    struct list link; /* in account.passes, while it waits */
    enum pass_state state;
    bool own;   /* the attempt's own account, of which it holds a place */
    bool other; /* it holds a place of another one */
    bool trial;
    struct store_account_use use; /* `pointer` is behind this struct */
    jobs_pass_fn *begin;
    void *context;
};

static void pass_free(struct jobs_pass *self)
{
    struct account *account = self->account;

    list_remove(&self->link);
    if (list_empty(&account->passes)) {
        list_remove(&account->asking);
    }
    account->pass_count--;
    engine_wake(self->jobs);
    free(self);
}

/* --- The record --------------------------------------------------------------------------------*/

static struct store_op *use_op(const struct jobs_pass *self, errand_done_fn *done)
{
    struct store_op *op = errand_new(self->jobs, STORE_ACCOUNT_USE, done);

    if (op) {
        op->account_use = self->use;
        op->account_use.account = arena_str(&op->arena, self->account->name);
        op->account_use.pointer = arena_str(&op->arena, self->use.pointer);
        errand_of(op)->must = true;
        if (!op->account_use.account.ptr || !op->account_use.pointer.ptr) {
            store_op_free(op);
            op = NULL;
        }
    }
    return op;
}

static void on_end_written(struct jobs *self, struct errand *errand)
{
    (void)self;
    (void)errand;
}

/* Without memory the use stays one whose end is not on record. */
static void write_end(struct jobs_pass *self, enum attempt_outcome outcome, bool untouched)
{
    self->use.ended_at = self->jobs->now;
    self->use.outcome = outcome;
    self->use.untouched = untouched;
    struct store_op *op = use_op(self, on_end_written);
    if (op) {
        errand_submit(self->jobs, op);
    }
}

/* --- Through the gate --------------------------------------------------------------------------*/

static void take_place(struct jobs_pass *self)
{
    struct gate *gate = &self->account->gate;

    if (self->own) {
        gate_charge(gate);
        return;
    }
    gate_take(gate);
    self->trial = gate->half_open;
    gate->on_trial |= self->trial;
}

static void give_back(struct jobs_pass *self, bool used)
{
    if (!self->own) {
        gate_give_back(self->jobs, &self->account->gate, used);
    }
}

/* Not now; perhaps in `delay_ms`. */
static void turn_away(struct jobs_pass *self, uint64_t delay_ms)
{
    jobs_pass_fn *begin = self->begin;
    void *context = self->context;

    pass_free(self);
    begin(context, HUB_ERR_INTERRUPTED, delay_ms);
}

/* Its place was taken, and it has done nothing. */
static void leave_unused(struct jobs_pass *self)
{
    account_heard(self->jobs, self->account, self->trial, NULL);
    give_back(self, false);
}

static void on_begin_written(struct jobs *self, struct errand *errand)
{
    struct jobs_pass *pass = errand->tell_context;
    int err = errand->op->err;

    (void)self;
    pass->use.key = errand->op->account_use.key;
    if (err == 0 && pass->state == PASS_WRITING) {
        pass->state = PASS_OPEN;
        pass->begin(pass->context, 0, 0);
        return;
    }
    leave_unused(pass);
    if (err == 0) {
        write_end(pass, ATTEMPT_CANCELLED, true);
    }
    if (pass->state == PASS_GIVEN_UP) {
        pass_free(pass);
    } else {
        turn_away(pass, 0);
    }
}

static void go(struct jobs_pass *self)
{
    self->use.started_at = self->jobs->now;
    struct store_op *op = use_op(self, on_begin_written);
    if (!op) {
        turn_away(self, 0);
        return;
    }
    take_place(self);
    list_remove(&self->link);
    self->state = PASS_WRITING;
    errand_of(op)->tell_context = self;
    errand_submit(self->jobs, op);
}

enum turn { TURN_WAIT, TURN_GO, TURN_AWAY };

static enum turn turn_of(const struct jobs_pass *self, unsigned place)
{
    struct jobs *jobs = self->jobs;
    struct gate *gate = &self->account->gate;

    if (jobs->draining || gate->held_until > jobs->now) {
        return TURN_AWAY;
    }
    if (self->own ? gate_admits_more(jobs, gate) : gate_admits(jobs, gate)) {
        return TURN_GO;
    }
    return self->other || place >= LINE_MAX ? TURN_AWAY : TURN_WAIT;
}

/* The first one that need not wait. NULL: all must. */
static struct jobs_pass *next_turn(const struct jobs *self, enum turn *ret_turn)
{
    LIST_FOR_EACH(asking, &self->asking) {
        const struct account *account = CONTAINER_OF(asking, struct account, asking);
        unsigned place = 0;
        LIST_FOR_EACH(link, &account->passes) {
            struct jobs_pass *pass = CONTAINER_OF(link, struct jobs_pass, link);
            *ret_turn = turn_of(pass, place++);
            if (*ret_turn != TURN_WAIT) {
                return pass;
            }
        }
    }
    return NULL;
}

void passes_run(struct jobs *self)
{
    struct jobs_pass *pass;
    enum turn turn;

    /* From the start each time: who is told to begin or to go may take others along. */
    while ((pass = next_turn(self, &turn))) {
        int64_t held = pass->account->gate.held_until;
        if (turn == TURN_GO) {
            go(pass);
        } else {
            turn_away(pass, held > self->now ? (uint64_t)(held - self->now) : 0);
        }
    }
}

/* --- From outside ------------------------------------------------------------------------------*/

int jobs_pass_ask(struct jobs *self, const struct jobs_pass_request *request, jobs_pass_fn *begin,
                  void *context, struct jobs_pass **ret_pass)
{
    const struct attempt *attempt = attempt_find(self, request->token);
    struct account *account;

    ASSERT_THREAD(THREAD_LOOP);
    engine_clock(self);
    if (!attempt) {
        return HUB_ERR_INTERRUPTED;
    }
    int err = account_get(self, request->account, false, &account);
    if (err < 0) {
        return err;
    }
    struct jobs_pass *pass = calloc(1, sizeof *pass + request->pointer.len + 1);
    if (!pass) {
        return HUB_ERR_NOMEM;
    }
    const struct account *holds = attempt->job->lane->key.account;
    *pass = (struct jobs_pass){
        .jobs = self,
        .account = account,
        .own = holds == account,
        .other = holds && holds != account,
        .use = {.job = attempt->job->id, .attempt = attempt->number},
        .begin = begin,
        .context = context,
    };
    pass->use.pointer = str_of((char *)(pass + 1), request->pointer.len);
    memcpy(pass + 1, request->pointer.ptr, request->pointer.len);
    list_append(&account->passes, &pass->link);
    if (!list_linked(&account->asking)) {
        list_append(&self->asking, &account->asking);
    }
    account->pass_count++;
    engine_wake(self);
    *ret_pass = pass;
    return 0;
}

void jobs_pass_end(struct jobs_pass *self, const struct jobs_outcome *outcome)
{
    engine_clock(self->jobs);
    if (self->state == PASS_WRITING) {
        self->state = PASS_GIVEN_UP;
        return;
    }
    if (self->state == PASS_OPEN) {
        account_heard(self->jobs, self->account, self->trial, outcome);
        write_end(self, outcome->outcome, outcome->untouched);
        give_back(self, !outcome->untouched);
    }
    pass_free(self);
}
