#include "misbehave.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Does not look at what malloc() gave. */
void allocate(struct deed *deed)
{
    size_t bytes = 2ull << 30;
    volatile char *memory = malloc(bytes); /* volatile: or the compiler sees that nobody reads it */
    for (size_t at = 0; at < bytes; at += 4096)
        memory[at] = 1;
    free((void *)memory);
    deed_succeed(deed);
}

/* Does not look at what write() said. */
void endless_output(struct deed *deed)
{
    static char block[65536];
    int32_t fd;
    if (deed->host->artifact(deed->job, HUB_STR("endless"), (hub_str){0}, &fd) != HUB_CALL_OK)
        return;
    for (;;) {
        (void)!write(fd, block, sizeof block);
    }
}

static void *spin(void *context)
{
    for (volatile uint64_t turn = 0;; turn++) {
    }
    return context;
}

void endless_loop(struct deed *deed)
{
    spin(deed);
}

/* More processor time than the clock shows. */
void burn_processor(struct deed *deed)
{
    for (int i = 0; i < 4; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, spin, NULL);
    }
    spin(deed);
}

static void *rest(void *context)
{
    pause();
    return context;
}

void thread_bomb(struct deed *deed)
{
    pthread_attr_t attributes;
    pthread_t thread;
    int64_t threads = 0;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 65536);
    while (pthread_create(&thread, &attributes, rest, NULL) == 0)
        threads++;
    json_object_object_add(deed->result, "threads", json_object_new_int64(threads));
    deed_succeed(deed);
}
