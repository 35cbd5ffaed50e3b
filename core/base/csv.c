#include "base/csv.h"

#include "base/json.h"
#include "base/json_place.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_SIZE ((size_t)64 * 1024)

static int no_memory(struct hub_error *error)
{
    return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
}

/* --- Bytes -------------------------------------------------------------------------------------*/

/* More bytes into `raw`; false at the end. */
static int fill(struct csv *self, struct hub_error *error)
{
    ssize_t got;
    char *room = buf_reserve(&self->raw, READ_SIZE);

    if (!room) {
        return no_memory(error);
    }
    do {
        got = read(self->fd, room, READ_SIZE);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return hub_fail_errno(error, errno, "the CSV file cannot be read");
    }
    buf_commit(&self->raw, (size_t)got);
    self->at_end = got == 0;
    return 0;
}

/* --- Rows --------------------------------------------------------------------------------------*/

/* Bytes of the row at the front of `raw` with its line break, or 0: it is not complete. */
static size_t row_len(const struct csv *self, size_t *from, bool *quoted)
{
    for (size_t i = *from; i < self->raw.len; i++) {
        char c = self->raw.ptr[i];
        *quoted ^= c == '"';
        if (c == '\n' && !*quoted) {
            return i + 1;
        }
    }
    *from = self->raw.len;
    return self->at_end ? self->raw.len : 0;
}

static int end_field(struct csv *self, struct hub_error *error)
{
    if (self->count == CSV_COLUMNS_MAX) {
        return hub_fail(error, HUB_ERR_BAD_REQUEST, "row %llu has more than %d fields",
                        (unsigned long long)self->row, CSV_COLUMNS_MAX);
    }
    self->ends[self->count++] = self->text.len;
    return 0;
}

/* Takes the quoted field at `at`, behind its first quote; returns the index behind its last one. */
static size_t take_quoted(struct csv *self, struct str row, size_t at)
{
    while (at < row.len) {
        if (row.ptr[at] != '"') {
            buf_append_char(&self->text, row.ptr[at++]);
        } else if (at + 1 < row.len && row.ptr[at + 1] == '"') {
            buf_append_char(&self->text, '"');
            at += 2;
        } else {
            return at + 1;
        }
    }
    return row.len + 1;
}

static int split_row(struct csv *self, struct str row, struct hub_error *error)
{
    size_t at = 0;

    for (;;) {
        if (at < row.len && row.ptr[at] == '"') {
            at = take_quoted(self, row, at + 1);
            if (at > row.len || (at < row.len && row.ptr[at] != self->delimiter)) {
                return hub_fail(error, HUB_ERR_BAD_REQUEST,
                                "row %llu: a quoted field does not end where it should",
                                (unsigned long long)self->row);
            }
        } else {
            while (at < row.len && row.ptr[at] != self->delimiter) {
                buf_append_char(&self->text, row.ptr[at++]);
            }
        }
        int err = end_field(self, error);
        if (err < 0 || at >= row.len) {
            return err;
        }
        at++; /* the delimiter */
    }
}

/* 1: the fields of the next row are in `text`; 0: the end. */
static int read_row(struct csv *self, struct hub_error *error)
{
    size_t from = 0;
    bool quoted = false;
    size_t len;

    while ((len = row_len(self, &from, &quoted)) == 0 && !self->at_end) {
        int err = self->raw.len > CSV_ROW_MAX
                      ? hub_fail(error, HUB_ERR_BAD_REQUEST, "row %llu is over 1 MiB",
                                 (unsigned long long)self->row + 1)
                      : fill(self, error);
        if (err < 0) {
            return err;
        }
    }
    if (len == 0) {
        return 0;
    }
    struct str row = str_of(self->raw.ptr, len);
    while (row.len > 0 && (row.ptr[row.len - 1] == '\n' || row.ptr[row.len - 1] == '\r')) {
        row.len--;
    }
    self->row++;
    self->count = 0;
    buf_clear(&self->text);
    int err = split_row(self, row, error);
    buf_consume(&self->raw, len);
    if (err == 0 && buf_failed(&self->text)) {
        err = no_memory(error);
    }
    return err < 0 ? err : 1;
}

static struct str field_of(const struct buf *text, const size_t *ends, size_t i)
{
    size_t begin = i > 0 ? ends[i - 1] : 0;

    return str_of(text->ptr ? text->ptr + begin : "", ends[i] - begin);
}

/* --- The header --------------------------------------------------------------------------------*/

static int find_columns(struct csv *self, struct hub_error *error)
{
    for (size_t m = 0; m < self->mapping->count; m++) {
        const struct csv_map *map = &self->mapping->maps[m];
        bool found = false;
        for (size_t i = 0; i < self->header_count; i++) {
            if (str_eq(field_of(&self->header_text, self->header_ends, i), map->column)) {
                self->by_column[i] = map;
                found = true;
            }
        }
        if (!found) {
            return hub_fail(error, HUB_ERR_BAD_REQUEST, "the header row has no column '%.*s'",
                            STR_ARG(map->column));
        }
    }
    return 0;
}

static int read_header(struct csv *self, struct hub_error *error)
{
    static const char BOM[] = "\xef\xbb\xbf";

    int err = fill(self, error);
    if (err == 0 && str_starts_with(buf_view(&self->raw), str_from_c(BOM))) {
        buf_consume(&self->raw, sizeof BOM - 1);
    }
    int got = err < 0 ? err : read_row(self, error);
    if (got <= 0) {
        return got < 0 ? got : hub_fail(error, HUB_ERR_BAD_REQUEST, "there is no header row");
    }
    struct buf text = self->header_text;
    size_t *ends = self->header_ends;
    self->header_text = self->text;
    self->header_ends = self->ends;
    self->header_count = self->count;
    self->text = text;
    self->ends = ends;
    return find_columns(self, error);
}

int csv_open(struct csv *self, int fd, char delimiter, const struct csv_mapping *mapping,
             struct hub_error *error)
{
    *self = (struct csv){.fd = fd, .delimiter = delimiter, .mapping = mapping};
    buf_init(&self->raw, BUF_NO_LIMIT);
    buf_init(&self->text, BUF_NO_LIMIT);
    buf_init(&self->header_text, BUF_NO_LIMIT);
    self->ends = calloc(CSV_COLUMNS_MAX, sizeof *self->ends);
    self->header_ends = calloc(CSV_COLUMNS_MAX, sizeof *self->header_ends);
    self->by_column = calloc(CSV_COLUMNS_MAX, sizeof *self->by_column);
    bool made = self->ends && self->header_ends && self->by_column;
    int err = made ? read_header(self, error) : no_memory(error);
    if (err < 0) {
        csv_release(self);
    }
    return err;
}

void csv_release(struct csv *self)
{
    buf_release(&self->raw);
    buf_release(&self->text);
    buf_release(&self->header_text);
    free(self->ends);
    free(self->header_ends);
    free(self->by_column);
    *self = (struct csv){.fd = -1};
}

/* --- Lines -------------------------------------------------------------------------------------*/

static struct json_object *text_value(struct str text)
{
    return json_object_new_string_len(text.len > 0 ? text.ptr : "", (int)text.len);
}

/* What does not read as its type stays text: hubd's schema says what is wrong with it, and where.
 */
static struct json_object *value_of(enum csv_type type, struct str text)
{
    struct json_object *value = NULL;

    if (type == CSV_BOOL) {
        bool yes = str_eq_nocase(text, STR("true")) || str_eq(text, STR("1"));
        bool no = str_eq_nocase(text, STR("false")) || str_eq(text, STR("0"));
        return yes || no ? json_object_new_boolean(yes) : text_value(text);
    }
    if (type == CSV_TEXT || json_read(text, JSON_DEPTH_MAX, &value, NULL, NULL) < 0) {
        return text_value(text);
    }
    if (type == CSV_NUMBER && !json_object_is_type(value, json_type_int) &&
        !json_object_is_type(value, json_type_double)) {
        json_object_put(value);
        return text_value(text);
    }
    return value;
}

static int add_field(struct csv *self, size_t i, struct json_object *input,
                     struct json_object *labels, struct hub_error *error)
{
    const struct csv_map *map = self->by_column[i];
    struct str text = field_of(&self->text, self->ends, i);

    if (!map && self->mapping->count > 0) {
        return 0;
    }
    if (!map || map->is_label) {
        struct str place = map ? map->place : field_of(&self->header_text, self->header_ends, i);
        struct json_object *value = text_value(text);
        char *name = strndup(place.len > 0 ? place.ptr : "", place.len);
        bool added =
            name && value && json_object_object_add(map ? labels : input, name, value) == 0;
        if (!added) {
            json_object_put(value);
        }
        free(name);
        return added ? 0 : no_memory(error);
    }
    if (text.len == 0 && map->type != CSV_TEXT) {
        return 0; /* an empty cell is no number: the member is left out */
    }
    struct json_object *value = value_of(map->type, text);
    return value ? json_place_put(input, map->place, value, error) : no_memory(error);
}

static int append_line(struct csv *self, struct buf *line, struct hub_error *error)
{
    struct json_object *input = json_object_new_object();
    struct json_object *labels = json_object_new_object();
    int err = input && labels ? 0 : no_memory(error);

    for (size_t i = 0; i < self->count && err == 0; i++) {
        err = add_field(self, i, input, labels, error);
    }
    buf_append_c(line, "{\"input\":");
    json_append(line, input);
    if (json_object_object_length(labels) > 0) {
        buf_append_c(line, ",\"labels\":");
        json_append(line, labels);
    }
    buf_append_c(line, "}\n");
    json_object_put(input);
    json_object_put(labels);
    return err;
}

int csv_next(struct csv *self, struct buf *line, struct hub_error *error)
{
    if (!self->header_told) {
        self->header_told = true;
        buf_append_char(line, '\n');
        return 1;
    }
    int got = read_row(self, error);
    if (got <= 0) {
        return got;
    }
    if (self->count == 1 && self->text.len == 0) {
        buf_append_char(line, '\n'); /* a blank row */
        return 1;
    }
    if (self->count != self->header_count) {
        buf_append_format(line, "{\"%zu fields where the header has %zu\":true}\n", self->count,
                          self->header_count);
        return 1;
    }
    int err = append_line(self, line, error);
    if (err == 0 && buf_failed(line)) {
        err = no_memory(error);
    }
    return err < 0 ? err : 1;
}

/* --- Maps --------------------------------------------------------------------------------------*/

void csv_parse_place(struct str text, struct csv_map *map)
{
    static const struct {
        struct str name;
        enum csv_type type;
    } types[] = {
        {STR_INIT(":text"), CSV_TEXT},
        {STR_INIT(":number"), CSV_NUMBER},
        {STR_INIT(":bool"), CSV_BOOL},
        {STR_INIT(":json"), CSV_JSON},
    };

    map->place = text;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (str_ends_with(text, types[i].name)) {
            map->place.len -= types[i].name.len;
            map->type = types[i].type;
            return;
        }
    }
}

int csv_parse_map(struct str text, struct csv_map *ret_map, struct hub_error *error)
{
    struct str place = text;
    struct csv_map map = {.column = str_split(&place, '=')};

    if (!place.ptr || place.len == 0 || map.column.len == 0) {
        return hub_fail(error, HUB_ERR_BAD_REQUEST, "'%.*s' is not COLUMN=PLACE", STR_ARG(text));
    }
    csv_parse_place(place, &map);
    *ret_map = map;
    return 0;
}
