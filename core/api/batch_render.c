#include "api/batches.h"

#include "api/render.h"
#include "base/clock.h"

static void append_id_or_null(struct buf *out, const char *name, const struct id *id)
{
    char text[ID_TEXT_LEN + 1];

    id_format(id, text);
    if (id_is_zero(id)) {
        buf_append_format(out, ",\"%s\":null", name);
    } else {
        buf_append_format(out, ",\"%s\":\"%s\"", name, text);
    }
}

static void append_limits(struct buf *out, const struct batch_limits *limits)
{
    buf_append_format(out, ",\"paused\":%s,\"concurrency\":", limits->paused ? "true" : "false");
    if (limits->concurrency > 0) {
        buf_append_u64(out, limits->concurrency);
    } else {
        buf_append_c(out, "null");
    }
    buf_append_c(out, ",\"rate\":");
    if (limits->rate > 0) {
        buf_append_format(out, "{\"limit\":%u,\"period_ms\":%u}", limits->rate,
                          limits->rate_period_ms);
    } else {
        buf_append_c(out, "null");
    }
}

static void append_counts(struct buf *out, const struct batch_record *batch)
{
    buf_append_format(out, ",\"lines\":%llu,\"jobs\":%llu,\"rejected\":%llu,\"counts\":{",
                      (unsigned long long)batch->lines, (unsigned long long)batch_jobs(batch),
                      (unsigned long long)batch->bad);
    for (enum job_state state = 0; state < JOB_STATE_COUNT; state++) {
        buf_append_format(out, "%s\"%s\":%llu", state > 0 ? "," : "", job_state_name(state),
                          (unsigned long long)batch->counts[state]);
    }
    buf_append_char(out, '}');
}

static void append_progress(struct buf *out, const struct api *api,
                            const struct batch_record *batch)
{
    uint64_t jobs = batch_jobs(batch);
    uint64_t left = batch_unfinished(batch);
    struct jobs_batch live = {0};
    uint64_t permille = jobs > 0 ? (jobs - left) * 1000 / jobs : batch->finished_at != 0 ? 1000 : 0;

    (void)jobs_batch_live(api->deps.jobs, &batch->id, &live);
    buf_append_format(out,
                      ",\"progress\":{\"fraction\":%llu.%03llu,\"jobs_per_second\":%llu.%03llu,"
                      "\"eta_seconds\":",
                      (unsigned long long)permille / 1000, (unsigned long long)permille % 1000,
                      (unsigned long long)live.milli_rate / 1000,
                      (unsigned long long)live.milli_rate % 1000);
    if (live.milli_rate > 0 && batch->upload != BATCH_RECEIVING) {
        buf_append_u64(out, (left * 1000 + live.milli_rate - 1) / live.milli_rate);
    } else if (batch->finished_at != 0) {
        buf_append_char(out, '0');
    } else {
        buf_append_c(out, "null");
    }
    buf_append_char(out, '}');
}

void render_batch_error(struct buf *out, const struct batch_bad_line *bad)
{
    buf_append_format(out, "{\"line\":%llu,\"pointer\":", (unsigned long long)bad->line);
    buf_append_json_string(out, bad->pointer);
    buf_append_c(out, ",\"detail\":");
    buf_append_json_string(out, bad->reason);
    buf_append_char(out, '}');
}

void render_batch(struct buf *out, const struct api *api, const struct batch_record *batch,
                  const struct batch_bad_line *errors, unsigned error_count)
{
    static const char *const uploads[] = {"open", "complete", "broken"};
    char id[ID_TEXT_LEN + 1];

    id_format(&batch->id, id);
    buf_append_format(out, "{\"id\":\"%s\",\"state\":\"%s\",\"upload\":\"%s\",\"queue\":", id,
                      batch_state_name(batch), uploads[batch->upload]);
    buf_append_json_string(out, batch->queue);
    buf_append_c(out, ",\"settings\":");
    buf_append_str(out, batch->settings.len > 0 ? batch->settings : STR("{}"));
    append_limits(out, &batch->limits);
    append_counts(out, batch);
    append_progress(out, api, batch);
    append_id_or_null(out, "on_complete", &batch->on_complete);
    if (errors != NULL) {
        buf_append_c(out, ",\"errors\":[");
        for (unsigned i = 0; i < error_count; i++) {
            buf_append_c(out, i > 0 ? "," : "");
            render_batch_error(out, &errors[i]);
        }
        buf_append_char(out, ']');
    }
    buf_append_c(out, ",\"created_at\":");
    clock_append_json(out, batch->created_at);
    buf_append_c(out, ",\"finished_at\":");
    clock_append_json(out, batch->finished_at);
    buf_append_char(out, '}');
}
