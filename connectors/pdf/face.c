#include "face.h"

#include "limits.h"

#include <hb-ot.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_MAX = 64 /* characters of a word worth keeping */ };

/* --- Making one --------------------------------------------------------------------------------*/

static double metric(hb_font_t *font, hb_ot_metrics_tag_t tag, double otherwise)
{
    hb_position_t value;
    return hb_ot_metrics_get_position(font, tag, &value) && value != 0 ? value : otherwise;
}

static int16_t read_i16(const char *at)
{
    const unsigned char *bytes = (const unsigned char *)at;
    return (int16_t)(bytes[0] << 8 | bytes[1]);
}

/* The box around all glyphs stands in the head table. */
static void read_box(struct face *self)
{
    hb_blob_t *head = hb_face_reference_table(self->hb_face, HB_TAG('h', 'e', 'a', 'd'));
    unsigned len;
    const char *data = hb_blob_get_data(head, &len);
    if (len >= 44) {
        self->metrics.left = read_i16(data + 36);
        self->metrics.bottom = read_i16(data + 38);
        self->metrics.right = read_i16(data + 40);
        self->metrics.top = read_i16(data + 42);
    }
    hb_blob_destroy(head);
}

static void read_metrics(struct face *self)
{
    hb_font_extents_t extents;
    struct face_metrics *m = &self->metrics;
    double em = self->upem;
    if (hb_font_get_h_extents(self->hb_font, &extents)) {
        m->ascent = extents.ascender;
        m->descent = extents.descender;
        m->line_gap = extents.line_gap;
    }
    if (m->ascent <= 0 || m->ascent > 4 * em || m->descent > 0 || m->descent < -4 * em) {
        m->ascent = 0.8 * em;
        m->descent = -0.2 * em;
        m->line_gap = 0;
    }
    if (m->line_gap < 0 || m->line_gap > em) {
        m->line_gap = 0;
    }
    hb_font_t *font = self->hb_font;
    m->cap_height = metric(font, HB_OT_METRICS_TAG_CAP_HEIGHT, 0.7 * em);
    m->x_height = metric(font, HB_OT_METRICS_TAG_X_HEIGHT, 0.5 * em);
    m->underline_position = metric(font, HB_OT_METRICS_TAG_UNDERLINE_OFFSET, -0.1 * em);
    m->underline_thickness = metric(font, HB_OT_METRICS_TAG_UNDERLINE_SIZE, 0.05 * em);
    m->strike_position = metric(font, HB_OT_METRICS_TAG_STRIKEOUT_OFFSET, 0.5 * m->x_height);
    m->italic_angle = hb_style_get_value(font, HB_STYLE_TAG_SLANT_ANGLE);
    self->weight = (int)hb_style_get_value(font, HB_STYLE_TAG_WEIGHT);
    self->italic = hb_style_get_value(font, HB_STYLE_TAG_ITALIC) > 0 || m->italic_angle != 0;
    read_box(self);
}

/* A PostScript name has no blanks or brackets; a file may say anything. */
static void read_name(struct face *self)
{
    unsigned size = sizeof self->name - 8;
    hb_ot_name_get_utf8(self->hb_face, HB_OT_NAME_ID_POSTSCRIPT_NAME, HB_LANGUAGE_INVALID, &size,
                        self->name);
    char *to = self->name;
    for (const char *from = self->name; *from; from++) {
        if ((*from >= '0' && *from <= '9') || (*from >= 'A' && *from <= 'Z') ||
            (*from >= 'a' && *from <= 'z') || *from == '-') {
            *to++ = *from;
        }
    }
    *to = '\0';
    if (to == self->name) {
        snprintf(self->name, sizeof self->name, "Font");
    }
}

static bool has_table(hb_face_t *face, hb_tag_t tag)
{
    hb_blob_t *table = hb_face_reference_table(face, tag);
    bool has = hb_blob_get_length(table) > 0;
    hb_blob_destroy(table);
    return has;
}

static struct face *face_alloc(struct str key)
{
    struct face *self = calloc(1, sizeof *self);
    if (!self) {
        return NULL;
    }
    map_init(&self->words);
    arena_init(&self->word_memory, PDF_WORD_CACHE);
    self->key = strndup(key.ptr, key.len);
    if (!self->key) {
        face_free(self);
        return NULL;
    }
    return self;
}

int face_new(hb_blob_t *blob, uint32_t index, struct str key, struct face **ret_face,
             struct hub_error *error)
{
    struct face *self = face_alloc(key);
    if (!self) {
        return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    self->hb_face = hb_face_create(blob, index);
    self->hb_font = hb_font_create(self->hb_face);
    self->upem = hb_face_get_upem(self->hb_face);
    self->glyph_count = hb_face_get_glyph_count(self->hb_face);
    bool is_cff = has_table(self->hb_face, HB_TAG('C', 'F', 'F', ' '));
    bool usable = self->glyph_count > 0 && self->glyph_count <= 65535 && self->upem >= 16 &&
                  self->upem <= 16384 &&
                  (is_cff || has_table(self->hb_face, HB_TAG('g', 'l', 'y', 'f')));
    if (!usable) {
        face_free(self);
        return hub_fail(error, HUB_ERR_UNSUPPORTED_FORMAT,
                        "the file is not a TrueType or OpenType font with outlines");
    }
    hb_font_set_scale(self->hb_font, (int)self->upem, (int)self->upem);
    self->kind = is_cff ? FACE_CFF : FACE_TRUETYPE;
    self->bytes = hb_blob_get_length(blob) / 8 + 4096; /* mapped: most of it is never touched */
    read_metrics(self);
    read_name(self);
    *ret_face = self;
    return 0;
}

int face_new_standard(const struct standard_font *font, struct face **ret_face)
{
    struct face *self = face_alloc(str_from_c(font->name));
    if (!self) {
        return HUB_ERR_NOMEM;
    }
    snprintf(self->name, sizeof self->name, "%s", font->name);
    self->standard = font;
    self->upem = 1000;
    self->glyph_count = 256;
    /* Adobe's tables give the letters' extent, not the distance of lines: 1.15 is what the same
     * typefaces have as TrueType. */
    double room = 1150 - font->ascent + font->descent;
    self->metrics = (struct face_metrics){
        .ascent = font->ascent + room / 2,
        .descent = font->descent - room / 2,
        .cap_height = font->cap_height,
        .x_height = font->x_height,
        .underline_position = -100,
        .underline_thickness = 50,
        .strike_position = font->x_height / 2.0,
        .left = font->box[0],
        .bottom = font->box[1],
        .right = font->box[2],
        .top = font->box[3],
    };
    *ret_face = self;
    return 0;
}

void face_free(struct face *self)
{
    if (!self) {
        return;
    }
    map_release(&self->words);
    arena_release(&self->word_memory);
    hb_face_destroy(self->prepared);
    hb_font_destroy(self->hb_font);
    hb_face_destroy(self->hb_face);
    free(self->key);
    free(self);
}

void face_trim(struct face *self)
{
    if (self->word_memory.used > PDF_WORD_CACHE / 2) {
        map_release(&self->words);
        map_init(&self->words);
        arena_release(&self->word_memory);
        arena_init(&self->word_memory, PDF_WORD_CACHE);
    }
}

bool face_has(const struct face *self, uint32_t character)
{
    if (self->standard) {
        return winansi_code(character) != 0;
    }
    hb_codepoint_t glyph;
    return hb_font_get_nominal_glyph(self->hb_font, character, &glyph);
}

int32_t face_glyph_advance(const struct face *self, uint32_t glyph)
{
    return self->standard ? self->standard->widths[glyph & 255]
                          : hb_font_get_glyph_h_advance(self->hb_font, glyph);
}

/* --- Shaping -----------------------------------------------------------------------------------*/

static int16_t clamp16(int32_t value)
{
    return (int16_t)(value < INT16_MIN ? INT16_MIN : value > INT16_MAX ? INT16_MAX : value);
}

static int shape_standard(const struct face *self, const uint32_t *text, size_t len,
                          struct arena *arena, struct run *ret_run)
{
    struct glyph *glyphs = arena_alloc(arena, len * sizeof *glyphs);
    if (!glyphs) {
        return HUB_ERR_NOMEM;
    }
    int32_t width = 0;
    for (size_t i = 0; i < len; i++) {
        uint8_t code = winansi_code(text[i]);
        code = code ? code : '?';
        glyphs[i] = (struct glyph){
            .id = code, .cluster = (uint16_t)i, .advance = self->standard->widths[code]};
        width += glyphs[i].advance;
    }
    *ret_run = (struct run){glyphs, (uint32_t)len, width};
    return 0;
}

static const hb_feature_t FEATURES[] = {
    {HB_TAG('l', 'i', 'g', 'a'), 0, HB_FEATURE_GLOBAL_START, HB_FEATURE_GLOBAL_END},
    {HB_TAG('c', 'l', 'i', 'g'), 0, HB_FEATURE_GLOBAL_START, HB_FEATURE_GLOBAL_END},
    {HB_TAG('d', 'l', 'i', 'g'), 0, HB_FEATURE_GLOBAL_START, HB_FEATURE_GLOBAL_END},
};

static int copy_glyphs(const hb_buffer_t *buffer, struct arena *arena, struct run *ret_run)
{
    unsigned count;
    const hb_glyph_info_t *infos = hb_buffer_get_glyph_infos((hb_buffer_t *)buffer, &count);
    const hb_glyph_position_t *places =
        hb_buffer_get_glyph_positions((hb_buffer_t *)buffer, &count);
    struct glyph *glyphs = arena_alloc(arena, (count + 1) * sizeof *glyphs);
    if (!glyphs) {
        return HUB_ERR_NOMEM;
    }
    int32_t width = 0;
    for (unsigned i = 0; i < count; i++) {
        glyphs[i] = (struct glyph){.id = (uint16_t)infos[i].codepoint,
                                   .cluster = (uint16_t)infos[i].cluster,
                                   .advance = clamp16(places[i].x_advance),
                                   .dx = clamp16(places[i].x_offset),
                                   .dy = clamp16(places[i].y_offset)};
        width += glyphs[i].advance;
    }
    *ret_run = (struct run){glyphs, count, width};
    return 0;
}

static int shape_font(const struct face *self, const uint32_t *text, size_t len,
                      const struct shape_options *options, struct arena *arena, struct run *ret_run)
{
    hb_buffer_t *buffer = hb_buffer_create();
    hb_buffer_add_utf32(buffer, text, (int)len, 0, (int)len);
    hb_buffer_set_direction(buffer, options->rtl ? HB_DIRECTION_RTL : HB_DIRECTION_LTR);
    if (options->language) {
        hb_buffer_set_language(buffer, options->language);
    }
    hb_buffer_guess_segment_properties(buffer);
    hb_shape(self->hb_font, buffer, FEATURES, sizeof FEATURES / sizeof FEATURES[0]);
    int err = hb_buffer_allocation_successful(buffer) ? copy_glyphs(buffer, arena, ret_run)
                                                      : HUB_ERR_NOMEM;
    hb_buffer_destroy(buffer);
    return err;
}

static int shape(const struct face *self, const uint32_t *text, size_t len,
                 const struct shape_options *options, struct arena *arena, struct run *ret_run)
{
    return self->standard ? shape_standard(self, text, len, arena, ret_run)
                          : shape_font(self, text, len, options, arena, ret_run);
}

/* Shapes into the face's own memory and keeps it. False if there is no room any more. */
static bool keep_word(struct face *self, struct str key, const uint32_t *text, size_t len,
                      const struct shape_options *options, struct run *ret_run)
{
    struct run *kept = arena_alloc(&self->word_memory, sizeof *kept);
    struct str owned = arena_str(&self->word_memory, key);
    if (!kept || !owned.ptr || shape(self, text, len, options, &self->word_memory, kept) < 0 ||
        map_put(&self->words, owned, kept) < 0) {
        return false;
    }
    *ret_run = *kept;
    return true;
}

int face_shape(struct face *self, const uint32_t *text, size_t len,
               const struct shape_options *options, struct arena *arena, struct run *ret_run)
{
    if (len > KEY_MAX) {
        return shape(self, text, len, options, arena, ret_run);
    }
    /* Languages are interned by HarfBuzz: the pointer tells them apart. */
    struct {
        uint64_t kind;
        uint32_t text[KEY_MAX];
    } key = {.kind = (uint64_t)(uintptr_t)options->language << 1 | options->rtl};
    memcpy(key.text, text, len * sizeof *text);
    struct str view = str_of((const char *)&key, sizeof key.kind + len * sizeof *text);
    const struct run *kept = map_get(&self->words, view);
    if (kept) {
        *ret_run = *kept;
        return 0;
    }
    return keep_word(self, view, text, len, options, ret_run)
               ? 0
               : shape(self, text, len, options, arena, ret_run);
}
