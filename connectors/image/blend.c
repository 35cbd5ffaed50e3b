#include "blend.h"

#include <math.h>
#include <string.h>

/* How much of one layer stays, given the alpha of the other. */
enum part { NONE, ALL, WHERE, WHERE_NOT };

typedef float mix_fn(float base, float over);

static float multiply(float base, float over)
{
    return base * over;
}

static float screen(float base, float over)
{
    return base + over - base * over;
}

static float hard_light(float base, float over)
{
    return over <= 0.5f ? multiply(base, 2 * over) : screen(base, 2 * over - 1);
}

static float overlay(float base, float over)
{
    return hard_light(over, base);
}

static float darken(float base, float over)
{
    return fminf(base, over);
}

static float lighten(float base, float over)
{
    return fmaxf(base, over);
}

static float dodge(float base, float over)
{
    return base <= 0 ? 0 : over >= 1 ? 1 : fminf(base / (1 - over), 1);
}

static float burn(float base, float over)
{
    return base >= 1 ? 1 : over <= 0 ? 0 : 1 - fminf((1 - base) / over, 1);
}

static float soft_light(float base, float over)
{
    if (over <= 0.5f)
        return base - (1 - 2 * over) * base * (1 - base);
    float d = base <= 0.25f ? ((16 * base - 12) * base + 4) * base : sqrtf(base);
    return base + (2 * over - 1) * (d - base);
}

static float difference(float base, float over)
{
    return fabsf(base - over);
}

static float exclusion(float base, float over)
{
    return base + over - 2 * base * over;
}

static const struct {
    const char *name;
    enum part over, base;
    mix_fn *mix; /* NULL: the colour of what lies above */
    bool add;    /* sums may exceed the whole */
} MODES[] = {
    {"over", ALL, WHERE_NOT, NULL, false},
    {"clear", NONE, NONE, NULL, false},
    {"source", ALL, NONE, NULL, false},
    {"in", WHERE, NONE, NULL, false},
    {"out", WHERE_NOT, NONE, NULL, false},
    {"atop", WHERE, WHERE_NOT, NULL, false},
    {"dest", NONE, ALL, NULL, false},
    {"dest-over", WHERE_NOT, ALL, NULL, false},
    {"dest-in", NONE, WHERE, NULL, false},
    {"dest-out", NONE, WHERE_NOT, NULL, false},
    {"dest-atop", WHERE_NOT, WHERE, NULL, false},
    {"xor", WHERE_NOT, WHERE_NOT, NULL, false},
    {"add", ALL, ALL, NULL, true},
    {"multiply", ALL, WHERE_NOT, multiply, false},
    {"screen", ALL, WHERE_NOT, screen, false},
    {"overlay", ALL, WHERE_NOT, overlay, false},
    {"darken", ALL, WHERE_NOT, darken, false},
    {"lighten", ALL, WHERE_NOT, lighten, false},
    {"colour-dodge", ALL, WHERE_NOT, dodge, false},
    {"color-dodge", ALL, WHERE_NOT, dodge, false},
    {"colour-burn", ALL, WHERE_NOT, burn, false},
    {"color-burn", ALL, WHERE_NOT, burn, false},
    {"hard-light", ALL, WHERE_NOT, hard_light, false},
    {"soft-light", ALL, WHERE_NOT, soft_light, false},
    {"difference", ALL, WHERE_NOT, difference, false},
    {"exclusion", ALL, WHERE_NOT, exclusion, false},
};

int blend_find(const char *name, int *ret_mode, struct fault *fault)
{
    for (size_t i = 0; i < sizeof(MODES) / sizeof(MODES[0]); i++) {
        if (strcmp(MODES[i].name, name) == 0) {
            *ret_mode = (int)i;
            return 0;
        }
    }
    return fault_set(fault, FAULT_INVALID, "There is no blend mode \"%.40s\".", name);
}

/* What is left of an opaque base under an opaque layer, and under none. */
static bool keeps_outside(int mode)
{
    return MODES[mode].base == ALL || MODES[mode].base == WHERE_NOT;
}

bool blend_needs_alpha(int mode)
{
    bool covers = MODES[mode].over == ALL || MODES[mode].over == WHERE;
    bool either = covers && MODES[mode].base == WHERE_NOT;
    return !either && MODES[mode].base != ALL;
}

static float part_of(enum part part, float alpha)
{
    static const float BASE[] = {[NONE] = 0, [ALL] = 1, [WHERE] = 0, [WHERE_NOT] = 1};
    static const float TIMES[] = {[NONE] = 0, [ALL] = 0, [WHERE] = 1, [WHERE_NOT] = -1};
    return BASE[part] + TIMES[part] * alpha;
}

static uint8_t to_byte(float value)
{
    return value <= 0 ? 0 : value >= 1 ? 255 : (uint8_t)(value * 255 + 0.5f);
}

static void blend_pixel(uint8_t *base, uint32_t channels, const uint8_t *over, float opacity,
                        int mode)
{
    float over_alpha = over[3] * opacity / 255;
    float base_alpha = channels == 4 ? base[3] / 255.0f : 1;
    float over_part = over_alpha * part_of(MODES[mode].over, base_alpha);
    float base_part = base_alpha * part_of(MODES[mode].base, over_alpha);
    float alpha = fminf(over_part + base_part, 1);
    for (int c = 0; c < 3; c++) {
        float below = base[c] / 255.0f, above = over[c] / 255.0f;
        if (MODES[mode].mix)
            above = (1 - base_alpha) * above + base_alpha * MODES[mode].mix(below, above);
        float sum = over_part * above + base_part * below;
        base[c] = alpha > 0 ? to_byte(MODES[mode].add ? fminf(sum, 1) / alpha : sum / alpha) : 0;
    }
    if (channels == 4)
        base[3] = to_byte(alpha);
}

/* The usual case: "over", on an opaque base. */
static void lay_row(uint8_t *base, const uint8_t *over, uint32_t count, uint32_t opacity)
{
    for (uint32_t x = 0; x < count; x++, base += 3, over += 4) {
        uint32_t alpha = over[3] * opacity; /* of 255 × 256 */
        if (alpha == 0)
            continue;
        uint32_t rest = 255 * 256 - alpha;
        for (int c = 0; c < 3; c++)
            base[c] = (uint8_t)((over[c] * alpha + base[c] * rest + 255 * 128) / (255 * 256));
    }
}

void blend(struct pixmap *base, const struct pixmap *over, int64_t left, int64_t top,
           double opacity, int mode)
{
    int64_t begin = left < 0 ? -left : 0;
    int64_t end = left + over->width > base->width ? base->width - left : over->width;
    if (begin >= end)
        return;
    for (int64_t y = top < 0 ? -top : 0; y < over->height && top + y < base->height; y++) {
        uint8_t *to = pixmap_at(base, (uint32_t)(left + begin), (uint32_t)(top + y));
        const uint8_t *from = pixmap_at(over, (uint32_t)begin, (uint32_t)y);
        if (mode == 0 && base->channels == 3) {
            lay_row(to, from, (uint32_t)(end - begin), (uint32_t)(opacity * 256 + 0.5));
            continue;
        }
        for (int64_t x = begin; x < end; x++, to += base->channels, from += 4)
            blend_pixel(to, base->channels, from, (float)opacity, mode);
    }
}

void blend_outside(struct pixmap *base, int64_t left, int64_t top, int64_t width, int64_t height,
                   int mode)
{
    if (keeps_outside(mode) || base->channels != 4)
        return;
    for (int64_t y = 0; y < base->height; y++) {
        for (int64_t x = 0; x < base->width; x++) {
            if (x < left || y < top || x >= left + width || y >= top + height)
                memset(pixmap_at(base, (uint32_t)x, (uint32_t)y), 0, 4);
        }
    }
}
