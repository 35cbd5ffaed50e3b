/*
 * face.h — one font: its metrics, and text turned into glyphs.
 *
 * A face is a TrueType or OpenType file, or one of the 14 fonts that every PDF reader has
 * (ISO 32000-1 §9.6.2.2; "standard": they cover WinAnsiEncoding and are not embedded). Faces are
 * kept between documents, and so are the words that were shaped with them. HarfBuzz shapes:
 * kerning and the forms of Arabic letters, but no optional ligatures, so that text which is
 * searched for or copied stays what it was.
 *
 *     struct run run;
 *     if (face_shape(face, text, len, &options, arena, &run) < 0) …
 *     width = run.width * size / face->upem;
 *
 * Lengths are in font units, `upem` to the size. Owner: fontbook.h. Thread: [any], one at a time.
 */
#ifndef PDF_FACE_H
#define PDF_FACE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/map.h"

#include "standard.h"

#include <hb.h>

enum face_kind { FACE_STANDARD, FACE_TRUETYPE, FACE_CFF };

struct glyph {
    uint16_t id;      /* in the font; a standard font's: the character code */
    uint16_t cluster; /* index of the first character that it stands for */
    int16_t advance;
    int16_t dx, dy;
};

struct run {
    const struct glyph *glyphs; /* from left to right */
    uint32_t count;
    int32_t width;
};

struct face_metrics {
    double ascent, descent, line_gap; /* descent is negative; for the distance of lines */
    double cap_height, x_height;
    double underline_position, underline_thickness;
    double strike_position;
    double italic_angle;
    double left, bottom, right, top; /* the box around all glyphs */
};

struct face {
    enum face_kind kind;
    char *key;      /* owned: path and index, or what names the file's content */
    char name[128]; /* PostScript name */
    uint32_t upem;
    uint32_t glyph_count;
    struct face_metrics metrics;
    bool monospaced, italic;
    int weight;
    size_t bytes;      /* of memory or address space, for the cache */
    uint64_t last_use; /* number of the document */
    hb_face_t *hb_face;
    hb_font_t *hb_font;
    hb_face_t *prepared; /* for subsetting; NULL until needed */
    const struct standard_font *standard;
    struct map words; /* shaped, by direction, language and text */
    struct arena word_memory;
};

struct shape_options {
    bool rtl;
    hb_language_t language; /* may be NULL */
};

/* From a file's bytes, which stay the caller's until the blob is destroyed. The face takes its own
 * reference. HUB_ERR_UNSUPPORTED_FORMAT if it is no usable font, HUB_ERR_NOMEM. */
HUB_MUST_CHECK int face_new(hb_blob_t *blob, uint32_t index, struct str key, struct face **ret_face,
                            struct hub_error *error);

/* One of the 14 standard fonts; `font` must live longer. */
HUB_MUST_CHECK int face_new_standard(const struct standard_font *font, struct face **ret_face);

void face_free(struct face *self);

/* Does it have a glyph for this character? */
bool face_has(const struct face *self, uint32_t character);

/* Turns characters of one script and direction into glyphs; what the face lacks becomes its glyph
 * for missing characters. The run lives as long as `arena`, and as the words of the face do: until
 * face_trim(). At most 65,535 characters. */
HUB_MUST_CHECK int face_shape(struct face *self, const uint32_t *text, size_t len,
                              const struct shape_options *options, struct arena *arena,
                              struct run *ret_run);

/* Between documents: forgets the words if they have become many. */
void face_trim(struct face *self);

/* Advance of one glyph by itself, as the font's table has it. */
int32_t face_glyph_advance(const struct face *self, uint32_t glyph);

#endif
