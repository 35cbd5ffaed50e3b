/*
 * Pages, items, and the passes over a document.
 */
#include "layout.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double EPSILON = 0.01;

enum { STEPS_A_CHECK = 64 };

void layout_init(struct layout *self, struct document *doc)
{
    *self = (struct layout){.doc = doc};
}

void layout_release(struct layout *self)
{
    for (uint32_t i = 0; i < self->page_cap; i++) {
        free(self->pages[i].items);
    }
    free(self->pages);
    free(self->anchors);
    *self = (struct layout){0};
}

/* --- Pages -------------------------------------------------------------------------------------*/

double layout_top(const struct layout *self, uint32_t page)
{
    return self->pages[page].setup.margins.top + self->head_room;
}

double layout_bottom(const struct layout *self, uint32_t page)
{
    const struct page_setup *setup = &self->pages[page].setup;
    return setup->height - setup->margins.bottom - self->foot_room;
}

bool layout_at_top(const struct layout *self, struct cursor cursor)
{
    return cursor.y <= layout_top(self, cursor.page) + EPSILON;
}

int layout_step(struct layout *self)
{
    struct document *doc = self->doc;
    if (++self->steps % STEPS_A_CHECK == 0 && doc->cancelled &&
        doc->cancelled(doc->cancel_context)) {
        return document_fail(doc, NULL, HUB_ERR_CANCELLED, "the job was cancelled");
    }
    return 0;
}

/* The slots of pages that were taken back keep their memory. */
static int add_page(struct layout *self, const struct page_setup *setup)
{
    struct document *doc = self->doc;
    if (self->page_count == PDF_MAX_PAGES) {
        return document_fail(doc, NULL, HUB_ERR_TOO_LARGE, "the document has more than %d pages",
                             PDF_MAX_PAGES);
    }
    if (doc->cancelled && doc->cancelled(doc->cancel_context)) {
        return document_fail(doc, NULL, HUB_ERR_CANCELLED, "the job was cancelled");
    }
    if (self->page_count == self->page_cap) {
        uint32_t cap = self->page_cap ? self->page_cap * 2 : 8;
        struct page *pages = realloc(self->pages, cap * sizeof *pages);
        if (!pages) {
            return document_nomem(doc);
        }
        memset(pages + self->page_cap, 0, (cap - self->page_cap) * sizeof *pages);
        self->pages = pages;
        self->page_cap = cap;
    }
    struct page *page = &self->pages[self->page_count++];
    page->count = 0;
    page->setup = *setup;
    return 0;
}

int layout_next_page(struct layout *self, struct cursor *cursor)
{
    if (cursor->page + 1 == self->page_count) {
        struct page_setup setup = self->pages[cursor->page].setup;
        int err = add_page(self, &setup);
        if (err < 0) {
            return err;
        }
    }
    cursor->page++;
    cursor->y = layout_top(self, cursor->page);
    return 0;
}

int layout_need(struct layout *self, const struct node *node, double height, struct cursor *cursor)
{
    if (cursor->y + height <= layout_bottom(self, cursor->page) + EPSILON) {
        return 0;
    }
    if (!layout_at_top(self, *cursor)) {
        int err = layout_next_page(self, cursor);
        if (err < 0) {
            return err;
        }
    }
    double room = layout_bottom(self, cursor->page) - cursor->y;
    if (height > room + EPSILON) {
        return document_fail(self->doc, node->place, HUB_ERR_INVALID_INPUT,
                             "this is %.0f points high, but a page has only %.0f here", height,
                             fmax(room, 0));
    }
    return 0;
}

/* --- Items -------------------------------------------------------------------------------------*/

struct item *layout_add(struct layout *self, uint32_t page_index)
{
    struct page *page = &self->pages[page_index];
    if (self->item_count++ >= PDF_MAX_ITEMS) {
        (void)document_fail(self->doc, NULL, HUB_ERR_TOO_LARGE, "the document is too large");
        return NULL;
    }
    if (page->count == page->cap) {
        uint32_t cap = page->cap ? page->cap * 2 : 64;
        struct item *items = realloc(page->items, cap * sizeof *items);
        if (!items) {
            (void)document_nomem(self->doc);
            return NULL;
        }
        page->items = items;
        page->cap = cap;
    }
    struct item *item = &page->items[page->count++];
    *item = (struct item){.layer = LAYER_CONTENT, .cell_content = self->table_depth > 0};
    return item;
}

int layout_mark(struct layout *self, uint32_t page, struct mark *ret_mark)
{
    uint32_t count = self->page_count - page;
    struct mark mark = {.page_count = self->page_count,
                        .anchor_count = self->anchor_count,
                        .item_count = self->item_count,
                        .first_page = page};
    mark.counts = arena_alloc(&self->doc->arena, count * sizeof *mark.counts);
    if (!mark.counts) {
        return document_nomem(self->doc);
    }
    for (uint32_t i = 0; i < count; i++) {
        mark.counts[i] = self->pages[page + i].count;
    }
    *ret_mark = mark;
    return 0;
}

void layout_rollback(struct layout *self, const struct mark *mark)
{
    self->page_count = mark->page_count;
    self->anchor_count = mark->anchor_count;
    self->item_count = mark->item_count;
    for (uint32_t i = mark->first_page; i < mark->page_count; i++) {
        self->pages[i].count = mark->counts[i - mark->first_page];
    }
}

void layout_shift(struct layout *self, const struct mark *mark, double dx, double dy)
{
    for (uint32_t i = mark->first_page; i < self->page_count; i++) {
        struct page *page = &self->pages[i];
        uint32_t from = i < mark->page_count ? mark->counts[i - mark->first_page] : 0;
        for (; from < page->count; from++) {
            page->items[from].x += dx;
            page->items[from].y += dy;
        }
    }
}

/* --- Passes ------------------------------------------------------------------------------------*/

static int by_layer(const void *a, const void *b)
{
    const struct item *const *left = a, *const *right = b;
    int layers = (*left)->layer - (*right)->layer;
    return layers ? layers : *left < *right ? -1 : 1;
}

/* Into the order of drawing; items of one layer keep theirs. */
static int sort_items(struct layout *self, struct page *page)
{
    bool sorted = true;
    for (uint32_t i = 1; i < page->count; i++) {
        sorted &= page->items[i - 1].layer <= page->items[i].layer;
    }
    if (sorted) {
        return 0;
    }
    struct item **order = malloc(page->count * sizeof *order);
    struct item *items = malloc(page->count * sizeof *items);
    if (!order || !items) {
        free(order);
        free(items);
        return document_nomem(self->doc);
    }
    for (uint32_t i = 0; i < page->count; i++) {
        order[i] = &page->items[i];
    }
    qsort(order, page->count, sizeof(struct item *), by_layer);
    for (uint32_t i = 0; i < page->count; i++) {
        items[i] = *order[i];
    }
    free(order);
    free(page->items);
    page->items = items;
    page->cap = page->count;
    return 0;
}

/* Tells each node its page, for the next pass. True if anything has changed. */
static bool learn_pages(struct layout *self)
{
    bool changed = self->numbers.pages != self->page_count;
    self->numbers.pages = self->page_count;
    for (uint32_t i = 0; i < self->anchor_count; i++) {
        struct node *node = (struct node *)self->anchors[i].node;
        changed |= node->anchor_page != self->anchors[i].page + 1;
        node->anchor_page = self->anchors[i].page + 1;
    }
    return changed;
}

/* Pages from a roll end where their content does. */
static void cut_pages(struct layout *self)
{
    for (uint32_t i = 0; i < self->page_count; i++) {
        struct page *page = &self->pages[i];
        double bottom = page->setup.margins.top;
        for (uint32_t k = 0; page->setup.auto_height && k < page->count; k++) {
            bottom = fmax(bottom, page->items[k].y + page->items[k].h);
        }
        if (page->setup.auto_height) {
            page->setup.height = ceil(bottom + page->setup.margins.bottom);
        }
    }
}

int layout_setup(struct layout *self, struct node *node, struct page_setup *setup)
{
    if (!setup->auto_width) {
        return 0;
    }
    int err = node_measure(self, node);
    double width = node->max_width + setup->margins.left + setup->margins.right;
    setup->width = fmin(width, PDF_MAX_LENGTH);
    return err;
}

static int pass(struct layout *self)
{
    struct document *doc = self->doc;
    struct page_setup setup = doc->content->section ? *doc->content->section : doc->page;
    self->page_count = self->anchor_count = self->item_count = 0;
    self->head_room = self->foot_room = 0;
    int err = layout_setup(self, doc->content, &setup);
    if (err == 0) {
        err = add_page(self, &setup);
    }
    if (err < 0) {
        return err;
    }
    struct cursor cursor = {0, layout_top(self, 0)};
    const struct sides *margins = &self->pages[0].setup.margins;
    err = flow_node(self, doc->content, margins->left,
                    self->pages[0].setup.width - margins->left - margins->right, &cursor);
    /* A break after the last node leaves no empty page behind. */
    while (self->page_count > 1 && self->pages[self->page_count - 1].count == 0) {
        self->page_count--;
    }
    cut_pages(self);
    return err;
}

static int check_page(struct layout *self, const struct page_setup *setup)
{
    const struct sides *m = &setup->margins;
    if (m->left < 0 || m->top < 0 || m->right < 0 || m->bottom < 0 ||
        setup->width - m->left - m->right < 10 || setup->height - m->top - m->bottom < 10) {
        return document_fail(self->doc, NULL, HUB_ERR_INVALID_INPUT,
                             "the margins leave no room on a page of %.0f × %.0f points",
                             setup->width, setup->height);
    }
    return 0;
}

int layout_run(struct layout *self)
{
    int err = check_page(self, &self->doc->page);
    for (int i = 0; err == 0; i++) {
        err = pass(self);
        if (err < 0 || !learn_pages(self) || !self->doc->has_fields) {
            break;
        }
        if (i + 1 == PDF_MAX_PASSES) {
            document_warn(self->doc, NULL, "unstable_pages",
                          "page numbers in the text move the text that they are about");
            break;
        }
    }
    if (err == 0) {
        err = layout_furniture(self);
    }
    for (uint32_t i = 0; err == 0 && i < self->page_count; i++) {
        err = sort_items(self, &self->pages[i]);
    }
    return err;
}
