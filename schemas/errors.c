/* What a run reports: pointers, names and sentences. */
#include "schemas/run.h"

#include <stdio.h>
#include <string.h>

#define TEXTS_MAX   (256 * 1024) /* bytes of all texts */
#define POINTER_MAX 2048
#define DETAIL_MAX  1024
#define STEPS_MAX   128 /* steps of a pointer; deeper values are named by their ancestor */

void schema_errors_init(struct schema_errors *self, size_t max)
{
    self->len = 0;
    self->max = max < 1 ? 1 : max > SCHEMA_ERRORS_MAX ? SCHEMA_ERRORS_MAX : max;
    self->more = false;
    arena_init(&self->arena, TEXTS_MAX);
}

void schema_errors_release(struct schema_errors *self)
{
    self->len = 0;
    arena_release(&self->arena);
}

struct str schema_shown(const char *name)
{
    struct str text = str_slice(str_from_c(name), 0, SCHEMA_SHOWN_MAX);
    text.len = str_utf8_valid_prefix(text);
    return text;
}

/* Appends the pointer of `at`; of its nearest ancestor that fits if it is too long. */
static void append_pointer(struct buf *pointer, const struct schema_instance *at)
{
    const struct schema_instance *path[STEPS_MAX];
    size_t len = 0;
    for (; at->parent != NULL; at = at->parent) {
        if (len == STEPS_MAX) {
            memmove(path, path + 1, (STEPS_MAX - 1) * sizeof *path);
            len--;
        }
        path[len++] = at;
    }
    while (len-- > 0 && !buf_failed(pointer)) {
        if (path[len]->key != NULL) {
            json_pointer_append(pointer, str_from_c(path[len]->key));
        } else {
            json_pointer_append_index(pointer, path[len]->index);
        }
    }
}

/* "width: ", "pages[3]: ", nothing for the whole value */
static void append_name(struct buf *detail, const struct schema_instance *at)
{
    const struct schema_instance *named = at;
    while (named->parent != NULL && named->key == NULL) {
        named = named->parent;
    }
    if (at->parent == NULL) {
        return;
    }
    if (at->json == NULL && at->type == TYPE_STRING) { /* "propertyNames" */
        buf_append_c(detail, "the name ");
    }
    if (named->key != NULL) {
        buf_append_str(detail, schema_shown(named->key));
    }
    const struct schema_instance *path[STEPS_MAX];
    size_t len = 0;
    for (; at != named && len < STEPS_MAX; at = at->parent) {
        path[len++] = at;
    }
    while (len-- > 0) {
        buf_append_format(detail, "[%zu]", path[len]->index);
    }
    buf_append_c(detail, ": ");
}

/* Both texts, or nothing. The pointer leads to `at`, the sentence begins with the name of
 * `named`. */
static bool add(struct schema_run *run, const struct schema_instance *at,
                const struct schema_instance *named, const char *keyword, const char *format,
                va_list args)
{
    struct buf pointer, detail;
    buf_init(&pointer, POINTER_MAX);
    buf_init(&detail, DETAIL_MAX);
    append_pointer(&pointer, at);
    append_name(&detail, named);
    buf_append_vformat(&detail, format, args);

    struct schema_error error = {
        .pointer = pointer.len > 0 ? arena_str(run->texts, buf_view(&pointer)) : STR(""),
        .keyword = str_from_c(keyword),
        .detail = detail.len > 0 ? arena_str(run->texts, buf_view(&detail)) : STR(""),
    };
    bool fits = error.pointer.ptr != NULL && error.detail.ptr != NULL;
    if (fits) {
        run->errors->items[run->errors->len++] = error;
    }
    buf_release(&detail);
    buf_release(&pointer);
    return fits;
}

static void report(struct schema_run *run, const struct schema_instance *at,
                   const struct schema_instance *named, const char *keyword, const char *format,
                   va_list args)
{
    struct schema_errors *errors = run->errors;
    if (errors == NULL || run->err != 0) {
        return;
    }
    if (errors->len == errors->max || !add(run, at, named, keyword, format, args)) {
        errors->more = true;
    }
}

bool schema_fail(struct schema_run *run, const struct schema_instance *at, const char *keyword,
                 const char *format, ...)
{
    va_list args;
    va_start(args, format);
    report(run, at, at, keyword, format, args);
    va_end(args);
    return false;
}

bool schema_fail_member(struct schema_run *run, const struct schema_instance *at,
                        const char *member, const char *keyword, const char *format, ...)
{
    const struct schema_instance place = {.type = TYPE_ANY, .parent = at, .key = member};
    va_list args;
    va_start(args, format);
    report(run, &place, at, keyword, format, args);
    va_end(args);
    return false;
}
