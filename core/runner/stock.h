/*
 * stock.h — scratch files that hubd has opened ahead, so that artifact() needs no round trip.
 *
 * hubd grants a few at the start and more as they are used: the stock asks for more (a NEED frame)
 * when it is half empty, and for a larger stock each time somebody found it empty.
 *
 * Thread: [any], under the stock's own lock; stock_add() and stock_deny() on [main].
 */
#ifndef HUB_RUNNER_STOCK_H
#define HUB_RUNNER_STOCK_H

#include "base/list.h"
#include "runner/job.h"

#define STOCK_MIN 4

/* A scratch file that has become, or will become, an artifact. */
struct stock_file {
    struct list link; /* of the stock, or of a job's artifacts */
    uint64_t id;
    int fd;
    struct str name; /* behind the struct */
    struct str media_type;
    char bytes[];
};

struct stock {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct list files; /* without names */
    unsigned count;
    unsigned target; /* how many it wants to have */
    bool asked;      /* a NEED is under way */
    uint64_t denials;
};

HUB_MUST_CHECK int stock_init(struct stock *self);
void stock_release(struct stock *self);

/* A GRANT came: its descriptors join the stock. [main] */
HUB_MUST_CHECK int stock_add(struct runner *runner, uint64_t first_id, struct wire_frame *frame);

/* Something that a waiting stock_take() must look at: a cancelled job, the end. [any] */
void stock_wake(struct stock *self);

/* Moves a file from the stock to the job. `may_wait`: waits for a grant. A HUB_CALL_… value. */
int stock_take(struct runner *runner, struct job *job, struct str name, struct str media_type,
               bool may_wait, int *ret_fd);

/* Writes the job's artifacts as records and forgets them, closing our descriptors. [main] */
HUB_MUST_CHECK int stock_append_records(struct stock *self, struct job *job, struct buf *records);

#endif
