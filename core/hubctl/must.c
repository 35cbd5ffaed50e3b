#include "hubctl/must.h"

#include "hubctl/exits.h"

#include <stdio.h>
#include <stdlib.h>

static _Noreturn void give_up(void)
{
    fputs("hubctl: out of memory\n", stderr);
    exit(EXITS_LOCAL);
}

void *must(void *memory)
{
    if (!memory) {
        give_up();
    }
    return memory;
}

void must_buf(const struct buf *buf)
{
    if (buf_failed(buf)) {
        give_up();
    }
}

void must_ok(int err)
{
    if (err < 0) {
        give_up();
    }
}
