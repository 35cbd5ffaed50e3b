#include "fault.h"

#include <stdarg.h>
#include <stdio.h>

static const struct {
    const char *code;
    bool retryable;
} KINDS[] = {
#define FAULT_ROW(name, code, retryable) [name] = {code, retryable},
    FAULT_MAP(FAULT_ROW)
#undef FAULT_ROW
};

int fault_set(struct fault *self, enum fault_kind kind, const char *format, ...)
{
    if (self->kind != FAULT_NONE)
        return -1;
    self->kind = kind;
    va_list args;
    va_start(args, format);
    vsnprintf(self->message, sizeof(self->message), format, args);
    va_end(args);
    return -1;
}

int fault_memory(struct fault *self)
{
    return fault_set(self, FAULT_MEMORY, "There was not enough memory for this image.");
}

const char *fault_code(const struct fault *self)
{
    return KINDS[self->kind].code;
}

bool fault_retryable(const struct fault *self)
{
    return KINDS[self->kind].retryable;
}
