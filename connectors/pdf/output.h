/*
 * output.h — a document that is laid out, as a file.
 *
 *     output_write(&layout, subsets, wall_ms, &writer, &err);
 *     send(buf_view(&writer.out));
 *
 * The same layout gives the same bytes: what stands in the file depends on nothing else.
 *
 * Owner: the caller of everything. Thread: [any], one at a time.
 */
#ifndef PDF_OUTPUT_H
#define PDF_OUTPUT_H

#include "embed.h"
#include "layout.h"

/* `wall_ms`: stands for the time of creation if the definition has none. */
HUB_MUST_CHECK int output_write(const struct layout *layout, struct subset_cache *subsets,
                                int64_t wall_ms, struct writer *writer, struct hub_error *error);

#endif
