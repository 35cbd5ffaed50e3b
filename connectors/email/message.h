/*
 * message.h — a composed message: texts in memory and files that stay files.
 *
 *     message_init(&m);
 *     message_text(&m) → a buffer to append headers and bodies to
 *     message_file(&m, fd, bytes)          // its Base64 comes here
 *     …
 *     message_seal(&m)                     // now the size is known, and it can be read
 *     struct message_reader r;
 *     message_reader_init(&r, &m);
 *     while (message_read(&r, &chunk) == 0 && chunk.len > 0) …
 *
 * Nothing of a file is ever in memory but the piece that is being read; any number of readers may
 * read one after the other, or at once.
 *
 * Thread: [any], one at a time while it grows.
 */
#ifndef CONNECTORS_EMAIL_MESSAGE_H
#define CONNECTORS_EMAIL_MESSAGE_H

#include "base/buf.h"
#include "base/error.h"

#define MESSAGE_FILES_MAX 128
#define MESSAGE_TEXT_MAX  (16u << 20)

struct message_file {
    size_t at;      /* it comes behind so many bytes of the text */
    int fd;         /* somebody else's; read with pread() */
    uint64_t bytes; /* of the file */
};

struct message {
    struct buf text;
    struct message_file files[MESSAGE_FILES_MAX];
    unsigned file_count;
    uint64_t size;      /* of the whole, in bytes, once sealed */
    size_t headers_len; /* of the message's own headers, without the empty line */
};

void message_init(struct message *self);
void message_release(struct message *self);

/* What comes next is this file in lines of Base64. HUB_ERR_LIMIT. */
HUB_MUST_CHECK int message_file(struct message *self, int fd, uint64_t bytes);

/* Counts. HUB_ERR_NOMEM or HUB_ERR_TOO_LARGE if the text has failed. */
HUB_MUST_CHECK int message_seal(struct message *self);

/* Puts a header before all others (a signature) of a sealed message. */
HUB_MUST_CHECK int message_prepend(struct message *self, struct str header);

struct message_reader {
    const struct message *message;
    size_t at;         /* in the text */
    unsigned file;     /* the next one */
    uint64_t file_at;  /* in it */
    uint64_t done;     /* bytes that have come out */
    char piece[39936]; /* one piece of a file in Base64 */
};

void message_reader_init(struct message_reader *self, const struct message *message);

/* The next bytes, which live until the next call; none at the end. HUB_ERR_IO if a file cannot be
 * read, or is shorter than it was. */
HUB_MUST_CHECK int message_read(struct message_reader *self, struct str *ret_chunk);

#endif
