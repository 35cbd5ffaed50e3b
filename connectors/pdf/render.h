/*
 * render.h — from a definition to the bytes of a file: what pdf.render does between job and
 * artifact.
 *
 *     render_cache_new(&cache);                                    // once a process
 *     struct render render = {.cache = cache, .input = json, .sources = &sources, .wall_ms = now};
 *     render_run(&render, &err);        // render.file, .pages, .warnings; or err and .pointer
 *     render_release(&render);
 *
 * Owner: the caller. Thread: [any], one at a time for one cache.
 */
#ifndef PDF_RENDER_H
#define PDF_RENDER_H

#include "parse.h"

struct render_cache;

HUB_MUST_CHECK int render_cache_new(struct render_cache **ret_cache);
void render_cache_free(struct render_cache *self);

struct render {
    struct render_cache *cache;
    struct json_object *input;     /* the definition, borrowed */
    const struct sources *sources; /* .pictures is set by render_run() */
    int64_t wall_ms;
    const void *cancel_context;
    bool (*cancelled)(const void *context); /* NULL: never */

    struct buf file;
    uint32_t pages;
    struct buf warnings; /* a JSON array */
    struct buf pointer;  /* of the node at fault */
};

HUB_MUST_CHECK int render_run(struct render *self, struct hub_error *error);
void render_release(struct render *self);

#endif
