/*
 * JPEG, with libjpeg-turbo: Huffman tables made for the picture, progressive if asked for.
 */
#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h>

#include "codec.h"

struct encoder {
    struct jpeg_compress_struct lib;
    struct jpeg_error_mgr errors;
    struct jpeg_destination_mgr destination;
    jmp_buf escape;
    struct byte_sink *sink;
    struct fault *fault;
    uint8_t buffer[32768];
};

static struct encoder *encoder_of(j_common_ptr lib)
{
    return lib->client_data;
}

static _Noreturn void on_error(j_common_ptr lib)
{
    struct encoder *self = encoder_of(lib);
    char text[JMSG_LENGTH_MAX];
    lib->err->format_message(lib, text);
    fault_set(self->fault, FAULT_ENCODE, "The JPEG can't be made: %.180s.", text);
    longjmp(self->escape, 1);
}

static void on_message(j_common_ptr lib, int level)
{
    (void)lib;
    (void)level;
}

static void flush(struct encoder *self, size_t len)
{
    if (self->sink->write(self->sink, self->buffer, len, self->fault) != 0)
        longjmp(self->escape, 1);
    self->destination.next_output_byte = self->buffer;
    self->destination.free_in_buffer = sizeof(self->buffer);
}

static void on_begin(j_compress_ptr lib)
{
    struct encoder *self = encoder_of((j_common_ptr)lib);
    self->destination.next_output_byte = self->buffer;
    self->destination.free_in_buffer = sizeof(self->buffer);
}

static boolean on_full(j_compress_ptr lib)
{
    struct encoder *self = encoder_of((j_common_ptr)lib);
    flush(self, sizeof(self->buffer));
    return TRUE;
}

static void on_end(j_compress_ptr lib)
{
    struct encoder *self = encoder_of((j_common_ptr)lib);
    flush(self, sizeof(self->buffer) - self->destination.free_in_buffer);
}

static void configure(struct encoder *self, const struct pixmap *pixmap,
                      const struct encode_options *options)
{
    self->lib.image_width = pixmap->width;
    self->lib.image_height = pixmap->height;
    self->lib.input_components = 3;
    self->lib.in_color_space = JCS_RGB;
    jpeg_set_defaults(&self->lib);
    jpeg_set_quality(&self->lib, options->quality, TRUE);
    static const int SAMPLING[][2] = {
        [CHROMA_420] = {2, 2}, [CHROMA_422] = {2, 1}, [CHROMA_444] = {1, 1}};
    self->lib.comp_info[0].h_samp_factor = SAMPLING[options->chroma][0];
    self->lib.comp_info[0].v_samp_factor = SAMPLING[options->chroma][1];
    self->lib.optimize_coding = TRUE;
    if (options->progressive)
        jpeg_simple_progression(&self->lib);
}

/* EXIF 2.32, 4.7.2: an APP1 marker right behind the start. */
static void write_exif(struct encoder *self, const struct blob *exif)
{
    static const char NAME[] = "Exif\0"; /* and the literal's own zero */
    size_t len = exif->len + sizeof(NAME);
    if (exif->len == 0 || len > 65533)
        return;
    jpeg_write_m_header(&self->lib, JPEG_APP0 + 1, (unsigned)len);
    for (size_t i = 0; i < sizeof(NAME); i++)
        jpeg_write_m_byte(&self->lib, NAME[i]);
    for (size_t i = 0; i < exif->len; i++)
        jpeg_write_m_byte(&self->lib, exif->data[i]);
}

static int encode(struct encoder *self, const struct pixmap *pixmap,
                  const struct encode_options *options)
{
    if (setjmp(self->escape))
        return -1;
    jpeg_create_compress(&self->lib);
    self->lib.client_data = self;
    self->lib.dest = &self->destination;
    configure(self, pixmap, options);
    jpeg_start_compress(&self->lib, TRUE);
    write_exif(self, &options->exif);
    while (self->lib.next_scanline < self->lib.image_height) {
        uint8_t *row = pixmap_row(pixmap, self->lib.next_scanline);
        jpeg_write_scanlines(&self->lib, &row, 1);
    }
    jpeg_finish_compress(&self->lib);
    return 0;
}

int jpeg_encode(const struct pixmap *pixmap, const struct encode_options *options,
                struct byte_sink *sink, struct fault *fault)
{
    struct encoder self = {.sink = sink, .fault = fault};
    self.lib.err = jpeg_std_error(&self.errors);
    self.lib.client_data = &self;
    self.errors.error_exit = on_error;
    self.errors.emit_message = on_message;
    self.destination.init_destination = on_begin;
    self.destination.empty_output_buffer = on_full;
    self.destination.term_destination = on_end;
    int result = encode(&self, pixmap, options);
    jpeg_destroy_compress(&self.lib);
    return result;
}
