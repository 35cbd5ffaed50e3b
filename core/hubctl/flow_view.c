#include "hubctl/flow_view.h"

#include "base/json.h"
#include "hubctl/job_view.h"
#include "hubctl/must.h"
#include "hubctl/progress.h"
#include "hubctl/text.h"

#include <stdio.h>
#include <string.h>

#define POLL_MS   250
#define NODES_MAX 256 /* of a flow, as hubd takes it */

/* --- The tree ----------------------------------------------------------------------------------*/

struct node {
    struct str name;
    struct json_object *job;
    int parent; /* below which it stands; -1: none */
};

struct tree {
    const struct output *output;
    struct json_object *edges;
    struct node nodes[NODES_MAX]; /* parents first, as hubd tells them */
    int count;
    struct buf text;
    struct buf indent;
};

static int find(const struct tree *self, struct str name)
{
    for (int i = 0; i < self->count; i++) {
        if (str_eq(self->nodes[i].name, name)) {
            return i;
        }
    }
    return -1;
}

static void read_edges(struct tree *self)
{
    for (size_t i = 0; i < json_object_array_length(self->edges); i++) {
        struct json_object *edge = json_object_array_get_idx(self->edges, i);
        int from = find(self, text_member(edge, "from"));
        int to = find(self, text_member(edge, "to"));
        if (to >= 0 && from < to && from > self->nodes[to].parent) {
            self->nodes[to].parent = from;
        }
    }
}

static bool read_tree(struct tree *self, struct json_object *flow)
{
    struct json_object *jobs;

    if (!json_get_object(flow, "jobs", &jobs) || !json_get_array(flow, "edges", &self->edges)) {
        return false;
    }
    json_object_object_foreach(jobs, name, job) {
        if (self->count < NODES_MAX) {
            self->nodes[self->count++] = (struct node){str_from_c(name), job, -1};
        }
    }
    read_edges(self);
    return true;
}

/* What else it waits for than what it stands below. */
static void append_others(struct tree *self, int index)
{
    const struct node *node = &self->nodes[index];
    const char *lead = "  also after ";

    for (size_t i = 0; i < json_object_array_length(self->edges); i++) {
        struct json_object *edge = json_object_array_get_idx(self->edges, i);
        struct str from = text_member(edge, "from");
        bool shown = node->parent >= 0 && str_eq(from, self->nodes[node->parent].name);
        if (str_eq(text_member(edge, "to"), node->name) && !shown) {
            style_append(&self->text, self->output->out_colour, STYLE_DIM, str_from_c(lead));
            style_append(&self->text, self->output->out_colour, STYLE_DIM, from);
            lead = ", ";
        }
    }
}

/* × 10: 7 succeeded, 3 running */
static void append_items(struct tree *self, struct json_object *items)
{
    const char *lead = ": ";
    int64_t total = 0;

    json_get_i64(items, "total", &total);
    buf_append_format(&self->text, "  × %lld", (long long)total);
    json_object_object_foreach(items, state, count) {
        if (strcmp(state, "total") != 0) {
            buf_append_c(&self->text, lead);
            buf_append_i64(&self->text, json_object_get_int64(count));
            buf_append_char(&self->text, ' ');
            style_append(&self->text, self->output->out_colour, job_state_style(str_from_c(state)),
                         str_from_c(state));
            lead = ", ";
        }
    }
}

static void append_node(struct tree *self, int index)
{
    const struct node *node = &self->nodes[index];
    struct str state = text_member(node->job, "state");
    bool colour = self->output->out_colour;
    struct json_object *error;
    struct json_object *items;

    style_append(&self->text, colour, STYLE_BOLD, node->name);
    buf_append_c(&self->text, "  ");
    text_append_safe(&self->text, text_member(node->job, "type"));
    buf_append_c(&self->text, "  ");
    style_append(&self->text, colour, job_state_style(state), state);
    if (json_get_object(node->job, "items", &items)) {
        append_items(self, items);
    }
    if (json_get_object(node->job, "error", &error)) {
        buf_append_c(&self->text, "  ");
        style_append(&self->text, colour, STYLE_DIM, text_member(error, "code"));
    }
    append_others(self, index);
    buf_append_char(&self->text, '\n');
}

static int next_child(const struct tree *self, int parent, int after)
{
    for (int i = after + 1; i < self->count; i++) {
        if (self->nodes[i].parent == parent) {
            return i;
        }
    }
    return -1;
}

static void append_below(struct tree *self, int parent)
{
    size_t mark = self->indent.len;

    for (int child = next_child(self, parent, -1); child >= 0;) {
        int next = next_child(self, parent, child);
        buf_append_str(&self->text, buf_view(&self->indent));
        if (parent >= 0) {
            buf_append_c(&self->text, next >= 0 ? "├─ " : "└─ ");
            buf_append_c(&self->indent, next >= 0 ? "│  " : "   ");
        }
        append_node(self, child);
        append_below(self, child);
        buf_truncate(&self->indent, mark);
        child = next;
    }
}

void flow_show(struct app *app, struct json_object *flow)
{
    struct tree tree = {.output = &app->output};
    struct str state = text_member(flow, "state");

    if (app->output.json) {
        output_json(flow);
        return;
    }
    buf_init(&tree.text, BUF_NO_LIMIT);
    buf_init(&tree.indent, BUF_NO_LIMIT);
    text_append_safe(&tree.text, text_member(flow, "id"));
    if (text_member(flow, "name").len > 0) {
        buf_append_c(&tree.text, "  ");
        style_append(&tree.text, app->output.out_colour, STYLE_BOLD, text_member(flow, "name"));
    }
    buf_append_c(&tree.text, "  ");
    style_append(&tree.text, app->output.out_colour, job_state_style(state), state);
    buf_append_char(&tree.text, '\n');
    if (read_tree(&tree, flow)) {
        append_below(&tree, -1);
    }
    must_buf(&tree.text);
    output_write(&tree.text);
    buf_release(&tree.indent);
    buf_release(&tree.text);
}

/* --- A list ------------------------------------------------------------------------------------*/

static const struct column columns[] = {
    {"FLOW", .keep = true},
    {"STATE", .keep = true},
    {"NAME", .rank = 1},
    {"CREATED", .rank = 2},
};

void flow_table_init(struct table *table)
{
    table_init(table, columns, sizeof columns / sizeof *columns);
}

void flow_add_row(struct table *table, struct json_object *flow)
{
    struct str state = text_member(flow, "state");

    table_cell(table, STYLE_PLAIN, text_member(flow, "id"));
    table_cell(table, job_state_style(state), state);
    table_cell(table, STYLE_PLAIN, text_member(flow, "name"));
    table_cell(table, STYLE_DIM, text_member(flow, "created_at"));
}

/* --- Following ---------------------------------------------------------------------------------*/

static void draw(struct progress *progress, struct json_object *flow)
{
    struct json_object *counts;
    struct json_object *jobs;
    char text[64];
    int64_t done = 0;

    if (!json_get_object(flow, "counts", &counts) || !json_get_object(flow, "jobs", &jobs)) {
        return;
    }
    static const char *const ENDS[] = {"succeeded", "failed", "cancelled", "unknown"};
    for (size_t i = 0; i < sizeof ENDS / sizeof *ENDS; i++) {
        int64_t count = 0;
        json_get_i64(counts, ENDS[i], &count);
        done += count;
    }
    int all = json_object_object_length(jobs);
    snprintf(text, sizeof text, "%lld of %d jobs", (long long)done, all);
    progress_job(progress, "running", all > 0 ? (double)done / all : 0, str_from_c(text));
}

int flow_follow(struct app *app, const char *id, struct json_object **ret_flow)
{
    const char *path = app_path(app, "/v1/flows/", id, "");
    struct progress progress;

    progress_init(&progress, &app->output);
    for (;;) {
        struct json_object *flow;
        int code = app_get(app, path, &flow);
        if (code != EXITS_OK) {
            progress_clear(&progress);
            return code;
        }
        struct str state = text_member(flow, "state");
        if (!str_eq(state, STR("running"))) {
            progress_clear(&progress);
            *ret_flow = flow;
            return str_eq(state, STR("succeeded")) ? EXITS_OK : EXITS_JOB;
        }
        draw(&progress, flow);
        json_object_put(flow);
        if (client_sleep(app->client, POLL_MS) < 0) {
            progress_clear(&progress);
            return app_fail(app, EXITS_INTERRUPTED, "interrupted; the flow goes on");
        }
    }
}
