#include "codec.h"

#include <string.h>

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

/* --- What it is instead ------------------------------------------------------------------------*/

static bool sniff_heif(const struct source *source)
{
    return has_brand(source, "heic") || has_brand(source, "heix") || has_brand(source, "mif1");
}

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
    {sniff_heif, "HEIF pictures coded with HEVC are not supported yet. AVIF is."},
};

/* --- The table ---------------------------------------------------------------------------------*/

static const struct codec CODECS[] = {
    {"jpeg", "jpg", "image/jpeg", false, sniff_jpeg, jpeg_header, jpeg_decode, jpeg_encode},
    {"png", "png", "image/png", true, sniff_png, png_header, png_decode, png_encode},
    {"webp", "webp", "image/webp", true, sniff_webp, webp_header, webp_decode, webp_encode},
    {"avif", "avif", "image/avif", true, sniff_avif, avif_header, avif_decode, avif_encode},
    {"gif", "gif", "image/gif", true, sniff_gif, gif_header, gif_decode, gif_encode},
    {"tiff", "tiff", "image/tiff", true, sniff_tiff, tiff_header, tiff_decode, NULL},
    {"bmp", "bmp", "image/bmp", false, sniff_bmp, bmp_header, bmp_decode, NULL},
};

const struct codec *codec_by_name(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof(CODECS) / sizeof(CODECS[0]); i++) {
        if (strlen(CODECS[i].name) == len && memcmp(CODECS[i].name, name, len) == 0)
            return &CODECS[i];
    }
    return NULL;
}

int codec_sniff(const struct source *source, const struct codec **ret_codec, struct fault *fault)
{
    for (size_t i = 0; i < sizeof(CODECS) / sizeof(CODECS[0]); i++) {
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
                     "The file is none of JPEG, PNG, WebP, AVIF, GIF, TIFF, BMP.");
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
    /* One frame, because one frame is decoded. */
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
    const struct raster raster = {pixmap->width, pixmap->height, pixmap->channels, scale_x,
                                  scale_y};
    if (sink->begin(sink, &raster, fault) != 0)
        return -1;
    for (uint32_t y = 0; y < pixmap->height; y++) {
        if (sink->row(sink, pixmap_row(pixmap, y), y, fault) != 0)
            return -1;
    }
    return 0;
}
