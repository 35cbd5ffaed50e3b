/*
 * The bytes of an input file, mapped, and careful ways to read numbers out of them.
 */
#ifndef IMAGE_SOURCE_H
#define IMAGE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "fault.h"

struct source {
    const uint8_t *data;
    size_t len;
    uint32_t page; /* of a file of several pictures (struct codec, `pages`) the one that is meant */
};

/* Maps the file open at `fd`; the descriptor may be closed afterwards. Empty files and those over
 * IMAGE_MAX_INPUT_BYTES are refused. */
int source_map(struct source *self, int fd, struct fault *fault);

/* Unmaps. An empty source ({0}) is fine. */
void source_unmap(struct source *self);

/* Are there `len` bytes at `at`? */
static inline bool source_has(const struct source *self, size_t at, size_t len)
{
    return at <= self->len && len <= self->len - at;
}

/* Do the bytes at `at` read like this? */
static inline bool source_reads(const struct source *self, size_t at, const char *text, size_t len)
{
    return source_has(self, at, len) && memcmp(self->data + at, text, len) == 0;
}

/* Numbers at `at`; the caller has checked that the bytes are there. */
static inline uint32_t read_be16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static inline uint32_t read_be32(const uint8_t *at)
{
    return read_be16(at) << 16 | read_be16(at + 2);
}

static inline uint32_t read_le16(const uint8_t *at)
{
    return (uint32_t)at[1] << 8 | at[0];
}

static inline uint32_t read_le24(const uint8_t *at)
{
    return (uint32_t)at[2] << 16 | read_le16(at);
}

static inline uint32_t read_le32(const uint8_t *at)
{
    return read_le16(at + 2) << 16 | read_le16(at);
}

#endif
