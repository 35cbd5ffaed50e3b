#include "geometry.h"

#include <math.h>

static uint32_t to_pixels(double size)
{
    if (!(size < (double)UINT32_MAX))
        return UINT32_MAX;
    return size < 1.5 ? 1 : (uint32_t)lround(size);
}

static double at_most_one(double scale, bool limited)
{
    return limited && scale > 1 ? 1 : scale;
}

/* Scales by the same factor in both directions and shows all of it. */
static void show_all(struct geometry *self, const struct geometry_request *request, double scale)
{
    scale = at_most_one(scale, request->without_enlargement);
    self->window = (struct area){0, 0, request->width, request->height};
    self->width = to_pixels(request->width * scale);
    self->height = to_pixels(request->height * scale);
}

/* Where a window of `part` begins within `whole`. */
static double place(double whole, double part, double at, bool focal)
{
    double free_room = whole - part;
    return focal ? fmin(fmax(whole * at - part / 2, 0), free_room) : free_room * at;
}

static void cover(struct geometry *self, const struct geometry_request *request, double scale)
{
    scale = at_most_one(scale, request->without_enlargement);
    double width = fmin(request->box_width / scale, request->width);
    double height = fmin(request->box_height / scale, request->height);
    self->width = to_pixels(fmin(request->box_width, request->width * scale));
    self->height = to_pixels(fmin(request->box_height, request->height * scale));
    self->window = (struct area){
        .x = place(request->width, width, request->gravity.x, request->gravity.focal),
        .y = place(request->height, height, request->gravity.y, request->gravity.focal),
        .width = width,
        .height = height,
    };
}

static void stretch(struct geometry *self, const struct geometry_request *request)
{
    bool limited = request->without_enlargement;
    self->window = (struct area){0, 0, request->width, request->height};
    self->width =
        to_pixels(request->width * at_most_one(request->box_width / request->width, limited));
    self->height =
        to_pixels(request->height * at_most_one(request->box_height / request->height, limited));
}

struct geometry geometry_solve(const struct geometry_request *request)
{
    struct geometry self = {0};
    double across = request->box_width / request->width;
    double down = request->box_height / request->height;
    if (!request->box_width && !request->box_height) {
        show_all(&self, request, 1);
    } else if (!request->box_width || !request->box_height) {
        show_all(&self, request, fmax(across, down));
    } else {
        switch (request->fit) {
        case FIT_COVER:
            cover(&self, request, fmax(across, down));
            break;
        case FIT_FILL:
            stretch(&self, request);
            break;
        case FIT_OUTSIDE:
            show_all(&self, request, fmax(across, down));
            break;
        case FIT_CONTAIN:
        case FIT_INSIDE:
            show_all(&self, request, fmin(across, down));
            break;
        }
    }
    self.canvas_width = self.width;
    self.canvas_height = self.height;
    if (request->fit == FIT_CONTAIN && request->box_width && request->box_height) {
        self.canvas_width = request->box_width;
        self.canvas_height = request->box_height;
        self.left = (uint32_t)lround((self.canvas_width - self.width) * request->gravity.x);
        self.top = (uint32_t)lround((self.canvas_height - self.height) * request->gravity.y);
    }
    return self;
}

void geometry_turned_size(double width, double height, double degrees, double *ret_width,
                          double *ret_height)
{
    double angle = degrees * M_PI / 180;
    double sine = fabs(sin(angle));
    double cosine = fabs(cos(angle));
    /* The tiny amount taken off keeps rounding noise from adding a column of background. */
    *ret_width = ceil(width * cosine + height * sine - 1e-6);
    *ret_height = ceil(width * sine + height * cosine - 1e-6);
}
