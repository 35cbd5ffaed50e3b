#include "colours.h"

#include <lcms2.h>
#include <stdlib.h>
#include <string.h>

struct colours {
    cmsHTRANSFORM shallow, deep;
    bool grey; /* the transform takes one sample a pixel */
};

/* Nothing is said on stderr, and no state is shared with others who use the library. */
static void ignore(cmsContext context, cmsUInt32Number code, const char *text)
{
    (void)context;
    (void)code;
    (void)text;
}

static cmsHPROFILE open_profile(const struct blob *icc)
{
    cmsSetLogErrorHandler(ignore);
    return icc->len > 0 ? cmsOpenProfileFromMem(icc->data, (cmsUInt32Number)icc->len) : NULL;
}

static bool read_text(cmsHPROFILE profile, char *ret_name, size_t size)
{
    cmsUInt32Number len = cmsGetProfileInfoASCII(profile, cmsInfoDescription, "en", "US", ret_name,
                                                 (cmsUInt32Number)size);
    ret_name[size - 1] = '\0';
    for (char *at = ret_name; *at; at++) {
        if (*at < 0x20 || *at > 0x7e)
            *at = '?';
    }
    return len > 1;
}

bool colours_name(const struct blob *icc, char *ret_name, size_t size)
{
    cmsHPROFILE profile = open_profile(icc);
    bool found = profile && read_text(profile, ret_name, size);
    if (profile)
        cmsCloseProfile(profile);
    return found;
}

/* Most profiles in the wild are some maker's sRGB; they need no conversion. */
static bool is_srgb(cmsHPROFILE profile)
{
    char name[128];
    return read_text(profile, name, sizeof(name)) && strstr(name, "sRGB") &&
           !strstr(name, "inear") && cmsGetColorSpace(profile) == cmsSigRgbData;
}

static cmsHTRANSFORM make_transform(cmsHPROFILE from, cmsUInt32Number format_in,
                                    cmsUInt32Number format_out, cmsUInt32Number intent)
{
    cmsHPROFILE srgb = cmsCreate_sRGBProfile();
    if (!srgb)
        return NULL;
    cmsHTRANSFORM transform =
        cmsCreateTransform(from, format_in, srgb, format_out, intent,
                           cmsFLAGS_BLACKPOINTCOMPENSATION | cmsFLAGS_NOCACHE);
    cmsCloseProfile(srgb);
    return transform;
}

static struct colours *make(cmsHPROFILE profile, const struct image_header *header)
{
    bool grey = cmsGetColorSpace(profile) == cmsSigGrayData;
    if (is_srgb(profile) || (!grey && cmsGetColorSpace(profile) != cmsSigRgbData) ||
        grey != header->grey)
        return NULL;
    struct colours *self = calloc(1, sizeof(*self));
    if (!self)
        return NULL;
    self->grey = grey;
    self->shallow = make_transform(profile, grey ? TYPE_GRAY_8 : TYPE_RGB_8, TYPE_RGB_8,
                                   INTENT_RELATIVE_COLORIMETRIC);
    self->deep = make_transform(profile, grey ? TYPE_GRAY_16 : TYPE_RGB_16, TYPE_RGB_16,
                                INTENT_RELATIVE_COLORIMETRIC);
    if (self->shallow && self->deep)
        return self;
    colours_free(self);
    return NULL;
}

int colours_new(struct colours **ret_self, const struct codec *codec, const struct source *source,
                const struct image_header *header, struct fault *fault)
{
    *ret_self = NULL;
    struct blob icc = {0};
    if (!header->has_icc || header->cmyk || !codec->blob)
        return 0;
    if (codec->blob(source, BLOB_ICC, &icc, fault) != 0)
        return -1;
    cmsHPROFILE profile = open_profile(&icc);
    if (profile) {
        *ret_self = make(profile, header);
        cmsCloseProfile(profile);
    }
    free(icc.data);
    return 0;
}

void colours_free(struct colours *self)
{
    if (!self)
        return;
    if (self->shallow)
        cmsDeleteTransform(self->shallow);
    if (self->deep)
        cmsDeleteTransform(self->deep);
    free(self);
}

enum { CHUNK = 256 };

/* Pixels go through a small buffer of plain samples, so that alpha and grey are nobody's business.
 */
static void convert_row(const struct colours *self, uint8_t *row, uint32_t width, uint32_t channels)
{
    uint8_t in[CHUNK * 3], out[CHUNK * 3];
    uint32_t taken = self->grey ? 1 : 3;
    for (uint32_t at = 0; at < width; at += CHUNK) {
        uint32_t count = width - at < CHUNK ? width - at : CHUNK;
        uint8_t *pixels = row + (size_t)at * channels;
        for (uint32_t i = 0; i < count; i++)
            memcpy(in + (size_t)i * taken, pixels + (size_t)i * channels, taken);
        cmsDoTransform(self->shallow, in, out, count);
        for (uint32_t i = 0; i < count; i++)
            memcpy(pixels + (size_t)i * channels, out + (size_t)i * 3, 3);
    }
}

static void convert_deep_row(const struct colours *self, uint8_t *row, uint32_t width,
                             uint32_t channels)
{
    uint16_t in[CHUNK * 3], out[CHUNK * 3];
    uint32_t taken = self->grey ? 1 : 3;
    for (uint32_t at = 0; at < width; at += CHUNK) {
        uint32_t count = width - at < CHUNK ? width - at : CHUNK;
        uint8_t *pixels = row + (size_t)at * channels * 2;
        for (uint32_t i = 0; i < count; i++)
            memcpy(in + (size_t)i * taken, pixels + (size_t)i * channels * 2, taken * 2);
        cmsDoTransform(self->deep, in, out, count);
        for (uint32_t i = 0; i < count; i++)
            memcpy(pixels + (size_t)i * channels * 2, out + (size_t)i * 3, 6);
    }
}

void colours_apply(const struct colours *self, struct pixmap *pixmap)
{
    if (!self)
        return;
    for (uint32_t y = 0; y < pixmap->height; y++) {
        uint8_t *row = pixmap_row(pixmap, y);
        if (pixmap->depth == 16)
            convert_deep_row(self, row, pixmap->width, pixmap->channels);
        else if (pixmap->channels == 3 && !self->grey)
            cmsDoTransform(self->shallow, row, row, pixmap->width);
        else
            convert_row(self, row, pixmap->width, pixmap->channels);
    }
}

/* --- Ink ---------------------------------------------------------------------------------------*/

struct ink {
    cmsHTRANSFORM transform;
};

struct ink *ink_new(const struct blob *icc, bool inverted)
{
    cmsHPROFILE profile = open_profile(icc);
    struct ink *self = NULL;
    if (profile && cmsGetColorSpace(profile) == cmsSigCmykData)
        self = calloc(1, sizeof(*self));
    if (self) {
        self->transform = make_transform(profile, inverted ? TYPE_CMYK_8_REV : TYPE_CMYK_8,
                                         TYPE_RGB_8, INTENT_RELATIVE_COLORIMETRIC);
        if (!self->transform) {
            ink_free(self);
            self = NULL;
        }
    }
    if (profile)
        cmsCloseProfile(profile);
    return self;
}

void ink_row(const struct ink *self, const uint8_t *from, uint8_t *to, uint32_t width)
{
    cmsDoTransform(self->transform, from, to, width);
}

void ink_free(struct ink *self)
{
    if (!self)
        return;
    if (self->transform)
        cmsDeleteTransform(self->transform);
    free(self);
}
