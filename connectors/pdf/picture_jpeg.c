/*
 * JPEG (ITU-T T.81): the markers up to the frame header tell what a PDF must know.
 */
#include "picture_kinds.h"

#include "connectors/image/exif.h"

#include <string.h>

struct frame {
    uint32_t width, height, components;
    bool adobe;      /* Adobe's marker: CMYK is inverted then */
    int orientation; /* EXIF's, 1 to 8 */
};

static uint32_t be16(const unsigned char *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static bool is_frame_header(unsigned marker)
{
    return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

/* What a marker's segment of `len` bytes at `at` tells. NULL, or what is wrong. */
static const char *read_segment(const unsigned char *at, uint32_t len, unsigned marker,
                                struct frame *frame)
{
    if (marker == 0xEE && len >= 14) {
        frame->adobe = true;
    }
    if (marker == 0xE1 && len >= 8 && memcmp(at + 2, "Exif\0\0", 6) == 0) {
        frame->orientation = exif_orientation(at + 2, len - 2);
    }
    if (!is_frame_header(marker) || len < 8) {
        return NULL;
    }
    if (marker != 0xC0 && marker != 0xC1 && marker != 0xC2) {
        return "the JPEG is of a kind that PDF does not know";
    }
    frame->height = be16(at + 3);
    frame->width = be16(at + 5);
    frame->components = at[7];
    return at[2] == 8 ? NULL : "the JPEG does not have 8 bits a sample";
}

/* The next marker after the compressed data at `at`: stuffed zeros and restarts belong to it. */
static size_t skip_scan(struct str file, size_t at)
{
    const unsigned char *data = (const unsigned char *)file.ptr;
    while (at + 2 <= file.len) {
        const unsigned char *found = memchr(data + at, 0xFF, file.len - at - 1);
        if (!found) {
            return file.len;
        }
        if (found[1] != 0 && found[1] != 0xFF && (found[1] & 0xF8) != 0xD0) {
            return (size_t)(found - data);
        }
        at = (size_t)(found - data) + (found[1] == 0xFF ? 1 : 2);
    }
    return file.len;
}

/* Walks from marker to marker up to the end of the image: what goes into a document as it is must
 * be whole. NULL, or what is wrong. */
static const char *read_frame(struct str file, struct frame *frame)
{
    const unsigned char *data = (const unsigned char *)file.ptr;
    size_t at = 2;
    bool has_scan = false;
    while (at + 2 <= file.len) {
        unsigned marker = data[at + 1];
        if (data[at] != 0xFF) {
            return "the JPEG is damaged";
        }
        if (marker == 0xD9) {
            return has_scan ? NULL : "the JPEG has no picture in it";
        }
        if (marker == 0xFF) { /* fill bytes (B.1.1.2) */
            at++;
            continue;
        }
        uint32_t len = at + 4 <= file.len ? be16(data + at + 2) : 0;
        if (len < 2 || len > file.len - at - 2) {
            break;
        }
        const char *wrong = read_segment(data + at + 2, len, marker, frame);
        if (wrong) {
            return wrong;
        }
        at += 2 + len;
        if (marker == 0xDA) {
            has_scan = true;
            at = skip_scan(file, at);
        }
    }
    return "the JPEG is cut off";
}

int picture_read_jpeg(struct str file, struct picture *picture, struct hub_error *error)
{
    static const char *const SPACES[] = {NULL, "/DeviceGray", NULL, "/DeviceRGB", "/DeviceCMYK"};
    struct frame frame = {.orientation = 1};
    const char *wrong = read_frame(file, &frame);
    if (!wrong && (frame.components > 4 || !SPACES[frame.components])) {
        wrong = "the JPEG has neither 1, 3 nor 4 components";
    }
    if (wrong) {
        return hub_fail(error, HUB_ERR_UNSUPPORTED_FORMAT, "%s", wrong);
    }
    int err = picture_check_size(frame.width, frame.height, error);
    if (err < 0) {
        return err;
    }
    bool lies = frame.orientation >= 5; /* on its side */
    picture->orientation = frame.orientation;
    picture->width = lies ? frame.height : frame.width;
    picture->height = lies ? frame.width : frame.height;
    struct buf entries, data;
    buf_init(&entries, BUF_NO_LIMIT);
    buf_init(&data, BUF_NO_LIMIT);
    buf_append_format(&entries,
                      "/Type/XObject/Subtype/Image/Width %u/Height %u/BitsPerComponent 8"
                      "/ColorSpace%s/Filter/DCTDecode%s",
                      frame.width, frame.height, SPACES[frame.components],
                      frame.components == 4 && frame.adobe ? "/Decode[1 0 1 0 1 0 1 0]" : "");
    buf_append_str(&data, file);
    err = picture_part_set(&picture->color, &entries, &data, error);
    buf_release(&entries);
    buf_release(&data);
    return err;
}
