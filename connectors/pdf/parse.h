/*
 * parse.h — a definition's JSON as a struct document.
 *
 *     document_parse(&doc, input, &sources)       // 0, or doc.error and doc.fault_place say why
 *
 * Members are those of pdfmake in snake_case; an unknown one is an error that names the nearest.
 * Which member is allowed where, and what it does, is one table in parse_members.c.
 *
 * Thread: [any].
 */
#ifndef PDF_PARSE_H
#define PDF_PARSE_H

#include "document.h"

/* Where the files are that the definition names. */
struct source {
    int fd;
    struct str key;        /* names the content: the same key, the same bytes */
    struct str media_type; /* as claimed */
};

struct sources {
    void *context;
    /* The file at this JSON Pointer of the input; false if there is none. */
    bool (*open)(void *context, struct str pointer, struct source *ret_source);
    struct pictures *pictures;
    struct str templates; /* the folder with the operator's; empty: none */
};

HUB_MUST_CHECK int document_parse(struct document *doc, struct json_object *input,
                                  const struct sources *sources);

#endif
