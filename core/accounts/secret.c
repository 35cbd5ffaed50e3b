#include "accounts/secret.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int secret_init(struct secret *self, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t whole = (size + page - 1) / page * page;
    void *pages = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (pages == MAP_FAILED) {
        return HUB_ERR_NOMEM;
    }
    *self = (struct secret){.size = whole, .locked = mlock(pages, whole) == 0};
    /* Neither can fail on memory of our own but on kernels that do not know them. */
    (void)madvise(pages, whole, MADV_DONTDUMP);
    (void)madvise(pages, whole, MADV_WIPEONFORK);
    buf_init_fixed(&self->text, pages, whole);
    return 0;
}

void secret_clear(struct secret *self)
{
    if (self->text.ptr != NULL) {
        explicit_bzero(self->text.ptr, self->size);
        buf_clear(&self->text);
    }
}

void secret_release(struct secret *self)
{
    if (self->text.ptr != NULL) {
        secret_clear(self);
        munmap(self->text.ptr, self->size); /* which unlocks it */
    }
    *self = (struct secret){0};
}

static void wipe(struct json_object *value)
{
    switch (json_object_get_type(value)) {
    case json_type_string:
        explicit_bzero((char *)json_object_get_string(value),
                       (size_t)json_object_get_string_len(value));
        break;
    case json_type_object: {
        json_object_object_foreach(value, name, member) {
            (void)name;
            wipe(member);
        }
        break;
    }
    case json_type_array:
        for (size_t i = 0; i < json_object_array_length(value); i++) {
            wipe(json_object_array_get_idx(value, i));
        }
        break;
    default: /* a number's text is not reached, and short */
        break;
    }
}

void secret_put_json(struct json_object *value)
{
    wipe(value);
    json_object_put(value);
}
