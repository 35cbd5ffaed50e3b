#include "jobs/sqlite/lite.h"

#include <stdlib.h>

/* A growing array; freed by the caller. */
struct numbers {
    int64_t *items;
    size_t len;
    size_t cap;
};

static int numbers_add(struct numbers *self, int64_t number)
{
    int64_t *items = lite_array_room(self->items, self->len, &self->cap, sizeof *items);

    if (!items) {
        return HUB_ERR_NOMEM;
    }
    self->items = items;
    items[self->len++] = number;
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

struct store_job_move lite_flow_failure(struct arena *arena, const struct id *parent, int64_t at)
{
    return (struct store_job_move){
        .to = JOB_FAILED,
        .at = at,
        .error_code = STR("dependency_failed"),
        .error_message = STR("A job that this one waits for did not succeed"),
        .error_details = failure_details(arena, parent),
    };
}

/* --- New jobs ----------------------------------------------------------------------------------*/

int lite_flow_look(struct lite *self, struct store_op *op, struct lite_parents *ret_parents)
{
    const struct job_record *job = &op->job_insert.job;
    struct lite_job parent;

    ret_parents->waiting_count = 0;
    ret_parents->failed = false;
    for (unsigned i = 0; i < job->after_count; i++) {
        int found = lite_job_find(self, &job->after[i], &op->arena, &parent);
        if (found < 0) {
            return found;
        }
        if (found == 0) {
            op->err = HUB_ERR_NOT_FOUND;
            op->job_insert.ret_unknown = job->after[i];
            return 0;
        }
        if (!lite_terminal(parent.state)) {
            ret_parents->waiting[ret_parents->waiting_count++] = parent.seq;
        } else if (parent.state != JOB_SUCCEEDED && !ret_parents->failed) {
            ret_parents->failed = true;
            ret_parents->failed_id = parent.id;
        }
    }
    return 0;
}

int lite_flow_wait(struct lite *self, int64_t seq, const struct lite_parents *parents)
{
    self->any_flows = true;
    for (unsigned i = 0; i < parents->waiting_count; i++) {
        struct lite_call call = lite_call(&self->writer, LITE_AFTER_INSERT);
        lite_bind_int(&call, seq);
        lite_bind_int(&call, parents->waiting[i]);
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

/* One release: what it did so far, and the failed jobs whose children come next. */
struct release {
    struct store_op *op;
    struct store_released *released;
    size_t released_len;
    size_t released_cap;
    struct numbers failed;
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

/* Writes a child's new state. */
static int set_child(struct lite *self, struct release *release, const struct lite_job *child,
                     const struct id *parent)
{
    int64_t at = release->op->job_move.at;
    struct store_job_move move = {.to = child->state, .at = at};

    if (child->state == JOB_FAILED) {
        move = lite_flow_failure(&release->op->arena, parent, at);
    }
    return lite_job_write(self, child, child->attempt, &move);
}

static int move_child(struct lite *self, struct release *release, struct lite_job *child,
                      const struct id *parent)
{
    uint64_t event_seq;
    int err = set_child(self, release, child, parent);

    if (err == 0) {
        err = lite_job_changed(self, child, JOB_BLOCKED, release->op->job_move.at, &event_seq);
    }
    if (err == 0) {
        err = note_released(release, child, event_seq);
    }
    if (err < 0 || child->state != JOB_FAILED) {
        return err;
    }
    err = lite_flow_forget(self, child->seq);
    if (err == 0 && child->has_files) {
        err = lite_files_release(self, child->seq);
    }
    return err < 0 ? err : numbers_add(&release->failed, child->seq);
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

static int release_child(struct lite *self, struct release *release, int64_t seq, bool succeeded,
                         const struct id *parent)
{
    struct lite_job child;
    int found = lite_job_find_seq(self, seq, &release->op->arena, &child);

    if (found <= 0 || child.state != JOB_BLOCKED) {
        return found < 0 ? found : 0;
    }
    if (!succeeded) {
        child.state = JOB_FAILED;
    } else {
        int waiting = waits(self, seq);
        if (waiting != 0) {
            return waiting < 0 ? waiting : 0;
        }
        child.state = child.run_at > release->op->job_move.at ? JOB_SCHEDULED : JOB_QUEUED;
    }
    return move_child(self, release, &child, parent);
}

static int list_children(struct lite *self, int64_t parent, struct numbers *ret_children)
{
    struct lite_call call = lite_call(&self->writer, LITE_AFTER_CHILDREN);
    int got;

    lite_bind_int(&call, parent);
    while ((got = lite_step(&call)) > 0) {
        int err = numbers_add(ret_children, lite_int(&call));
        if (err < 0) {
            got = err;
            break;
        }
    }
    lite_end(&call);
    return got;
}

static int release_children(struct lite *self, struct release *release, int64_t seq,
                            const struct id *parent, bool succeeded)
{
    struct numbers children = {0};
    int err = list_children(self, seq, &children);

    if (err == 0 && children.len > 0) {
        err = lite_run_int(&self->writer, LITE_AFTER_DELETE_PARENT, seq);
    }
    for (size_t i = 0; i < children.len && err == 0; i++) {
        err = release_child(self, release, children.items[i], succeeded, parent);
    }
    free(children.items);
    return err;
}

/* The children of those that failed because of this, and theirs. */
static int release_cascade(struct lite *self, struct release *release)
{
    while (release->failed.len > 0) {
        struct lite_job failed;
        int64_t seq = release->failed.items[--release->failed.len];
        int found = lite_job_find_seq(self, seq, &release->op->arena, &failed);
        if (found <= 0) {
            return found < 0 ? found : HUB_ERR_INTERNAL;
        }
        int err = release_children(self, release, seq, &failed.id, false);
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
        release_children(self, &release, parent->seq, &parent->id, parent->state == JOB_SUCCEEDED);

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
    free(release.failed.items);
    return err;
}
