#include "hubctl/table.h"

#include "hubctl/must.h"
#include "hubctl/text.h"

#include <assert.h>
#include <stdlib.h>

#define GAP 2 /* blanks between columns */

/* How the columns are shown this time: 0 means left out. */
struct layout {
    size_t widths[TABLE_COLUMNS_MAX];
};

void table_init(struct table *self, const struct column *columns, size_t columns_len)
{
    assert(columns_len > 0 && columns_len <= TABLE_COLUMNS_MAX);
    *self = (struct table){.columns = columns, .columns_len = columns_len};
    buf_init(&self->text, BUF_NO_LIMIT);
}

void table_release(struct table *self)
{
    buf_release(&self->text);
    free(self->cells);
    *self = (struct table){0};
}

/* A cell ends where the next one begins. */
static void end_cell(struct table *self)
{
    if (self->cells_len > 0) {
        struct table_cell *last = &self->cells[self->cells_len - 1];
        last->len = self->text.len - last->from;
    }
}

struct buf *table_cell_begin(struct table *self, enum style style)
{
    end_cell(self);
    if (self->cells_len == self->cells_cap) {
        self->cells_cap = self->cells_cap > 0 ? self->cells_cap * 2 : 64;
        self->cells = must(reallocarray(self->cells, self->cells_cap, sizeof *self->cells));
    }
    self->cells[self->cells_len++] = (struct table_cell){.from = self->text.len, .style = style};
    return &self->text;
}

void table_cell(struct table *self, enum style style, struct str text)
{
    text_append_safe(table_cell_begin(self, style), text);
}

size_t table_rows(const struct table *self)
{
    return self->cells_len / self->columns_len;
}

static struct str cell_text(const struct table *self, size_t index)
{
    const struct table_cell *cell = &self->cells[index];
    bool last = index + 1 == self->cells_len; /* its length is not known yet */

    return str_of(self->text.ptr + cell->from, last ? self->text.len - cell->from : cell->len);
}

static void measure(const struct table *self, struct layout *layout)
{
    for (size_t c = 0; c < self->columns_len; c++) {
        const struct column *column = &self->columns[c];
        size_t title = text_width(str_from_c(column->title));
        size_t widest = 0;

        for (size_t r = 0; r < table_rows(self); r++) {
            size_t width = text_width(cell_text(self, r * self->columns_len + c));
            widest = width > widest ? width : widest;
        }
        if (widest == 0 && !column->keep) {
            layout->widths[c] = 0;
        } else {
            layout->widths[c] = widest > title ? widest : title;
        }
    }
}

static size_t line_width(const struct table *self, const struct layout *layout)
{
    size_t width = 0;

    for (size_t c = 0; c < self->columns_len; c++) {
        if (layout->widths[c] > 0) {
            width += layout->widths[c] + (width > 0 ? GAP : 0);
        }
    }
    return width;
}

static size_t narrowest(const struct column *column)
{
    return column->min > 0 ? column->min : TABLE_SHRUNK_MIN;
}

/* Takes columns off the widest shrinking column, one by one: so the wide ones end up equal. */
static void shrink(const struct table *self, struct layout *layout, size_t width)
{
    size_t used = line_width(self, layout);

    while (used > width) {
        size_t widest = self->columns_len;

        for (size_t c = 0; c < self->columns_len; c++) {
            if ((self->columns[c].shrink || self->columns[c].wrap) &&
                layout->widths[c] > narrowest(&self->columns[c]) &&
                (widest == self->columns_len || layout->widths[c] > layout->widths[widest])) {
                widest = c;
            }
        }
        if (widest == self->columns_len) {
            return;
        }
        layout->widths[widest]--;
        used--;
    }
}

/* The shown column that is needed least, or columns_len. */
static size_t least_needed(const struct table *self, const struct layout *layout)
{
    size_t found = self->columns_len;

    for (size_t c = 0; c < self->columns_len; c++) {
        if (layout->widths[c] > 0 && !self->columns[c].keep &&
            (found == self->columns_len || self->columns[c].rank > self->columns[found].rank)) {
            found = c;
        }
    }
    return found;
}

static void fit(const struct table *self, struct layout *layout, size_t width)
{
    struct layout natural;

    measure(self, &natural);
    for (;;) {
        size_t victim;

        *layout = natural;
        shrink(self, layout, width);
        if (line_width(self, layout) <= width ||
            (victim = least_needed(self, &natural)) == self->columns_len) {
            return;
        }
        natural.widths[victim] = 0;
    }
}

static bool is_last_shown(const struct table *self, const struct layout *layout, size_t column)
{
    for (size_t c = column + 1; c < self->columns_len; c++) {
        if (layout->widths[c] > 0) {
            return false;
        }
    }
    return true;
}

/* One line of a cell, padded to its column. */
static void append_padded(const struct table *self, const struct layout *layout, struct buf *buf,
                          size_t column, struct str text, enum style style, bool colour)
{
    size_t pad = layout->widths[column] - text_width(text);

    if (self->columns[column].align == ALIGN_RIGHT) {
        text_append_blanks(buf, pad);
    }
    style_append(buf, colour, style, text);
    if (!is_last_shown(self, layout, column)) {
        text_append_blanks(buf, (self->columns[column].align == ALIGN_LEFT ? pad : 0) + GAP);
    }
}

static void append_titles(const struct table *self, const struct layout *layout, struct buf *buf,
                          bool colour)
{
    for (size_t c = 0; c < self->columns_len; c++) {
        if (layout->widths[c] > 0) {
            struct str title = text_prefix(str_from_c(self->columns[c].title), layout->widths[c]);
            append_padded(self, layout, buf, c, title, STYLE_DIM, colour);
        }
    }
    buf_append_char(buf, '\n');
}

/* Appends the next line of each cell; `rests` is what is left of them. True if there is more. */
static bool append_row_line(const struct table *self, const struct layout *layout, struct buf *buf,
                            size_t row, struct str *rests, bool colour)
{
    bool more = false;
    struct buf cut;

    buf_init(&cut, BUF_NO_LIMIT);
    for (size_t c = 0; c < self->columns_len; c++) {
        enum style style = self->cells[row * self->columns_len + c].style;

        if (layout->widths[c] == 0) {
            continue;
        }
        if (self->columns[c].wrap) {
            struct str line = text_take_line(&rests[c], layout->widths[c]);
            append_padded(self, layout, buf, c, line, style, colour);
            more |= rests[c].len > 0;
        } else {
            buf_clear(&cut);
            text_append_cut(&cut, rests[c], layout->widths[c]);
            append_padded(self, layout, buf, c, buf_view(&cut), style, colour);
            rests[c] = str_of(NULL, 0);
        }
    }
    buf_release(&cut);
    return more;
}

/* Blanks that pad a column whose neighbours are empty on this line. */
static void trim_end(struct buf *buf)
{
    while (buf->len > 0 && buf->ptr[buf->len - 1] == ' ') {
        buf_truncate(buf, buf->len - 1);
    }
}

static void append_row(const struct table *self, const struct layout *layout, struct buf *buf,
                       size_t row, size_t indent, bool colour)
{
    struct str rests[TABLE_COLUMNS_MAX];
    bool more = true;

    for (size_t c = 0; c < self->columns_len; c++) {
        rests[c] = cell_text(self, row * self->columns_len + c);
    }
    while (more) {
        text_append_blanks(buf, indent);
        more = append_row_line(self, layout, buf, row, rests, colour);
        trim_end(buf);
        buf_append_char(buf, '\n');
    }
}

void table_append(const struct table *self, struct buf *buf, size_t indent, size_t width,
                  bool colour)
{
    struct layout layout;

    if (table_rows(self) == 0) {
        return;
    }
    fit(self, &layout, width > indent ? width - indent : 1);
    text_append_blanks(buf, indent);
    append_titles(self, &layout, buf, colour);
    for (size_t r = 0; r < table_rows(self); r++) {
        append_row(self, &layout, buf, r, indent, colour);
    }
}

void table_print(const struct table *self, const struct output *output)
{
    struct buf text;

    buf_init(&text, BUF_NO_LIMIT);
    table_append(self, &text, 0, output->out_width, output->out_colour);
    output_write(&text);
    buf_release(&text);
}
