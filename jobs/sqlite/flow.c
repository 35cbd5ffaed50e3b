#include "jobs/sqlite/lite.h"

#include <stdlib.h>

/* Jobs to be looked at: children of one that has ended, with what they make of its failure; or jobs
 * that have ended because of it. A growing array, freed by the caller. */
struct link {
    int64_t seq;
    enum job_parent_policy policy; /* of a child */
    bool failed;                   /* what one that has ended is to its children */
};

struct links {
    struct link *items;
    size_t len;
    size_t cap;
};

static int links_add(struct links *self, struct link link)
{
    struct link *items = lite_array_room(self->items, self->len, &self->cap, sizeof *items);

    if (!items) {
        return HUB_ERR_NOMEM;
    }
    self->items = items;
    items[self->len++] = link;
    return 0;
}

/* {"job":"…"}: which one it was. */
static struct str failure_details(struct arena *arena, const struct id *parent)
{
    char text[ID_TEXT_LEN + 1];
    char json[64];
    struct buf buf;

    id_format(parent, text);
    buf_init_fixed(&buf, json, sizeof json);
    buf_append_format(&buf, "{\"job\":\"%s\"}", text);
    return arena_str(arena, buf_view(&buf));
}

struct store_job_move lite_flow_verdict(struct arena *arena, enum job_parent_policy policy,
                                        const struct id *parent, int64_t at)
{
    bool skips = policy == JOB_PARENT_SKIP;

    return (struct store_job_move){
        .to = skips ? JOB_CANCELLED : JOB_FAILED,
        .at = at,
        .error_code = skips ? STR(JOB_SKIPPED) : STR("dependency_failed"),
        .error_message = skips ? STR("Skipped: a job that this one waits for did not succeed")
                               : STR("A job that this one waits for did not succeed"),
        .error_details = failure_details(arena, parent),
    };
}

/* --- New jobs ----------------------------------------------------------------------------------*/

/* Does a job that has ended count as failed for its children? 1, 0 or negative. */
static int counts_as_failed(struct lite *self, const struct lite_job *parent)
{
    if (parent->state != JOB_CANCELLED) {
        return parent->state != JOB_SUCCEEDED;
    }
    struct lite_call call = lite_call(&self->writer, LITE_JOB_SKIPPED);
    lite_bind_int(&call, parent->seq);
    int found = lite_step(&call);
    lite_end(&call);
    return found < 0 ? found : !found;
}

int lite_flow_look_at(struct lite *self, struct arena *arena, const struct id *after,
                      unsigned after_count, struct lite_parents *ret_parents,
                      struct id *ret_unknown)
{
    struct lite_job parent;

    ret_parents->waiting_count = 0;
    ret_parents->failed = false;
    for (unsigned i = 0; i < after_count; i++) {
        int found = lite_job_find(self, &after[i], arena, &parent);
        if (found <= 0) {
            *ret_unknown = after[i];
            return found;
        }
        if (!lite_terminal(parent.state)) {
            ret_parents->waiting[ret_parents->waiting_count++] = parent.seq;
            continue;
        }
        int failed = counts_as_failed(self, &parent);
        if (failed < 0) {
            return failed;
        }
        if (failed && !ret_parents->failed) {
            ret_parents->failed = true;
            ret_parents->failed_id = parent.id;
        }
    }
    return 1;
}

int lite_flow_look(struct lite *self, struct store_op *op, struct lite_parents *ret_parents)
{
    const struct job_record *job = &op->job_insert.job;
    struct id unknown;
    int found =
        lite_flow_look_at(self, &op->arena, job->after, job->after_count, ret_parents, &unknown);

    ret_parents->failed &= job->on_parent_failure != JOB_PARENT_RUN_ANYWAY;
    if (found == 0) {
        op->err = HUB_ERR_NOT_FOUND;
        op->job_insert.ret_unknown = unknown;
    }
    return found < 0 ? found : 0;
}

int lite_flow_wait(struct lite *self, int64_t seq, enum job_parent_policy policy,
                   const struct lite_parents *parents)
{
    self->any_flows = true;
    for (unsigned i = 0; i < parents->waiting_count; i++) {
        struct lite_call call = lite_call(&self->writer, LITE_AFTER_INSERT);
        lite_bind_int(&call, seq);
        lite_bind_int(&call, parents->waiting[i]);
        lite_bind_int(&call, policy);
        int err = lite_run(&call);
        if (err < 0) {
            return err;
        }
    }
    return 0;
}

int lite_flow_forget(struct lite *self, int64_t seq)
{
    return lite_run_int(&self->writer, LITE_AFTER_DELETE_CHILD, seq);
}

/* --- Jobs that end -----------------------------------------------------------------------------*/

/* One release: what it did so far, and the jobs that ended by it, whose children come next. */
struct release {
    struct store_op *op;
    struct store_released *released;
    size_t released_len;
    size_t released_cap;
    struct links ended;
};

static int note_released(struct release *release, const struct lite_job *child, uint64_t event_seq)
{
    struct store_released *items = lite_array_room(release->released, release->released_len,
                                                   &release->released_cap, sizeof *items);

    if (!items) {
        return HUB_ERR_NOMEM;
    }
    release->released = items;
    release->released[release->released_len++] = (struct store_released){
        .id = child->id,
        .state = child->state,
        .event_seq = event_seq,
    };
    return 0;
}

static int move_child(struct lite *self, struct release *release, struct lite_job *child,
                      const struct store_job_move *move)
{
    enum job_state from = child->state;
    uint64_t event_seq;

    child->state = move->to;
    int err = lite_job_write(self, child, child->attempt, move);
    if (err == 0) {
        err = lite_job_changed(self, child, from, move->at, &event_seq);
    }
    if (err == 0) {
        err = note_released(release, child, event_seq);
    }
    if (err < 0 || !lite_terminal(child->state)) {
        return err;
    }
    err = lite_flow_forget(self, child->seq);
    if (err == 0 && child->has_files) {
        err = lite_files_release(self, child->seq);
    }
    const struct link ended = {
        .seq = child->seq,
        .failed = child->state != JOB_SUCCEEDED && !str_eq(move->error_code, STR(JOB_SKIPPED)),
    };
    return err < 0 ? err : links_add(&release->ended, ended);
}

/* Does the job still wait for another one? 1, 0 or negative. */
static int waits(struct lite *self, int64_t seq)
{
    struct lite_call call = lite_call(&self->writer, LITE_AFTER_WAITS);

    lite_bind_int(&call, seq);
    int found = lite_step(&call);
    lite_end(&call);
    return found;
}

/* What the last of those makes of it that it waits for. */
static int let_go(struct lite *self, struct release *release, const struct lite_job *child,
                  struct store_job_move *ret_move)
{
    if (child->state == JOB_RUNNING) {
        return lite_each_conclude(self, &release->op->arena, child->seq, ret_move);
    }
    ret_move->to = child->run_at > ret_move->at ? JOB_SCHEDULED : JOB_QUEUED;
    return 0;
}

static int release_child(struct lite *self, struct release *release, const struct link *link,
                         bool failed, const struct id *parent)
{
    struct arena *arena = &release->op->arena;
    struct store_job_move move = {.at = release->op->job_move.at};
    struct lite_job child;
    int found = lite_job_find_seq(self, link->seq, arena, &child);

    /* One that runs waits for its items: see each.c. */
    if (found <= 0 || (child.state != JOB_BLOCKED && child.state != JOB_RUNNING)) {
        return found < 0 ? found : 0;
    }
    int cancelled =
        child.state == JOB_BLOCKED && child.has_link ? lite_link_cancelling(self, child.seq) : 0;
    if (cancelled < 0) {
        return cancelled;
    }
    if (cancelled) {
        move.to = JOB_CANCELLED;
        move.error_code = str_from_c(hub_err_code(HUB_ERR_CANCELLED));
        move.error_message = str_from_c(hub_err_title(HUB_ERR_CANCELLED));
    } else if (failed && link->policy != JOB_PARENT_RUN_ANYWAY) {
        move = lite_flow_verdict(arena, link->policy, parent, move.at);
    } else {
        int waiting = waits(self, link->seq);
        int err = waiting != 0 ? waiting : let_go(self, release, &child, &move);
        if (err != 0 || waiting != 0) {
            return err < 0 ? err : 0;
        }
    }
    return move_child(self, release, &child, &move);
}

static int list_children(struct lite *self, int64_t parent, struct links *ret_children)
{
    struct lite_call call = lite_call(&self->writer, LITE_AFTER_CHILDREN);
    int got;

    lite_bind_int(&call, parent);
    while ((got = lite_step(&call)) > 0) {
        struct link child = {.seq = lite_int(&call)};
        child.policy = (enum job_parent_policy)lite_int(&call);
        int err = links_add(ret_children, child);
        if (err < 0) {
            got = err;
            break;
        }
    }
    lite_end(&call);
    return got;
}

static int release_children(struct lite *self, struct release *release, int64_t seq,
                            const struct id *parent, bool failed)
{
    struct links children = {0};
    int err = list_children(self, seq, &children);

    if (err == 0 && children.len > 0) {
        err = lite_run_int(&self->writer, LITE_AFTER_DELETE_PARENT, seq);
    }
    for (size_t i = 0; i < children.len && err == 0; i++) {
        err = release_child(self, release, &children.items[i], failed, parent);
    }
    free(children.items);
    return err;
}

/* The children of those that ended because of this, and theirs. */
static int release_cascade(struct lite *self, struct release *release)
{
    while (release->ended.len > 0) {
        struct lite_job job;
        struct link ended = release->ended.items[--release->ended.len];
        int found = lite_job_find_seq(self, ended.seq, &release->op->arena, &job);
        if (found <= 0) {
            return found < 0 ? found : HUB_ERR_INTERNAL;
        }
        int err = release_children(self, release, ended.seq, &job.id, ended.failed);
        if (err < 0) {
            return err;
        }
    }
    return 0;
}

int lite_flow_release(struct lite *self, struct store_op *op, const struct lite_job *parent)
{
    struct release release = {.op = op};
    int err =
        release_children(self, &release, parent->seq, &parent->id, parent->state != JOB_SUCCEEDED);

    if (err == 0) {
        err = release_cascade(self, &release);
    }
    if (err == 0 && release.released_len > 0) {
        op->job_move.ret_released = arena_memdup(&op->arena, release.released,
                                                 release.released_len * sizeof *release.released);
        op->job_move.ret_released_count = (unsigned)release.released_len;
        err = op->job_move.ret_released ? 0 : HUB_ERR_NOMEM;
    }
    free(release.released);
    free(release.ended.items);
    return err;
}
