/*
 * JPEG, with libjpeg-turbo. The library reduces by 2, 4 or 8 while it decodes, at a fraction of the
 * cost of decoding all of it.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>

#include <jerror.h>

#include "codec.h"
#include "colours.h"
#include "exif.h"
#include "limits.h"

struct decoder {
    struct jpeg_decompress_struct lib;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr watch;
    jmp_buf escape;
    struct fault *fault;
    uint8_t *row;
    uint8_t *inks;   /* CMYK with a profile: a row as it is stored */
    struct ink *ink; /* … and what that looks like */
};

static struct decoder *decoder_of(j_common_ptr lib)
{
    return lib->client_data;
}

static enum fault_kind kind_of(int code)
{
    switch (code) {
    case JERR_OUT_OF_MEMORY:
        return FAULT_MEMORY;
    case JERR_BAD_PRECISION:
    case JERR_SOF_UNSUPPORTED:
    case JERR_NOT_COMPILED:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_ARITH_NOTIMPL:
        return FAULT_UNSUPPORTED;
    case JERR_IMAGE_TOO_BIG:
        return FAULT_TOO_LARGE;
    default:
        return FAULT_INVALID;
    }
}

static _Noreturn void on_error(j_common_ptr lib)
{
    struct decoder *self = decoder_of(lib);
    char text[JMSG_LENGTH_MAX];
    lib->err->format_message(lib, text);
    fault_set(self->fault, kind_of(lib->err->msg_code), "The JPEG can't be decoded: %.180s.", text);
    longjmp(self->escape, 1);
}

/* What libjpeg calls a warning is data that it has made up: a grey half. Only what happens to
 * pictures that are whole is let pass. */
static bool harmless(j_common_ptr lib)
{
    const struct jpeg_error_mgr *errors = lib->err;
    if (errors->msg_code == JWRN_ADOBE_XFORM)
        return true;
    return errors->msg_code == JWRN_EXTRANEOUS_DATA && errors->msg_parm.i[1] == JPEG_EOI;
}

static void on_message(j_common_ptr lib, int level)
{
    if (level < 0 && !harmless(lib))
        on_error(lib);
}

/* Called by the library as it goes: a small file can have thousands of scans. */
static void on_progress(j_common_ptr lib)
{
    struct decoder *self = decoder_of(lib);
    if (self->lib.input_scan_number <= IMAGE_MAX_JPEG_SCANS)
        return;
    fault_set(self->fault, FAULT_INVALID, "The JPEG has more than %d scans.", IMAGE_MAX_JPEG_SCANS);
    longjmp(self->escape, 1);
}

/* Begins to read; errors from here on end in `escape`, which the caller sets first. */
static void decoder_open(struct decoder *self, const struct source *source)
{
    jpeg_create_decompress(&self->lib);
    self->lib.client_data = self;
    self->watch.progress_monitor = on_progress;
    self->lib.progress = &self->watch;
    jpeg_mem_src(&self->lib, source->data, source->len);
}

static void decoder_prepare(struct decoder *self, struct fault *fault)
{
    *self = (struct decoder){.fault = fault};
    self->lib.err = jpeg_std_error(&self->errors);
    self->lib.client_data = self;
    self->errors.error_exit = on_error;
    self->errors.emit_message = on_message;
}

static void decoder_release(struct decoder *self)
{
    jpeg_destroy_decompress(&self->lib);
    ink_free(self->ink);
    free(self->inks);
    free(self->row);
}

/* --- Header ------------------------------------------------------------------------------------*/

static void read_markers(const struct decoder *self, struct image_header *header)
{
    bool exif = false; /* the first one counts */
    for (jpeg_saved_marker_ptr marker = self->lib.marker_list; marker; marker = marker->next) {
        if (!exif && marker->marker == JPEG_APP0 + 1 && marker->data_length > 6 &&
            memcmp(marker->data, "Exif\0\0", 6) == 0) {
            exif = header->has_exif = true;
            header->orientation = exif_orientation(marker->data, marker->data_length);
        }
        if (marker->marker == JPEG_APP0 + 2 && marker->data_length > 14 &&
            memcmp(marker->data, "ICC_PROFILE", 12) == 0)
            header->has_icc = true;
    }
}

int jpeg_header(const struct source *source, struct image_header *ret_header, struct fault *fault)
{
    struct decoder self;
    decoder_prepare(&self, fault);
    if (setjmp(self.escape)) {
        decoder_release(&self);
        return -1;
    }
    decoder_open(&self, source);
    jpeg_save_markers(&self.lib, JPEG_APP0 + 1, 0xffff);
    jpeg_save_markers(&self.lib, JPEG_APP0 + 2, 0xffff);
    jpeg_read_header(&self.lib, TRUE);
    ret_header->width = self.lib.image_width;
    ret_header->height = self.lib.image_height;
    ret_header->channels = (uint32_t)self.lib.num_components;
    ret_header->depth = (uint32_t)self.lib.data_precision;
    ret_header->progressive = self.lib.progressive_mode;
    ret_header->grey = self.lib.num_components == 1;
    ret_header->cmyk = self.lib.num_components == 4;
    read_markers(&self, ret_header);
    decoder_release(&self);
    return 0;
}

/* --- Metadata ----------------------------------------------------------------------------------*/

static int copy_icc(struct decoder *self, struct blob *ret_blob)
{
    JOCTET *icc;
    unsigned len;
    if (!jpeg_read_icc_profile(&self->lib, &icc, &len))
        return 0;
    int result = blob_copy(ret_blob, icc, len, self->fault);
    free(icc);
    return result;
}

static int copy_exif(struct decoder *self, struct blob *ret_blob)
{
    for (jpeg_saved_marker_ptr at = self->lib.marker_list; at; at = at->next) {
        if (at->marker == JPEG_APP0 + 1 && at->data_length > 6 &&
            memcmp(at->data, "Exif\0\0", 6) == 0)
            return blob_copy(ret_blob, at->data + 6, at->data_length - 6, self->fault);
    }
    return 0;
}

int jpeg_blob(const struct source *source, enum blob_kind kind, struct blob *ret_blob,
              struct fault *fault)
{
    struct decoder self;
    decoder_prepare(&self, fault);
    if (setjmp(self.escape)) {
        decoder_release(&self);
        return -1;
    }
    decoder_open(&self, source);
    jpeg_save_markers(&self.lib, JPEG_APP0 + (kind == BLOB_ICC ? 2 : 1), 0xffff);
    jpeg_read_header(&self.lib, TRUE);
    int result = kind == BLOB_ICC ? copy_icc(&self, ret_blob) : copy_exif(&self, ret_blob);
    decoder_release(&self);
    return result;
}

/* --- Pixels ------------------------------------------------------------------------------------*/

/* Adobe's CMYK, as all of it in JPEG is, counts the light that is left, not the ink. What to do
 * without a profile. */
static void cmyk_to_rgb(uint8_t *row, uint32_t width)
{
    const uint8_t *from = row;
    uint8_t *to = row;
    for (uint32_t x = 0; x < width; x++, from += 4, to += 3) {
        uint32_t key = from[3];
        to[0] = (uint8_t)((from[0] * key + 127) / 255);
        to[1] = (uint8_t)((from[1] * key + 127) / 255);
        to[2] = (uint8_t)((from[2] * key + 127) / 255);
    }
}

static unsigned reduce_by(double reduction)
{
    unsigned by = 8;
    while (by > 1 && by > reduction)
        by /= 2;
    return by;
}

static int decode_rows(struct decoder *self, struct row_sink *sink)
{
    bool cmyk = self->lib.out_color_space == JCS_CMYK;
    while (self->lib.output_scanline < self->lib.output_height) {
        uint32_t y = self->lib.output_scanline;
        jpeg_read_scanlines(&self->lib, &self->row, 1);
        if (self->ink) {
            memcpy(self->inks, self->row, (size_t)self->lib.output_width * 4);
            ink_row(self->ink, self->inks, self->row, self->lib.output_width);
        } else if (cmyk) {
            cmyk_to_rgb(self->row, self->lib.output_width);
        }
        if (sink->row(sink, self->row, y, self->fault) != 0)
            return -1;
    }
    jpeg_finish_decompress(&self->lib);
    return 0;
}

static int prepare_ink(struct decoder *self)
{
    struct blob icc = {0};
    if (copy_icc(self, &icc) != 0)
        return -1;
    self->ink = icc.len > 0 ? ink_new(&icc, true) : NULL;
    free(icc.data);
    self->inks = malloc((size_t)self->lib.output_width * 4);
    return self->inks ? 0 : fault_memory(self->fault);
}

static int decode(struct decoder *self, const struct source *source, double reduction,
                  struct row_sink *sink)
{
    if (setjmp(self->escape))
        return -1;
    decoder_open(self, source);
    jpeg_save_markers(&self->lib, JPEG_APP0 + 2, 0xffff);
    jpeg_read_header(&self->lib, TRUE);
    bool cmyk = self->lib.jpeg_color_space == JCS_CMYK || self->lib.jpeg_color_space == JCS_YCCK;
    unsigned by = reduce_by(reduction);
    self->lib.out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
    self->lib.scale_num = 1;
    self->lib.scale_denom = by;
    jpeg_start_decompress(&self->lib);
    const struct raster raster = {
        self->lib.output_width, self->lib.output_height, 3, 1.0 / by, 1.0 / by, 8};
    if (cmyk && prepare_ink(self) != 0)
        return -1;
    self->row = malloc((size_t)raster.width * (size_t)self->lib.output_components);
    if (!self->row)
        return fault_memory(self->fault);
    if (sink->begin(sink, &raster, self->fault) != 0)
        return -1;
    return decode_rows(self, sink);
}

int jpeg_decode(const struct source *source, const struct image_header *header,
                const struct decode_request *request, struct row_sink *sink, struct fault *fault)
{
    (void)header;
    struct decoder self;
    decoder_prepare(&self, fault);
    int result = decode(&self, source, request->reduction, sink);
    decoder_release(&self);
    return result;
}
