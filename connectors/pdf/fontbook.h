/*
 * fontbook.h — the fonts there are, by family and style, and which of them has a character.
 *
 *     fontbook_new(&book);                                        // once a process
 *     fontbook_begin(book, &err);                                 // at each document
 *     fontbook_add(book, STR("Brand"), style, fd, key, &err);     // fonts of this document
 *     fontbook_find(book, STR("Brand"), style, &face, &err);
 *     fontbook_fallback(book, style, language, character)         // a face that has it, or NULL
 *     fontbook_end(book);
 *
 * Families are: those of the document; "Helvetica", "Times" and "Courier", which every reader has;
 * and the installed ones, found by a walk over the folders below at the first need. Files are
 * mapped; faces are kept between documents within PDF_FACE_CACHE, the least recently used go first.
 *
 * Owner: the instance. A face lives at least until fontbook_end(). Thread: [any], one at a time.
 */
#ifndef PDF_FONTBOOK_H
#define PDF_FONTBOOK_H

#include "face.h"

#define FONT_DEFAULT_FAMILY "DejaVu Sans"

struct font_style {
    bool bold, italic;
};

struct fontbook;

HUB_MUST_CHECK int fontbook_new(struct fontbook **ret_book);
void fontbook_free(struct fontbook *self);

void fontbook_begin(struct fontbook *self);
void fontbook_end(struct fontbook *self);

/* A font of this document. `key` names its content, for the next document with the same font.
 * HUB_ERR_UNSUPPORTED_FORMAT, HUB_ERR_TOO_LARGE, HUB_ERR_LIMIT, HUB_ERR_NOMEM, HUB_ERR_IO. */
HUB_MUST_CHECK int fontbook_add(struct fontbook *self, struct str family, struct font_style style,
                                int fd, struct str key, struct hub_error *error);

/* The face of a family that is nearest to a style. HUB_ERR_NOT_FOUND names similar families. */
HUB_MUST_CHECK int fontbook_find(struct fontbook *self, struct str family, struct font_style style,
                                 struct face **ret_face, struct hub_error *error);

/* A face that has the character, of a style as near as possible; Han characters in the form that
 * `language` (BCP 47, may be empty) uses. NULL if there is none. */
struct face *fontbook_fallback(struct fontbook *self, struct font_style style, struct str language,
                               uint32_t character);

#endif
