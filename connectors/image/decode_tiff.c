/*
 * TIFF, with libtiff. Not through libgd, which passes over the errors of libtiff and shows what was
 * never in the file.
 */
#include <stdlib.h>
#include <tiffio.h>

#include "codec.h"
#include "exif.h"
#include "limits.h"

/* --- Header ------------------------------------------------------------------------------------*/

enum {
    TIFF_WIDTH = 256,
    TIFF_HEIGHT = 257,
    TIFF_BITS = 258,
    TIFF_PHOTOMETRIC = 262,
    TIFF_SAMPLES = 277,
    TIFF_EXTRA_SAMPLES = 338,
    TIFF_ICC = 34675,
    TIFF_MAX_PAGES = 10000, /* directories can form a ring */
};

/* The file as a block that begins with the directory of the page that is meant. */
static int open_page(const struct source *source, struct tiff_block *ret_block, uint32_t *ret_pages,
                     struct fault *fault)
{
    struct tiff_block block;
    if (!tiff_block_init(&block, source->data, source->len))
        return fault_set(fault, FAULT_INVALID, "The TIFF is cut short.");
    uint32_t pages = 0, wanted = 0;
    for (uint32_t page = block.first; page != 0 && pages < TIFF_MAX_PAGES;
         page = tiff_block_next(&block, page)) {
        if (pages++ == source->page)
            wanted = page;
    }
    if (source->page > 0 && source->page >= pages)
        return fault_set(fault, FAULT_INVALID, "There is no page %u: the TIFF has %u.",
                         source->page, pages);
    block.first = wanted;
    *ret_block = block;
    *ret_pages = pages ? pages : 1;
    return 0;
}

int tiff_header(const struct source *source, struct image_header *ret_header, struct fault *fault)
{
    struct tiff_block block;
    if (open_page(source, &block, &ret_header->frames, fault) != 0)
        return -1;
    uint32_t page = block.first;
    ret_header->width = tiff_block_number(&block, page, TIFF_WIDTH, 0);
    ret_header->height = tiff_block_number(&block, page, TIFF_HEIGHT, 0);
    ret_header->depth = tiff_block_number(&block, page, TIFF_BITS, 1);
    ret_header->channels = tiff_block_number(&block, page, TIFF_SAMPLES, 1);
    ret_header->has_alpha = tiff_block_has(&block, page, TIFF_EXTRA_SAMPLES);
    ret_header->has_icc = tiff_block_has(&block, page, TIFF_ICC);
    ret_header->has_exif = true;
    uint32_t photometric = tiff_block_number(&block, page, TIFF_PHOTOMETRIC, PHOTOMETRIC_RGB);
    ret_header->grey =
        photometric == PHOTOMETRIC_MINISBLACK || photometric == PHOTOMETRIC_MINISWHITE;
    ret_header->cmyk = photometric == PHOTOMETRIC_SEPARATED;
    uint32_t orientation = tiff_block_number(&block, page, TIFF_ORIENTATION, 1);
    ret_header->orientation = orientation >= 1 && orientation <= 8 ? (int)orientation : 1;
    if (ret_header->width == 0 || ret_header->height == 0)
        return fault_set(fault, FAULT_INVALID, "The TIFF has no readable directory.");
    return 0;
}

/* --- The file, for libtiff
 * ----------------------------------------------------------------------*/

struct reader {
    const struct source *source;
    size_t at;
    bool failed;
};

static tmsize_t on_read(thandle_t handle, void *to, tmsize_t len)
{
    struct reader *self = handle;
    size_t left = self->at < self->source->len ? self->source->len - self->at : 0;
    size_t part = (size_t)len < left ? (size_t)len : left;
    memcpy(to, self->source->data + (left ? self->at : 0), part);
    self->at += part;
    return (tmsize_t)part;
}

static tmsize_t on_write(thandle_t handle, void *from, tmsize_t len)
{
    (void)handle;
    (void)from;
    (void)len;
    return -1;
}

static toff_t on_seek(thandle_t handle, toff_t offset, int whence)
{
    struct reader *self = handle;
    size_t base = whence == SEEK_CUR ? self->at : whence == SEEK_END ? self->source->len : 0;
    self->at = base + (size_t)offset;
    return self->at;
}

static int on_close(thandle_t handle)
{
    (void)handle;
    return 0;
}

static toff_t on_size(thandle_t handle)
{
    const struct reader *self = handle;
    return self->source->len;
}

static int on_error(TIFF *lib, void *context, const char *module, const char *format, va_list args)
{
    (void)lib;
    (void)module;
    (void)format;
    (void)args;
    struct reader *self = context;
    self->failed = true;
    return 1;
}

static int on_warning(TIFF *lib, void *context, const char *module, const char *format,
                      va_list args)
{
    (void)lib;
    (void)context;
    (void)module;
    (void)format;
    (void)args;
    return 1;
}

static TIFF *open_tiff(struct reader *reader)
{
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (!options)
        return NULL;
    TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, reader);
    TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, reader);
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, (tmsize_t)IMAGE_MAX_PIXELS * 8);
    TIFF *lib = TIFFClientOpenExt("image", "rm", reader, on_read, on_write, on_seek, on_close,
                                  on_size, NULL, NULL, options);
    TIFFOpenOptionsFree(options);
    return lib;
}

/* --- Pixels ------------------------------------------------------------------------------------*/

/* From libtiff's ABGR words, whose colours are multiplied by alpha, to bytes. */
static void convert(struct pixmap *pixmap, const uint32_t *from)
{
    size_t count = (size_t)pixmap->width * pixmap->height;
    uint8_t *to = pixmap->data;
    for (size_t i = 0; i < count; i++, to += pixmap->channels) {
        uint32_t colour[3] = {TIFFGetR(from[i]), TIFFGetG(from[i]), TIFFGetB(from[i])};
        uint32_t alpha = TIFFGetA(from[i]);
        for (int c = 0; c < 3; c++) {
            uint32_t full = alpha ? (colour[c] * 255 + alpha / 2) / alpha : 0;
            to[c] = (uint8_t)(pixmap->channels == 3 ? colour[c] : full < 255 ? full : 255);
        }
        if (pixmap->channels == 4)
            to[3] = (uint8_t)alpha;
    }
}

/* Reads the picture as it is stored: what its orientation says is the plan's business. */
static bool read_pixels(TIFF *lib, uint32_t *pixels, const struct image_header *header)
{
    TIFFRGBAImage image;
    char text[1024];
    if (!TIFFRGBAImageOK(lib, text) || !TIFFRGBAImageBegin(&image, lib, 1, text))
        return false;
    bool fits = image.width == header->width && image.height == header->height;
    image.orientation = image.req_orientation = ORIENTATION_TOPLEFT;
    bool read = fits && TIFFRGBAImageGet(&image, pixels, image.width, image.height);
    TIFFRGBAImageEnd(&image);
    return read;
}

int tiff_decode(const struct source *source, const struct image_header *header,
                const struct decode_request *request, struct row_sink *sink, struct fault *fault)
{
    (void)request;
    int result = -1;
    struct pixmap pixmap = {0};
    struct reader reader = {.source = source};
    uint32_t *words = malloc((size_t)header->width * header->height * sizeof(*words));
    TIFF *lib = open_tiff(&reader);
    if (!words) {
        fault_memory(fault);
        goto out;
    }
    if (!lib || (source->page > 0 && !TIFFSetDirectory(lib, (tdir_t)source->page)) ||
        !read_pixels(lib, words, header) || reader.failed) {
        fault_set(fault, FAULT_INVALID,
                  "The TIFF can't be decoded: it is damaged, or of a rare "
                  "kind.");
        goto out;
    }
    if (pixmap_init(&pixmap, header->width, header->height, header->has_alpha ? 4 : 3, fault) != 0)
        goto out;
    convert(&pixmap, words);
    result = sink_pixmap(sink, &pixmap, 1, 1, fault);
out:
    if (lib)
        TIFFClose(lib);
    free(words);
    pixmap_release(&pixmap);
    return result;
}

int tiff_blob(const struct source *source, enum blob_kind kind, struct blob *ret_blob,
              struct fault *fault)
{
    struct tiff_block block;
    uint32_t pages;
    if (open_page(source, &block, &pages, fault) != 0)
        return -1;
    if (kind == BLOB_EXIF) /* the file is the block; only its notes are wanted */
        return exif_extract(&block, ret_blob, fault);
    struct source icc;
    if (!tiff_block_bytes(&block, block.first, TIFF_ICC, &icc))
        return 0;
    return blob_copy(ret_blob, icc.data, icc.len, fault);
}
