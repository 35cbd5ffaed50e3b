/*
 * Watermarks: an image or a text laid on the picture, once or all over it.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "blend.h"
#include "input.h"
#include "plan.h"
#include "rotate.h"
#include "text.h"

static void file_pointer(const struct step *self, const char *name, char pointer[static 128])
{
    snprintf(pointer, 128, "%s/%s", self->pointer, name);
}

/* --- The layer ---------------------------------------------------------------------------------*/

static int draw_text(const struct step *self, const struct stage *stage, struct pixmap *ret_layer,
                     struct fault *fault)
{
    const struct input_file *input = stage->input;
    const struct colour white = {255, 255, 255, 255};
    struct text_request request = {
        .text = self->composite.text,
        .size = self->composite.size,
        .colour = self->composite.colour.set ? self->composite.colour.colour : white,
        .align = (enum align)self->composite.align,
    };
    char pointer[128];
    file_pointer(self, "font", pointer);
    struct source font = {0};
    const hub_file *file = input->host->file(input->job, (hub_str){pointer, strlen(pointer)});
    if (file) {
        if (source_map(&font, file->fd, fault) != 0)
            return -1;
        request.font = &font;
    }
    int result = text_draw(&request, ret_layer, fault);
    source_unmap(&font);
    return result;
}

static int read_image(const struct step *self, const struct stage *stage, const struct pixmap *base,
                      struct pixmap *ret_layer, struct fault *fault)
{
    struct output_options *options = malloc(sizeof(*options));
    if (!options)
        return fault_memory(fault);
    output_options_init(options);
    options->head.fit = FIT_INSIDE;
    options->head.width = self->composite.width;
    options->head.height = self->composite.height;
    if (self->composite.scale > 0)
        options->head.width = (uint32_t)fmax(lround(base->width * self->composite.scale), 1);
    char pointer[128];
    file_pointer(self, "image", pointer);
    struct input_file input = {0};
    int result = input_open(&input, stage->input->host, stage->input->job, pointer, 0, fault);
    if (result == 0)
        result = input_read(&input, options, ret_layer, fault);
    input_close(&input);
    free(options);
    return result;
}

static int make_layer(const struct step *self, const struct stage *stage, const struct pixmap *base,
                      struct pixmap *layer, struct fault *fault)
{
    int result = self->composite.text ? draw_text(self, stage, layer, fault)
                                      : read_image(self, stage, base, layer, fault);
    if (result != 0)
        return -1;
    if (self->composite.angle != 0) {
        double width, height;
        geometry_turned_size(layer->width, layer->height, self->composite.angle, &width, &height);
        if (plan_check_size(width, height, fault) != 0 ||
            rotate_pixmap(layer, self->composite.angle, fault) != 0)
            return -1;
    }
    return pixmap_add_alpha(layer, fault);
}

/* --- Laying it down ----------------------------------------------------------------------------*/

/* Where a layer begins on one axis. Offsets push away from the border that it clings to. */
static int64_t place(uint32_t whole, uint32_t part, double at, bool focal, int32_t offset)
{
    if (focal)
        return lround(whole * at - part / 2.0) + offset;
    return lround(((double)whole - part) * at) + (at >= 1 ? -(int64_t)offset : offset);
}

static void lay_tiles(const struct step *self, struct pixmap *base, const struct pixmap *layer,
                      int64_t left, int64_t top)
{
    int64_t across = (int64_t)layer->width + self->composite.spacing;
    int64_t down = (int64_t)layer->height + self->composite.spacing;
    int64_t first_x = left % across - (left % across > 0 ? across : 0);
    int64_t first_y = top % down - (top % down > 0 ? down : 0);
    for (int64_t y = first_y; y < base->height; y += down) {
        for (int64_t x = first_x; x < base->width; x += across)
            blend(base, layer, x, y, self->composite.opacity, self->composite.blend);
    }
}

int apply_composite(const struct step *self, struct pixmap *pixmap, const struct stage *stage,
                    struct fault *fault)
{
    struct pixmap layer = {0};
    int mode = self->composite.blend;
    int result = make_layer(self, stage, pixmap, &layer, fault);
    if (result == 0 && blend_needs_alpha(mode))
        result = pixmap_add_alpha(pixmap, fault);
    if (result == 0) {
        const struct gravity *gravity = &self->composite.position.gravity;
        int64_t left =
            place(pixmap->width, layer.width, gravity->x, gravity->focal, self->composite.left);
        int64_t top =
            place(pixmap->height, layer.height, gravity->y, gravity->focal, self->composite.top);
        if (self->composite.tile) {
            lay_tiles(self, pixmap, &layer, left, top);
        } else {
            blend(pixmap, &layer, left, top, self->composite.opacity, mode);
            blend_outside(pixmap, left, top, layer.width, layer.height, mode);
        }
    }
    pixmap_release(&layer);
    return result;
}
