#include "misbehave.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHANNEL_FD = 3, RESULT = 19, CONFINED = 23 };

/* A frame's header, as core/wire has it. */
struct header {
    uint32_t length;
    uint16_t type;
    uint16_t descriptors;
    uint64_t token;
};

static void wait_for_death(void)
{
    for (;;)
        pause();
}

void segfault(struct deed *deed)
{
    (void)deed;
    signal(SIGSEGV, SIG_DFL); /* a sanitizer would turn the signal into an exit */
    volatile int *volatile nowhere = (volatile int *)8; /* volatile: or the compiler objects */
    *nowhere = 1;
}

void call_abort(struct deed *deed)
{
    (void)deed;
    signal(SIGABRT, SIG_DFL);
    abort();
}

void close_channel(struct deed *deed)
{
    (void)deed;
    close(CHANNEL_FD);
    wait_for_death();
}

/* A result for a job that is another's. */
void forge_frames(struct deed *deed)
{
    /* outcome, delay, json "{}", code, message, count, artifacts */
    static const char BODY[] = "\0\0\0\0"
                               "\0\0\0\0\0\0\0\0"
                               "\2\0\0\0{}"
                               "\0\0\0\0"
                               "\0\0\0\0"
                               "\0\0\0\0"
                               "\0\0\0\0";
    struct header header = {sizeof BODY - 1, RESULT, 0, (uint64_t)deed_number(deed, "token")};
    (void)!write(CHANNEL_FD, &header, sizeof header);
    (void)!write(CHANNEL_FD, BODY, sizeof BODY - 1);
    wait_for_death();
}

/* Says a second time how well it is confined. */
void say_confined(struct deed *deed)
{
    struct header header = {12, CONFINED, 0, 0};
    uint32_t body[3] = {~0u, 0, 99};
    (void)deed;
    (void)!write(CHANNEL_FD, &header, sizeof header);
    (void)!write(CHANNEL_FD, body, sizeof body);
    wait_for_death();
}
