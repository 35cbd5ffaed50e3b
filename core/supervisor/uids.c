#include "supervisor/uids.h"

#include <string.h>
#include <unistd.h>

void uids_init(struct uids *self, uint32_t first)
{
    memset(self, 0, sizeof *self);
    self->first = geteuid() == 0 ? first : 0;
    self->next = (unsigned)getpid() * 61u % UIDS_COUNT;
}

int uids_take(struct uids *self, uint32_t *ret_uid, struct hub_error *error)
{
    if (self->first == 0) {
        *ret_uid = 0;
        return 0;
    }
    for (unsigned i = 0; i < UIDS_COUNT; i++) {
        unsigned at = (self->next + i) % UIDS_COUNT;
        if (!self->taken[at]) {
            self->taken[at] = true;
            self->next = at + 1;
            *ret_uid = self->first + at;
            return 0;
        }
    }
    return hub_fail(error, HUB_ERR_LIMIT, "all %d users for runners are taken", UIDS_COUNT);
}

void uids_put(struct uids *self, uint32_t uid)
{
    if (uid != 0) {
        self->taken[uid - self->first] = false;
    }
}
