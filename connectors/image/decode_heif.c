/*
 * HEIF pictures coded with HEVC, as telephones take them, with libheif (libde265 underneath). Input
 * only.
 */
#include <libheif/heif.h>
#include <stdlib.h>

#include "codec.h"
#include "limits.h"

struct reader {
    struct heif_context *lib;
    struct heif_image_handle *handle;
};

static int failed(struct heif_error error, struct fault *fault)
{
    switch (error.code) {
    case heif_error_Memory_allocation_error:
        return error.subcode == heif_suberror_Security_limit_exceeded
                   ? fault_set(fault, FAULT_TOO_LARGE, "The HEIF is too large.")
                   : fault_memory(fault);
    case heif_error_Unsupported_filetype:
    case heif_error_Unsupported_feature:
        return fault_set(fault, FAULT_UNSUPPORTED, "This kind of HEIF is not supported: %.160s.",
                         error.message);
    default:
        return fault_set(fault, FAULT_INVALID, "The HEIF can't be decoded: %.160s.", error.message);
    }
}

static void reader_close(struct reader *self)
{
    if (self->handle)
        heif_image_handle_release(self->handle);
    if (self->lib)
        heif_context_free(self->lib);
}

static int reader_open(struct reader *self, const struct source *source, struct fault *fault)
{
    *self = (struct reader){.lib = heif_context_alloc()};
    if (!self->lib)
        return fault_memory(fault);
    heif_context_set_maximum_image_size_limit(self->lib, IMAGE_MAX_INPUT_SIDE);
    struct heif_error error =
        heif_context_read_from_memory_without_copy(self->lib, source->data, source->len, NULL);
    if (error.code == heif_error_Ok)
        error = heif_context_get_primary_image_handle(self->lib, &self->handle);
    if (error.code == heif_error_Ok)
        return 0;
    failed(error, fault); /* first: its message is the library's */
    reader_close(self);
    *self = (struct reader){0};
    return -1;
}

static bool has_exif(const struct reader *self, heif_item_id *ret_id)
{
    return heif_image_handle_get_list_of_metadata_block_IDs(self->handle, "Exif", ret_id, 1) > 0;
}

/* Turns and mirrors are properties of the file that the library applies; EXIF only repeats them. */
int heif_header(const struct source *source, struct image_header *ret_header, struct fault *fault)
{
    struct reader self;
    if (reader_open(&self, source, fault) != 0)
        return -1;
    heif_item_id id;
    ret_header->width = (uint32_t)heif_image_handle_get_width(self.handle);
    ret_header->height = (uint32_t)heif_image_handle_get_height(self.handle);
    ret_header->has_alpha = heif_image_handle_has_alpha_channel(self.handle);
    ret_header->channels = ret_header->has_alpha ? 4 : 3;
    int depth = heif_image_handle_get_luma_bits_per_pixel(self.handle);
    ret_header->depth = depth > 0 ? (uint32_t)depth : 8;
    ret_header->has_icc = heif_image_handle_get_raw_color_profile_size(self.handle) > 0;
    ret_header->has_exif = has_exif(&self, &id);
    reader_close(&self);
    return 0;
}

static int deliver(const struct heif_image *image, const struct image_header *header,
                   struct row_sink *sink, struct fault *fault)
{
    int stride;
    const uint8_t *rows = heif_image_get_plane_readonly(image, heif_channel_interleaved, &stride);
    if (!rows || (uint32_t)heif_image_get_width(image, heif_channel_interleaved) != header->width ||
        (uint32_t)heif_image_get_height(image, heif_channel_interleaved) != header->height)
        return fault_set(fault, FAULT_INVALID, "The HEIF's header and its data disagree.");
    const struct raster raster = {
        header->width, header->height, header->has_alpha ? 4 : 3, 1, 1, 8};
    int result = sink->begin(sink, &raster, fault);
    for (uint32_t y = 0; y < header->height && result == 0; y++)
        result = sink->row(sink, rows + (size_t)y * (size_t)stride, y, fault);
    return result;
}

int heif_decode(const struct source *source, const struct image_header *header,
                const struct decode_request *request, struct row_sink *sink, struct fault *fault)
{
    (void)request;
    struct reader self;
    if (reader_open(&self, source, fault) != 0)
        return -1;
    struct heif_image *image = NULL;
    struct heif_error error = heif_decode_image(
        self.handle, &image, heif_colorspace_RGB,
        header->has_alpha ? heif_chroma_interleaved_RGBA : heif_chroma_interleaved_RGB, NULL);
    int result =
        error.code == heif_error_Ok ? deliver(image, header, sink, fault) : failed(error, fault);
    if (image)
        heif_image_release(image);
    reader_close(&self);
    return result;
}

/* Copies a profile, or the EXIF block `id`, of `size` bytes. */
static int read_blob(const struct reader *self, enum blob_kind kind, heif_item_id id, size_t size,
                     struct blob *ret_blob, struct fault *fault)
{
    if (size == 0 || size > IMAGE_MAX_METADATA_BYTES)
        return 0;
    uint8_t *data = malloc(size);
    if (!data)
        return fault_memory(fault);
    struct heif_error error = kind == BLOB_ICC
                                  ? heif_image_handle_get_raw_color_profile(self->handle, data)
                                  : heif_image_handle_get_metadata(self->handle, id, data);
    int result = 0;
    if (error.code == heif_error_Ok) {
        /* EXIF begins with how many bytes there are before the TIFF header. */
        size_t skip = kind == BLOB_EXIF && size > 4 ? 4 + (size_t)read_be32(data) : 0;
        if (skip < size)
            result = blob_copy(ret_blob, data + skip, size - skip, fault);
    }
    free(data);
    return result;
}

int heif_blob(const struct source *source, enum blob_kind kind, struct blob *ret_blob,
              struct fault *fault)
{
    struct reader self;
    if (reader_open(&self, source, fault) != 0)
        return -1;
    heif_item_id id = 0;
    size_t size = 0;
    if (kind == BLOB_ICC)
        size = heif_image_handle_get_raw_color_profile_size(self.handle);
    else if (has_exif(&self, &id))
        size = heif_image_handle_get_metadata_size(self.handle, id);
    int result = read_blob(&self, kind, id, size, ret_blob, fault);
    reader_close(&self);
    return result;
}
