/*
 * witness.h — what hubd shall know if this process dies.
 *
 * A process that is about to die cannot be relied on to send a frame. It leaves notes on the board,
 * a page that hubd has mapped as well (struct wire_board), and hubd reads them once the process is
 * gone. The connector shares the process and could forge them: they explain a death, and nothing is
 * decided by them.
 *
 * Thread: [any], and within signal handlers, but for witness_init(): [main].
 */
#ifndef HUB_RUNNER_WITNESS_H
#define HUB_RUNNER_WITNESS_H

#include "wire/wire.h"

#include <stddef.h>

/* Notes go to `board` from now on. Before, they are lost. */
void witness_init(struct wire_board *board);

/* A new attempt: what befell the last one is no explanation any more. */
void witness_forget(void);

/* A system call that the filter has stopped. */
void witness_forbidden_call(int number);

/* Memory that was asked for and not to be had. */
void witness_refused_memory(size_t bytes);

/* A write that would have made a file larger than it may be. Returns how many there have been since
 * the attempt began. */
unsigned witness_full_output(void);

#endif
