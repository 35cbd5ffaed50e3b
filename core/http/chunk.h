/*
 * chunk.h — the chunked coding (RFC 9112 §7.1), decoded strictly.
 *
 *     struct chunk_decoder d;
 *     chunk_decoder_init(&d, trailers_max);
 *     while (in.len > 0 && !chunk_done(&d)) {
 *         err = chunk_decode(&d, &in, &data);     // takes from `in`, gives a view into it
 *         …use data, which may be empty…
 *     }
 *
 * Strict means: a size is 1 to 16 hexadecimal digits and CRLF, nothing else. Extensions, which a
 * recipient may ignore (§7.1.1), are refused: no client of an API needs them and parsers have
 * disagreed about where they end. Trailer fields must be well-formed and together no longer than
 * `trailers_max`; then they are dropped, as §7.1.2 allows for all that a recipient does not know.
 *
 * Why not llhttp: it takes extensions, and would have to be kept for each connection.
 *
 * Thread: [any], one at a time.
 */
#ifndef HUB_HTTP_CHUNK_H
#define HUB_HTTP_CHUNK_H

#include "base/error.h"
#include "base/str.h"

enum chunk_state {
    CHUNK_SIZE,
    CHUNK_SIZE_LF,
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    CHUNK_TRAILER, /* at the beginning of a line */
    CHUNK_TRAILER_NAME,
    CHUNK_TRAILER_VALUE,
    CHUNK_TRAILER_LF,
    CHUNK_END_LF,
    CHUNK_DONE
};

struct chunk_decoder {
    enum chunk_state state;
    unsigned digits;     /* of the size under the hand */
    uint64_t left;       /* bytes of data that are still to come in this chunk */
    size_t trailer_room; /* bytes that trailers may still take */
};

void chunk_decoder_init(struct chunk_decoder *self, size_t trailers_max);

/* Goes on until a piece of data was found, the input or the body ends. 0, HUB_ERR_BAD_REQUEST or
 * HUB_ERR_HEADERS_TOO_LARGE (trailers). */
HUB_MUST_CHECK int chunk_decode(struct chunk_decoder *self, struct str *in, struct str *ret_data);

static inline bool chunk_done(const struct chunk_decoder *self)
{
    return self->state == CHUNK_DONE;
}

#endif
