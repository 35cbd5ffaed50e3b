#include "quantise.h"

#include <stdlib.h>
#include <string.h>

/* Colours are compared as points of four axes: red, green and blue times how opaque they are, and
 * alpha. So what can't be seen can't differ. */
struct point {
    float at[4];
};

/* All pixels whose colours are nearly the same. */
struct bin {
    struct point mean;
    uint32_t count;
};

enum { KEYS = 1 << 19, EXACT_SLOTS = 1024, ROUNDS = 2 };

struct quantiser {
    const struct pixmap *pixmap;
    const struct quantise_options *options;
    struct palette *palette;
    uint8_t *indices;
    uint32_t *slots; /* of KEYS: bin + 1, or 0 */
    struct bin *bins;
    uint32_t bin_count, bin_room;
    struct point centres[256];
    uint32_t centre_count;
    int16_t *nearest; /* of KEYS: centre, or -1: not looked for yet */
    float *errors;    /* two rows, with a pixel more at both ends */
    bool hole;        /* is there a transparent pixel? */
};

/* --- Pixels ------------------------------------------------------------------------------------*/

static struct colour pixel_at(const struct quantiser *self, size_t index)
{
    const uint8_t *at = self->pixmap->data + index * self->pixmap->channels;
    uint8_t alpha = self->pixmap->channels == 4 ? at[3] : 255;
    if (self->options->binary)
        alpha = alpha < 128 ? 0 : 255;
    return alpha ? (struct colour){at[0], at[1], at[2], alpha} : (struct colour){0, 0, 0, 0};
}

static struct point point_of(struct colour colour)
{
    float part = (float)colour.alpha / 255;
    return (struct point){{(float)colour.red * part, (float)colour.green * part,
                           (float)colour.blue * part, (float)colour.alpha}};
}

static uint8_t to_byte(float value)
{
    return value <= 0 ? 0 : value >= 255 ? 255 : (uint8_t)(value + 0.5f);
}

static struct colour colour_of(const struct point *point)
{
    uint8_t alpha = to_byte(point->at[3]);
    float undo = alpha ? 255 / point->at[3] : 0;
    return (struct colour){to_byte(point->at[0] * undo), to_byte(point->at[1] * undo),
                           to_byte(point->at[2] * undo), alpha};
}

static uint32_t key_of(const struct point *point)
{
    return (uint32_t)(to_byte(point->at[3]) >> 5) << 16 |
           (uint32_t)(to_byte(point->at[0]) >> 3) << 11 |
           (uint32_t)(to_byte(point->at[1]) >> 2) << 5 | to_byte(point->at[2]) >> 3;
}

static float distance(const struct point *one, const struct point *other)
{
    float sum = 0;
    for (int i = 0; i < 4; i++) {
        float difference = one->at[i] - other->at[i];
        sum += difference * difference;
    }
    return sum;
}

/* --- Few colours -------------------------------------------------------------------------------*/

static uint32_t word_of(struct colour colour)
{
    return (uint32_t)colour.alpha << 24 | (uint32_t)colour.red << 16 | (uint32_t)colour.green << 8 |
           colour.blue;
}

struct exact {
    uint32_t words[EXACT_SLOTS];
    int16_t entries[EXACT_SLOTS]; /* -1: free */
};

/* The slot of this colour, or the free one where it belongs. */
static uint32_t exact_slot(const struct exact *self, uint32_t word)
{
    uint32_t slot = (word * 2654435761u) >> 22;
    while (self->entries[slot] >= 0 && self->words[slot] != word)
        slot = (slot + 1) % EXACT_SLOTS;
    return slot;
}

static int by_alpha(const void *one, const void *other)
{
    const struct colour *a = one, *b = other;
    return a->alpha != b->alpha ? a->alpha - b->alpha : 0;
}

static bool collect_exact(struct quantiser *self, struct exact *exact)
{
    size_t count = pixmap_count(self->pixmap);
    struct palette *palette = self->palette;
    for (size_t i = 0; i < count; i++) {
        struct colour colour = pixel_at(self, i);
        uint32_t slot = exact_slot(exact, word_of(colour));
        if (exact->entries[slot] >= 0)
            continue;
        if (palette->count == self->options->colours)
            return false;
        exact->words[slot] = word_of(colour);
        exact->entries[slot] = (int16_t)palette->count;
        palette->colours[palette->count++] = colour;
    }
    return true;
}

static bool map_exactly(struct quantiser *self)
{
    struct exact exact;
    memset(exact.entries, -1, sizeof(exact.entries));
    self->palette->count = 0;
    if (!collect_exact(self, &exact))
        return false;
    qsort(self->palette->colours, self->palette->count, sizeof(struct colour), by_alpha);
    for (uint32_t i = 0; i < self->palette->count; i++)
        exact.entries[exact_slot(&exact, word_of(self->palette->colours[i]))] = (int16_t)i;
    size_t count = pixmap_count(self->pixmap);
    for (size_t i = 0; i < count; i++)
        self->indices[i] = (uint8_t)exact.entries[exact_slot(&exact, word_of(pixel_at(self, i)))];
    self->palette->exact = true;
    return true;
}

/* --- Many colours ------------------------------------------------------------------------------*/

static struct bin *bin_of(struct quantiser *self, const struct point *point)
{
    uint32_t *slot = &self->slots[key_of(point)];
    if (*slot == 0) {
        if (self->bin_count == self->bin_room) {
            uint32_t room = self->bin_room ? self->bin_room * 2 : 4096;
            struct bin *bins = realloc(self->bins, room * sizeof(*bins));
            if (!bins)
                return NULL;
            self->bins = bins;
            self->bin_room = room;
        }
        self->bins[self->bin_count++] = (struct bin){0};
        *slot = self->bin_count;
    }
    return &self->bins[*slot - 1];
}

static int fill_bins(struct quantiser *self, struct fault *fault)
{
    size_t count = pixmap_count(self->pixmap);
    for (size_t i = 0; i < count; i++) {
        struct colour colour = pixel_at(self, i);
        if (colour.alpha == 0) {
            self->hole = true;
            continue;
        }
        struct point point = point_of(colour);
        struct bin *bin = bin_of(self, &point);
        if (!bin)
            return fault_memory(fault);
        bin->count++;
        for (int axis = 0; axis < 4; axis++)
            bin->mean.at[axis] += (point.at[axis] - bin->mean.at[axis]) / (float)bin->count;
    }
    return 0;
}

struct box {
    uint32_t begin, end; /* bins */
    double spread;       /* weighted variance along `axis`, the widest */
    int axis;
    double mean[4];
};

static void box_measure(struct box *self, const struct bin *bins)
{
    double weight = 0, sum[4] = {0}, squares[4] = {0};
    for (uint32_t i = self->begin; i < self->end; i++) {
        double count = bins[i].count;
        weight += count;
        for (int axis = 0; axis < 4; axis++) {
            sum[axis] += count * bins[i].mean.at[axis];
            squares[axis] += count * bins[i].mean.at[axis] * bins[i].mean.at[axis];
        }
    }
    self->spread = 0;
    for (int axis = 0; axis < 4; axis++) {
        self->mean[axis] = weight > 0 ? sum[axis] / weight : 0;
        double spread = squares[axis] - sum[axis] * self->mean[axis];
        if (spread > self->spread && self->end - self->begin > 1) {
            self->spread = spread;
            self->axis = axis;
        }
    }
}

/* Bins below the mean go to the front. Returns how many they are, counted from 0. */
static uint32_t box_part(const struct box *self, struct bin *bins)
{
    uint32_t at = self->begin;
    for (uint32_t i = self->begin; i < self->end; i++) {
        if (bins[i].mean.at[self->axis] < self->mean[self->axis]) {
            struct bin bin = bins[i];
            bins[i] = bins[at];
            bins[at++] = bin;
        }
    }
    return at;
}

static void cut_boxes(struct quantiser *self, uint32_t wanted)
{
    struct box boxes[256];
    uint32_t count = 1;
    boxes[0] = (struct box){0, self->bin_count, 0, 0, {0}};
    box_measure(&boxes[0], self->bins);
    while (count < wanted) {
        uint32_t widest = 0;
        for (uint32_t i = 1; i < count; i++) {
            if (boxes[i].spread > boxes[widest].spread)
                widest = i;
        }
        struct box *box = &boxes[widest];
        uint32_t middle = box->spread > 0 ? box_part(box, self->bins) : box->begin;
        if (middle == box->begin || middle == box->end)
            break;
        boxes[count] = (struct box){middle, box->end, 0, 0, {0}};
        box->end = middle;
        box_measure(box, self->bins);
        box_measure(&boxes[count++], self->bins);
    }
    self->centre_count = count;
    for (uint32_t i = 0; i < count; i++) {
        for (int axis = 0; axis < 4; axis++)
            self->centres[i].at[axis] = (float)boxes[i].mean[axis];
    }
}

static uint32_t nearest_centre(const struct quantiser *self, const struct point *point)
{
    uint32_t best = 0;
    float least = distance(point, &self->centres[0]);
    for (uint32_t i = 1; i < self->centre_count; i++) {
        float far = distance(point, &self->centres[i]);
        if (far < least) {
            least = far;
            best = i;
        }
    }
    return best;
}

static void settle_centres(struct quantiser *self)
{
    double sums[256][5] = {{0}};
    for (uint32_t i = 0; i < self->bin_count; i++) {
        const struct bin *bin = &self->bins[i];
        double *sum = sums[nearest_centre(self, &bin->mean)];
        for (int axis = 0; axis < 4; axis++)
            sum[axis] += (double)bin->count * bin->mean.at[axis];
        sum[4] += bin->count;
    }
    for (uint32_t i = 0; i < self->centre_count; i++) {
        for (int axis = 0; axis < 4 && sums[i][4] > 0; axis++)
            self->centres[i].at[axis] = (float)(sums[i][axis] / sums[i][4]);
    }
}

static int by_opacity(const void *one, const void *other)
{
    const struct point *a = one, *b = other;
    return (a->at[3] > b->at[3]) - (a->at[3] < b->at[3]);
}

static void choose_palette(struct quantiser *self)
{
    uint32_t wanted = self->options->colours - (self->hole ? 1 : 0);
    cut_boxes(self, wanted);
    for (int i = 0; i < ROUNDS; i++)
        settle_centres(self);
    if (self->hole)
        self->centres[self->centre_count++] = (struct point){{0}};
    qsort(self->centres, self->centre_count, sizeof(self->centres[0]), by_opacity);
    self->palette->count = self->centre_count;
    for (uint32_t i = 0; i < self->centre_count; i++)
        self->palette->colours[i] = colour_of(&self->centres[i]);
}

/* --- Mapping -----------------------------------------------------------------------------------*/

static uint32_t look_up(const struct quantiser *self, const struct point *point)
{
    int16_t *known = &self->nearest[key_of(point)];
    if (*known < 0)
        *known = (int16_t)nearest_centre(self, point);
    return (uint32_t)*known;
}

/* Hands an error on to the four neighbours that are still to come. */
static void hand_on(float *here, float *below, const struct point *wanted, const struct point *got,
                    float part)
{
    for (int axis = 0; axis < 4; axis++) {
        float error = (wanted->at[axis] - got->at[axis]) * part / 16;
        here[4 + axis] += error * 7;
        below[axis - 4] += error * 3;
        below[axis] += error * 5;
        below[4 + axis] += error;
    }
}

static void map_row(struct quantiser *self, uint32_t y, float *here, float *below)
{
    size_t first = (size_t)y * self->pixmap->width;
    float part = (float)self->options->dither;
    for (uint32_t x = 0; x < self->pixmap->width; x++, here += 4, below += 4) {
        struct colour colour = pixel_at(self, first + x);
        if (colour.alpha == 0) {
            self->indices[first + x] = 0; /* the hole is the least opaque entry */
            continue;
        }
        struct point wanted = point_of(colour);
        for (int axis = 0; axis < 4 && part > 0; axis++) {
            float value = wanted.at[axis] + here[axis];
            wanted.at[axis] = value < 0 ? 0 : value > 255 ? 255 : value;
        }
        if (self->options->binary)
            wanted.at[3] = 255;
        uint32_t centre = look_up(self, &wanted);
        self->indices[first + x] = (uint8_t)centre;
        if (part > 0)
            hand_on(here, below, &wanted, &self->centres[centre], part);
    }
}

static void map_pixels(struct quantiser *self)
{
    size_t row = ((size_t)self->pixmap->width + 2) * 4;
    float *here = self->errors, *below = self->errors + row;
    for (uint32_t y = 0; y < self->pixmap->height; y++) {
        map_row(self, y, here + 4, below + 4);
        float *done = here;
        here = below;
        below = done;
        memset(below, 0, row * sizeof(*below));
    }
}

static int map_nearly(struct quantiser *self, struct fault *fault)
{
    self->slots = calloc(KEYS, sizeof(*self->slots));
    self->nearest = malloc(KEYS * sizeof(*self->nearest));
    self->errors = calloc(((size_t)self->pixmap->width + 2) * 8, sizeof(*self->errors));
    if (!self->slots || !self->nearest || !self->errors)
        return fault_memory(fault);
    memset(self->nearest, -1, KEYS * sizeof(*self->nearest));
    if (fill_bins(self, fault) != 0)
        return -1;
    choose_palette(self);
    map_pixels(self);
    self->palette->exact = false;
    return 0;
}

int quantise(const struct pixmap *pixmap, const struct quantise_options *options,
             struct palette *ret_palette, uint8_t **ret_indices, struct fault *fault)
{
    struct quantiser self = {.pixmap = pixmap, .options = options, .palette = ret_palette};
    self.indices = malloc(pixmap_count(pixmap));
    int result = self.indices ? 0 : fault_memory(fault);
    if (result == 0 && !map_exactly(&self))
        result = map_nearly(&self, fault);
    free(self.slots);
    free(self.bins);
    free(self.nearest);
    free(self.errors);
    if (result == 0)
        *ret_indices = self.indices;
    else
        free(self.indices);
    return result;
}
