/*
 * image.info: what the header tells, and, if asked for, what the picture looks like.
 */
#include <stdlib.h>

#include "base/json.h"

#include "colours.h"
#include "exif.h"
#include "image.h"
#include "look.h"
#include "output.h"

static const char *truth(bool value)
{
    return value ? "true" : "false";
}

static void describe(const struct input_file *input, struct buf *json)
{
    const struct image_header *header = &input->header;
    buf_append_format(json,
                      "{\"format\":\"%s\",\"media_type\":\"%s\",\"bytes\":%zu,\"width\":%u,"
                      "\"height\":%u,\"orientation\":%d,\"channels\":%u,\"depth\":%u,",
                      input->codec->name, input->codec->media_type, input->source.len,
                      header->width, header->height, header->orientation, header->channels,
                      header->depth);
    buf_append_format(json, "\"has_alpha\":%s,\"has_icc\":%s,\"progressive\":%s,\"frames\":%u",
                      truth(header->has_alpha), truth(header->has_icc), truth(header->progressive),
                      header->frames);
    if (header->frames > 1 && input->codec->frames)
        buf_append_format(json, ",\"loop\":%u", header->loop);
}

static int describe_icc(const struct input_file *input, struct buf *json, struct fault *fault)
{
    struct blob icc = {0};
    if (!input->header.has_icc || !input->codec->blob)
        return 0;
    if (input->codec->blob(&input->source, BLOB_ICC, &icc, fault) != 0)
        return -1;
    char name[128];
    if (colours_name(&icc, name, sizeof(name))) {
        buf_append_c(json, ",\"icc\":");
        buf_append_json_string(json, str_from_c(name));
    }
    free(icc.data);
    return 0;
}

/* --- EXIF (EXIF 2.32, tables 3 to 15) ----------------------------------------------------------*/

enum exif_where { IN_MAIN, IN_EXIF };
enum exif_type { IS_TEXT, IS_RATIO, IS_NUMBER };

static const struct {
    const char *name;
    uint32_t tag;
    enum exif_where where;
    enum exif_type type;
} EXIF[] = {
    {"description", TIFF_DESCRIPTION, IN_MAIN, IS_TEXT},
    {"make", TIFF_MAKE, IN_MAIN, IS_TEXT},
    {"model", TIFF_MODEL, IN_MAIN, IS_TEXT},
    {"software", TIFF_SOFTWARE, IN_MAIN, IS_TEXT},
    {"date_time", TIFF_DATE_TIME, IN_MAIN, IS_TEXT},
    {"artist", TIFF_ARTIST, IN_MAIN, IS_TEXT},
    {"copyright", TIFF_COPYRIGHT, IN_MAIN, IS_TEXT},
    {"date_time_original", 36867, IN_EXIF, IS_TEXT},
    {"lens_model", 42036, IN_EXIF, IS_TEXT},
    {"exposure_time", 33434, IN_EXIF, IS_RATIO},
    {"f_number", 33437, IN_EXIF, IS_RATIO},
    {"focal_length", 37386, IN_EXIF, IS_RATIO},
    {"iso", 34855, IN_EXIF, IS_NUMBER},
};

static void put_exif(const struct tiff_block *block, size_t row, struct buf *members)
{
    uint32_t offset = EXIF[row].where == IN_MAIN
                          ? block->first
                          : tiff_block_number(block, block->first, TIFF_EXIF_DIRECTORY, 0);
    const char *comma = members->len > 0 ? "," : "";
    char text[512];
    double ratio;
    if (EXIF[row].type == IS_TEXT) {
        if (!tiff_block_text(block, offset, EXIF[row].tag, text, sizeof(text)))
            return;
        buf_append_format(members, "%s\"%s\":", comma, EXIF[row].name);
        buf_append_json_string(members, str_from_c(text));
    } else if (EXIF[row].type == IS_RATIO) {
        if (tiff_block_ratio(block, offset, EXIF[row].tag, 0, &ratio))
            buf_append_format(members, "%s\"%s\":%.6g", comma, EXIF[row].name, ratio);
    } else if (tiff_block_has(block, offset, EXIF[row].tag)) {
        buf_append_format(members, "%s\"%s\":%u", comma, EXIF[row].name,
                          tiff_block_number(block, offset, EXIF[row].tag, 0));
    }
}

/* Degrees, minutes and seconds as degrees; south and west are negative. */
static bool read_angle(const struct tiff_block *block, uint32_t gps, uint32_t reference_tag,
                       double *ret_degrees)
{
    char reference[4];
    double parts[3];
    for (uint32_t i = 0; i < 3; i++) {
        if (!tiff_block_ratio(block, gps, reference_tag + 1, i, &parts[i]))
            return false;
    }
    if (!tiff_block_text(block, gps, reference_tag, reference, sizeof(reference)))
        return false;
    double sign = reference[0] == 'S' || reference[0] == 'W' ? -1 : 1;
    *ret_degrees = sign * (parts[0] + parts[1] / 60 + parts[2] / 3600);
    return *ret_degrees >= -180 && *ret_degrees <= 180;
}

static void put_place(const struct tiff_block *block, struct buf *members)
{
    enum { LATITUDE_REFERENCE = 1, LONGITUDE_REFERENCE = 3 };
    uint32_t gps = tiff_block_number(block, block->first, TIFF_GPS_DIRECTORY, 0);
    double latitude, longitude;
    if (gps > 0 && read_angle(block, gps, LATITUDE_REFERENCE, &latitude) &&
        read_angle(block, gps, LONGITUDE_REFERENCE, &longitude))
        buf_append_format(members, "%s\"latitude\":%.6f,\"longitude\":%.6f",
                          members->len > 0 ? "," : "", latitude, longitude);
}

static int describe_exif(const struct input_file *input, struct buf *json, struct fault *fault)
{
    struct blob exif = {0};
    if (!input->header.has_exif || !input->codec->blob)
        return 0;
    if (input->codec->blob(&input->source, BLOB_EXIF, &exif, fault) != 0)
        return -1;
    struct tiff_block block;
    struct buf members;
    buf_init(&members, BUF_NO_LIMIT);
    if (tiff_block_init(&block, exif.data, exif.len)) {
        for (size_t i = 0; i < sizeof(EXIF) / sizeof(EXIF[0]); i++)
            put_exif(&block, i, &members);
        put_place(&block, &members);
    }
    if (members.len > 0)
        buf_append_format(json, ",\"exif\":{%.*s}", (int)members.len, members.ptr);
    int result = buf_failed(&members) ? fault_memory(fault) : 0;
    buf_release(&members);
    free(exif.data);
    return result;
}

/* --- Looks -------------------------------------------------------------------------------------*/

static int describe_looks(const struct input_file *input, struct buf *json, struct fault *fault)
{
    struct output_options *options = malloc(sizeof(*options));
    if (!options)
        return fault_memory(fault);
    output_options_init(options);
    options->head.width = options->head.height = LOOK_SIDE;
    options->head.fit = FIT_INSIDE;
    struct pixmap small;
    int result = input_read(input, options, &small, fault);
    free(options);
    if (result != 0)
        return -1;
    pixmap_flatten(&small, (struct colour){255, 255, 255, 255});
    char blurhash[BLURHASH_CHARACTERS + 1];
    uint64_t hash;
    look_blurhash(&small, blurhash);
    struct colour dominant = look_dominant(&small);
    result = look_hash(&small, &hash, fault);
    pixmap_release(&small);
    buf_append_format(json, ",\"dominant\":\"#%02x%02x%02x\",\"phash\":\"%016llx\",\"blurhash\":",
                      dominant.red, dominant.green, dominant.blue, (unsigned long long)hash);
    buf_append_json_string(json, str_from_c(blurhash));
    return result;
}

int info_run(const hub_host *host, hub_job *job, struct fault *fault)
{
    struct input_file input = {0};
    json_object *root = NULL;
    struct buf json;
    buf_init(&json, BUF_NO_LIMIT);
    bool details = false;
    int result = options_parse(job->input, &root, fault);
    if (result == 0)
        result = input_open(&input, host, job, "/image", 0, fault);
    if (result == 0) {
        json_get_bool(root, "details", &details);
        describe(&input, &json);
        result = describe_icc(&input, &json, fault);
    }
    if (result == 0)
        result = describe_exif(&input, &json, fault);
    if (result == 0 && details)
        result = describe_looks(&input, &json, fault);
    buf_append_char(&json, '}');
    if (result == 0)
        result = output_succeed(host, job, &json, fault);
    buf_release(&json);
    json_object_put(root);
    input_close(&input);
    return result;
}
