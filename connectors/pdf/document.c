#include "document.h"

#include <stdio.h>
#include <string.h>

int document_fail(struct document *self, const struct place *place, int err, const char *format,
                  ...)
{
    char text[HUB_ERROR_DETAIL_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    self->fault_place = place;
    return hub_fail(self->error, err, "%s", text);
}

int document_nomem(struct document *self)
{
    if (self->arena.used > self->arena.limit / 2) {
        return document_fail(self, NULL, HUB_ERR_TOO_LARGE,
                             "the document needs more than %zu MiB of memory",
                             self->arena.limit >> 20);
    }
    return document_fail(self, NULL, HUB_ERR_NOMEM, "out of memory");
}

void document_warn(struct document *self, const struct place *place, const char *code,
                   const char *format, ...)
{
    for (uint32_t i = 0; i < self->warning_count; i++) {
        if (self->warnings[i].place == place && strcmp(self->warnings[i].code, code) == 0) {
            return;
        }
    }
    if (self->warning_count == PDF_MAX_WARNINGS) {
        return;
    }
    struct warning *warning = &self->warnings[self->warning_count++];
    warning->place = place;
    warning->code = code;
    va_list args;
    va_start(args, format);
    vsnprintf(warning->detail, sizeof warning->detail, format, args);
    va_end(args);
    warning->detail[str_utf8_valid_prefix(str_from_c(warning->detail))] = '\0';
}

void *document_alloc(struct document *self, size_t size)
{
    void *memory = arena_zalloc(&self->arena, size);
    if (!memory) {
        (void)document_nomem(self);
    }
    return memory;
}

void place_append(struct buf *pointer, const struct place *place)
{
    if (!place || !place->up) {
        return;
    }
    place_append(pointer, place->up);
    if (place->name.ptr) {
        json_pointer_append(pointer, place->name);
    } else {
        json_pointer_append_index(pointer, place->index);
    }
}
