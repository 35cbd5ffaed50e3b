#include "codec.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "limits.h"

/* --- First bytes -------------------------------------------------------------------------------*/

#define READS(source, at, text) source_reads(source, at, text, sizeof(text) - 1)

static bool sniff_jpeg(const struct source *source)
{
    return READS(source, 0, "\xff\xd8\xff");
}

static bool sniff_png(const struct source *source)
{
    return READS(source, 0, "\x89PNG\r\n\x1a\n");
}

static bool sniff_webp(const struct source *source)
{
    return READS(source, 0, "RIFF") && READS(source, 8, "WEBP");
}

/* Does the `ftyp` box of an ISO base media file (ISO/IEC 14496-12, 4.3) name this brand? */
static bool has_brand(const struct source *source, const char *brand)
{
    if (!READS(source, 4, "ftyp"))
        return false;
    size_t end = read_be32(source->data);
    if (end > source->len)
        end = source->len;
    for (size_t at = 8; at + 4 <= end; at += 4) {
        if (at != 12 && memcmp(source->data + at, brand, 4) == 0)
            return true;
    }
    return false;
}

static bool sniff_avif(const struct source *source)
{
    return has_brand(source, "avif") || has_brand(source, "avis");
}

static bool sniff_gif(const struct source *source)
{
    return READS(source, 0, "GIF87a") || READS(source, 0, "GIF89a");
}

static bool sniff_tiff(const struct source *source)
{
    return READS(source, 0, "II*\0") || READS(source, 0, "MM\0*");
}

static bool sniff_bmp(const struct source *source)
{
    return READS(source, 0, "BM") && source_has(source, 0, 26);
}

/* After AVIF, whose files may name HEIF's general brand too. */
static bool sniff_heif(const struct source *source)
{
    return has_brand(source, "heic") || has_brand(source, "heix") || has_brand(source, "mif1");
}

/* --- What it is instead ------------------------------------------------------------------------*/

static bool sniff_pdf(const struct source *source)
{
    return READS(source, 0, "%PDF-");
}

/* An XML text with an element called svg near its beginning. */
static bool sniff_svg(const struct source *source)
{
    size_t at = READS(source, 0, "\xef\xbb\xbf") ? 3 : 0;
    while (at < source->len && memchr(" \t\r\n", source->data[at], 4))
        at++;
    if (at == source->len || source->data[at] != '<')
        return false;
    size_t len = source->len - at < 4096 ? source->len - at : 4096;
    return memmem(source->data + at, len, "<svg", 4) != NULL;
}

static const struct {
    bool (*sniff)(const struct source *source);
    const char *message;
} REFUSED[] = {
    {sniff_svg, "SVG is not accepted: it is a program for a browser rather than a picture. Render "
                "it to PNG first."},
    {sniff_pdf, "This is a PDF document, not a picture."},
};

/* --- The table ---------------------------------------------------------------------------------*/

static const struct codec CODECS[] = {
    {"jpeg", "jpg", "image/jpeg", false, false, 80, sniff_jpeg, jpeg_header, jpeg_decode, NULL,
     jpeg_blob, jpeg_encode, NULL},
    {"png", "png", "image/png", true, false, 0, sniff_png, png_header, png_decode, NULL, png_blob,
     png_encode, NULL},
    {"webp", "webp", "image/webp", true, false, 80, sniff_webp, webp_header, webp_decode,
     webp_frames, webp_blob, webp_encode, webp_animate},
    {"avif", "avif", "image/avif", true, false, 45, sniff_avif, avif_header, avif_decode,
     avif_frames, avif_blob, avif_encode, NULL},
    {"gif", "gif", "image/gif", true, false, 0, sniff_gif, gif_header, gif_decode, gif_frames, NULL,
     gif_encode, gif_animate},
    {"heif", "heic", "image/heif", true, false, 0, sniff_heif, heif_header, heif_decode, NULL,
     heif_blob, NULL, NULL},
    {"tiff", "tiff", "image/tiff", true, true, 0, sniff_tiff, tiff_header, tiff_decode, NULL,
     tiff_blob, NULL, NULL},
    {"bmp", "bmp", "image/bmp", false, false, 0, sniff_bmp, bmp_header, bmp_decode, NULL, NULL,
     NULL, NULL},
};
enum { CODEC_COUNT = sizeof(CODECS) / sizeof(CODECS[0]) };

const struct codec *codec_by_name(const char *name, size_t len)
{
    for (size_t i = 0; i < CODEC_COUNT; i++) {
        if (strlen(CODECS[i].name) == len && memcmp(CODECS[i].name, name, len) == 0)
            return &CODECS[i];
    }
    return NULL;
}

/* The bits of the codec called this, by name or media type. */
static uint32_t bit_of(const char *name, size_t len)
{
    for (size_t i = 0; i < CODEC_COUNT; i++) {
        if ((strlen(CODECS[i].name) == len && strncasecmp(CODECS[i].name, name, len) == 0) ||
            (strlen(CODECS[i].media_type) == len &&
             strncasecmp(CODECS[i].media_type, name, len) == 0))
            return 1u << i;
    }
    if ((len == 3 && strncmp(name, "*/*", 3) == 0) ||
        (len == 7 && strncmp(name, "image/*", 7) == 0))
        return bit_of("jpeg", 4) | bit_of("png", 3) | bit_of("gif", 3);
    return 0;
}

/* Does the rest of an Accept header's element say q=0? */
static bool is_refused(const char *parameters, size_t len)
{
    const char *q = memmem(parameters, len, "q=0", 3);
    if (!q)
        return false;
    const char *at = q + 3;
    while (at < parameters + len && (*at == '.' || *at == '0'))
        at++;
    return at == parameters + len || *at == ' ' || *at == ';';
}

uint32_t codec_accepted(const char *text)
{
    uint32_t accepted = 0;
    while (*text) {
        text += strspn(text, ", \t");
        size_t len = strcspn(text, ",");
        size_t name = strcspn(text, ",; \t");
        if (!is_refused(text + name, len - name))
            accepted |= bit_of(text, name);
        text += len;
    }
    return accepted;
}

const struct codec *codec_best(uint32_t accepted, bool alpha, bool animated)
{
    static const char *const STILLS[] = {"avif", "webp", "jpeg", "png"};
    static const char *const ANIMATIONS[] = {"webp", "gif"};
    const char *const *names = animated ? ANIMATIONS : STILLS;
    size_t count = animated ? 2 : 4;
    for (size_t i = 0; i < count; i++) {
        const struct codec *codec = codec_by_name(names[i], strlen(names[i]));
        if ((accepted & bit_of(codec->name, strlen(codec->name))) && (codec->alpha || !alpha))
            return codec;
    }
    const char *safe = animated ? "gif" : alpha ? "png" : "jpeg";
    return codec_by_name(safe, strlen(safe));
}

int codec_sniff(const struct source *source, const struct codec **ret_codec, struct fault *fault)
{
    for (size_t i = 0; i < CODEC_COUNT; i++) {
        if (CODECS[i].sniff(source)) {
            *ret_codec = &CODECS[i];
            return 0;
        }
    }
    for (size_t i = 0; i < sizeof(REFUSED) / sizeof(REFUSED[0]); i++) {
        if (REFUSED[i].sniff(source))
            return fault_set(fault, FAULT_UNSUPPORTED, "%s", REFUSED[i].message);
    }
    return fault_set(fault, FAULT_UNSUPPORTED,
                     "The file is none of JPEG, PNG, WebP, AVIF, HEIF, GIF, TIFF, BMP.");
}

/* --- Limits ------------------------------------------------------------------------------------*/

int codec_read_header(const struct codec *codec, const struct source *source,
                      struct image_header *ret_header, struct fault *fault)
{
    struct image_header header = {.orientation = 1, .frames = 1, .depth = 8, .channels = 3};
    if (codec->header(source, &header, fault) != 0)
        return -1;
    if (header.width == 0 || header.height == 0)
        return fault_set(fault, FAULT_INVALID, "The picture has no pixels.");
    if (header.width > IMAGE_MAX_INPUT_SIDE || header.height > IMAGE_MAX_INPUT_SIDE)
        return fault_set(fault, FAULT_TOO_LARGE, "The picture is %u × %u; a side has at most %d.",
                         header.width, header.height, IMAGE_MAX_INPUT_SIDE);
    /* One frame; of an animation they are summed as they come. */
    if ((uint64_t)header.width * header.height > IMAGE_MAX_PIXELS)
        return fault_set(fault, FAULT_TOO_LARGE,
                         "The picture has %u × %u pixels; at most %d in all are accepted.",
                         header.width, header.height, IMAGE_MAX_PIXELS);
    *ret_header = header;
    return 0;
}

int sink_pixmap(struct row_sink *sink, const struct pixmap *pixmap, double scale_x, double scale_y,
                struct fault *fault)
{
    const struct raster raster = {pixmap->width, pixmap->height, pixmap->channels,
                                  scale_x,       scale_y,        pixmap->depth};
    if (sink->begin(sink, &raster, fault) != 0)
        return -1;
    for (uint32_t y = 0; y < pixmap->height; y++) {
        if (sink->row(sink, pixmap_row(pixmap, y), y, fault) != 0)
            return -1;
    }
    return 0;
}
