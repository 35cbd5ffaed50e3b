#include "hubctl/filename.h"

#include "hubctl/text.h"
#include "hubctl/url.h"

#include <string.h>

#define EXTENSION_MAX 16

static const struct media {
    struct str extension;
    const char *type;
} medias[] = {
    {STR_INIT(".jpg"), "image/jpeg"},        {STR_INIT(".jpeg"), "image/jpeg"},
    {STR_INIT(".png"), "image/png"},         {STR_INIT(".webp"), "image/webp"},
    {STR_INIT(".avif"), "image/avif"},       {STR_INIT(".heic"), "image/heic"},
    {STR_INIT(".gif"), "image/gif"},         {STR_INIT(".bmp"), "image/bmp"},
    {STR_INIT(".tif"), "image/tiff"},        {STR_INIT(".tiff"), "image/tiff"},
    {STR_INIT(".svg"), "image/svg+xml"},     {STR_INIT(".pdf"), "application/pdf"},
    {STR_INIT(".json"), "application/json"}, {STR_INIT(".ndjson"), "application/x-ndjson"},
    {STR_INIT(".csv"), "text/csv"},          {STR_INIT(".txt"), "text/plain"},
    {STR_INIT(".md"), "text/markdown"},      {STR_INIT(".html"), "text/html"},
    {STR_INIT(".xml"), "application/xml"},   {STR_INIT(".eml"), "message/rfc822"},
    {STR_INIT(".ics"), "text/calendar"},     {STR_INIT(".ttf"), "font/ttf"},
    {STR_INIT(".otf"), "font/otf"},          {STR_INIT(".zip"), "application/zip"},
    {STR_INIT(".gz"), "application/gzip"},   {STR_INIT(".mp4"), "video/mp4"},
    {STR_INIT(".mp3"), "audio/mpeg"},
};

struct str filename_base(struct str path)
{
    while (path.len > 0) {
        const char *slash = memrchr(path.ptr, '/', path.len);

        if (!slash) {
            return path;
        }
        size_t after = (size_t)(slash - path.ptr) + 1;
        if (after < path.len) {
            return str_slice(path, after, path.len);
        }
        path.len--;
    }
    return path;
}

/* Where the extension begins: the last dot, or the one before it for "x.tar.gz"; never the first
 * byte; `name.len` if there is none. */
static size_t extension_at(struct str name)
{
    size_t at = name.len;

    for (size_t i = name.len; i-- > 1;) {
        if (name.ptr[i] == '.') {
            at = i;
            break;
        }
    }
    if (at > 4 && at < name.len && memcmp(name.ptr + at - 4, ".tar", 4) == 0) {
        at -= 4;
    }
    return name.len - at > EXTENSION_MAX ? name.len : at;
}

/* Replaces what must not stand in a file's name. What a terminal must not see is found by the rule
 * for terminals: its escaped form is longer. */
static void append_clean(struct buf *buf, struct str name)
{
    struct buf shown;

    buf_init(&shown, BUF_NO_LIMIT);
    while (name.len > 0) {
        size_t len = str_utf8_char_len(name);
        struct str one = str_slice(name, 0, len > 0 ? len : 1);

        buf_clear(&shown);
        text_append_safe(&shown, one);
        if (one.ptr[0] == '/' || one.ptr[0] == '\\' || !str_eq(buf_view(&shown), one)) {
            buf_append_char(buf, '_');
        } else {
            buf_append_str(buf, one);
        }
        name = str_slice(name, one.len, name.len);
    }
    buf_release(&shown);
}

void filename_append_safe(struct buf *buf, struct str name, struct str fallback)
{
    struct buf clean;

    buf_init(&clean, BUF_NO_LIMIT);
    append_clean(&clean, str_trim(filename_base(name)));
    if (clean.len > 0 && clean.ptr[0] == '.') {
        clean.ptr[0] = '_'; /* neither hidden, nor "." or ".." */
    }
    struct str text = buf_view(&clean);
    size_t dot = extension_at(text);
    struct str extension = str_slice(text, dot, text.len);
    if (text.len == 0) {
        buf_append_str(buf, fallback);
    } else if (text.len > FILENAME_MAX_LEN) {
        buf_append_str(buf, str_utf8_cut(text, FILENAME_MAX_LEN - extension.len));
        buf_append_str(buf, extension);
    } else {
        buf_append_str(buf, text);
    }
    buf->failed |= buf_failed(&clean);
    buf_release(&clean);
}

void filename_append_numbered(struct buf *buf, struct str name, unsigned number)
{
    size_t dot = extension_at(name);

    buf_append_str(buf, str_slice(name, 0, dot));
    buf_append_format(buf, "-%u", number);
    buf_append_str(buf, str_slice(name, dot, name.len));
}

const char *filename_media_type(struct str name)
{
    const char *dot = name.len > 0 ? memrchr(name.ptr, '.', name.len) : NULL;

    if (dot) {
        struct str extension = str_of(dot, name.len - (size_t)(dot - name.ptr));
        for (size_t i = 0; i < sizeof medias / sizeof medias[0]; i++) {
            if (str_eq_nocase(extension, medias[i].extension)) {
                return medias[i].type;
            }
        }
    }
    return "application/octet-stream";
}
