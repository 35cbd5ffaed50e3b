/*
 * standard.h — the 14 standard fonts: libharu knows their metrics.
 *
 * Widths are by character code of WinAnsiEncoding (ISO 32000-1 annex D.2), in 1/1000 of the size.
 * Symbol and ZapfDingbats have encodings of their own and are not offered.
 *
 * Thread: [any]; the tables are filled at the first call.
 */
#ifndef PDF_STANDARD_H
#define PDF_STANDARD_H

#include "base/error.h"
#include "base/str.h"

struct standard_font {
    const char *name; /* "Helvetica-BoldOblique" */
    int16_t widths[256];
    int16_t ascent, descent, cap_height, x_height;
    int16_t box[4];
};

struct standard_fonts; /* all of them */

HUB_MUST_CHECK int standard_fonts_new(struct standard_fonts **ret_fonts);
void standard_fonts_free(struct standard_fonts *self);

/* The font of a family ("Helvetica", "Times", "Courier"), NULL if it is none of these. */
const struct standard_font *standard_fonts_get(const struct standard_fonts *self, struct str family,
                                               bool bold, bool italic);

/* The code of a character in WinAnsiEncoding, or 0. */
uint8_t winansi_code(uint32_t character);

#endif
