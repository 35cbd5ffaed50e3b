/*
 * libFuzzer over the image connector, one program for each decoder (FUZZ_FORMAT): any bytes as the
 * file. The last byte picks what is asked for.
 *
 *     cmake --preset fuzz && ninja -C build-fuzz fuzz_image_gif
 *     ./build-fuzz/connectors/image/fuzz_image_gif -max_len=65536 -rss_limit_mb=4096 CORPUS/
 *
 * Files of other formats are turned away, and those that claim many pixels: they only take time.
 */
#include <stdlib.h>
#include <string.h>

#include "connectors/image/codec.h"
#include "tests/unit/image/host.h"

enum { MAX_PIXELS = 300 * 1000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const INPUTS[] = {
    "{\"width\":20,\"height\":20,\"format\":\"png\",\"metadata\":\"keep\"}",
    "{\"format\":\"png\",\"depth\":16,\"palette\":true,\"metadata\":\"copyright\"}",
    "{\"rotate\":33,\"width\":16,\"format\":\"jpeg\",\"trim\":true,\"sharpen\":true,\"median\":3}",
    "{\"fit\":\"contain\",\"outputs\":[{\"height\":7,\"format\":\"jpeg\"},"
    "{\"width\":9,\"height\":30,\"format\":\"webp\"}]}",
    "{\"animated\":true,\"format\":\"gif\",\"width\":30,\"normalise\":true,\"modulate\":{\"hue\":"
    "90}}",
    "{\"animated\":true,\"format\":\"gif\"}",
    "{\"page\":2,\"format\":\"gif\",\"colours\":7,\"extend\":3,\"round\":true}",
    "{\"width\":24,\"height\":8,\"position\":\"attention\",\"blur\":9,\"format\":\"jpeg\"}",
};
enum { INPUT_COUNT = sizeof(INPUTS) / sizeof(INPUTS[0]) };

static int take_raster(struct row_sink *self, const struct raster *raster, struct fault *fault)
{
    (void)self;
    (void)fault;
    return raster->channels == 3 || raster->channels == 4 ? 0 : -1;
}

static int take_row(struct row_sink *self, const uint8_t *pixels, uint32_t y, struct fault *fault)
{
    (void)self;
    (void)y;
    (void)fault;
    return pixels ? 0 : -1;
}

/* Decodes from memory of the exact size, so that reading one byte too many is seen, which a mapped
 * file would hide. False if the picture is large or no picture. */
static bool decode(const uint8_t *data, size_t size, double reduction)
{
    const struct source source = {data, size};
    const struct codec *codec;
    struct image_header header;
    struct fault fault = {0};
    if (codec_sniff(&source, &codec, &fault) != 0 || strcmp(codec->name, FUZZ_FORMAT) != 0 ||
        codec_read_header(codec, &source, &header, &fault) != 0 ||
        (uint64_t)header.width * header.height * header.frames > MAX_PIXELS)
        return false;
    struct row_sink sink = {take_raster, take_row};
    const struct decode_request request = {reduction, header.depth == 16};
    codec->decode(&source, &header, &request, &sink, &fault);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct test_host host;
    if (!host.connector)
        test_host_init_with(&host, hub_connector_entry(HUB_ABI));
    if (size < 2)
        return 0;
    uint8_t choice = data[--size];
    uint8_t *file = malloc(size);
    memcpy(file, data, size);
    if (decode(file, size, 1 + choice / 8)) {
        test_host_run(&host, "transform", INPUTS[choice % INPUT_COUNT], file, size);
        if (host.completions != 1)
            abort();
        test_host_run(&host, "info", "{\"details\":true}", file, size);
        if (host.completions != 1)
            abort();
    }
    free(file);
    return 0;
}
