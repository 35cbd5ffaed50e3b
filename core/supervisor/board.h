/*
 * board.h — what a runner and its broker let hubd see: a file in memory of two pages, one for each
 * to write (wire.h). All of it explains; nothing is decided by it.
 *
 *     board_make(&board);                  board.fd goes with CONFIG: then it is the channel's
 *     board.page->token …                  page is NULL if there was no memory for it
 *     more = board_refusals(&board, last);
 *     board_release(&board);
 *
 * Thread: [loop].
 */
#ifndef HUB_SUPERVISOR_BOARD_H
#define HUB_SUPERVISOR_BOARD_H

#include "wire/wire.h"

#define BOARD_REFUSAL_MAX sizeof(((struct wire_refusals *)0)->last)

struct board {
    const struct wire_board *page; /* NULL: there is none */
    const struct wire_refusals *refusals;
    uint32_t told; /* of them */
    int fd;        /* until it is sent; or -1 */
};

/* Without memory there is none, and deaths are harder to explain. */
void board_make(struct board *self);
void board_release(struct board *self);

/* How much more the broker has refused since the last call; if any, what it was last, for people,
 * into `ret_last`. */
uint32_t board_refusals(struct board *self, char ret_last[BOARD_REFUSAL_MAX]);

#endif
