/*
 * Metadata that travels from one picture to another as it is.
 */
#include "codec.h"

#include <stdlib.h>
#include <string.h>

#include "limits.h"

int blob_copy(struct blob *self, const void *bytes, size_t len, struct fault *fault)
{
    *self = (struct blob){0};
    if (len == 0 || len > IMAGE_MAX_METADATA_BYTES)
        return 0;
    self->data = malloc(len);
    if (!self->data)
        return fault_memory(fault);
    memcpy(self->data, bytes, len);
    self->len = len;
    return 0;
}
