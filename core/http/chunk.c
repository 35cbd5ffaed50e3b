#include "http/chunk.h"
#include "http/chars.h"

#define SIZE_DIGITS_MAX 16

void chunk_decoder_init(struct chunk_decoder *self, size_t trailers_max)
{
    *self = (struct chunk_decoder){.state = CHUNK_SIZE, .trailer_room = trailers_max};
}

/* Is this byte the one that must come? Then the next state is taken. */
static int expect(struct chunk_decoder *self, char c, char wanted, enum chunk_state next)
{
    if (c != wanted) {
        return HUB_ERR_BAD_REQUEST;
    }
    self->state = next;
    return 0;
}

static void size_is_complete(struct chunk_decoder *self)
{
    self->state = self->left > 0 ? CHUNK_DATA : CHUNK_TRAILER;
    self->digits = 0;
}

static int on_size_lf(struct chunk_decoder *self, char c)
{
#ifdef HUB_HTTP_LENIENT
    /* Whatever stands behind the size is skipped. */
    if (c != '\n') {
        return 0;
    }
#endif
    if (c != '\n') {
        return HUB_ERR_BAD_REQUEST;
    }
    size_is_complete(self);
    return 0;
}

static int on_size(struct chunk_decoder *self, char c)
{
    if (char_is(c, CHAR_HEX)) {
        self->left = self->left << 4 | char_hex_value(c);
        return ++self->digits > SIZE_DIGITS_MAX ? HUB_ERR_BAD_REQUEST : 0;
    }
#ifdef HUB_HTTP_LENIENT
    if (self->digits > 0) {
        self->state = CHUNK_SIZE_LF;
        return on_size_lf(self, c);
    }
#endif
    if (self->digits == 0) {
        return HUB_ERR_BAD_REQUEST;
    }
    return expect(self, c, '\r', CHUNK_SIZE_LF);
}

static int on_data_cr(struct chunk_decoder *self, char c)
{
#ifdef HUB_HTTP_LENIENT
    if (c == '\n') {
        self->state = CHUNK_SIZE;
        return 0;
    }
#endif
    return expect(self, c, '\r', CHUNK_DATA_LF);
}

static int on_data_lf(struct chunk_decoder *self, char c)
{
    return expect(self, c, '\n', CHUNK_SIZE);
}

static int on_trailer(struct chunk_decoder *self, char c)
{
    if (c == '\r') {
        self->state = CHUNK_END_LF;
        return 0;
    }
#ifdef HUB_HTTP_LENIENT
    self->state = c == '\n' ? CHUNK_DONE : CHUNK_TRAILER_VALUE;
    return 0;
#endif
    if (!char_is(c, CHAR_TOKEN)) {
        return HUB_ERR_BAD_REQUEST;
    }
    self->state = CHUNK_TRAILER_NAME;
    return 0;
}

static int on_trailer_name(struct chunk_decoder *self, char c)
{
    return char_is(c, CHAR_TOKEN) ? 0 : expect(self, c, ':', CHUNK_TRAILER_VALUE);
}

static int on_trailer_value(struct chunk_decoder *self, char c)
{
#ifdef HUB_HTTP_LENIENT
    self->state = c == '\n' ? CHUNK_TRAILER : CHUNK_TRAILER_VALUE;
    return 0;
#endif
    return char_is(c, CHAR_FIELD) ? 0 : expect(self, c, '\r', CHUNK_TRAILER_LF);
}

static int on_trailer_lf(struct chunk_decoder *self, char c)
{
    return expect(self, c, '\n', CHUNK_TRAILER);
}

static int on_end_lf(struct chunk_decoder *self, char c)
{
    return expect(self, c, '\n', CHUNK_DONE);
}

/* What one byte does in each state. CHUNK_DATA takes many at once and is not here. */
static const struct step {
    int (*take)(struct chunk_decoder *self, char c);
    bool is_trailer;
} STEPS[] = {
    [CHUNK_SIZE] = {on_size, false},
    [CHUNK_SIZE_LF] = {on_size_lf, false},
    [CHUNK_DATA_CR] = {on_data_cr, false},
    [CHUNK_DATA_LF] = {on_data_lf, false},
    [CHUNK_TRAILER] = {on_trailer, true},
    [CHUNK_TRAILER_NAME] = {on_trailer_name, true},
    [CHUNK_TRAILER_VALUE] = {on_trailer_value, true},
    [CHUNK_TRAILER_LF] = {on_trailer_lf, true},
    [CHUNK_END_LF] = {on_end_lf, true},
};

static int take_byte(struct chunk_decoder *self, char c)
{
    const struct step *step = &STEPS[self->state];
    if (step->is_trailer && self->trailer_room-- == 0) {
        self->trailer_room = 0;
        return HUB_ERR_HEADERS_TOO_LARGE;
    }
    return step->take(self, c);
}

static struct str take_data(struct chunk_decoder *self, struct str *in)
{
    size_t len = in->len < self->left ? in->len : (size_t)self->left;
    struct str data = str_of(in->ptr, len);
    *in = str_of(in->ptr + len, in->len - len);
    self->left -= len;
    if (self->left == 0) {
        self->state = CHUNK_DATA_CR;
    }
    return data;
}

int chunk_decode(struct chunk_decoder *self, struct str *in, struct str *ret_data)
{
    *ret_data = str_of(in->ptr, 0);
    while (in->len > 0 && self->state != CHUNK_DONE) {
        if (self->state == CHUNK_DATA) {
            *ret_data = take_data(self, in);
            return 0;
        }
        int err = take_byte(self, in->ptr[0]);
        if (err < 0) {
            return err;
        }
        *in = str_of(in->ptr + 1, in->len - 1);
    }
    return 0;
}
