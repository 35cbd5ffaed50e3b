/*
 * QR codes, encoded by libqrencode; here its modules become as few rectangles as is easily had.
 */
#include "code_kinds.h"

#include <errno.h>
#include <qrencode.h>

enum { QR_QUIET = 4, QR_MAX_BYTES = 2953, QR_MAX_SIDE = 177 };

/* What bit 0 of a libqrencode module says: dark. */
static bool is_dark(const QRcode *qr, int x, int y)
{
    return qr->data[y * qr->width + x] & 1;
}

/* Runs of a row; one that is just below an equal one makes that taller. `last[x]` is the rectangle
 * that began at column x last. */
static void add_row(struct code *code, const QRcode *qr, int y, struct code_rect **last)
{
    for (int x = 0; x < qr->width; x++) {
        if (!is_dark(qr, x, y)) {
            continue;
        }
        int from = x;
        while (x < qr->width && is_dark(qr, x, y)) {
            x++;
        }
        struct code_rect *above = last[from];
        if (above && above->width == x - from && above->y + above->height == y) {
            above->height++;
            continue;
        }
        last[from] = &code->rects[code->rect_count++];
        *last[from] = (struct code_rect){
            .x = (uint16_t)from, .y = (uint16_t)y, .width = (uint16_t)(x - from), .height = 1};
    }
}

static int encode_failed(struct hub_error *error)
{
    if (errno == ERANGE) {
        return hub_fail(error, HUB_ERR_TOO_LARGE,
                        "the text does not fit into a QR code with this correction");
    }
    return hub_fail(error, errno == ENOMEM ? HUB_ERR_NOMEM : HUB_ERR_INVALID_INPUT,
                    "the text can't be made a QR code");
}

int code_encode_qr(struct str text, const struct code_options *options, struct arena *arena,
                   struct code *ret_code, struct hub_error *error)
{
    static const QRecLevel LEVELS[] = {QR_ECLEVEL_L, QR_ECLEVEL_M, QR_ECLEVEL_Q, QR_ECLEVEL_H};
    if (text.len > QR_MAX_BYTES) {
        return hub_fail(error, HUB_ERR_TOO_LARGE, "a QR code holds %d bytes, the text has %zu",
                        QR_MAX_BYTES, text.len);
    }
    const char *c_text = arena_strdup(arena, text);
    if (!c_text) {
        return hub_fail(error, HUB_ERR_NOMEM, "no memory for a QR code");
    }
    /* In 8 bit mode a text with a NUL would be cut; JSON can't bring one. */
    QRcode *qr = QRcode_encodeString(c_text, 0, LEVELS[options->correction], QR_MODE_8, 1);
    if (!qr) {
        return encode_failed(error);
    }
    int err = 0;
    /* No two runs touch, so at most every other module of a row begins one. */
    size_t most = (size_t)qr->width * (size_t)(qr->width / 2 + 1);
    ret_code->rects = arena_alloc(arena, most * sizeof *ret_code->rects);
    if (!ret_code->rects) {
        err = hub_fail(error, HUB_ERR_NOMEM, "no memory for a QR code");
        goto out;
    }
    ret_code->width = ret_code->height = (uint16_t)qr->width;
    ret_code->quiet_left = ret_code->quiet_right = ret_code->quiet_y = QR_QUIET;
    struct code_rect *last[QR_MAX_SIDE] = {NULL};
    for (int y = 0; y < qr->width; y++) {
        add_row(ret_code, qr, y, last);
    }
out:
    QRcode_free(qr);
    return err;
}
