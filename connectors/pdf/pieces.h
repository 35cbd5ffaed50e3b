/*
 * pieces.h — what paragraph.c and lines.c share.
 */
#ifndef PDF_PIECES_H
#define PDF_PIECES_H

#include "paragraph.h"

/* Glyphs and widths of a piece whose text, run, face and level are set. */
HUB_MUST_CHECK int piece_shape(struct document *doc, struct piece *piece);

#endif
