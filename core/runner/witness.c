#include "runner/witness.h"

#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct wire_board *_Atomic the_board; /* a signal handler gets no context */

void witness_init(struct wire_board *board)
{
    atomic_store(&the_board, board);
}

void witness_forget(void)
{
    struct wire_board *board = atomic_load_explicit(&the_board, memory_order_relaxed);
    if (board) {
        atomic_store_explicit(&board->refused_bytes, 0, memory_order_relaxed);
        atomic_store_explicit(&board->output_full, 0, memory_order_relaxed);
    }
}

void witness_forbidden_call(int number)
{
    struct wire_board *board = atomic_load(&the_board);
    uint32_t none = 0;
    if (!board) {
        return;
    }
    /* The first one counts. On another thread than [main] it may have been for any attempt. */
    if (atomic_compare_exchange_strong(&board->forbidden_call, &none, (uint32_t)number + 1) &&
        syscall(SYS_gettid) != getpid()) {
        atomic_store(&board->token, 0);
    }
}

void witness_refused_memory(size_t bytes)
{
    struct wire_board *board = atomic_load_explicit(&the_board, memory_order_relaxed);
    if (board) {
        atomic_store_explicit(&board->refused_bytes, bytes ? bytes : 1, memory_order_relaxed);
    }
}

unsigned witness_full_output(void)
{
    struct wire_board *board = atomic_load(&the_board);
    return board ? atomic_fetch_add(&board->output_full, 1) + 1 : 1;
}
