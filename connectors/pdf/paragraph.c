/*
 * From the runs of a paragraph to pieces with glyphs.
 */
#include "paragraph.h"

#include "pieces.h"

#include <fribidi.h>
#include <linebreak.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TEXT = 1000000 /* characters of one paragraph */, MAX_PIECE = 1000 };

/* Working storage of one paragraph_prepare(). */
struct setting {
    struct document *doc;
    struct paragraph *paragraph;
    uint32_t *text;
    uint16_t *run_of; /* index of the run that a character belongs to */
    char *breaks;
    uint8_t *levels; /* NULL: all from left to right */
    uint32_t len;
    struct piece *pieces;
    uint32_t count, cap;
};

/* --- Faces -------------------------------------------------------------------------------------*/

int style_face(struct document *doc, const struct text_style *style, struct face **ret_face)
{
    if (!style->face) {
        struct hub_error why;
        struct font_style wanted = {style->bold, style->italics};
        struct face *face;
        int err = fontbook_find(doc->fonts, style->font, wanted, &face, &why);
        if (err < 0) {
            return document_fail(doc, style->place, err, "%s", why.detail);
        }
        ((struct text_style *)style)->face = face; /* only a memory of what can be found again */
    }
    *ret_face = style->face;
    return 0;
}

int style_extent(struct document *doc, const struct text_style *style, double *ret_ascent,
                 double *ret_descent)
{
    struct face *face;
    int err = style_face(doc, style, &face);
    if (err < 0) {
        return err;
    }
    const struct face_metrics *m = &face->metrics;
    double scale = style->size / face->upem;
    double ascent = (m->ascent + m->line_gap / 2) * scale;
    double descent = (m->line_gap / 2 - m->descent) * scale;
    double leading = (style->line_height - 1) * (ascent + descent) / 2;
    *ret_ascent = ascent + leading;
    *ret_descent = descent + leading;
    return 0;
}

/* Characters that need no glyph of their own. */
static bool is_ignorable(uint32_t c)
{
    return c == 0xAD || (c >= 0x200B && c <= 0x200F) || (c >= 0x202A && c <= 0x202E) ||
           (c >= 0x2060 && c <= 0x2069) || (c >= 0xFE00 && c <= 0xFE0F) || c == 0xFEFF;
}

static bool is_mark(uint32_t c)
{
    return (c >= 0x300 && c <= 0x36F) || (c >= 0x20D0 && c <= 0x20FF) ||
           (c >= 0x591 && c <= 0x5C7) || (c >= 0x64B && c <= 0x65F);
}

/* One warning for a text, with all of its characters that are missing. */
static void warn_missing(struct document *doc, const struct place *place, uint32_t character)
{
    char name[16];
    snprintf(name, sizeof name, "U+%04X", character);
    for (uint32_t i = 0; i < doc->warning_count; i++) {
        struct warning *warning = &doc->warnings[i];
        if (warning->place != place || strcmp(warning->code, "missing_glyph") != 0) {
            continue;
        }
        size_t len = strlen(warning->detail);
        if (!strstr(warning->detail, name) && len + sizeof name + 2 < sizeof warning->detail) {
            snprintf(warning->detail + len, sizeof warning->detail - len, ", %s", name);
        }
        return;
    }
    document_warn(doc, place, "missing_glyph", "no font has %s", name);
}

static int missing_glyph(struct setting *s, uint32_t character, const struct inline_run *run)
{
    if (s->doc->fail_on_missing) {
        return document_fail(s->doc, run->place, HUB_ERR_INVALID_INPUT,
                             "no font has the character U+%04X", character);
    }
    warn_missing(s->doc, run->place, character);
    return 0;
}

/* The face for a character; `*face` is that of the one before, which it keeps if it can. */
static int choose_face(struct setting *s, uint32_t character, const struct inline_run *run,
                       struct face **face)
{
    const struct text_style *style = run->style;
    struct face *own;
    int err = style_face(s->doc, style, &own);
    if (err < 0) {
        return err;
    }
    if (*face && (is_ignorable(character) || (is_mark(character) && face_has(*face, character)))) {
        return 0;
    }
    if (face_has(own, character) || is_ignorable(character)) {
        *face = own;
        return 0;
    }
    if (*face && *face != own && face_has(*face, character)) {
        return 0; /* the fallback that is in use already */
    }
    struct font_style wanted = {style->bold, style->italics};
    struct face *other = fontbook_fallback(s->doc->fonts, wanted, style->language, character);
    *face = other ? other : own;
    return other ? 0 : missing_glyph(s, character, run);
}

/* --- Characters --------------------------------------------------------------------------------*/

static uint32_t next_character(const unsigned char **at, const unsigned char *end)
{
    const unsigned char *p = *at;
    uint32_t c = *p++;
    unsigned more = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : c >= 0xC0 ? 1 : 0;
    c = more ? c & (0x3Fu >> more) : c;
    for (; more > 0 && p < end; more--) {
        c = c << 6 | (*p++ & 0x3F);
    }
    *at = p;
    return c;
}

static uint32_t page_of(const struct document *doc, struct str id)
{
    const struct node *node = map_get(&doc->anchors, id);
    return node ? node->anchor_page : 0;
}

/* The text of a run; a number's is written to `room`. */
static int run_text(struct document *doc, const struct inline_run *run,
                    const struct numbers *numbers, char room[16], struct str *ret_text)
{
    uint32_t number = 0;
    switch (run->field) {
    case FIELD_NONE:
        *ret_text = run->text;
        return 0;
    case FIELD_PAGE:
        number = numbers->page;
        break;
    case FIELD_PAGES:
        number = numbers->pages;
        break;
    case FIELD_PAGE_OF:
        if (!map_get(&doc->anchors, run->target)) {
            return document_fail(doc, run->place, HUB_ERR_INVALID_INPUT, "there is no node “%.*s”",
                                 STR_ARG(str_utf8_cut(run->target, 60)));
        }
        number = page_of(doc, run->target);
        break;
    }
    *ret_text = str_of(room, (size_t)snprintf(room, 16, "%u", number));
    return 0;
}

static int decode(struct setting *s, const struct numbers *numbers)
{
    struct paragraph *paragraph = s->paragraph;
    char room[16];
    size_t most = 0;
    for (uint32_t i = 0; i < paragraph->count; i++) {
        most += paragraph->runs[i].text.len + sizeof room;
    }
    if (most > MAX_TEXT || paragraph->count > UINT16_MAX) {
        return document_fail(s->doc, paragraph->runs[0].place, HUB_ERR_TOO_LARGE,
                             "the paragraph is too long");
    }
    struct arena *arena = &s->doc->arena;
    s->text = arena_alloc(arena, (most + 1) * sizeof *s->text);
    s->run_of = arena_alloc(arena, (most + 1) * sizeof *s->run_of);
    if (!s->text || !s->run_of) {
        return document_nomem(s->doc);
    }
    for (uint32_t i = 0; i < paragraph->count; i++) {
        struct str text = {0};
        int err = run_text(s->doc, &paragraph->runs[i], numbers, room, &text);
        if (err < 0) {
            return err;
        }
        const unsigned char *at = (const unsigned char *)text.ptr, *end = at + text.len;
        while (at < end) {
            uint32_t c = next_character(&at, end);
            if (c == '\r' || (c < ' ' && c != '\n' && c != '\t')) {
                continue;
            }
            s->run_of[s->len] = (uint16_t)i;
            s->text[s->len++] = c == '\t' ? ' ' : c;
        }
    }
    return 0;
}

/* --- Directions and breaks ---------------------------------------------------------------------*/

static bool may_be_rtl(const struct setting *s)
{
    if (s->paragraph->style->direction == DIRECTION_RTL) {
        return true;
    }
    for (uint32_t i = 0; i < s->len; i++) {
        uint32_t c = s->text[i];
        if ((c >= 0x590 && c <= 0x8FF) || (c >= 0xFB1D && c <= 0xFEFC) || c == 0x200F ||
            c == 0x202B || c == 0x202E || c == 0x2067 || (c >= 0x10800 && c <= 0x10FFF) ||
            (c >= 0x1E800 && c <= 0x1EFFF)) {
            return true;
        }
    }
    return false;
}

static int find_levels(struct setting *s, bool *ret_rtl)
{
    static const FriBidiParType BASES[] = {FRIBIDI_PAR_ON, FRIBIDI_PAR_LTR, FRIBIDI_PAR_RTL};
    *ret_rtl = false;
    if (s->len == 0 || !may_be_rtl(s)) {
        *ret_rtl = s->paragraph->style->direction == DIRECTION_RTL;
        return 0;
    }
    struct arena *arena = &s->doc->arena;
    FriBidiCharType *types = arena_alloc(arena, s->len * sizeof *types);
    FriBidiBracketType *brackets = arena_alloc(arena, s->len * sizeof *brackets);
    FriBidiLevel *levels = arena_alloc(arena, s->len * sizeof *levels);
    s->levels = arena_alloc(arena, s->len);
    if (!types || !brackets || !levels || !s->levels) {
        return document_nomem(s->doc);
    }
    FriBidiStrIndex len = (FriBidiStrIndex)s->len;
    fribidi_get_bidi_types(s->text, len, types);
    fribidi_get_bracket_types(s->text, len, types, brackets);
    FriBidiParType base = BASES[s->paragraph->style->direction];
    if (fribidi_get_par_embedding_levels_ex(types, brackets, len, &base, levels) == 0) {
        return document_nomem(s->doc);
    }
    for (uint32_t i = 0; i < s->len; i++) {
        s->levels[i] = (uint8_t)levels[i];
    }
    *ret_rtl = FRIBIDI_IS_RTL(base);
    return 0;
}

static int find_breaks(struct setting *s)
{
    s->breaks = arena_alloc(&s->doc->arena, s->len + 1);
    if (!s->breaks) {
        return document_nomem(s->doc);
    }
    char language[8] = "";
    struct str code = str_slice(s->paragraph->style->language, 0, 2);
    memcpy(language, code.len ? code.ptr : "", code.len);
    if (s->len > 0) {
        set_linebreaks_utf32(s->text, s->len, language, s->breaks);
    }
    return 0;
}

/* --- Pieces ------------------------------------------------------------------------------------*/

static struct piece *add_piece(struct setting *s)
{
    if (s->count == s->cap) {
        uint32_t cap = s->cap ? s->cap * 2 : 4;
        struct piece *pieces = arena_alloc(&s->doc->arena, cap * sizeof *pieces);
        if (!pieces) {
            (void)document_nomem(s->doc);
            return NULL;
        }
        if (s->count > 0) {
            memcpy(pieces, s->pieces, s->count * sizeof *pieces);
        }
        s->pieces = pieces;
        s->cap = cap;
    }
    struct piece *piece = &s->pieces[s->count++];
    *piece = (struct piece){0};
    return piece;
}

int piece_shape(struct document *doc, struct piece *piece)
{
    const struct text_style *style = piece->run->style;
    struct face *face = piece->face;
    char code[36];
    struct shape_options options = {.rtl = piece->level & 1};
    if (style->language.len > 0 && style->language.len < sizeof code) {
        options.language = hb_language_from_string(style->language.ptr, (int)style->language.len);
    }
    if (face_shape(face, piece->text, piece->len, &options, &doc->arena, &piece->glyphs) < 0) {
        return document_nomem(doc);
    }
    piece->size = style->size * style->scale;
    double scale = piece->size / face->upem;
    piece->width = piece->glyphs.width * scale + piece->glyphs.count * style->character_spacing;
    if (piece->spaces > 0) {
        static const uint32_t SPACE = ' ';
        struct run space;
        if (face_shape(face, &SPACE, 1, &(struct shape_options){0}, &doc->arena, &space) < 0) {
            return document_nomem(doc);
        }
        piece->space_width = space.width * scale + style->character_spacing;
    }
    return 0;
}

static bool is_space(uint32_t c)
{
    return c == ' ';
}

/* Where the piece that begins at `from` ends, and its face. */
static int find_end(struct setting *s, uint32_t from, struct piece *piece, uint32_t *ret_end)
{
    const struct inline_run *run = &s->paragraph->runs[s->run_of[from]];
    uint8_t level = s->levels ? s->levels[from] : 0;
    struct face *face = NULL;
    uint32_t i = from;
    for (; i < s->len && i - from < MAX_PIECE; i++) {
        uint32_t c = s->text[i];
        if (is_space(c) || c == '\n' || s->run_of[i] != s->run_of[from] ||
            (s->levels && s->levels[i] != level)) {
            break;
        }
        struct face *here = face;
        int err = choose_face(s, c, run, &here);
        if (err < 0) {
            return err;
        }
        if (face && here != face) {
            break;
        }
        face = here;
        if (s->breaks[i] != LINEBREAK_NOBREAK) {
            i++;
            break;
        }
    }
    piece->run = run;
    piece->level = level;
    piece->face = face;
    *ret_end = i;
    return face ? 0 : style_face(s->doc, run->style, &piece->face);
}

static int make_piece(struct setting *s, uint32_t *at)
{
    struct piece *piece = add_piece(s);
    uint32_t from = *at, end;
    if (!piece) {
        return s->doc->error->err;
    }
    int err = find_end(s, from, piece, &end);
    if (err < 0) {
        return err;
    }
    piece->text = s->text + from;
    piece->len = end - from;
    piece->space_level = s->levels && end < s->len ? s->levels[end] : piece->level;
    while (end < s->len && is_space(s->text[end])) {
        piece->spaces++;
        end++;
    }
    if (end < s->len && s->text[end] == '\n') {
        piece->must_break = true;
        end++;
    }
    char mark = end > from ? s->breaks[end - 1] : LINEBREAK_NOBREAK;
    piece->must_break |= mark == LINEBREAK_MUSTBREAK && end < s->len;
    bool no_wrap = piece->run->style->no_wrap;
    piece->break_after = piece->must_break || (mark == LINEBREAK_ALLOWBREAK && !no_wrap) ||
                         mark == LINEBREAK_MUSTBREAK;
    if (piece->len > 0 && piece->text[piece->len - 1] == 0xAD && piece->spaces == 0) {
        piece->soft_hyphen = true;
        piece->len--;
    }
    *at = end;
    return piece_shape(s->doc, piece);
}

static void measure(struct prepared *prepared, double indent)
{
    double line = indent > 0 ? indent : 0, word = 0, spaces = 0;
    for (uint32_t i = 0; i < prepared->count; i++) {
        const struct piece *piece = &prepared->pieces[i];
        line += spaces + piece->width;
        word += piece->width;
        spaces = piece->spaces * piece->space_width;
        /* Divided, a word needs little; how little only the dictionary knows. */
        double whole = piece->run->style->hyphenate ? fmin(word, 5 * piece->size) : word;
        prepared->min_width = fmax(prepared->min_width, whole);
        prepared->max_width = fmax(prepared->max_width, line);
        word = piece->break_after ? 0 : word + spaces;
        if (piece->must_break) {
            line = spaces = 0;
        }
    }
}

int paragraph_prepare(struct document *doc, struct paragraph *paragraph,
                      const struct numbers *numbers)
{
    if (paragraph->prepared && !paragraph->has_fields) {
        return 0;
    }
    struct setting s = {.doc = doc, .paragraph = paragraph};
    struct prepared *prepared = document_alloc(doc, sizeof *prepared);
    int err = prepared ? decode(&s, numbers) : doc->error->err;
    if (err == 0) {
        err = find_levels(&s, &prepared->rtl);
    }
    if (err == 0) {
        err = find_breaks(&s);
    }
    uint32_t at = 0;
    while (err == 0 && at < s.len && is_space(s.text[at]) && !paragraph->style->keep_spaces) {
        at++; /* spaces in front of a paragraph are an accident */
    }
    while (err == 0 && at < s.len) {
        err = make_piece(&s, &at);
    }
    if (err == 0) {
        err = style_extent(doc, paragraph->count > 0 ? paragraph->runs[0].style : paragraph->style,
                           &prepared->ascent, &prepared->descent);
    }
    if (err < 0) {
        return err;
    }
    prepared->pieces = s.pieces;
    prepared->count = s.count;
    prepared->lines_width = -1;
    measure(prepared, paragraph->style->leading_indent);
    paragraph->prepared = prepared;
    return 0;
}
