#include "code_kinds.h"

static const struct {
    struct str name;
    code_encode_fn *encode;
} KINDS[] = {
    [CODE_QR] = {STR_INIT("qr"), code_encode_qr},
    [CODE_128] = {STR_INIT("code128"), code_encode_128},
    [CODE_EAN_13] = {STR_INIT("ean13"), code_encode_ean_13},
};

bool code_kind_parse(struct str name, enum code_kind *ret_kind)
{
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
        if (str_eq(name, KINDS[i].name)) {
            *ret_kind = (enum code_kind)i;
            return true;
        }
    }
    return false;
}

int code_make(enum code_kind kind, struct str text, const struct code_options *options,
              struct arena *arena, struct code *ret_code, struct hub_error *error)
{
    if (text.len == 0) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT, "there is no text for the code");
    }
    struct code code = {0};
    int err = KINDS[kind].encode(text, options, arena, &code, error);
    if (err < 0) {
        return err;
    }
    *ret_code = code;
    return 0;
}

void code_bars_add(struct code_bars *self, const uint8_t *widths, size_t count, bool dark,
                   bool guard)
{
    for (size_t i = 0; i < count; i++, dark = !dark) {
        if (dark) {
            self->rects[self->rect_count++] = (struct code_rect){
                .x = self->width, .width = widths[i], .height = 1, .guard = guard};
        }
        self->width = (uint16_t)(self->width + widths[i]);
    }
}
