#include "look.h"

#include <math.h>
#include <string.h>

#include "resample.h"

/* --- Dominant colour ---------------------------------------------------------------------------*/

struct colour look_dominant(const struct pixmap *small)
{
    struct {
        uint32_t count, sum[3];
    } bins[16 * 16 * 16];
    memset(bins, 0, sizeof(bins));
    size_t count = pixmap_count(small), best = 0;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *pixel = small->data + i * 3;
        size_t bin = (size_t)(pixel[0] >> 4) << 8 | (size_t)(pixel[1] >> 4) << 4 | pixel[2] >> 4;
        bins[bin].count++;
        for (int c = 0; c < 3; c++)
            bins[bin].sum[c] += pixel[c];
        if (bins[bin].count > bins[best].count)
            best = bin;
    }
    uint32_t share = bins[best].count;
    return (struct colour){(uint8_t)(bins[best].sum[0] / share),
                           (uint8_t)(bins[best].sum[1] / share),
                           (uint8_t)(bins[best].sum[2] / share), 255};
}

/* --- BlurHash ----------------------------------------------------------------------------------*/

enum { ACROSS = 4, DOWN = 3 };

static double to_light(uint8_t value)
{
    double part = value / 255.0;
    return part <= 0.04045 ? part / 12.92 : pow((part + 0.055) / 1.055, 2.4);
}

static uint32_t from_light(double light)
{
    light = fmin(fmax(light, 0), 1);
    double part = light <= 0.0031308 ? light * 12.92 : 1.055 * pow(light, 1 / 2.4) - 0.055;
    return (uint32_t)(part * 255 + 0.5);
}

static void component(const struct pixmap *small, int i, int j, double factor[3])
{
    double scale = (i == 0 && j == 0 ? 1 : 2) / (double)pixmap_count(small);
    factor[0] = factor[1] = factor[2] = 0;
    for (uint32_t y = 0; y < small->height; y++) {
        double down = cos(M_PI * j * y / small->height);
        for (uint32_t x = 0; x < small->width; x++) {
            double basis = scale * down * cos(M_PI * i * x / small->width);
            const uint8_t *pixel = pixmap_at(small, x, y);
            for (int c = 0; c < 3; c++)
                factor[c] += basis * to_light(pixel[c]);
        }
    }
}

static char *put_digits(char *to, uint32_t value, int digits)
{
    static const char BASE83[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                 "#$%*+,-.:;=?@[]^_{|}~";
    for (int i = digits - 1; i >= 0; i--, value /= 83)
        to[i] = BASE83[value % 83];
    return to + digits;
}

static uint32_t quantise_factor(double value, double most)
{
    double part = value / most;
    double root = copysign(sqrt(fabs(part)), part);
    return (uint32_t)fmin(fmax(floor(root * 9 + 9.5), 0), 18);
}

void look_blurhash(const struct pixmap *small, char ret_hash[BLURHASH_CHARACTERS + 1])
{
    double factors[ACROSS * DOWN][3];
    double largest = 0;
    for (int n = 0; n < ACROSS * DOWN; n++) {
        component(small, n % ACROSS, n / ACROSS, factors[n]);
        for (int c = 0; c < 3 && n > 0; c++)
            largest = fmax(largest, fabs(factors[n][c]));
    }
    uint32_t scale = (uint32_t)fmin(fmax(floor(largest * 166 - 0.5), 0), 82);
    char *at = put_digits(ret_hash, (ACROSS - 1) + (DOWN - 1) * 9, 1);
    at = put_digits(at, scale, 1);
    at = put_digits(at,
                    from_light(factors[0][0]) << 16 | from_light(factors[0][1]) << 8 |
                        from_light(factors[0][2]),
                    4);
    for (int n = 1; n < ACROSS * DOWN; n++) {
        double most = (scale + 1) / 166.0;
        at = put_digits(
            at,
            (quantise_factor(factors[n][0], most) * 19 + quantise_factor(factors[n][1], most)) *
                    19 +
                quantise_factor(factors[n][2], most),
            2);
    }
    *at = '\0';
}

/* --- Perceptual hash ---------------------------------------------------------------------------*/

enum { HASH_SIDE = 32, HASH_LOW = 8 };

/* The lowest 8 × 8 terms of a cosine transform. */
static void low_terms(const double luma[HASH_SIDE][HASH_SIDE], double terms[HASH_LOW * HASH_LOW])
{
    for (int v = 0; v < HASH_LOW; v++) {
        for (int u = 0; u < HASH_LOW; u++) {
            double sum = 0;
            for (int y = 0; y < HASH_SIDE; y++) {
                double down = cos((2 * y + 1) * v * M_PI / (2 * HASH_SIDE));
                for (int x = 0; x < HASH_SIDE; x++)
                    sum += luma[y][x] * down * cos((2 * x + 1) * u * M_PI / (2 * HASH_SIDE));
            }
            terms[v * HASH_LOW + u] = sum;
        }
    }
}

/* The mean of all terms but the first, which is only how light the picture is. */
static double mean_of(const double terms[HASH_LOW * HASH_LOW])
{
    double sum = 0;
    for (int i = 1; i < HASH_LOW * HASH_LOW; i++)
        sum += terms[i];
    return sum / (HASH_LOW * HASH_LOW - 1);
}

int look_hash(const struct pixmap *small, uint64_t *ret_hash, struct fault *fault)
{
    struct pixmap square;
    const struct area all = {0, 0, small->width, small->height};
    if (resample_pixmap(small, all, HASH_SIDE, HASH_SIDE, KERNEL_LINEAR, &square, fault) != 0)
        return -1;
    double luma[HASH_SIDE][HASH_SIDE], terms[HASH_LOW * HASH_LOW];
    for (uint32_t y = 0; y < HASH_SIDE; y++) {
        for (uint32_t x = 0; x < HASH_SIDE; x++) {
            const uint8_t *pixel = pixmap_at(&square, x, y);
            luma[y][x] = 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2];
        }
    }
    pixmap_release(&square);
    low_terms(luma, terms);
    double mean = mean_of(terms);
    uint64_t hash = 0;
    for (int i = 0; i < HASH_LOW * HASH_LOW; i++)
        hash = hash << 1 | (terms[i] > mean);
    *ret_hash = hash;
    return 0;
}
