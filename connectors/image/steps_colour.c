/*
 * Steps that change each pixel by itself. Colours are sRGB; lightness and hue are reckoned in CIE
 * LCh, as sharp does, so that colours keep how light they look.
 */
#include <math.h>
#include <string.h>

#include "step.h"

static uint8_t to_byte(double value)
{
    return value <= 0 ? 0 : value >= 255 ? 255 : (uint8_t)(value + 0.5);
}

/* How light a pixel looks, 0 to 255. */
static double luma_of(const uint8_t *pixel)
{
    return 0.2126 * pixel[0] + 0.7152 * pixel[1] + 0.0722 * pixel[2];
}

/* Passes the three colours of each pixel through a table. */
static void look_up(struct pixmap *pixmap, const uint8_t table[256])
{
    size_t count = pixmap_count(pixmap);
    uint8_t *at = pixmap->data;
    for (size_t i = 0; i < count; i++, at += pixmap->channels) {
        at[0] = table[at[0]];
        at[1] = table[at[1]];
        at[2] = table[at[2]];
    }
}

int apply_gamma(const struct step *self, struct pixmap *pixmap, const struct stage *stage,
                struct fault *fault)
{
    (void)stage;
    (void)fault;
    uint8_t table[256];
    for (int i = 0; i < 256; i++)
        table[i] = to_byte(255 * pow(i / 255.0, 1 / self->gamma.exponent));
    look_up(pixmap, table);
    return 0;
}

int apply_linear(const struct step *self, struct pixmap *pixmap, const struct stage *stage,
                 struct fault *fault)
{
    (void)stage;
    (void)fault;
    uint8_t table[256];
    for (int i = 0; i < 256; i++)
        table[i] = to_byte(i * self->linear.slope + self->linear.offset);
    look_up(pixmap, table);
    return 0;
}

int apply_negate(const struct step *self, struct pixmap *pixmap, const struct stage *stage,
                 struct fault *fault)
{
    (void)stage;
    (void)fault;
    uint8_t table[256];
    for (int i = 0; i < 256; i++)
        table[i] = (uint8_t)(255 - i);
    look_up(pixmap, table);
    size_t count = self->negate.alpha && pixmap->channels == 4 ? pixmap_count(pixmap) : 0;
    for (size_t i = 0; i < count; i++)
        pixmap->data[i * 4 + 3] = (uint8_t)(255 - pixmap->data[i * 4 + 3]);
    return 0;
}

/* The level that `per_cent` of the pixels do not exceed. */
static int level_at(const size_t counts[256], size_t total, double per_cent)
{
    size_t wanted = (size_t)ceil((double)total * per_cent / 100);
    size_t sum = 0;
    for (int level = 0; level < 256; level++) {
        sum += counts[level];
        if (sum >= wanted && sum > 0)
            return level;
    }
    return 255;
}

int apply_normalise(const struct step *self, struct pixmap *pixmap, const struct stage *stage,
                    struct fault *fault)
{
    (void)stage;
    (void)fault;
    size_t counts[256] = {0};
    size_t count = pixmap_count(pixmap);
    for (size_t i = 0; i < count; i++)
        counts[to_byte(luma_of(pixmap->data + i * pixmap->channels))]++;
    int dark = level_at(counts, count, self->normalise.lower);
    int light = level_at(counts, count, self->normalise.upper);
    if (light <= dark)
        return 0;
    uint8_t table[256];
    for (int i = 0; i < 256; i++)
        table[i] = to_byte((i - dark) * 255.0 / (light - dark));
    look_up(pixmap, table);
    return 0;
}

int apply_greyscale(const struct step *self, struct pixmap *pixmap, const struct stage *stage,
                    struct fault *fault)
{
    (void)self;
    (void)stage;
    (void)fault;
    size_t count = pixmap_count(pixmap);
    uint8_t *at = pixmap->data;
    for (size_t i = 0; i < count; i++, at += pixmap->channels)
        memset(at, to_byte(luma_of(at)), 3);
    return 0;
}

int apply_threshold(const struct step *self, struct pixmap *pixmap, const struct stage *stage,
                    struct fault *fault)
{
    if (self->threshold.greyscale)
        apply_greyscale(self, pixmap, stage, fault);
    uint8_t table[256];
    for (uint32_t i = 0; i < 256; i++)
        table[i] = i >= self->threshold.level ? 255 : 0;
    look_up(pixmap, table);
    return 0;
}

int apply_flatten(const struct step *self, struct pixmap *pixmap, const struct stage *stage,
                  struct fault *fault)
{
    (void)fault;
    struct tint background = self->flatten.background.set ? self->flatten.background
                             : stage->background.set      ? stage->background
                                                          : (struct tint){true, {0, 0, 0, 255}};
    pixmap_flatten(pixmap, background.colour);
    return 0;
}

/* --- Lightness, chroma and hue -----------------------------------------------------------------*/

/* sRGB (IEC 61966-2-1) to CIE Lab with its own white (D65), and back. */
static double to_light(uint8_t value)
{
    double part = value / 255.0;
    return part <= 0.04045 ? part / 12.92 : pow((part + 0.055) / 1.055, 2.4);
}

static uint8_t from_light(double light)
{
    double part = light <= 0.0031308 ? light * 12.92 : 1.055 * pow(light, 1 / 2.4) - 0.055;
    return to_byte(part * 255);
}

static double lab_curve(double t)
{
    return t > 216.0 / 24389 ? cbrt(t) : (24389.0 / 27 * t + 16) / 116;
}

static double lab_uncurve(double t)
{
    return t * t * t > 216.0 / 24389 ? t * t * t : (116 * t - 16) * 27 / 24389;
}

static const double WHITE[3] = {0.95047, 1, 1.08883};

static void to_lab(const double light[256], const uint8_t *pixel, double lab[3])
{
    double r = light[pixel[0]], g = light[pixel[1]], b = light[pixel[2]];
    double x = lab_curve((0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / WHITE[0]);
    double y = lab_curve(0.2126729 * r + 0.7151522 * g + 0.0721750 * b);
    double z = lab_curve((0.0193339 * r + 0.1191920 * g + 0.9503041 * b) / WHITE[2]);
    lab[0] = 116 * y - 16;
    lab[1] = 500 * (x - y);
    lab[2] = 200 * (y - z);
}

static void from_lab(const double lab[3], uint8_t *pixel)
{
    double middle = (lab[0] + 16) / 116;
    double x = lab_uncurve(middle + lab[1] / 500) * WHITE[0];
    double y = lab_uncurve(middle);
    double z = lab_uncurve(middle - lab[2] / 200) * WHITE[2];
    pixel[0] = from_light(3.2404542 * x - 1.5371385 * y - 0.4985314 * z);
    pixel[1] = from_light(-0.9692660 * x + 1.8760108 * y + 0.0415560 * z);
    pixel[2] = from_light(0.0556434 * x - 0.2040259 * y + 1.0572252 * z);
}

static void fill_light(double light[256])
{
    for (int i = 0; i < 256; i++)
        light[i] = to_light((uint8_t)i);
}

int apply_modulate(const struct step *self, struct pixmap *pixmap, const struct stage *stage,
                   struct fault *fault)
{
    (void)stage;
    (void)fault;
    double light[256];
    fill_light(light);
    double turn = self->modulate.hue * M_PI / 180;
    double across = cos(turn) * self->modulate.saturation;
    double along = sin(turn) * self->modulate.saturation;
    size_t count = pixmap_count(pixmap);
    uint8_t *at = pixmap->data;
    for (size_t i = 0; i < count; i++, at += pixmap->channels) {
        double lab[3];
        to_lab(light, at, lab);
        double a = lab[1] * across - lab[2] * along;
        double b = lab[1] * along + lab[2] * across;
        const double changed[3] = {lab[0] * self->modulate.brightness + self->modulate.lightness, a,
                                   b};
        from_lab(changed, at);
    }
    return 0;
}

/* The colour's hue and chroma, each pixel's own lightness. */
int apply_tint(const struct step *self, struct pixmap *pixmap, const struct stage *stage,
               struct fault *fault)
{
    (void)stage;
    (void)fault;
    double light[256], tint[3];
    fill_light(light);
    const struct colour colour = self->tint.colour.colour;
    const uint8_t sample[3] = {colour.red, colour.green, colour.blue};
    to_lab(light, sample, tint);
    size_t count = pixmap_count(pixmap);
    uint8_t *at = pixmap->data;
    for (size_t i = 0; i < count; i++, at += pixmap->channels) {
        double lab[3];
        to_lab(light, at, lab);
        const double tinted[3] = {lab[0], tint[1], tint[2]};
        from_lab(tinted, at);
    }
    return 0;
}
