/*
 * writer.h — a PDF file as objects (ISO 32000-1): numbers, streams, cross-references.
 *
 *     struct writer w;
 *     writer_init(&w, PDF_MAX_OUTPUT);
 *     uint32_t page = writer_reserve(&w);          // numbers first: objects refer to each other
 *     writer_object(&w, page, STR("<</Type/Page …>>"));
 *     writer_stream(&w, contents, STR(""), text, WRITER_DEFLATE);
 *     writer_finish(&w, &(struct writer_trailer){.root = catalog}, &err);
 *     send(buf_view(&w.out));
 *     writer_release(&w);
 *
 * Objects that are no streams are gathered into compressed object streams (§7.5.7) and the
 * cross-reference table is a stream too (§7.5.8): a small document is a third smaller so. Readers
 * since 2003 know both. Errors stick to the buffer and are told by writer_finish().
 *
 * Owner: the caller. Thread: [any], one at a time.
 */
#ifndef PDF_WRITER_H
#define PDF_WRITER_H

#include "base/buf.h"
#include "base/error.h"

struct libdeflate_compressor;

struct writer_entry {
    uint32_t container; /* 0: the object stands in the file itself */
    uint32_t at;        /* offset in the file, or index in the container */
};

struct writer {
    struct buf out;
    struct writer_entry *entries; /* by number; [0] is the head of the free list */
    uint32_t count;
    uint32_t cap;
    struct buf packed;       /* bodies of the object stream that is being filled */
    struct buf packed_index; /* its pairs of number and offset */
    uint32_t packed_count;
    uint32_t packed_number;
    struct buf scratch; /* compressed data */
    struct libdeflate_compressor *compressor;
    bool failed;
};

enum writer_coding {
    WRITER_PLAIN,   /* the bytes as they are; the dictionary names their filter, if there is one */
    WRITER_DEFLATE, /* compress, if that makes it smaller */
};

struct writer_trailer {
    uint32_t root; /* the catalogue */
    uint32_t info; /* 0: none */
    uint8_t id[16];
};

void writer_init(struct writer *self, size_t limit);
void writer_release(struct writer *self);

/* The next object number, 0 if there is no memory. */
uint32_t writer_reserve(struct writer *self);

/* The body of a reserved object that is no stream. Each object is written once. */
void writer_object(struct writer *self, uint32_t number, struct str body);

/* A stream. `entries`: of its dictionary, without Length, and without Filter if it is to be
 * deflated. */
void writer_stream(struct writer *self, uint32_t number, struct str entries, struct str data,
                   enum writer_coding coding);

/* Cross-references and end. 0, HUB_ERR_TOO_LARGE or HUB_ERR_NOMEM. */
HUB_MUST_CHECK int writer_finish(struct writer *self, const struct writer_trailer *trailer,
                                 struct hub_error *error);

/* `data` as zlib writes it, at this level (1–12), appended. */
void deflate_append(struct buf *buf, struct str data, int level);

/* --- Pieces of syntax --------------------------------------------------------------------------*/

/* A number with at most `decimals` (0–4) digits after the point, no more than needed. */
void put_number(struct buf *buf, double value, int decimals);
void put_ref(struct buf *buf, uint32_t number);    /* "12 0 R" */
void put_name(struct buf *buf, struct str name);   /* "/Name", escaped after §7.3.5 */
void put_bytes(struct buf *buf, struct str bytes); /* a literal string, escaped */
void put_text(struct buf *buf, struct str utf8);   /* a text string (§7.9.2.2) */
void put_date(struct buf *buf, int64_t wall_ms);   /* "(D:20261123120000Z)" */
void put_hex16(struct buf *buf, uint32_t value);   /* four digits */

#endif
