/*
 * filename.h — names of files, to and from hubd.
 *
 * A name that comes from a server is a suggestion by a stranger. filename_append_safe() makes one
 * harmless component of it: no directory, no hidden file, no control or direction characters, no
 * more than FILENAME_MAX_LEN bytes.
 *
 * Thread: [any].
 */
#ifndef HUB_HUBCTL_FILENAME_H
#define HUB_HUBCTL_FILENAME_H

#include "base/buf.h"

#define FILENAME_MAX_LEN 200

/* Appends a safe form of `name`; `fallback` (safe already) when nothing of it is left. What is not
 * allowed becomes '_'; an over-long name keeps its extension. */
void filename_append_safe(struct buf *buf, struct str name, struct str fallback);

/* Appends "STEM-NUMBER.EXT" for "STEM.EXT": the name for the second file of that name, and so on.
 * "a.tar.gz" gives "a-2.tar.gz". */
void filename_append_numbered(struct buf *buf, struct str name, unsigned number);

/* The part after the last '/': what an upload is called. */
struct str filename_base(struct str path);

/* The media type that goes with the name's extension, "application/octet-stream" if unknown. */
const char *filename_media_type(struct str name);

#endif
