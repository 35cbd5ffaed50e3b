#include "plan.h"

#include <math.h>

#include "rotate.h"

/* The crop, or everything, in the coordinates of the stored picture. */
static int place_bounds(struct plan *self, const struct head *head,
                        const struct image_header *header, struct orient upright,
                        struct fault *fault)
{
    uint32_t width = upright.swap ? header->height : header->width;
    uint32_t height = upright.swap ? header->width : header->height;
    struct area area = {0, 0, width, height};
    if (head->has_extract) {
        if (head->extract.left >= width || head->extract.top >= height ||
            head->extract.width > width - head->extract.left ||
            head->extract.height > height - head->extract.top)
            return fault_set(fault, FAULT_INVALID,
                             "The extract lies partly outside the picture, which is %u × %u.",
                             width, height);
        area = (struct area){head->extract.left, head->extract.top, head->extract.width,
                             head->extract.height};
    }
    self->bounds = orient_undo_area(upright, header->width, header->height, area);
    return 0;
}

static struct orient turns_and_mirrors(struct plan *self, const struct head *head)
{
    double turns = round(head->rotate / 90);
    self->turn = head->rotate - turns * 90;
    struct orient orient = orient_from_turns((int)turns);
    struct orient mirrors = {.mirror_x = head->flop, .mirror_y = head->flip};
    /* The rest of the angle is turned last, so mirrors reverse its sense. */
    if (orient_is_mirror(mirrors))
        self->turn = -self->turn;
    return orient_then(orient, mirrors);
}

int plan_check_size(double width, double height, struct fault *fault)
{
    if (width <= IMAGE_MAX_OUTPUT_SIDE && height <= IMAGE_MAX_OUTPUT_SIDE &&
        width * height <= IMAGE_MAX_PIXELS)
        return 0;
    return fault_set(fault, FAULT_TOO_LARGE,
                     "The result would be %.0f × %.0f; a side has at most %d, all of it %d pixels.",
                     width, height, IMAGE_MAX_OUTPUT_SIDE, IMAGE_MAX_PIXELS);
}

/* With a free angle: resample the whole to about the final size, turn it, then cut to size. */
static int place_turned(struct plan *self, const struct geometry_request *request, double width,
                        double height, struct fault *fault)
{
    const struct geometry *after = &self->after;
    double scale = fmax(after->width / after->window.width, after->height / after->window.height);
    scale = fmin(scale, 1);
    self->window = (struct area){0, 0, width, height};
    self->width = (uint32_t)fmax(lround(width * scale), 1);
    self->height = (uint32_t)fmax(lround(height * scale), 1);
    double turned_width, turned_height;
    geometry_turned_size(self->width, self->height, self->turn, &turned_width, &turned_height);
    if (plan_check_size(turned_width, turned_height, fault) != 0)
        return -1;
    /* The same part of the turned picture, in its pixels. */
    double across = turned_width / request->width;
    double down = turned_height / request->height;
    struct area *window = &self->after.window;
    *window = (struct area){window->x * across, window->y * down, window->width * across,
                            window->height * down};
    return 0;
}

static int place_window(struct plan *self, const struct head *head, struct orient orient,
                        struct fault *fault)
{
    double width = orient.swap ? self->bounds.height : self->bounds.width;
    double height = orient.swap ? self->bounds.width : self->bounds.height;
    struct geometry_request request = {width,
                                       height,
                                       head->width,
                                       head->height,
                                       head->fit,
                                       head->gravity,
                                       head->without_enlargement};
    if (self->turn != 0)
        geometry_turned_size(width, height, self->turn, &request.width, &request.height);
    self->after = geometry_solve(&request);
    const struct geometry *solved = &self->after;
    if (plan_check_size(solved->canvas_width, solved->canvas_height, fault) != 0 ||
        plan_check_size(solved->width, solved->height, fault) != 0)
        return -1;
    self->canvas_width = solved->canvas_width;
    self->canvas_height = solved->canvas_height;
    self->left = solved->left;
    self->top = solved->top;
    self->window = solved->window;
    self->width = solved->width;
    self->height = solved->height;
    return self->turn != 0 ? place_turned(self, &request, width, height, fault) : 0;
}

/* From the oriented crop back to the stored picture. */
static void undo_orientation(struct plan *self, struct orient orient)
{
    struct area window =
        orient_undo_area(orient, self->bounds.width, self->bounds.height, self->window);
    window.x += self->bounds.x;
    window.y += self->bounds.y;
    self->window = window;
    if (orient.swap) {
        uint32_t width = self->width;
        self->width = self->height;
        self->height = width;
    }
    self->reduction = fmax(fmin(window.width / self->width, window.height / self->height), 1);
}

static void choose_background(struct plan *self, const struct output_options *options)
{
    bool alpha = !self->codec || self->codec->alpha;
    self->background = options->background.colour;
    self->opaque = !alpha || (options->background.set && self->background.alpha == 255);
    if (!options->background.set && !alpha)
        self->background = (struct colour){255, 255, 255, 255};
    if (self->opaque)
        self->background.alpha = 255;
}

int plan_make(struct plan *self, const struct output_options *options, const struct codec *codec,
              const struct image_header *header, struct fault *fault)
{
    const struct head *head = &options->head;
    *self = (struct plan){.codec = codec, .kernel = head->kernel};
    struct orient upright = orient_from_exif(options->auto_orient ? header->orientation : 1);
    if (place_bounds(self, head, header, upright, fault) != 0)
        return -1;
    self->orient = orient_then(upright, turns_and_mirrors(self, head));
    if (place_window(self, head, self->orient, fault) != 0)
        return -1;
    undo_orientation(self, self->orient);
    /* Neighbours decide what "nearest" is, so all of them must be there. */
    if (head->kernel == KERNEL_NEAREST)
        self->reduction = 1;
    choose_background(self, options);
    return 0;
}

struct resample_spec plan_spec(const struct plan *self, const struct raster *raster)
{
    double left = floor(self->bounds.x * raster->scale_x);
    double top = floor(self->bounds.y * raster->scale_y);
    double right = ceil((self->bounds.x + self->bounds.width) * raster->scale_x);
    double bottom = ceil((self->bounds.y + self->bounds.height) * raster->scale_y);
    right = fmin(right, raster->width);
    bottom = fmin(bottom, raster->height);
    return (struct resample_spec){
        .channels = raster->channels,
        .left = (uint32_t)left,
        .top = (uint32_t)top,
        .width = (uint32_t)(right - left),
        .height = (uint32_t)(bottom - top),
        .window = {self->window.x * raster->scale_x, self->window.y * raster->scale_y,
                   self->window.width * raster->scale_x, self->window.height * raster->scale_y},
        .out_width = self->width,
        .out_height = self->height,
        .kernel = self->kernel,
        .depth = raster->depth,
    };
}

static int turn(const struct plan *self, struct pixmap *pixmap, struct fault *fault)
{
    pixmap_shallow(pixmap);
    if (rotate_pixmap(pixmap, self->turn, fault) != 0)
        return -1;
    struct pixmap resized;
    if (resample_pixmap(pixmap, self->after.window, self->after.width, self->after.height,
                        self->kernel, &resized, fault) != 0)
        return -1;
    pixmap_release(pixmap);
    *pixmap = resized;
    return 0;
}

int plan_finish(const struct plan *self, struct pixmap *pixmap, struct fault *fault)
{
    if (orient_apply(self->orient, pixmap, fault) != 0)
        return -1;
    if (self->turn != 0 && turn(self, pixmap, fault) != 0)
        return -1;
    if (self->opaque)
        pixmap_flatten(pixmap, self->background);
    if (self->canvas_width == pixmap->width && self->canvas_height == pixmap->height)
        return 0;
    return pixmap_extend(pixmap, self->canvas_width, self->canvas_height, self->left, self->top,
                         self->background, fault);
}
