#include "embed.h"

#include "subset.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SEQUENCE 0x80000000u

void embed_init(struct embed *self, struct subset_cache *cache)
{
    *self = (struct embed){.cache = cache};
    buf_init(&self->sequences, PDF_MAX_OUTPUT);
}

void embed_release(struct embed *self)
{
    for (uint32_t i = 0; i < self->count; i++) {
        free(self->fonts[i].used);
        free(self->fonts[i].unicode);
        free(self->fonts[i].advances);
    }
    buf_release(&self->sequences);
    self->count = 0;
}

static int font_init(struct font *self, struct face *face, uint32_t index, struct hub_error *error)
{
    size_t count = face->glyph_count;
    *self = (struct font){.face = face, .index = index};
    self->used = calloc(count / 8 + 1, 1);
    self->unicode = calloc(count + 1, sizeof *self->unicode);
    self->advances = malloc((count + 1) * sizeof *self->advances);
    if (!self->used || !self->unicode || !self->advances) {
        return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    for (size_t i = 0; i <= count; i++) {
        self->advances[i] = INT16_MIN;
    }
    return 0;
}

int embed_use(struct embed *self, struct face *face, struct font **ret_font,
              struct hub_error *error)
{
    if (self->last && self->last->face == face) {
        *ret_font = self->last;
        return 0;
    }
    uint32_t i = 0;
    while (i < self->count && self->fonts[i].face != face) {
        i++;
    }
    if (i == PDF_MAX_FONTS) {
        return hub_fail(error, HUB_ERR_LIMIT, "the document uses more than %d fonts",
                        PDF_MAX_FONTS);
    }
    if (i == self->count) {
        self->count++;
        int err = font_init(&self->fonts[i], face, i + 1, error);
        if (err < 0) {
            return err;
        }
    }
    *ret_font = self->last = &self->fonts[i];
    return 0;
}

int32_t font_advance(struct font *self, uint32_t glyph)
{
    if (glyph >= self->face->glyph_count) {
        return 0;
    }
    if (self->advances[glyph] == INT16_MIN) {
        self->advances[glyph] = (int16_t)face_glyph_advance(self->face, glyph);
    }
    return self->advances[glyph];
}

/* The characters from this glyph's cluster to the next one's. Of several glyphs that stand for one
 * cluster the first is taken for it. */
static uint32_t cluster_end(const struct run *run, uint32_t cluster, uint32_t len)
{
    uint32_t end = len;
    for (uint32_t i = 0; i < run->count; i++) {
        uint32_t other = run->glyphs[i].cluster;
        end = other > cluster && other < end ? other : end;
    }
    return end;
}

static void remember(struct embed *self, struct font *font, const struct run *run, uint32_t i,
                     const uint32_t *text, uint32_t len)
{
    const struct glyph *glyph = &run->glyphs[i];
    bool again = i > 0 && run->glyphs[i - 1].cluster == glyph->cluster;
    if (glyph->cluster >= len || again) {
        return;
    }
    uint32_t next = glyph->cluster + 1;
    bool simple = next == len || (i + 1 < run->count && run->glyphs[i + 1].cluster == next) ||
                  (i > 0 && run->glyphs[i - 1].cluster == next);
    uint32_t end = simple ? next : cluster_end(run, glyph->cluster, len);
    uint32_t count = end - glyph->cluster;
    if (count == 1) {
        font->unicode[glyph->id] = text[glyph->cluster];
        return;
    }
    font->unicode[glyph->id] = SEQUENCE | (uint32_t)self->sequences.len;
    buf_append(&self->sequences, &count, sizeof count);
    buf_append(&self->sequences, text + glyph->cluster, count * sizeof *text);
}

int embed_mark(struct embed *self, struct font *font, const struct run *run, const uint32_t *text,
               uint32_t len, struct hub_error *error)
{
    for (uint32_t i = 0; i < run->count; i++) {
        uint32_t glyph = run->glyphs[i].id;
        if (glyph >= font->face->glyph_count || (font->used[glyph / 8] >> glyph % 8 & 1)) {
            continue;
        }
        font->used[glyph / 8] |= (uint8_t)(1 << glyph % 8);
        remember(self, font, run, i, text, len);
    }
    return buf_failed(&self->sequences) ? hub_fail(error, HUB_ERR_NOMEM, "out of memory") : 0;
}

int embed_subset(struct embed *self, struct hub_error *error)
{
    for (uint32_t i = 0; i < self->count; i++) {
        struct font *font = &self->fonts[i];
        if (font->face->kind == FACE_STANDARD) {
            continue;
        }
        int err = subset_get(self->cache, font->face, font->used, &font->subset, error);
        if (err < 0) {
            return err;
        }
        font->codes = font->subset->codes;
    }
    return 0;
}

/* --- Objects -----------------------------------------------------------------------------------*/

static double thousandth(const struct face *face, double value)
{
    return value * 1000 / face->upem;
}

/* By code, in runs of neighbours: [1 [500 600] 7 [300]] (§9.7.4.3). */
static void put_widths(struct buf *buf, struct font *font)
{
    const struct subset *subset = font->subset;
    uint32_t expected = UINT32_MAX;
    buf_append_c(buf, "/W[");
    for (uint32_t i = 0; i < subset->count; i++) {
        uint32_t code = subset->by_code[i].code;
        if (code != expected) {
            buf_append_c(buf, expected == UINT32_MAX ? "" : "]");
            buf_append_u64(buf, code);
            buf_append_char(buf, '[');
        } else {
            buf_append_char(buf, ' ');
        }
        put_number(buf, thousandth(font->face, font_advance(font, subset->by_code[i].glyph)), 2);
        expected = code + 1;
    }
    buf_append_c(buf, subset->count ? "]]" : "]");
}

static void put_utf16(struct buf *buf, uint32_t c)
{
    if (c >= 0x10000) {
        put_hex16(buf, 0xD800 + ((c - 0x10000) >> 10));
        c = 0xDC00 + ((c - 0x10000) & 0x3FF);
    }
    put_hex16(buf, c);
}

static void put_meaning(const struct embed *self, struct buf *buf, uint32_t meaning)
{
    if (!(meaning & SEQUENCE)) {
        put_utf16(buf, meaning);
        return;
    }
    uint32_t count, c;
    const char *at = self->sequences.ptr + (meaning & ~SEQUENCE);
    memcpy(&count, at, sizeof count);
    for (uint32_t i = 0; i < count && i < 32; i++) {
        memcpy(&c, at + sizeof count + i * sizeof c, sizeof c);
        put_utf16(buf, c);
    }
}

/* A CMap from codes to characters; its blocks have at most 100 lines (Adobe Technical Note 5411).
 */
static void put_unicode_map(const struct embed *self, struct buf *buf, const struct font *font)
{
    const struct subset *subset = font->subset;
    buf_append_c(buf, "/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n"
                      "/CIDSystemInfo<</Registry(Adobe)/Ordering(UCS)/Supplement 0>>def\n"
                      "/CMapName/Adobe-Identity-UCS def/CMapType 2 def\n"
                      "1 begincodespacerange\n<0000><FFFF>\nendcodespacerange\n");
    uint32_t open = 0;
    struct buf block;
    buf_init(&block, PDF_MAX_OUTPUT);
    for (uint32_t i = 0; i <= subset->count; i++) {
        bool end = i == subset->count;
        uint32_t meaning = end ? 0 : font->unicode[subset->by_code[i].glyph];
        if (meaning) {
            buf_append_char(&block, '<');
            put_hex16(&block, subset->by_code[i].code);
            buf_append_c(&block, "><");
            put_meaning(self, &block, meaning);
            buf_append_c(&block, ">\n");
            open++;
        }
        if (open == 100 || (end && open > 0)) {
            buf_append_format(buf, "%u beginbfchar\n", open);
            buf_append_str(buf, buf_view(&block));
            buf_append_c(buf, "endbfchar\n");
            buf_clear(&block);
            open = 0;
        }
    }
    buf->failed |= buf_failed(&block);
    buf_release(&block);
    buf_append_c(buf, "endcmap CMapName currentdict/CMap defineresource pop end end");
}

static void put_base_font(struct buf *buf, const struct font *font)
{
    buf_append_char(buf, '/');
    buf_append_c(buf, font->subset->tag);
    buf_append_char(buf, '+');
    buf_append_c(buf, font->face->name);
}

static void put_descriptor(struct buf *buf, const struct font *font, uint32_t file)
{
    const struct face *face = font->face;
    const struct face_metrics *m = &face->metrics;
    int flags = 4 | (face->italic ? 64 : 0);
    buf_append_c(buf, "<</Type/FontDescriptor/FontName");
    put_base_font(buf, font);
    buf_append_format(buf, "/Flags %d/FontBBox[%.0f %.0f %.0f %.0f]/ItalicAngle %.0f", flags,
                      thousandth(face, m->left), thousandth(face, m->bottom),
                      thousandth(face, m->right), thousandth(face, m->top), m->italic_angle);
    buf_append_format(buf, "/Ascent %.0f/Descent %.0f/CapHeight %.0f/StemV %d/FontFile%d ",
                      thousandth(face, m->ascent), thousandth(face, m->descent),
                      thousandth(face, m->cap_height), face->weight >= 600 ? 120 : 80,
                      face->kind == FACE_CFF ? 3 : 2);
    put_ref(buf, file);
    buf_append_c(buf, ">>");
}

static void write_standard(struct writer *writer, const struct font *font, struct buf *buf)
{
    buf_append_c(buf, "<</Type/Font/Subtype/Type1/BaseFont/");
    buf_append_c(buf, font->face->name);
    buf_append_c(buf, "/Encoding/WinAnsiEncoding>>");
    writer_object(writer, font->object, buf_view(buf));
}

static void write_embedded(struct embed *self, struct writer *writer, struct font *font,
                           struct buf *buf)
{
    uint32_t descendant = writer_reserve(writer), descriptor = writer_reserve(writer);
    uint32_t file = writer_reserve(writer), unicode = writer_reserve(writer);
    bool cff = font->face->kind == FACE_CFF;
    buf_append_c(buf, "<</Type/Font/Subtype/Type0/Encoding/Identity-H/BaseFont");
    put_base_font(buf, font);
    buf_append_c(buf, "/DescendantFonts[");
    put_ref(buf, descendant);
    buf_append_c(buf, "]/ToUnicode ");
    put_ref(buf, unicode);
    buf_append_c(buf, ">>");
    writer_object(writer, font->object, buf_view(buf));
    buf_clear(buf);
    buf_append_format(buf, "<</Type/Font/Subtype/CIDFontType%d/BaseFont", cff ? 0 : 2);
    put_base_font(buf, font);
    buf_append_c(buf, "/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>");
    buf_append_c(buf, cff ? "/FontDescriptor " : "/CIDToGIDMap/Identity/FontDescriptor ");
    put_ref(buf, descriptor);
    put_widths(buf, font);
    buf_append_c(buf, ">>");
    writer_object(writer, descendant, buf_view(buf));
    buf_clear(buf);
    put_descriptor(buf, font, file);
    writer_object(writer, descriptor, buf_view(buf));
    buf_clear(buf);
    put_unicode_map(self, buf, font);
    writer_stream(writer, unicode, STR(""), buf_view(buf), WRITER_DEFLATE);
    writer_stream(writer, file, str_from_c(font->subset->entries), font->subset->program,
                  WRITER_PLAIN);
}

int embed_write(struct embed *self, struct writer *writer, struct hub_error *error)
{
    struct buf buf;
    buf_init(&buf, PDF_MAX_OUTPUT);
    for (uint32_t i = 0; i < self->count; i++) {
        struct font *font = &self->fonts[i];
        buf_clear(&buf);
        if (font->face->kind == FACE_STANDARD) {
            write_standard(writer, font, &buf);
        } else {
            write_embedded(self, writer, font, &buf);
        }
    }
    int err = buf_failed(&buf) ? hub_fail(error, HUB_ERR_NOMEM, "out of memory") : 0;
    buf_release(&buf);
    return err;
}
