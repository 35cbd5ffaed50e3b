/*
 * Properties of the layout, over documents made at random: nothing leaves its page or its cell, no
 * word is lost, headers are on every page of their table, the same document gives the same pages.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linebreak.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connectors/pdf/hyphens.h"
#include "connectors/pdf/layout.h"
#include "connectors/pdf/parse.h"

enum { DOCUMENTS = 120 };

static const double HAIR = 0.05;

/* A document from JSON to pages. */
struct set {
    struct document doc;
    struct layout layout;
    struct hub_error error;
    struct json_object *input;
    int err;
};

/* As in a process that makes many documents. */
static struct fontbook *fonts;
static struct hyphens *hyphens;

static void set_init(struct set *self, struct str json)
{
    memset(self, 0, sizeof *self);
    assert_int_equal(json_read(json, JSON_DEPTH_MAX, &self->input, NULL, &self->error), 0);
    arena_init(&self->doc.arena, PDF_MAX_MEMORY);
    map_init(&self->doc.anchors);
    self->doc.error = &self->error;
    self->doc.fonts = fonts;
    self->doc.hyphens = hyphens;
    const struct sources sources = {0};
    fontbook_begin(fonts);
    layout_init(&self->layout, &self->doc);
    self->err = document_parse(&self->doc, self->input, &sources);
    if (self->err == 0) {
        self->err = layout_run(&self->layout);
    }
}

static void set_release(struct set *self)
{
    layout_release(&self->layout);
    map_release(&self->doc.anchors);
    arena_release(&self->doc.arena);
    fontbook_end(fonts);
    json_object_put(self->input);
}

/* --- Random documents --------------------------------------------------------------------------*/

struct random {
    uint64_t state;
    uint32_t words; /* so far: each word is its number */
    bool narrow;    /* within a table or columns: no others in there */
};

static uint32_t below(struct random *self, uint32_t limit)
{
    self->state = self->state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)(self->state >> 33) % limit;
}

static void put_words(struct random *r, struct buf *buf, uint32_t most)
{
    for (uint32_t n = below(r, most) + 1; n > 0; n--) {
        buf_append_format(buf, "w%u ", r->words++);
    }
}

static void put_node(struct random *r, struct buf *buf, int depth);

static void put_list(struct random *r, struct buf *buf, const char *name, uint32_t most, int depth)
{
    buf_append_format(buf, "{\"%s\":[", name);
    for (uint32_t n = below(r, most) + 1; n > 0; n--) {
        put_node(r, buf, depth - 1);
        buf_append_c(buf, n > 1 ? "," : "]");
    }
}

static void put_table(struct random *r, struct buf *buf, int depth)
{
    static const char *const WIDTHS[] = {"\"*\"", "\"auto\"", "60", "\"20%\""};
    uint32_t columns = below(r, 4) + 1, rows = below(r, 12) + 1;
    buf_append_c(buf, "{\"table\":{\"widths\":[");
    for (uint32_t c = 0; c < columns; c++) {
        buf_append_format(buf, "%s%s", c ? "," : "", WIDTHS[below(r, 4)]);
    }
    buf_append_c(buf, "],\"body\":[");
    for (uint32_t row = 0; row < rows; row++) {
        buf_append_c(buf, row ? ",[" : "[");
        for (uint32_t c = 0; c < columns; c++) {
            buf_append_c(buf, c ? "," : "");
            put_node(r, buf, depth - 1);
        }
        buf_append_char(buf, ']');
    }
    buf_append_char(buf, ']');
    if (below(r, 3) == 0) {
        buf_append_c(buf, ",\"dont_break_rows\":true");
    }
    buf_append_char(buf, '}');
}

static void put_text_node(struct random *r, struct buf *buf)
{
    static const char *const ALIGNMENTS[] = {"left", "center", "right", "justify"};
    buf_append_c(buf, "{\"text\":\"");
    put_words(r, buf, below(r, 6) == 0 ? 150 : 12);
    buf_append_format(buf, "\",\"alignment\":\"%s\",\"font_size\":%u", ALIGNMENTS[below(r, 4)],
                      below(r, 8) + 6);
}

/* All but the last brace, so that members may follow. */
static void put_open(struct random *r, struct buf *buf, int depth)
{
    uint32_t kind = depth > 0 ? below(r, r->narrow ? 4 : 7) : 0;
    bool was_narrow = r->narrow;
    r->narrow |= kind >= 4 && kind <= 5;
    switch (kind) {
    case 1:
        put_list(r, buf, "stack", 5, depth);
        break;
    case 2:
        put_list(r, buf, "ul", 5, depth);
        break;
    case 3:
        put_list(r, buf, "ol", 5, depth);
        break;
    case 4:
        put_list(r, buf, "columns", 3, depth);
        break;
    case 5:
        put_table(r, buf, depth);
        break;
    default:
        put_text_node(r, buf);
    }
    r->narrow = was_narrow;
}

static void put_node(struct random *r, struct buf *buf, int depth)
{
    put_open(r, buf, depth);
    if (below(r, 6) == 0) {
        buf_append_format(buf, ",\"margin\":[%u,%u,%u,%u]", below(r, 8), below(r, 20), below(r, 8),
                          below(r, 20));
    }
    if (below(r, 10) == 0) {
        buf_append_c(buf, ",\"unbreakable\":true");
    }
    if (below(r, 10) == 0) {
        buf_append_c(buf, ",\"keep_with_next\":true");
    }
    buf_append_char(buf, '}');
}

static void put_document(struct random *r, struct buf *buf)
{
    buf_append_format(buf, "{\"page_size\":{\"width\":%u,\"height\":%u},\"page_margins\":%u,",
                      below(r, 400) + 420, below(r, 400) + 160, below(r, 20) + 15);
    buf_append_format(buf, "\"default_style\":{\"font\":\"%s\"},\"content\":[",
                      below(r, 2) ? "Helvetica" : "DejaVu Sans");
    for (uint32_t n = below(r, 12) + 4; n > 0; n--) {
        put_node(r, buf, 3);
        buf_append_c(buf, n > 1 ? "," : "]}");
    }
}

/* --- What must hold ----------------------------------------------------------------------------*/

/* By its letters: the leading around them may be that of a larger neighbour. */
static void check_within_page(const struct page *page, const struct item *item)
{
    const struct sides *m = &page->setup.margins;
    bool marker = item->text.piece->text[0] != 'w'; /* of a list: as large as the list says */
    double baseline = item->y + item->text.baseline;
    double size = marker ? 0 : item->text.piece->size;
    if (item->x < m->left - HAIR || item->x + item->w > page->setup.width - m->right + HAIR ||
        baseline - 0.75 * size < m->top - HAIR ||
        baseline + 0.2 * size > page->setup.height - m->bottom + HAIR) {
        fail_msg("text at (%.2f, %.2f), %.2f wide, size %.0f, leaves the page %.0f × %.0f", item->x,
                 baseline, item->w, size, page->setup.width, page->setup.height);
    }
}

/* Text is on one side of each line of a table. */
static void check_line(const struct item *text, const struct item *line)
{
    double cap = text->text.piece->size * 0.2; /* leading may touch a line, letters may not */
    bool beside = line->x <= text->x + HAIR || line->x >= text->x + text->w - HAIR;
    bool other_rows = line->y + line->h <= text->y + cap || line->y >= text->y + text->h - cap;
    if (line->w == 0 && !beside && !other_rows) {
        fail_msg("text at (%.2f, %.2f), %.2f wide crosses the line at x %.2f", text->x, text->y,
                 text->w, line->x);
    }
    bool apart = line->x + line->w <= text->x + HAIR || line->x >= text->x + text->w - HAIR;
    if (line->h == 0 && line->w > 0 && !apart && line->y > text->y + cap &&
        line->y < text->y + text->h - cap) {
        fail_msg("text at (%.2f, %.2f), %.2f high crosses the line at y %.2f", text->x, text->y,
                 text->h, line->y);
    }
}

static void check_page(const struct page *page)
{
    for (uint32_t i = 0; i < page->count; i++) {
        const struct item *item = &page->items[i];
        if (item->kind != ITEM_TEXT) {
            continue;
        }
        const struct piece *piece = item->text.piece;
        if (piece->len == 1 || piece->text[0] != 'w') {
            continue; /* one character is set wherever there is no room for it, and markers */
        }
        check_within_page(page, item);
        for (uint32_t k = 0; k < page->count; k++) {
            if (page->items[k].kind == ITEM_LINE) {
                check_line(item, &page->items[k]);
            }
        }
    }
}

/* How often each word is there: all of them once, even if torn over lines. */
static void check_words(const struct set *set, uint32_t words)
{
    uint64_t characters = 0, expected = 0;
    for (uint32_t i = 0; i < set->layout.page_count; i++) {
        const struct page *page = &set->layout.pages[i];
        for (uint32_t k = 0; k < page->count; k++) {
            const struct item *item = &page->items[k];
            const struct piece *piece = item->kind == ITEM_TEXT ? item->text.piece : NULL;
            bool marker = piece && piece->len > 0 && piece->text[0] != 'w' &&
                          piece->text[piece->len - 1] > '9';
            for (uint32_t c = 0; piece && !marker && c < piece->len; c++) {
                characters += piece->text[c] == 'w';
            }
        }
    }
    expected = words;
    assert_int_equal(characters, expected);
}

static void one_document(uint64_t seed)
{
    struct random r = {.state = seed * 7919 + 1};
    struct buf json;
    struct set set, again;
    buf_init(&json, 16 << 20);
    put_document(&r, &json);
    set_init(&set, buf_view(&json));
    if (set.err < 0) {
        fail_msg("seed %u: %s\n%s", (unsigned)seed, set.error.detail, json.ptr);
    }
    for (uint32_t i = 0; i < set.layout.page_count; i++) {
        check_page(&set.layout.pages[i]);
    }
    check_words(&set, r.words);
    set_init(&again, buf_view(&json));
    assert_int_equal(again.layout.page_count, set.layout.page_count);
    for (uint32_t i = 0; i < set.layout.page_count; i++) {
        assert_int_equal(again.layout.pages[i].count, set.layout.pages[i].count);
    }
    set_release(&again);
    set_release(&set);
    buf_release(&json);
}

static void test_random_documents(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= DOCUMENTS; seed++) {
        one_document(seed);
    }
}

/* --- Tables ------------------------------------------------------------------------------------*/

static uint32_t count_text(const struct page *page, const char *text)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < page->count; i++) {
        const struct item *item = &page->items[i];
        if (item->kind != ITEM_TEXT || item->text.piece->len != strlen(text)) {
            continue;
        }
        bool same = true;
        for (size_t c = 0; text[c]; c++) {
            same &= item->text.piece->text[c] == (uint32_t)text[c];
        }
        count += same;
    }
    return count;
}

static void test_headers_on_every_page(void **state)
{
    (void)state;
    for (int keep = 0; keep < 3; keep++) {
        struct buf json;
        struct set set;
        buf_init(&json, 1 << 20);
        buf_append_c(&json,
                     "{\"page_size\":\"A6\",\"content\":[\"before\",{\"table\":{\"header_rows\":2,"
                     "\"body\":[[\"HEAD\",\"b\"],[\"UNDER\",\"d\"]");
        struct random r = {.state = 42};
        for (int row = 0; row < 60; row++) {
            buf_append_c(&json, ",[\"");
            put_words(&r, &json, row % 7 == 0 ? 120 : 4);
            buf_append_c(&json, "\",\"x\"]");
        }
        buf_append_format(&json, "]%s}}]}",
                          keep == 0   ? ""
                          : keep == 1 ? ",\"dont_break_rows\":true"
                                      : ",\"dont_break_rows\":false");
        set_init(&set, buf_view(&json));
        assert_int_equal(set.err, 0);
        assert_true(set.layout.page_count > 5);
        for (uint32_t i = 0; i < set.layout.page_count; i++) {
            assert_int_equal(count_text(&set.layout.pages[i], "HEAD"), 1);
            assert_int_equal(count_text(&set.layout.pages[i], "UNDER"), 1);
            check_page(&set.layout.pages[i]);
        }
        check_words(&set, r.words);
        set_release(&set);
        buf_release(&json);
    }
}

static void expect_error(const char *json, const char *pointer, const char *text)
{
    struct set set;
    struct buf where;
    buf_init(&where, 1000);
    set_init(&set, str_from_c(json));
    assert_true(set.err < 0);
    place_append(&where, set.doc.fault_place);
    buf_append_char(&where, '\0');
    assert_string_equal(where.ptr, pointer);
    if (!strstr(set.error.detail, text)) {
        fail_msg("“%s” does not say “%s”", set.error.detail, text);
    }
    buf_release(&where);
    set_release(&set);
}

static void test_what_cannot_fit(void **state)
{
    (void)state;
    expect_error("{\"content\":[{\"table\":{\"header_rows\":1,\"body\":[[{\"canvas\":[{\"type\":"
                 "\"rect\",\"w\":1,\"h\":740}]}],[\"x\"]]}}]}",
                 "/content/0", "header rows");
    expect_error("{\"content\":[{\"text\":\"x\",\"font_size\":900}]}", "/content/0", "points high");
    expect_error("{\"content\":[{\"table\":{\"body\":[[{\"col_span\":3,\"text\":\"x\"},\"y\"]]}}]}",
                 "/content/0/table/body/0/0", "spans more");
}

/* A heading is not left at the foot of a page, and neither is a single line of a paragraph. */
static void test_headings_and_orphans(void **state)
{
    (void)state;
    for (int filler = 1; filler < 40; filler++) {
        struct buf json;
        struct set set;
        buf_init(&json, 1 << 20);
        buf_append_c(&json, "{\"page_size\":\"A6\",\"content\":[");
        for (int i = 0; i < filler; i++) {
            buf_append_c(&json, "\"line\",");
        }
        buf_append_c(&json, "{\"text\":\"HEADING\",\"keep_with_next\":true},{\"text\":\"");
        for (int i = 0; i < 60; i++) {
            buf_append_c(&json, "BODY ");
        }
        buf_append_c(&json, "\"}]}");
        set_init(&set, buf_view(&json));
        assert_int_equal(set.err, 0);
        for (uint32_t i = 0; i < set.layout.page_count; i++) {
            const struct page *page = &set.layout.pages[i];
            uint32_t words = count_text(page, "BODY");
            if (count_text(page, "HEADING") && words == 0) {
                fail_msg("after %d lines the heading is alone", filler);
            }
            assert_true(words == 0 || words > 6); /* more than a line's worth */
        }
        set_release(&set);
        buf_release(&json);
    }
}

static void test_widths(void **state)
{
    (void)state;
    struct random r = {.state = 7};
    for (int turn = 0; turn < 5000; turn++) {
        struct measure widths[8];
        double least[8], most[8], shares[8], total = 0;
        uint32_t count = below(&r, 8) + 1;
        bool has_star = false;
        for (uint32_t i = 0; i < count; i++) {
            widths[i] = (struct measure){(enum measure_kind)below(&r, 4), below(&r, 40)};
            has_star |= widths[i].kind == MEASURE_STAR;
            least[i] = below(&r, 100);
            most[i] = least[i] + below(&r, 300);
        }
        share_widths(widths, least, most, count, 400, shares);
        for (uint32_t i = 0; i < count; i++) {
            assert_true(shares[i] >= 0);
            total += shares[i];
        }
        assert_true(total <= 400.02);
        assert_true(!has_star || total > 399.9);
    }
}

static bool cancelled_later(const void *context)
{
    uint32_t *left = *(uint32_t *const *)context;
    return (*left)-- == 0;
}

/* Also where there is but one page, in tables within tables too: not only at its end. */
static void test_cancelled_within_a_page(void **state)
{
    (void)state;
    struct set set;
    struct buf json;
    uint32_t left = 20, *counter = &left;
    buf_init(&json, 16 << 20);
    buf_append_c(&json, "{\"page_size\":{\"width\":600,\"height\":14400},\"content\":[{\"table\":"
                        "{\"body\":[[\"\"]");
    for (int row = 0; row < 800; row++) {
        buf_append_c(&json, ",[{\"stack\":[\"a\",\"b\",{\"columns\":[\"c\",\"d\"]}]}]");
    }
    buf_append_c(&json, "]}}]}");
    set_init(&set, buf_view(&json));
    assert_int_equal(set.err, 0);
    layout_release(&set.layout);
    layout_init(&set.layout, &set.doc);
    set.doc.cancelled = cancelled_later;
    set.doc.cancel_context = &counter;
    assert_int_equal(layout_run(&set.layout), HUB_ERR_CANCELLED);
    assert_true(set.layout.page_count <= 3);
    set_release(&set);
    buf_release(&json);
}

/* Numbers that stand in the text settle, and the pages with them. */
static void test_page_numbers_settle(void **state)
{
    (void)state;
    struct set set;
    set_init(&set,
             STR("{\"page_size\":\"A6\",\"content\":[{\"toc\":true},"
                 "{\"text\":[\"of \",{\"field\":\"pages\"},\" see \",{\"page_of\":\"z\"}]},"
                 "{\"text\":\"A\",\"toc_item\":true,\"page_break\":\"before\"},"
                 "{\"text\":\"B\",\"toc_item\":true,\"page_break\":\"before\",\"id\":\"z\"}]}"));
    assert_int_equal(set.err, 0);
    assert_int_equal(set.layout.page_count, 3);
    assert_int_equal(set.doc.warning_count, 0);
    assert_int_equal(count_text(&set.layout.pages[0], "3"), 3); /* the entry, both fields */
    set_release(&set);
}

/* The lowest line of a page, from the top. */
static double lowest_text(const struct page *page)
{
    double lowest = 0;
    for (uint32_t i = 0; i < page->count; i++) {
        const struct item *item = &page->items[i];
        bool lower = item->kind == ITEM_TEXT && item->y > lowest;
        lowest = lower ? item->y : lowest;
    }
    return lowest;
}

/* A column as wide as its text has room for the numbers of this page, not only of the first. */
static void test_footers_stay_on_their_line(void **state)
{
    (void)state;
    struct set set;
    struct buf json;
    buf_init(&json, 1 << 20);
    buf_append_c(&json,
                 "{\"page_size\":\"A6\",\"footer\":{\"columns\":[\"left\",{\"width\":\"auto\","
                 "\"text\":\"Page {page} of {pages}\"}]},\"content\":[\"\"");
    for (int i = 0; i < 101; i++) {
        buf_append_c(&json, ",{\"text\":\"x\",\"page_break\":\"after\"}");
    }
    buf_append_c(&json, ",\"end\"]}");
    set_init(&set, buf_view(&json));
    assert_int_equal(set.err, 0);
    assert_int_equal(set.layout.page_count, 102);
    for (uint32_t i = 1; i < set.layout.page_count; i++) {
        assert_float_equal(lowest_text(&set.layout.pages[i]), lowest_text(&set.layout.pages[0]),
                           HAIR);
    }
    set_release(&set);
    buf_release(&json);
}

static int open_fonts(void **state)
{
    (void)state;
    init_linebreak();
    return fontbook_new(&fonts) < 0 || hyphens_new(&hyphens) < 0;
}

static int close_fonts(void **state)
{
    (void)state;
    fontbook_free(fonts);
    hyphens_free(hyphens);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_documents),
        cmocka_unit_test(test_headers_on_every_page),
        cmocka_unit_test(test_what_cannot_fit),
        cmocka_unit_test(test_headings_and_orphans),
        cmocka_unit_test(test_widths),
        cmocka_unit_test(test_page_numbers_settle),
        cmocka_unit_test(test_cancelled_within_a_page),
        cmocka_unit_test(test_footers_stay_on_their_line),
    };
    return cmocka_run_group_tests(tests, open_fonts, close_fonts);
}
