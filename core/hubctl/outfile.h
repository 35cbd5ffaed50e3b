/*
 * outfile.h — a file that appears under its name when it is complete, or not at all.
 *
 *     outfile_open(&f, dir_fd, &err);
 *     outfile_write(&f, bytes, &err);  …
 *     outfile_publish(&f, STR("thumb.webp"), OUTFILE_FREE_NAME, &name, &err);
 *     outfile_release(&f);                         // discards what was not published
 *
 * The bytes go to a file without a name (O_TMPFILE), or to a hidden one where the file system has
 * no such files; so that a half-fetched file never stands under the right name, and nothing that
 * was there is replaced unless asked for. Nothing leaves the directory: names must be safe
 * (filename.h), links are not followed.
 *
 * Owner: the caller; `dir_fd` must stay open. Thread: [any], one at a time.
 */
#ifndef HUB_HUBCTL_OUTFILE_H
#define HUB_HUBCTL_OUTFILE_H

#include "base/buf.h"
#include "base/error.h"

enum outfile_how {
    OUTFILE_NEW,       /* fails if the name is taken */
    OUTFILE_FREE_NAME, /* NAME, else NAME-2, NAME-3 … */
    OUTFILE_REPLACE,   /* takes the name */
};

struct outfile {
    int dir_fd;
    int fd;        /* -1: closed */
    char temp[64]; /* the hidden name; "" if it has none */
};

HUB_MUST_CHECK int outfile_open(struct outfile *self, int dir_fd, struct hub_error *error);
HUB_MUST_CHECK int outfile_write(struct outfile *self, struct str bytes, struct hub_error *error);

/* Appends the name it got to `ret_name`. HUB_ERR_CONFLICT if it is taken (OUTFILE_NEW). */
HUB_MUST_CHECK int outfile_publish(struct outfile *self, struct str name, enum outfile_how how,
                                   struct buf *ret_name, struct hub_error *error);
void outfile_release(struct outfile *self);

#endif
