/*
 * transfer.h — files to hubd and from it, with a progress bar.
 *
 * Functions return one of enum exits and have told the user when it is not EXITS_OK. While a file
 * moves Ctrl-C is caught if the caller holds the interrupt, so that nothing half-made is left.
 *
 * Thread: [any], the main one.
 */
#ifndef HUB_HUBCTL_TRANSFER_H
#define HUB_HUBCTL_TRANSFER_H

#include "hubctl/app.h"
#include "hubctl/outfile.h"

struct upload {
    const char *path;       /* "-": stdin */
    const char *name;       /* NULL: the path's last part */
    const char *media_type; /* NULL: by the name's extension */
};

/* POST /v1/artifacts. The caller owns `*ret_artifact`. */
int transfer_upload(struct app *app, const struct upload *upload,
                    struct json_object **ret_artifact);

/* What is known of a file before it is fetched. */
struct download {
    const char *id;
    struct str name;   /* as hubd says; may be empty */
    struct str sha256; /* 64 hex digits, or empty: not checked */
    uint64_t size;     /* 0: unknown */
};

/* Into the directory `dir_fd`, under a safe form of its name. `name` (may be NULL) is what the user
 * wants it to be called instead. Appends the name it got. */
int transfer_download(struct app *app, const struct download *download, int dir_fd,
                      const char *name, enum outfile_how how, struct buf *ret_name);

/* To stdout. */
int transfer_print(struct app *app, const struct download *download);

/* HEAD of an artifact: its name and digest, in the arena. */
int transfer_describe(struct app *app, const char *id, struct download *ret_download);

/* Opens the directory at `path`, making it if it is missing; the caller closes `*ret_fd`. */
int transfer_open_dir(struct app *app, const char *path, int *ret_fd);

/* Fetches every file in the array `artifacts` of a job into the directory at `path`, and adds to
 * each artifact a member "path" that says where it is. */
int transfer_fetch_all(struct app *app, struct json_object *artifacts, const char *path,
                       bool overwrite);

#endif
