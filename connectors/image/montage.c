/*
 * image.montage: many pictures on one sheet, in rows.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"

#include "blend.h"
#include "image.h"
#include "output.h"

enum { CELL_SIDE = 200 };

struct montage {
    const hub_host *host;
    hub_job *job;
    json_object *root;
    uint32_t count, columns, rows, gap;
    struct output_options sheet_options, cell_options;
    struct pixmap sheet;
    struct output output;
    struct input_file pretended;
};

/* --- What is wanted ----------------------------------------------------------------------------*/

static uint32_t number(json_object *root, const char *name, uint32_t otherwise)
{
    int64_t value = otherwise;
    json_get_i64(root, name, &value);
    return (uint32_t)value;
}

static int read_cell(struct montage *self, struct fault *fault)
{
    json_object *cell = NULL;
    struct head *head = &self->cell_options.head;
    if (json_get_object(self->root, "cell", &cell) &&
        output_options_read(&self->cell_options, cell, "/cell", fault) != 0)
        return -1;
    if (!cell)
        output_options_init(&self->cell_options);
    head->width = head->width ? head->width : CELL_SIDE;
    head->height = head->height ? head->height : CELL_SIDE;
    return 0;
}

static int read_options(struct montage *self, struct fault *fault)
{
    json_object *images;
    if (options_parse(self->job->input, &self->root, fault) != 0 ||
        output_options_read(&self->sheet_options, self->root, "", fault) != 0 ||
        read_cell(self, fault) != 0)
        return -1;
    if (!json_get_array(self->root, "images", &images) || json_object_array_length(images) == 0 ||
        json_object_array_length(images) > IMAGE_MAX_CELLS)
        return fault_set(fault, FAULT_INVALID, "There are 1 to %d images.", IMAGE_MAX_CELLS);
    self->count = (uint32_t)json_object_array_length(images);
    self->columns = number(self->root, "columns", (uint32_t)ceil(sqrt(self->count)));
    if (self->columns > self->count)
        self->columns = self->count;
    self->rows = (self->count + self->columns - 1) / self->columns;
    self->gap = number(self->root, "gap", 0);
    return 0;
}

/* --- The sheet ---------------------------------------------------------------------------------*/

static int lay_out(struct montage *self, struct fault *fault)
{
    const struct head *cell = &self->cell_options.head;
    double width = (double)self->columns * (cell->width + self->gap) + self->gap;
    double height = (double)self->rows * (cell->height + self->gap) + self->gap;
    struct tint *background = &self->sheet_options.background;
    if (!background->set)
        *background = (struct tint){true, {255, 255, 255, 255}};
    uint32_t channels = background->colour.alpha == 255 ? 3 : 4;
    if (plan_check_size(width, height, fault) != 0 ||
        pixmap_init(&self->sheet, (uint32_t)width, (uint32_t)height, channels, fault) != 0)
        return -1;
    pixmap_fill(&self->sheet, background->colour);
    return 0;
}

/* A picture that does not fill its cell stands in the middle. */
static int put_cell(struct montage *self, uint32_t index, struct fault *fault)
{
    char pointer[32];
    snprintf(pointer, sizeof(pointer), "/images/%u", index);
    struct input_file input = {0};
    struct pixmap picture = {0};
    int result = input_open(&input, self->host, self->job, pointer, 0, fault);
    if (result == 0)
        result = input_read(&input, &self->cell_options, &picture, fault);
    const struct stage stage = {self->cell_options.background, &input};
    for (uint32_t i = 0; i < self->cell_options.step_count && result == 0; i++)
        result = step_apply(&self->cell_options.steps[i], &picture, &stage, fault);
    if (result == 0)
        result = pixmap_add_alpha(&picture, fault);
    if (result == 0) {
        const struct head *cell = &self->cell_options.head;
        int64_t left = (int64_t)self->gap +
                       (int64_t)(index % self->columns) * ((int64_t)cell->width + self->gap);
        int64_t top = (int64_t)self->gap +
                      (int64_t)(index / self->columns) * ((int64_t)cell->height + self->gap);
        blend(&self->sheet, &picture, left + ((int64_t)cell->width - picture.width) / 2,
              top + ((int64_t)cell->height - picture.height) / 2, 1, 0);
    }
    pixmap_release(&picture);
    input_close(&input);
    return result;
}

static int write_sheet(struct montage *self, struct fault *fault)
{
    const struct pixmap *sheet = &self->sheet;
    struct output *output = &self->output;
    input_pretend(&self->pretended, self->host, self->job, sheet->width, sheet->height);
    self->pretended.header.has_alpha = sheet->channels == 4;
    if (output_choose(output, &self->sheet_options, &self->pretended, false, fault) != 0)
        return -1;
    output_name(output, (hub_str)HUB_STR_INIT("montage"), 0);
    if (plan_make(&output->plan, &self->sheet_options, output->codec, &self->pretended.header,
                  fault) != 0)
        return -1;
    return output_picture(output, sheet, 0, fault);
}

static int succeed(struct montage *self, struct fault *fault)
{
    struct buf json;
    buf_init(&json, BUF_NO_LIMIT);
    buf_append_char(&json, '{');
    output_describe(&self->output, &json);
    buf_append_format(&json, ",\"columns\":%u,\"rows\":%u}", self->columns, self->rows);
    int result = output_succeed(self->host, self->job, &json, fault);
    buf_release(&json);
    return result;
}

static int run(struct montage *self, struct fault *fault)
{
    if (read_options(self, fault) != 0 || lay_out(self, fault) != 0)
        return -1;
    for (uint32_t i = 0; i < self->count; i++) {
        self->host->progress(self->job, i * 900 / self->count, HUB_STR("placing pictures"));
        if (put_cell(self, i, fault) != 0)
            return -1;
    }
    if (write_sheet(self, fault) != 0)
        return -1;
    return succeed(self, fault);
}

int montage_run(const hub_host *host, hub_job *job, struct fault *fault)
{
    struct montage *self = calloc(1, sizeof(*self));
    if (!self)
        return fault_memory(fault);
    self->host = host;
    self->job = job;
    int result = run(self, fault);
    pixmap_release(&self->sheet);
    output_release(&self->output);
    json_object_put(self->root);
    free(self);
    return result;
}
