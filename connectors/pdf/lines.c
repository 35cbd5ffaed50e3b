/*
 * From pieces to lines.
 */
#include "paragraph.h"

#include "hyphens.h"
#include "pieces.h"

#include <math.h>
#include <string.h>

static const double EPSILON = 0.01; /* points; what rounding may add to a sum of widths */

/* The lines of a paragraph while they are being made. */
struct breaker {
    struct document *doc;
    const struct paragraph *paragraph;
    const struct prepared *prepared;
    double width;
    struct line *lines;
    uint32_t count, cap;
    const struct piece **open; /* pieces of the line that is being filled */
    uint32_t open_count, open_cap;
    double open_width;  /* of these, with the spaces between them */
    double open_spaces; /* after the last of them */
};

static double line_room(const struct breaker *b)
{
    double indent = b->count == 0 ? b->paragraph->style->leading_indent : 0;
    return b->width - indent;
}

static int open_add(struct breaker *b, const struct piece *piece)
{
    if (b->open_count == b->open_cap) {
        uint32_t cap = b->open_cap ? b->open_cap * 2 : 16;
        const struct piece **open = arena_alloc(&b->doc->arena, cap * sizeof(struct piece *));
        if (!open) {
            return document_nomem(b->doc);
        }
        if (b->open_count > 0) {
            memcpy(open, b->open, b->open_count * sizeof *open);
        }
        b->open = open;
        b->open_cap = cap;
    }
    b->open[b->open_count++] = piece;
    b->open_width += b->open_spaces + piece->width;
    b->open_spaces = piece->spaces * piece->space_width;
    return 0;
}

/* --- Closing a line ----------------------------------------------------------------------------*/

/* UAX #9, rule L2: from the highest level down to the lowest odd one, turn what is at it or above
 * around. */
static void reorder(const struct piece **pieces, uint32_t count)
{
    uint8_t highest = 0, lowest_odd = 255;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t level = pieces[i]->level;
        highest = level > highest ? level : highest;
        lowest_odd = (level & 1) && level < lowest_odd ? level : lowest_odd;
    }
    for (int level = highest; level >= lowest_odd; level--) {
        for (uint32_t from = 0; from < count; from++) {
            uint32_t to = from;
            while (to < count && pieces[to]->level >= level) {
                to++;
            }
            for (uint32_t i = from, k = to; i + 1 < k; i++) {
                const struct piece *other = pieces[--k];
                pieces[k] = pieces[i];
                pieces[i] = other;
            }
            from = to > from ? to - 1 : from;
        }
    }
}

static enum align alignment_of(const struct breaker *b)
{
    enum align align = b->paragraph->style->alignment;
    if (align == ALIGN_START || align == ALIGN_JUSTIFY) {
        return b->prepared->rtl ? ALIGN_RIGHT : ALIGN_LEFT;
    }
    return align;
}

/* How much wider each space gets, so that the line is as wide as the paragraph. */
static double stretch(const struct breaker *b, bool ends, double room)
{
    bool justify = b->paragraph->style->alignment == ALIGN_JUSTIFY;
    uint32_t spaces = 0;
    for (uint32_t i = 0; i + 1 < b->open_count; i++) {
        spaces += b->open[i]->spaces;
    }
    return justify && !ends && spaces > 0 ? fmax(0, (room - b->open_width) / spaces) : 0;
}

static void place_slots(const struct breaker *b, const struct piece *last, double extra,
                        struct slot *slots, struct line *line)
{
    double x = 0;
    for (uint32_t i = 0; i < b->open_count; i++) {
        const struct piece *piece = b->open[i];
        struct slot *slot = &slots[i];
        *slot = (struct slot){.piece = piece, .spaces = piece == last ? 0 : piece->spaces};
        slot->space = piece->space_width + extra;
        double spaces = slot->spaces * slot->space;
        /* From right to left the spaces after a piece stand to its left. */
        slot->x = piece->space_level & 1 ? x + spaces : x;
        x += spaces + piece->width;
    }
    line->width = x;
}

static int line_extent(const struct breaker *b, struct line *line)
{
    line->ascent = b->open_count ? 0 : b->prepared->ascent;
    line->descent = b->open_count ? 0 : b->prepared->descent;
    const struct text_style *style = NULL;
    for (uint32_t i = 0; i < b->open_count; i++) {
        if (b->open[i]->run->style == style) {
            continue;
        }
        style = b->open[i]->run->style;
        double ascent, descent;
        int err = style_extent(b->doc, style, &ascent, &descent);
        if (err < 0) {
            return err;
        }
        line->ascent = fmax(line->ascent, ascent);
        line->descent = fmax(line->descent, descent);
    }
    return 0;
}

static int add_line(struct breaker *b, struct line **ret_line)
{
    if (b->count == b->cap) {
        uint32_t cap = b->cap ? b->cap * 2 : 2;
        struct line *lines = arena_alloc(&b->doc->arena, cap * sizeof *lines);
        if (!lines) {
            return document_nomem(b->doc);
        }
        if (b->count > 0) {
            memcpy(lines, b->lines, b->count * sizeof *lines);
        }
        b->lines = lines;
        b->cap = cap;
    }
    *ret_line = &b->lines[b->count];
    **ret_line = (struct line){0};
    return 0;
}

static int with_hyphen(struct breaker *b, const struct piece *piece, uint32_t len,
                       const struct piece **ret_piece);

/* `ends`: the paragraph, or a part of it that a line feed ends. */
static int close_line(struct breaker *b, bool ends)
{
    struct line *line = NULL;
    int err = add_line(b, &line);
    const struct piece *last = b->open_count ? b->open[b->open_count - 1] : NULL;
    if (err == 0 && last && last->soft_hyphen && !ends) {
        b->open_width -= last->width;
        err = with_hyphen(b, last, last->len, &last);
        if (err == 0) {
            b->open[b->open_count - 1] = last;
            b->open_width += last->width;
        }
    }
    struct slot *slots =
        err < 0 ? NULL : arena_alloc(&b->doc->arena, (b->open_count + 1) * sizeof *slots);
    if (!slots) {
        return err < 0 ? err : document_nomem(b->doc);
    }
    double room = line_room(b), indent = b->width - room;
    double extra = stretch(b, ends, room);
    err = line_extent(b, line);
    reorder(b->open, b->open_count);
    place_slots(b, last, extra, slots, line);
    enum align align = alignment_of(b);
    double free_room = room - line->width;
    line->x = align == ALIGN_RIGHT    ? free_room
              : align == ALIGN_CENTER ? indent + free_room / 2
                                      : indent;
    line->slots = slots;
    line->count = b->open_count;
    b->count++;
    b->open_count = 0;
    b->open_width = b->open_spaces = 0;
    return err;
}

/* --- Dividing words ----------------------------------------------------------------------------*/

static int part_of(struct breaker *b, const struct piece *piece, uint32_t from, uint32_t len,
                   struct piece **ret_part)
{
    struct piece *part = arena_memdup(&b->doc->arena, piece, sizeof *piece);
    if (!part) {
        return document_nomem(b->doc);
    }
    part->text = piece->text + from;
    part->len = len;
    *ret_part = part;
    return piece_shape(b->doc, part);
}

/* The first `len` characters and a hyphen. */
static int with_hyphen(struct breaker *b, const struct piece *piece, uint32_t len,
                       const struct piece **ret_piece)
{
    uint32_t *text = arena_alloc(&b->doc->arena, (len + 1) * sizeof *text);
    struct piece *part = arena_memdup(&b->doc->arena, piece, sizeof *piece);
    if (!text || !part) {
        return document_nomem(b->doc);
    }
    memcpy(text, piece->text, len * sizeof *text);
    text[len] = '-';
    part->text = text;
    part->len = len + 1;
    part->spaces = 0;
    part->soft_hyphen = false;
    *ret_piece = part;
    return piece_shape(b->doc, part);
}

static bool is_letter(uint32_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c >= 0xC0 && c < 0x2000 && c != 0xD7 && c != 0xF7);
}

/* Puts as much of the piece as fits, and a hyphen, onto the line; *rest is what remains, NULL if
 * nothing was done. */
static int hyphenate(struct breaker *b, const struct piece *piece, double room, struct piece **rest)
{
    bool points[HYPHENS_WORD_MAX];
    uint32_t first = 0, last = piece->len;
    *rest = NULL;
    while (first < last && !is_letter(piece->text[first])) {
        first++;
    }
    while (last > first && !is_letter(piece->text[last - 1])) {
        last--;
    }
    for (uint32_t i = first; i < last; i++) {
        if (!is_letter(piece->text[i])) {
            return 0;
        }
    }
    struct str language = piece->run->style->language;
    if (!b->doc->hyphens || !hyphens_has(b->doc->hyphens, language)) {
        document_warn(b->doc, piece->run->place, "no_hyphenation",
                      "there is no hyphenation dictionary for the language “%.*s”",
                      STR_ARG(language));
        return 0;
    }
    if (!hyphens_find(b->doc->hyphens, language, piece->text + first, last - first, points)) {
        return 0;
    }
    for (uint32_t i = last - first; i-- > 0;) {
        if (!points[i]) {
            continue;
        }
        const struct piece *head;
        uint32_t cut = first + i + 1;
        int err = with_hyphen(b, piece, cut, &head);
        if (err == 0 && head->width <= room + EPSILON) {
            err = open_add(b, head);
            return err < 0 ? err : part_of(b, piece, cut, piece->len - cut, rest);
        }
        if (err < 0) {
            return err;
        }
    }
    return 0;
}

/* How many characters of a piece fit: whole clusters, at least one. */
static uint32_t fitting(const struct piece *piece, double room)
{
    double scale = piece->size / piece->face->upem, width = 0;
    double spacing = piece->run->style->character_spacing;
    bool rtl = piece->level & 1;
    uint32_t count = piece->glyphs.count, end = piece->len;
    for (uint32_t i = 0; i < count; i++) {
        const struct glyph *glyph = &piece->glyphs.glyphs[rtl ? count - 1 - i : i];
        width += glyph->advance * scale + spacing;
        if (width > room + EPSILON && glyph->cluster > 0) {
            end = glyph->cluster;
            break;
        }
    }
    return end;
}

/* A word that is wider than the line: broken wherever it must be. */
static int break_anywhere(struct breaker *b, const struct piece *piece)
{
    while (piece->width > line_room(b) - b->open_width - b->open_spaces + EPSILON) {
        double room = line_room(b) - b->open_width - b->open_spaces;
        uint32_t cut = fitting(piece, room);
        bool nothing_fits = b->open_count > 0 && room < piece->size;
        int err = 0;
        if (!nothing_fits) {
            struct piece *head = NULL, *rest = NULL;
            if (cut >= piece->len) {
                break;
            }
            err = part_of(b, piece, 0, cut, &head);
            if (err == 0) {
                head->spaces = 0;
                head->soft_hyphen = false;
                err = open_add(b, head);
            }
            if (err == 0) {
                err = part_of(b, piece, cut, piece->len - cut, &rest);
                piece = rest;
            }
        }
        if (err == 0) {
            err = close_line(b, false);
        }
        if (err < 0) {
            return err;
        }
    }
    return open_add(b, piece);
}

/* --- Words -------------------------------------------------------------------------------------*/

static double word_width(const struct piece *pieces, uint32_t count)
{
    double width = 0, spaces = 0;
    for (uint32_t i = 0; i < count; i++) {
        width += spaces + pieces[i].width;
        spaces = pieces[i].spaces * pieces[i].space_width;
    }
    return width;
}

/* One piece that does not fit where the line is now. */
static int divide(struct breaker *b, const struct piece *piece)
{
    int err = 0;
    double room = line_room(b) - b->open_width - b->open_spaces;
    struct piece *rest = NULL;
    while (err == 0 && piece->width > room + EPSILON && piece->run->style->hyphenate) {
        err = hyphenate(b, piece, room, &rest);
        if (err < 0 || !rest) {
            break;
        }
        err = close_line(b, false);
        piece = rest;
        room = line_room(b);
    }
    if (err == 0 && piece->width > room + EPSILON && b->open_count > 0 && !rest) {
        err = close_line(b, false);
        return err < 0 ? err : divide(b, piece);
    }
    return err < 0 ? err
           : piece->width > line_room(b) - b->open_width - b->open_spaces + EPSILON
               ? break_anywhere(b, piece)
               : open_add(b, piece);
}

static int add_word(struct breaker *b, const struct piece *pieces, uint32_t count)
{
    int err = 0;
    double width = word_width(pieces, count);
    bool fits = b->open_width + b->open_spaces + width <= line_room(b) + EPSILON;
    bool divisible = count == 1 && pieces[0].run->style->hyphenate;
    if (!fits && b->open_count > 0 && !divisible) {
        err = close_line(b, false);
        fits = width <= line_room(b) + EPSILON;
    }
    for (uint32_t i = 0; err == 0 && i < count; i++) {
        bool room =
            fits || b->open_width + b->open_spaces + pieces[i].width <= line_room(b) + EPSILON;
        err =
            room || pieces[i].run->style->no_wrap ? open_add(b, &pieces[i]) : divide(b, &pieces[i]);
    }
    return err;
}

static int fill_lines(struct breaker *b)
{
    const struct piece *pieces = b->prepared->pieces;
    uint32_t count = b->prepared->count;
    for (uint32_t from = 0; from < count;) {
        uint32_t to = from + 1;
        while (to < count && !pieces[to - 1].break_after) {
            to++;
        }
        int err = add_word(b, pieces + from, to - from);
        if (err == 0 && pieces[to - 1].must_break) {
            err = close_line(b, true);
        }
        if (err < 0) {
            return err;
        }
        from = to;
    }
    /* After a line feed at the end there is no empty line, unless there is nothing else. */
    return b->open_count > 0 || b->count == 0 ? close_line(b, true) : 0;
}

int paragraph_break(struct document *doc, struct paragraph *paragraph, double width,
                    struct lines *ret_lines)
{
    struct prepared *prepared = paragraph->prepared;
    if (prepared->lines_width != width) {
        struct breaker b = {
            .doc = doc, .paragraph = paragraph, .prepared = prepared, .width = width};
        int err = fill_lines(&b);
        if (err < 0) {
            return err;
        }
        struct lines lines = {.items = b.lines, .count = b.count};
        for (uint32_t i = 0; i < b.count; i++) {
            lines.height += b.lines[i].ascent + b.lines[i].descent;
        }
        prepared->lines = lines;
        prepared->lines_width = width;
    }
    *ret_lines = prepared->lines;
    return 0;
}
