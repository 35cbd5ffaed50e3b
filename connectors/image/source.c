#include "source.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include "limits.h"

int source_map(struct source *self, int fd, struct fault *fault)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return fault_set(fault, FAULT_STORAGE, "The input file can't be read.");
    if (status.st_size == 0)
        return fault_set(fault, FAULT_INVALID, "The input file is empty.");
    if (status.st_size > IMAGE_MAX_INPUT_BYTES)
        return fault_set(fault, FAULT_TOO_LARGE, "The input file has %lld bytes; at most %d do.",
                         (long long)status.st_size, IMAGE_MAX_INPUT_BYTES);
    void *data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED)
        return fault_memory(fault);
    *self = (struct source){.data = data, .len = (size_t)status.st_size};
    return 0;
}

void source_unmap(struct source *self)
{
    if (self->data)
        munmap((void *)self->data, self->len);
    *self = (struct source){0};
}
