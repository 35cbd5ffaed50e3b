#include "message.h"

#include "encode.h"

#include <string.h>
#include <unistd.h>

#define PIECE_BYTES (BASE64_LINE_BYTES * 512)
_Static_assert(sizeof((struct message_reader *)0)->piece >= 512 * 78, "a piece has room");

void message_init(struct message *self)
{
    *self = (struct message){0};
    buf_init(&self->text, MESSAGE_TEXT_MAX);
}

void message_release(struct message *self)
{
    buf_release(&self->text);
    self->file_count = 0;
}

int message_file(struct message *self, int fd, uint64_t bytes)
{
    if (self->file_count == MESSAGE_FILES_MAX) {
        return HUB_ERR_LIMIT;
    }
    self->files[self->file_count++] =
        (struct message_file){.at = self->text.len, .fd = fd, .bytes = bytes};
    return 0;
}

int message_seal(struct message *self)
{
    if (buf_failed(&self->text)) {
        return self->text.len >= MESSAGE_TEXT_MAX / 2 ? HUB_ERR_TOO_LARGE : HUB_ERR_NOMEM;
    }
    const char *end = memmem(self->text.ptr, self->text.len, "\r\n\r\n", 4);
    self->headers_len = end ? (size_t)(end + 2 - self->text.ptr) : self->text.len;
    self->size = self->text.len;
    for (unsigned i = 0; i < self->file_count; i++) {
        self->size += base64_lines_len(self->files[i].bytes);
    }
    return 0;
}

int message_prepend(struct message *self, struct str header)
{
    struct buf text;
    buf_init(&text, MESSAGE_TEXT_MAX);
    buf_append_str(&text, header);
    buf_append_str(&text, buf_view(&self->text));
    if (buf_failed(&text)) {
        buf_release(&text);
        return HUB_ERR_NOMEM;
    }
    buf_release(&self->text);
    self->text = text;
    for (unsigned i = 0; i < self->file_count; i++) {
        self->files[i].at += header.len;
    }
    self->headers_len += header.len;
    self->size += header.len;
    return 0;
}

void message_reader_init(struct message_reader *self, const struct message *message)
{
    self->message = message;
    self->at = 0;
    self->file = 0;
    self->file_at = 0;
    self->done = 0;
}

static int read_piece(struct message_reader *self, const struct message_file *file,
                      struct str *ret_chunk)
{
    unsigned char bytes[PIECE_BYTES];
    size_t want = file->bytes - self->file_at < sizeof bytes ? (size_t)(file->bytes - self->file_at)
                                                             : sizeof bytes;
    size_t got = 0;
    while (got < want) {
        ssize_t part = pread(file->fd, bytes + got, want - got, (off_t)(self->file_at + got));
        if (part <= 0) {
            return HUB_ERR_IO;
        }
        got += (size_t)part;
    }
    self->file_at += got;
    *ret_chunk = str_of(self->piece, base64_lines(bytes, got, self->piece));
    self->done += ret_chunk->len;
    return 0;
}

int message_read(struct message_reader *self, struct str *ret_chunk)
{
    const struct message *message = self->message;
    for (;;) {
        bool more_files = self->file < message->file_count;
        const struct message_file *file = &message->files[self->file];
        size_t end = more_files ? file->at : message->text.len;
        if (self->at < end) {
            *ret_chunk = str_of(message->text.ptr + self->at, end - self->at);
            self->at = end;
            self->done += ret_chunk->len;
            return 0;
        }
        if (!more_files) {
            *ret_chunk = (struct str){0};
            return 0;
        }
        if (self->file_at < file->bytes) {
            return read_piece(self, file, ret_chunk);
        }
        self->file++;
        self->file_at = 0;
    }
}
