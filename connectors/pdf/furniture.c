/*
 * What stands on every page: header, footer, background.
 */
#include "layout.h"

#include <math.h>

/* Paragraphs with page numbers are set anew for each page. */
static int flow_on_page(struct layout *self, struct node *node, uint32_t page, struct cursor at,
                        double x, double width, bool within)
{
    const struct page_setup *setup = &self->pages[page].setup;
    uint32_t count = self->page_count;
    self->numbers.page = page + 1;
    self->head_room = -setup->margins.top;
    self->foot_room = -setup->margins.bottom;
    self->table_depth++; /* pages can't change their shape in here */
    int err = flow_node(self, node, x, width, &at);
    self->table_depth--;
    self->head_room = self->foot_room = 0;
    if (err == 0 && self->page_count != count) {
        err = document_fail(self->doc, node->place, HUB_ERR_INVALID_INPUT,
                            "this does not fit onto the page");
    }
    if (err == 0 && within && at.y > setup->margins.top && at.y < setup->height / 2) {
        document_warn(self->doc, node->place, "header_too_high",
                      "the header is %.0f points high and reaches into the content", at.y);
    }
    return err;
}

static struct node *choose(const struct furniture *furniture, uint32_t page, uint32_t count)
{
    if (page == 0) {
        return furniture->first;
    }
    if (page + 1 == count) {
        return furniture->last;
    }
    return page % 2 ? furniture->even : furniture->odd;
}

static void into_background(struct layout *self, uint32_t page, uint32_t from)
{
    for (uint32_t i = from; i < self->pages[page].count; i++) {
        struct item *item = &self->pages[page].items[i];
        item->layer = (uint16_t)(item->layer >= LAYER_CONTENT ? LAYER_BACKGROUND + 500
                                                              : LAYER_BACKGROUND + 100);
        item->cell_content = false;
    }
}

static int furnish(struct layout *self, uint32_t page)
{
    struct document *doc = self->doc;
    const struct page_setup setup = self->pages[page].setup;
    const struct sides *m = &setup.margins;
    double width = setup.width - m->left - m->right;
    uint32_t from = self->pages[page].count, count = self->page_count;
    struct node *background = choose(&doc->background, page, count);
    struct node *header = choose(&doc->header, page, count);
    struct node *footer = choose(&doc->footer, page, count);
    int err = 0;
    if (background) {
        err = flow_on_page(self, background, page, (struct cursor){page, 0}, 0, setup.width, false);
        into_background(self, page, from);
    }
    if (err == 0 && header) {
        err = flow_on_page(self, header, page, (struct cursor){page, m->top / 2}, m->left, width,
                           true);
    }
    if (err == 0 && footer) {
        struct cursor at = {page, setup.height - m->bottom + fmin(m->bottom / 2, 20)};
        err = flow_on_page(self, footer, page, at, m->left, width, false);
    }
    return err;
}

int layout_furniture(struct layout *self)
{
    struct paragraph *watermark = &self->doc->watermark.text;
    self->numbers.pages = self->page_count;
    int err = watermark->count > 0 ? paragraph_prepare(self->doc, watermark, &self->numbers) : 0;
    for (uint32_t page = 0; err == 0 && page < self->page_count; page++) {
        err = furnish(self, page);
    }
    return err;
}
