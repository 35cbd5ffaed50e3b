/*
 * disposition.h — file names in Content-Disposition (RFC 6266, RFC 8187), both ways.
 *
 * Thread: [any].
 */
#ifndef HUB_BASE_DISPOSITION_H
#define HUB_BASE_DISPOSITION_H

#include "base/arena.h"
#include "base/buf.h"

#define FILE_NAME_MAX 255

/* The file name in a header's value: `filename*=UTF-8''…` before `filename="…"`; the part after the
 * last slash or backslash. Empty if there is none, or it is not a plain name (see below). */
struct str disposition_file_name(struct str header, struct arena *arena);

/* 1 to 255 bytes of UTF-8 without control characters, slashes and backslashes; not "." or "..". */
bool file_name_is_plain(struct str name);

/* attachment; filename="…", and for a name beyond ASCII filename*=UTF-8''… as well. */
void disposition_append(struct buf *out, struct str name);

#endif
