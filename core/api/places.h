/*
 * places.h — where in an input a file may stand.
 *
 * A connector's schema marks such a place with {"$ref": "hub:file"}. Compiling a schema gives the
 * patterns of these places ("/image", "/outputs/<any>/overlay"), and walking an input along the
 * patterns gives the files that it names. Only objects in marked places count: an input may contain
 * anything elsewhere, {"artifact": …} included.
 *
 * Thread: [any].
 */
#ifndef HUB_API_PLACES_H
#define HUB_API_PLACES_H

#include "base/arena.h"
#include "base/id.h"
#include "base/json.h"

#define PLACES_MAX       128 /* patterns of one schema */
#define PLACES_DEPTH_MAX 12  /* steps of one pattern */

struct place_step {
    bool any;        /* every element of an array, or every member of an object */
    struct str name; /* NUL-terminated */
};

struct place {
    struct place_step steps[PLACES_DEPTH_MAX];
    unsigned depth;
};

struct places {
    struct place *items; /* from the arena given to places_compile() */
    unsigned count;
};

/* 0, HUB_ERR_LIMIT or HUB_ERR_NOMEM. References within the document (#/$defs/…) are followed. */
HUB_MUST_CHECK int places_compile(struct json_object *schema, struct arena *arena,
                                  struct places *ret_places);

enum file_ref_kind { FILE_REF_ARTIFACT, FILE_REF_JOB, FILE_REF_DATA, FILE_REF_URL };

/* A file that an input names; views into the input. */
struct file_ref {
    enum file_ref_kind kind;
    struct str pointer;    /* JSON Pointer of the place, from the arena */
    struct id artifact;    /* ARTIFACT */
    struct id job;         /* JOB */
    struct str name;       /* JOB: the output's; DATA, URL: as given or empty */
    struct str media_type; /* DATA: as given or empty */
    struct str data;       /* DATA: Base64 */
    struct str url;        /* URL */
    struct str account;    /* URL: name of an account of the http connector; or empty */
};

/* The files that `input`, which is valid, names: at most JOB_FILES_MAX (HUB_ERR_LIMIT beyond). */
HUB_MUST_CHECK int places_collect(const struct places *self, struct json_object *input,
                                  struct arena *arena, struct file_ref **ret_refs,
                                  unsigned *ret_count);

/* Calls `visit` for each value that stands in one of these places, whatever it is. */
void places_visit(const struct places *self, struct json_object *input,
                  void (*visit)(void *context, struct json_object *value), void *context);

#endif
