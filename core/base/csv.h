/*
 * csv.h — rows of a CSV file (RFC 4180), and what they are as lines of a batch.
 *
 *     csv_open(&csv, fd, ',', &mapping, &err);        // reads the header row
 *     while ((got = csv_next(&csv, &line, &err)) > 0) // appends a line with its newline
 *     csv_release(&csv);
 *
 * The header row becomes a blank line, so that row N of the file is line N of the batch (a quoted
 * field with a line break is one row). A row with too few or too many fields becomes a line that
 * hubd rejects with these words, so that the others go on. A byte order mark is skipped; CRLF, LF
 * and a missing last line break are all right.
 *
 * Owner: the caller; `fd` stays theirs. Thread: [any], one at a time; it blocks.
 */
#ifndef HUB_BASE_CSV_H
#define HUB_BASE_CSV_H

#include "base/buf.h"
#include "base/error.h"

#define CSV_COLUMNS_MAX 1024
#define CSV_ROW_MAX     ((size_t)1 << 20)

enum csv_type { CSV_TEXT, CSV_NUMBER, CSV_BOOL, CSV_JSON };

/* A column and its place. */
struct csv_map {
    struct str column;
    struct str place; /* in the input: see json_place.h; of a label: its name */
    enum csv_type type;
    bool is_label;
};

/* Without any map each column becomes a text member of the input, by its name. */
struct csv_mapping {
    const struct csv_map *maps;
    size_t count;
};

struct csv {
    int fd;
    char delimiter;
    const struct csv_mapping *mapping;
    struct buf raw; /* read, not taken yet */
    bool at_end;
    bool header_told; /* as a blank line */
    uint64_t row;     /* the last one read; the header is 1 */
    struct buf text;
    size_t *ends; /* of the row's fields, in `text` */
    size_t count;
    struct buf header_text;
    size_t *header_ends;
    size_t header_count;
    const struct csv_map **by_column; /* NULL: by its name, or not at all */
};

/* HUB_ERR_BAD_REQUEST with a sentence for the user: no header, or a mapped column is not there;
 * HUB_ERR_IO, HUB_ERR_NOMEM. */
HUB_MUST_CHECK int csv_open(struct csv *self, int fd, char delimiter,
                            const struct csv_mapping *mapping, struct hub_error *error);
void csv_release(struct csv *self);

/* 1: a line was appended; 0: the end; HUB_ERR_BAD_REQUEST with the row's number; HUB_ERR_IO;
 * HUB_ERR_NOMEM. */
HUB_MUST_CHECK int csv_next(struct csv *self, struct buf *line, struct hub_error *error);

/* Takes "PLACE" or "PLACE:TYPE" apart. */
void csv_parse_place(struct str text, struct csv_map *map);
/* "COLUMN=PLACE" or "COLUMN=PLACE:TYPE". HUB_ERR_BAD_REQUEST with a sentence. */
HUB_MUST_CHECK int csv_parse_map(struct str text, struct csv_map *ret_map, struct hub_error *error);

#endif
