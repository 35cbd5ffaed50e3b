/*
 * codec.c — the encoders and decoders, made from the tables in wire.h.
 */
#include "wire/channel.h"
#include "wire/wire.h"

#include <endian.h>
#include <string.h>

/* --- One field ---------------------------------------------------------------------------------*/

static size_t space_u32(uint32_t value)
{
    return sizeof value;
}

static size_t space_u64(uint64_t value)
{
    return sizeof value;
}

static size_t space_str(struct str value)
{
    return sizeof(uint32_t) + value.len;
}

static bool fits_u32(uint32_t value, uint64_t max)
{
    return value <= max;
}

static bool fits_u64(uint64_t value, uint64_t max)
{
    return value <= max;
}

static bool fits_str(struct str value, uint64_t max)
{
    return value.len <= max;
}

static char *put_u32(char *at, uint32_t value)
{
    uint32_t little = htole32(value);
    memcpy(at, &little, sizeof little);
    return at + sizeof little;
}

static char *put_u64(char *at, uint64_t value)
{
    uint64_t little = htole64(value);
    memcpy(at, &little, sizeof little);
    return at + sizeof little;
}

static char *put_str(char *at, struct str value)
{
    at = put_u32(at, (uint32_t)value.len);
    if (value.len > 0) {
        memcpy(at, value.ptr, value.len);
    }
    return at + value.len;
}

/* Each take_… removes a field from the front of `*rest`. False: not there, or out of bounds. */
static bool take_u32(struct str *rest, uint64_t max, uint32_t *ret_value)
{
    uint32_t little;
    if (rest->len < sizeof little) {
        return false;
    }
    memcpy(&little, rest->ptr, sizeof little);
    *rest = (struct str){rest->ptr + sizeof little, rest->len - sizeof little};
    *ret_value = le32toh(little);
    return *ret_value <= max;
}

static bool take_u64(struct str *rest, uint64_t max, uint64_t *ret_value)
{
    uint64_t little;
    if (rest->len < sizeof little) {
        return false;
    }
    memcpy(&little, rest->ptr, sizeof little);
    *rest = (struct str){rest->ptr + sizeof little, rest->len - sizeof little};
    *ret_value = le64toh(little);
    return *ret_value <= max;
}

static bool take_str(struct str *rest, uint64_t max, struct str *ret_value)
{
    uint32_t len;
    if (!take_u32(rest, max, &len) || len > rest->len) {
        return false;
    }
    *ret_value = (struct str){rest->ptr, len};
    *rest = (struct str){rest->ptr + len, rest->len - len};
    return true;
}

/* --- All fields of a struct --------------------------------------------------------------------*/

#define ADD_SPACE(kind, field, max) +space_##kind(self->field)
#define AND_FITS(kind, field, max)  &&fits_##kind(self->field, (max))
#define PUT(kind, field, max)       at = put_##kind(at, self->field);
#define AND_TAKEN(kind, field, max) &&take_##kind(rest, (max), &self->field)

/* A frame without fields leaves some parameters unused. */
#define STRUCT_CODEC(NAME, name)                                                                   \
    static inline size_t name##_space(const struct wire_##name *self)                              \
    {                                                                                              \
        (void)self;                                                                                \
        return 0 WIRE_##NAME##_FIELDS(ADD_SPACE);                                                  \
    }                                                                                              \
    bool wire_##name##_fits(const struct wire_##name *self)                                        \
    {                                                                                              \
        (void)self;                                                                                \
        return true WIRE_##NAME##_FIELDS(AND_FITS);                                                \
    }                                                                                              \
    static inline void name##_put(const struct wire_##name *self, char *at)                        \
    {                                                                                              \
        (void)self;                                                                                \
        (void)at;                                                                                  \
        WIRE_##NAME##_FIELDS(PUT)                                                                  \
    }                                                                                              \
    static inline bool name##_take(struct wire_##name *self, struct str *rest)                     \
    {                                                                                              \
        (void)self;                                                                                \
        (void)rest;                                                                                \
        return true WIRE_##NAME##_FIELDS(AND_TAKEN);                                               \
    }

#define X(TYPE, name, number, from, fds)                                                           \
    STRUCT_CODEC(TYPE, name)                                                                       \
    int wire_send_##name(struct wire_channel *channel, uint64_t token,                             \
                         const struct wire_##name *body, const int *fds_, unsigned fd_count)       \
    {                                                                                              \
        char *at;                                                                                  \
        if (!wire_##name##_fits(body)) {                                                           \
            return HUB_ERR_LIMIT;                                                                  \
        }                                                                                          \
        int err = wire_channel_put(                                                                \
            channel, &(struct wire_header){name##_space(body), WIRE_##TYPE, fd_count, token},      \
            fds_, &at);                                                                            \
        if (err == 0) {                                                                            \
            name##_put(body, at);                                                                  \
        }                                                                                          \
        return err;                                                                                \
    }                                                                                              \
    int wire_decode_##name(struct str body, struct wire_##name *ret_##name)                        \
    {                                                                                              \
        struct wire_##name taken;                                                                  \
        if (!name##_take(&taken, &body) || body.len != 0) {                                        \
            return HUB_ERR_PROTOCOL;                                                               \
        }                                                                                          \
        *ret_##name = taken;                                                                       \
        return 0;                                                                                  \
    }
WIRE_FRAMES(X)
#undef X

#define X(RECORD, name)                                                                            \
    STRUCT_CODEC(RECORD, name)                                                                     \
    int wire_##name##_append(struct buf *buf, const struct wire_##name *record)                    \
    {                                                                                              \
        if (!wire_##name##_fits(record)) {                                                         \
            return HUB_ERR_LIMIT;                                                                  \
        }                                                                                          \
        char *at = buf_reserve(buf, name##_space(record));                                         \
        if (!at) {                                                                                 \
            return HUB_ERR_NOMEM;                                                                  \
        }                                                                                          \
        name##_put(record, at);                                                                    \
        buf_commit(buf, name##_space(record));                                                     \
        return 0;                                                                                  \
    }                                                                                              \
    int wire_##name##_next(struct str *rest, struct wire_##name *ret_##name)                       \
    {                                                                                              \
        struct wire_##name taken;                                                                  \
        if (rest->len == 0) {                                                                      \
            return HUB_ERR_NOT_FOUND;                                                              \
        }                                                                                          \
        if (!name##_take(&taken, rest)) {                                                          \
            return HUB_ERR_PROTOCOL;                                                               \
        }                                                                                          \
        *ret_##name = taken;                                                                       \
        return 0;                                                                                  \
    }
WIRE_RECORDS(X)
#undef X

/* --- The header --------------------------------------------------------------------------------*/

void wire_header_put(const struct wire_header *self, char ret_bytes[WIRE_HEADER_LEN])
{
    uint16_t little[2] = {htole16((uint16_t)self->type), htole16((uint16_t)self->fd_count)};
    char *at = put_u32(ret_bytes, (uint32_t)self->body_len);
    memcpy(at, little, sizeof little);
    put_u64(at + sizeof little, self->token);
}

void wire_header_take(const char bytes[WIRE_HEADER_LEN], struct wire_header *ret_header)
{
    uint32_t len;
    uint16_t little[2];
    uint64_t token;
    memcpy(&len, bytes, sizeof len);
    memcpy(little, bytes + sizeof len, sizeof little);
    memcpy(&token, bytes + sizeof len + sizeof little, sizeof token);
    *ret_header = (struct wire_header){
        .body_len = le32toh(len),
        .type = le16toh(little[0]),
        .fd_count = le16toh(little[1]),
        .token = le64toh(token),
    };
}

struct wire_type_info wire_type_info(unsigned type)
{
    enum { FROM_HUBD, FROM_RUNNER };
    static const struct wire_type_info TYPES[WIRE_TYPE_END] = {
#define X(TYPE, name, number, from, fds)                                                           \
    [number] = {#TYPE, FROM_##from, fds, 0 WIRE_##TYPE##_FIELDS(WIRE_ADD_SPACE)},
        WIRE_FRAMES(X)
#undef X
    };
    return type < WIRE_TYPE_END ? TYPES[type] : (struct wire_type_info){NULL, false, 0, 0};
}

const char *wire_mechanism_name(unsigned mechanism)
{
    static const char *const NAMES[] = {
#define X(NAME, public) public,
        WIRE_MECHANISMS(X)
#undef X
    };
    return mechanism < WIRE_MECHANISM_END ? NAMES[mechanism] : NULL;
}
