#include "hubctl/batch_view.h"

#include "base/json.h"
#include "hubctl/human.h"
#include "hubctl/progress.h"
#include "hubctl/text.h"

#include <inttypes.h>

#define POLL_MS 500

static const struct column columns[] = {
    {"BATCH", .keep = true},
    {"STATE", .keep = true},
    {"DONE", .keep = true, .align = ALIGN_RIGHT},
    {"JOBS", .keep = true, .align = ALIGN_RIGHT},
    {"SUCCEEDED", .align = ALIGN_RIGHT, .rank = 1},
    {"FAILED", .align = ALIGN_RIGHT, .rank = 2},
    {"CANCELLED", .align = ALIGN_RIGHT, .rank = 5},
    {"UNKNOWN", .align = ALIGN_RIGHT, .rank = 3},
    {"REJECTED", .align = ALIGN_RIGHT, .rank = 4},
    {"A SECOND", .align = ALIGN_RIGHT, .rank = 6},
    {"LEFT", .align = ALIGN_RIGHT, .rank = 7},
};

static int64_t number(struct json_object *object, const char *name)
{
    int64_t value = 0;

    json_get_i64(object, name, &value);
    return value;
}

static int64_t count(struct json_object *batch, const char *state)
{
    struct json_object *counts;

    return json_get_object(batch, "counts", &counts) ? number(counts, state) : 0;
}

static double progress(struct json_object *batch, const char *name)
{
    struct json_object *value = NULL;

    if (json_get_object(batch, "progress", &value)) {
        value = json_object_object_get(value, name);
    }
    return value ? json_object_get_double(value) : 0;
}

static bool eta(struct json_object *batch, int64_t *ret_seconds)
{
    struct json_object *value;

    return json_get_object(batch, "progress", &value) &&
           json_get_i64(value, "eta_seconds", ret_seconds);
}

static bool is_finished(struct json_object *batch)
{
    return text_member(batch, "finished_at").len > 0;
}

void batch_table_init(struct table *table)
{
    table_init(table, columns, sizeof columns / sizeof columns[0]);
}

static void add_count(struct table *table, int64_t value, enum style style)
{
    struct buf *cell = table_cell_begin(table, value > 0 ? style : STYLE_DIM);

    buf_append_i64(cell, value);
}

void batch_add_row(struct table *table, struct json_object *batch)
{
    int64_t seconds;

    table_cell(table, STYLE_PLAIN, text_member(batch, "id"));
    table_cell(table, is_finished(batch) ? STYLE_GREEN : STYLE_CYAN, text_member(batch, "state"));
    buf_append_format(table_cell_begin(table, STYLE_PLAIN), "%.1f %%",
                      progress(batch, "fraction") * 100);
    add_count(table, number(batch, "jobs"), STYLE_PLAIN);
    add_count(table, count(batch, "succeeded"), STYLE_GREEN);
    add_count(table, count(batch, "failed"), STYLE_RED);
    add_count(table, count(batch, "cancelled"), STYLE_YELLOW);
    add_count(table, count(batch, "unknown"), STYLE_MAGENTA);
    add_count(table, number(batch, "rejected"), STYLE_RED);
    struct buf *cell = table_cell_begin(table, STYLE_PLAIN);
    if (!is_finished(batch)) {
        buf_append_format(cell, "%.0f", progress(batch, "jobs_per_second"));
    }
    cell = table_cell_begin(table, STYLE_PLAIN);
    if (!is_finished(batch) && eta(batch, &seconds)) {
        human_append_duration(cell, seconds * 1000);
    }
}

void batch_show(struct app *app, struct json_object *batch)
{
    struct table table;

    if (app->output.json) {
        output_json(batch);
        return;
    }
    batch_table_init(&table);
    batch_add_row(&table, batch);
    table_print(&table, &app->output);
    table_release(&table);
}

/* --- Following ---------------------------------------------------------------------------------*/

static void draw(struct progress *line, struct json_object *batch)
{
    struct str state = text_member(batch, "state");
    int64_t jobs = number(batch, "jobs");
    int64_t seconds;
    struct buf words;
    char name[32];

    buf_init_fixed(&words, name, sizeof name);
    buf_append_str(&words, state);
    buf_init(&words, 512);
    buf_append_format(&words, "%.0f of %" PRId64, progress(batch, "fraction") * (double)jobs, jobs);
    if (count(batch, "failed") + count(batch, "unknown") > 0) {
        buf_append_format(&words, ", %" PRId64 " failed",
                          count(batch, "failed") + count(batch, "unknown"));
    }
    buf_append_format(&words, ", %.0f/s", progress(batch, "jobs_per_second"));
    if (eta(batch, &seconds)) {
        buf_append_c(&words, ", ");
        human_append_duration(&words, seconds * 1000);
        buf_append_c(&words, " left");
    }
    progress_job(line, name, progress(batch, "fraction"), buf_view(&words));
    buf_release(&words);
}

static int verdict(struct json_object *batch)
{
    return count(batch, "succeeded") == number(batch, "jobs") && number(batch, "rejected") == 0
               ? EXITS_OK
               : EXITS_JOB;
}

int batch_follow(struct app *app, const char *id, struct json_object **ret_batch)
{
    const char *path = app_path(app, "/v1/batches/", id, "");
    struct progress line;
    int code;

    progress_init(&line, &app->output);
    while ((code = app_get(app, path, ret_batch)) == EXITS_OK) {
        if (is_finished(*ret_batch)) {
            code = verdict(*ret_batch);
            break;
        }
        draw(&line, *ret_batch);
        json_object_put(*ret_batch);
        if (client_sleep(app->client, POLL_MS) < 0) {
            code = app_fail(app, EXITS_INTERRUPTED, "interrupted; the batch goes on");
            break;
        }
    }
    progress_clear(&line);
    return code;
}
