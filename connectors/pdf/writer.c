#include "writer.h"

#include "base/clock.h"

#include <libdeflate.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PACKED_MAX = 200 /* objects of one object stream */, LEVEL = 6, SMALL = 64 };

void writer_init(struct writer *self, size_t limit)
{
    *self = (struct writer){0};
    buf_init(&self->out, limit);
    buf_init(&self->packed, limit);
    buf_init(&self->packed_index, limit);
    buf_init(&self->scratch, limit);
    self->compressor = libdeflate_alloc_compressor(LEVEL);
    self->failed = !self->compressor;
    /* The second line tells programs that the file is binary (§7.5.2). */
    buf_append_c(&self->out, "%PDF-1.7\n%\xE2\xE3\xCF\xD3\n");
    (void)writer_reserve(self); /* number 0 */
}

void writer_release(struct writer *self)
{
    buf_release(&self->out);
    buf_release(&self->packed);
    buf_release(&self->packed_index);
    buf_release(&self->scratch);
    if (self->compressor) {
        libdeflate_free_compressor(self->compressor);
    }
    free(self->entries);
    *self = (struct writer){0};
}

uint32_t writer_reserve(struct writer *self)
{
    if (self->count == self->cap) {
        uint32_t cap = self->cap ? self->cap * 2 : 256;
        struct writer_entry *entries = realloc(self->entries, cap * sizeof *entries);
        if (!entries) {
            self->failed = true;
            return 0;
        }
        self->entries = entries;
        self->cap = cap;
    }
    self->entries[self->count] = (struct writer_entry){0};
    return self->count++;
}

/* The compressed data in scratch, or nothing if that would not be smaller. */
static struct str deflated(struct writer *self, struct str data)
{
    buf_clear(&self->scratch);
    if (data.len < SMALL) {
        return (struct str){0};
    }
    size_t bound = libdeflate_zlib_compress_bound(self->compressor, data.len);
    char *room = buf_reserve(&self->scratch, bound);
    if (!room) {
        self->failed = true;
        return (struct str){0};
    }
    size_t len = libdeflate_zlib_compress(self->compressor, data.ptr, data.len, room, bound);
    if (len == 0 || len >= data.len) {
        return (struct str){0};
    }
    return str_of(room, len);
}

void deflate_append(struct buf *buf, struct str data, int level)
{
    struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(level);
    if (!compressor) {
        buf->failed = true;
        return;
    }
    size_t bound = libdeflate_zlib_compress_bound(compressor, data.len);
    char *room = buf_reserve(buf, bound);
    if (room) {
        buf_commit(buf, libdeflate_zlib_compress(compressor, data.ptr, data.len, room, bound));
    }
    libdeflate_free_compressor(compressor);
}

void writer_stream(struct writer *self, uint32_t number, struct str entries, struct str data,
                   enum writer_coding coding)
{
    if (self->failed || number == 0) {
        return;
    }
    struct str packed = coding == WRITER_DEFLATE ? deflated(self, data) : (struct str){0};
    self->entries[number] = (struct writer_entry){.at = (uint32_t)self->out.len};
    buf_append_u64(&self->out, number);
    buf_append_c(&self->out, " 0 obj\n<<");
    buf_append_str(&self->out, entries);
    if (packed.ptr) {
        buf_append_c(&self->out, "/Filter/FlateDecode");
        data = packed;
    }
    buf_append_format(&self->out, "/Length %zu>>\nstream\n", data.len);
    buf_append_str(&self->out, data);
    buf_append_c(&self->out, "\nendstream\nendobj\n");
}

static void flush_packed(struct writer *self)
{
    if (self->packed_count == 0) {
        return;
    }
    char room[64];
    struct buf entries;
    buf_init_fixed(&entries, room, sizeof room);
    buf_append_format(&entries, "/Type/ObjStm/N %u/First %zu", self->packed_count,
                      self->packed_index.len);
    buf_append_str(&self->packed_index, buf_view(&self->packed));
    self->failed |= buf_failed(&self->packed) || buf_failed(&self->packed_index);
    writer_stream(self, self->packed_number, buf_view(&entries), buf_view(&self->packed_index),
                  WRITER_DEFLATE);
    buf_clear(&self->packed);
    buf_clear(&self->packed_index);
    self->packed_count = 0;
}

void writer_object(struct writer *self, uint32_t number, struct str body)
{
    if (self->packed_count == 0) {
        self->packed_number = writer_reserve(self);
    }
    if (self->failed || number == 0) {
        return;
    }
    self->entries[number] =
        (struct writer_entry){.container = self->packed_number, .at = self->packed_count++};
    buf_append_format(&self->packed_index, "%u %zu ", number, self->packed.len);
    buf_append_str(&self->packed, body);
    buf_append_char(&self->packed, '\n');
    if (self->packed_count == PACKED_MAX) {
        flush_packed(self);
    }
}

/* One row of the cross-reference stream (§7.5.8.3): type, four bytes, two bytes. */
static void put_entry(struct buf *rows, const struct writer_entry *entry, bool is_free)
{
    uint32_t second = entry->container ? entry->container : entry->at;
    uint32_t third = entry->container ? entry->at : 0;
    uint8_t row[7] = {entry->container ? 2 : 1,
                      (uint8_t)(second >> 24),
                      (uint8_t)(second >> 16),
                      (uint8_t)(second >> 8),
                      (uint8_t)second,
                      (uint8_t)(third >> 8),
                      (uint8_t)third};
    if (is_free) {
        memcpy(row, "\0\0\0\0\0\xFF\xFF", sizeof row);
    }
    buf_append(rows, row, sizeof row);
}

static void put_xref(struct writer *self, uint32_t number, const struct writer_trailer *trailer)
{
    struct buf rows, entries;
    buf_init(&rows, BUF_NO_LIMIT);
    buf_init(&entries, BUF_NO_LIMIT);
    self->entries[number].at = (uint32_t)self->out.len;
    for (uint32_t i = 0; i < self->count; i++) {
        const struct writer_entry *entry = &self->entries[i];
        put_entry(&rows, entry, i == 0 || (!entry->container && !entry->at));
    }
    buf_append_format(&entries, "/Type/XRef/Size %u/W[1 4 2]/Root ", self->count);
    put_ref(&entries, trailer->root);
    if (trailer->info) {
        buf_append_c(&entries, "/Info ");
        put_ref(&entries, trailer->info);
    }
    buf_append_c(&entries, "/ID[");
    for (int twice = 0; twice < 2; twice++) {
        buf_append_char(&entries, '<');
        for (size_t i = 0; i < sizeof trailer->id; i++) {
            buf_append_format(&entries, "%02x", trailer->id[i]);
        }
        buf_append_char(&entries, '>');
    }
    buf_append_char(&entries, ']');
    self->failed |= buf_failed(&rows) || buf_failed(&entries);
    writer_stream(self, number, buf_view(&entries), buf_view(&rows), WRITER_DEFLATE);
    buf_release(&rows);
    buf_release(&entries);
}

int writer_finish(struct writer *self, const struct writer_trailer *trailer,
                  struct hub_error *error)
{
    flush_packed(self);
    uint32_t xref = writer_reserve(self);
    size_t start = self->out.len;
    if (!self->failed) {
        put_xref(self, xref, trailer);
    }
    buf_append_format(&self->out, "startxref\n%zu\n%%%%EOF\n", start);
    if (buf_failed(&self->out)) {
        return hub_fail(error, HUB_ERR_TOO_LARGE, "the document has more than %zu MiB",
                        self->out.limit >> 20);
    }
    return self->failed ? hub_fail(error, HUB_ERR_NOMEM, "out of memory") : 0;
}

/* --- Pieces of syntax --------------------------------------------------------------------------*/

void put_number(struct buf *buf, double value, int decimals)
{
    static const int SCALE[] = {1, 10, 100, 1000, 10000};
    long long scaled = llround(value * SCALE[decimals]);
    char text[32], *at = text + sizeof text;
    bool negative = scaled < 0;
    unsigned long long rest =
        negative ? 0ULL - (unsigned long long)scaled : (unsigned long long)scaled;
    while (decimals > 0 && rest % 10 == 0) {
        rest /= 10;
        decimals--;
    }
    for (int i = 0; i < decimals; i++, rest /= 10) {
        *--at = (char)('0' + rest % 10);
    }
    if (decimals > 0) {
        *--at = '.';
    }
    if (rest > 0 || decimals == 0) {
        do {
            *--at = (char)('0' + rest % 10);
            rest /= 10;
        } while (rest > 0);
    }
    if (negative) {
        *--at = '-';
    }
    buf_append(buf, at, (size_t)(text + sizeof text - at));
}

void put_ref(struct buf *buf, uint32_t number)
{
    buf_append_u64(buf, number);
    buf_append_c(buf, " 0 R");
}

void put_name(struct buf *buf, struct str name)
{
    buf_append_char(buf, '/');
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];
        if (c <= ' ' || c > '~' || strchr("#/%()<>[]{}", c)) {
            buf_append_format(buf, "#%02X", c);
        } else {
            buf_append_char(buf, (char)c);
        }
    }
}

void put_bytes(struct buf *buf, struct str bytes)
{
    buf_append_char(buf, '(');
    for (size_t i = 0; i < bytes.len; i++) {
        char c = bytes.ptr[i];
        if (c == '(' || c == ')' || c == '\\') {
            buf_append_char(buf, '\\');
        }
        if (c == '\r') { /* a bare CR would be read as LF */
            buf_append_c(buf, "\\r");
        } else {
            buf_append_char(buf, c);
        }
    }
    buf_append_char(buf, ')');
}

static uint32_t next_char(struct str *text)
{
    const unsigned char *at = (const unsigned char *)text->ptr;
    size_t len = str_utf8_char_len(*text);
    uint32_t value = len <= 1 ? at[0] : at[0] & (0x7Fu >> len);
    for (size_t i = 1; i < len; i++) {
        value = value << 6 | (at[i] & 0x3F);
    }
    *text = str_slice(*text, len ? len : 1, text->len);
    return len ? value : 0xFFFD;
}

void put_text(struct buf *buf, struct str utf8)
{
    bool ascii = true;
    for (size_t i = 0; i < utf8.len; i++) {
        ascii &= utf8.ptr[i] >= ' ' && utf8.ptr[i] <= '~';
    }
    if (ascii) {
        put_bytes(buf, utf8);
        return;
    }
    buf_append_c(buf, "<FEFF");
    while (utf8.len > 0) {
        uint32_t c = next_char(&utf8);
        if (c >= 0x10000) {
            put_hex16(buf, 0xD800 + ((c - 0x10000) >> 10));
            c = 0xDC00 + ((c - 0x10000) & 0x3FF);
        }
        put_hex16(buf, c);
    }
    buf_append_char(buf, '>');
}

void put_date(struct buf *buf, int64_t wall_ms)
{
    char text[CLOCK_RFC3339_LEN + 1];
    clock_format(wall_ms, text);
    buf_append_format(buf, "(D:%.4s%.2s%.2s%.2s%.2s%.2sZ)", text, text + 5, text + 8, text + 11,
                      text + 14, text + 17);
}

void put_hex16(struct buf *buf, uint32_t value)
{
    static const char DIGITS[] = "0123456789ABCDEF";
    const char text[4] = {DIGITS[value >> 12 & 15], DIGITS[value >> 8 & 15],
                          DIGITS[value >> 4 & 15], DIGITS[value & 15]};
    buf_append(buf, text, sizeof text);
}
