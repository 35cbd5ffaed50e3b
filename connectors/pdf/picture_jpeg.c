/*
 * JPEG (ITU-T T.81): the markers up to the frame header tell what a PDF must know.
 */
#include "picture_kinds.h"

struct frame {
    uint32_t width, height, components;
    bool adobe; /* Adobe's marker: CMYK is inverted then */
};

static uint32_t be16(const unsigned char *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static bool is_frame_header(unsigned marker)
{
    return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

/* Walks from marker to marker. NULL, or what is wrong. */
static const char *find_frame(struct str file, struct frame *ret_frame)
{
    const unsigned char *data = (const unsigned char *)file.ptr;
    size_t at = 2;
    while (at + 4 <= file.len) {
        if (data[at] != 0xFF) {
            return "the JPEG is damaged";
        }
        unsigned marker = data[at + 1];
        if (marker == 0xFF) { /* fill bytes (B.1.1.2) */
            at++;
            continue;
        }
        uint32_t len = be16(data + at + 2);
        if (len < 2 || len > file.len - at - 2) {
            break;
        }
        if (marker == 0xEE && len >= 14) {
            ret_frame->adobe = true;
        }
        if (is_frame_header(marker) && len >= 8) {
            if (marker != 0xC0 && marker != 0xC1 && marker != 0xC2) {
                return "the JPEG is of a kind that PDF does not know";
            }
            ret_frame->height = be16(data + at + 5);
            ret_frame->width = be16(data + at + 7);
            ret_frame->components = data[at + 9];
            return data[at + 4] == 8 ? NULL : "the JPEG does not have 8 bits a sample";
        }
        at += 2 + len;
    }
    return "the JPEG is cut off";
}

int picture_read_jpeg(struct str file, struct picture *picture, struct hub_error *error)
{
    static const char *const SPACES[] = {NULL, "/DeviceGray", NULL, "/DeviceRGB", "/DeviceCMYK"};
    struct frame frame = {0};
    const char *wrong = find_frame(file, &frame);
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
    picture->width = frame.width;
    picture->height = frame.height;
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
