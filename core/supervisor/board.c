#include "supervisor/board.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* Pages that the runner cannot cut short under us. */
void board_make(struct board *self)
{
    size_t size = 2 * page_size();
    int fd = memfd_create("hub-runner", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    char *pages = MAP_FAILED;
    *self = (struct board){.fd = -1};
    if (fd >= 0 && ftruncate(fd, (off_t)size) == 0 &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0) {
        pages = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    }
    if (pages == MAP_FAILED) {
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    self->page = (const struct wire_board *)(void *)pages;
    self->refusals = (const struct wire_refusals *)(void *)(pages + page_size());
    self->fd = fd;
}

void board_release(struct board *self)
{
    if (self->page) {
        munmap((void *)self->page, 2 * page_size());
    }
    if (self->fd >= 0) {
        close(self->fd);
    }
    *self = (struct board){.fd = -1};
}

uint32_t board_refusals(struct board *self, char ret_last[BOARD_REFUSAL_MAX])
{
    uint32_t count = self->refusals ? atomic_load(&self->refusals->count) : 0;
    uint32_t more = count - self->told;
    if (more > 0) { /* one that is just being written may be two things at once: it is for people */
        memcpy(ret_last, self->refusals->last, BOARD_REFUSAL_MAX);
        ret_last[BOARD_REFUSAL_MAX - 1] = '\0';
    }
    self->told = count;
    return more;
}
