#include "schemas/pattern.h"

#include "base/buf.h"
#include "base/clock.h"
#include "schemas/ecma.h"
#include "schemas/schema.h"

#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define OPTIONS                                                                                    \
    (PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_ALLOW_EMPTY_CLASS | PCRE2_MATCH_UNSET_BACKREF |      \
     PCRE2_NEVER_BACKSLASH_C)
#define GROUPS_DEPTH_MAX 32
#define TRANSLATED_MAX   (64 * 1024)
#define HEAP_LIMIT_KIB   1024
#define MATCH_LIMIT_MAX  100000

/* A step of PCRE2's count may run along the whole subject; so many bytes may be looked at in all.
 */
#define MATCH_BYTES_MAX (1u << 28)

/* So many matches of short subjects are not timed: reading the clock costs as much as they do. */
#define UNTIMED_MATCHES 16
#define UNTIMED_LEN     256

struct schema_pattern {
    pcre2_code *code;
};

/*
 * Compiling
 */

static void *heap_alloc(size_t size, void *data)
{
    (void)data;
    return malloc(size);
}

static void heap_free(void *memory, void *data)
{
    (void)data;
    free(memory);
}

static int fail_compile(int code, struct hub_error *error)
{
    switch (code) {
    case PCRE2_ERROR_HEAP_FAILED:
        return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    case PCRE2_ERROR_PATTERN_TOO_LARGE:
    case PCRE2_ERROR_PATTERN_STRING_TOO_LONG:
    case PCRE2_ERROR_PARENTHESES_NEST_TOO_DEEP:
    case PCRE2_ERROR_PATTERN_TOO_COMPLICATED:
        return hub_fail(error, HUB_ERR_LIMIT, "the pattern is too complex");
    default: {
        PCRE2_UCHAR text[128];
        pcre2_get_error_message(code, text, sizeof text);
        return hub_fail(error, HUB_ERR_INVALID_INPUT, "%s", (const char *)text);
    }
    }
}

static int compile_text(const struct buf *text, uint32_t options, pcre2_code **ret_code,
                        struct hub_error *error)
{
    pcre2_general_context *general = pcre2_general_context_create(heap_alloc, heap_free, NULL);
    pcre2_compile_context *context = pcre2_compile_context_create(general);
    int code = PCRE2_ERROR_HEAP_FAILED;
    if (context != NULL) {
        size_t offset;
        pcre2_set_parens_nest_limit(context, GROUPS_DEPTH_MAX);
        *ret_code =
            pcre2_compile((PCRE2_SPTR)text->ptr, text->len, options, &code, &offset, context);
        code = *ret_code != NULL ? 0 : code;
    }
    pcre2_compile_context_free(context);
    pcre2_general_context_free(general);
    return code == 0 ? 0 : fail_compile(code, error);
}

/* Compiles the expression in `text`; if it may match anywhere, as one that is anchored and skips.
 */
static int compile_anchored(const struct buf *text, pcre2_code **ret_code, struct hub_error *error)
{
    pcre2_code *code;
    int err = compile_text(text, OPTIONS, &code, error);
    if (err < 0) {
        return err;
    }
    uint32_t all_options = 0;
    pcre2_pattern_info(code, PCRE2_INFO_ALLOPTIONS, &all_options);
    if (all_options & PCRE2_ANCHORED) {
        *ret_code = code;
        return 0;
    }
    pcre2_code_free(code);

    struct buf skipping;
    buf_init(&skipping, TRANSLATED_MAX + 32);
    buf_append_c(&skipping, "(?s:.)*?(?:");
    buf_append_str(&skipping, buf_view(text));
    buf_append_char(&skipping, ')');
    err = buf_failed(&skipping)
              ? hub_fail(error, HUB_ERR_NOMEM, "out of memory")
              : compile_text(&skipping, OPTIONS | PCRE2_ANCHORED, ret_code, error);
    buf_release(&skipping);
    return err;
}

int schema_pattern_compile(struct str source, struct schema_pattern **ret_pattern,
                           size_t *ret_bytes, struct hub_error *error)
{
    if (source.len > SCHEMA_PATTERN_MAX) {
        return hub_fail(error, HUB_ERR_LIMIT, "the pattern is longer than %d bytes",
                        SCHEMA_PATTERN_MAX);
    }
    struct buf text;
    buf_init(&text, TRANSLATED_MAX);
    buf_append_c(&text, ""); /* so that there are bytes, even for an empty pattern */
    pcre2_code *code = NULL;
    struct schema_pattern *self = NULL;
    int err = schema_ecma_translate(source, &text, error);
    if (err < 0) {
        goto out;
    }
    self = malloc(sizeof *self);
    if (self == NULL || buf_failed(&text)) {
        err = hub_fail(error, HUB_ERR_NOMEM, "out of memory");
        goto out;
    }
    err = compile_anchored(&text, &code, error);
    if (err < 0) {
        goto out;
    }
    pcre2_jit_compile(code, PCRE2_JIT_COMPLETE); /* without it the interpreter does the work */

    size_t size = 0, jit_size = 0;
    pcre2_pattern_info(code, PCRE2_INFO_SIZE, &size);
    pcre2_pattern_info(code, PCRE2_INFO_JITSIZE, &jit_size);
    self->code = code;
    *ret_pattern = self;
    *ret_bytes = size + jit_size;
    self = NULL;
out:
    free(self);
    buf_release(&text);
    return err;
}

void schema_pattern_free(struct schema_pattern *self)
{
    if (self != NULL) {
        pcre2_code_free(self->code);
        free(self);
    }
}

/*
 * Matching
 */

/* From the matcher's own memory as long as it lasts. */
static void *matcher_alloc(size_t size, void *data)
{
    struct schema_matcher *matcher = data;
    size = (size + 15) & ~(size_t)15;
    if (size > sizeof matcher->memory - matcher->used) {
        return malloc(size);
    }
    void *memory = matcher->memory + matcher->used;
    matcher->used += size;
    return memory;
}

static void matcher_free(void *memory, void *data)
{
    struct schema_matcher *matcher = data;
    char *bytes = memory;
    if (bytes < matcher->memory || bytes >= matcher->memory + sizeof matcher->memory) {
        free(memory);
    }
}

void schema_matcher_init(struct schema_matcher *self)
{
    self->general = self->context = self->data = NULL;
    self->matches = self->used = 0;
    self->spent_ns = 0;
}

void schema_matcher_release(struct schema_matcher *self)
{
    if (self->general != NULL) {
        pcre2_match_data_free(self->data);
        pcre2_match_context_free(self->context);
        pcre2_general_context_free(self->general);
        schema_matcher_init(self);
    }
}

static int prepare(struct schema_matcher *self)
{
    if (self->data != NULL) {
        return 0;
    }
    self->general = pcre2_general_context_create(matcher_alloc, matcher_free, self);
    self->context = pcre2_match_context_create(self->general);
    self->data = pcre2_match_data_create(1, self->general);
    if (self->general == NULL || self->context == NULL || self->data == NULL) {
        schema_matcher_release(self);
        return HUB_ERR_NOMEM;
    }
    pcre2_set_heap_limit(self->context, HEAP_LIMIT_KIB);
    return 0;
}

static int run(const struct schema_pattern *self, struct str subject,
               struct schema_matcher *matcher)
{
    PCRE2_SPTR text = (PCRE2_SPTR)(subject.ptr != NULL ? subject.ptr : "");
    size_t limit = MATCH_BYTES_MAX / (subject.len + 1);
    pcre2_set_match_limit(matcher->context,
                          limit < MATCH_LIMIT_MAX ? (uint32_t)limit + 1 : MATCH_LIMIT_MAX);
    int found = pcre2_match(self->code, text, subject.len, 0, 0, matcher->data, matcher->context);
    if (found == PCRE2_ERROR_JIT_STACKLIMIT) {
        found = pcre2_match(self->code, text, subject.len, 0, PCRE2_NO_JIT, matcher->data,
                            matcher->context);
    }
    switch (found) {
    case PCRE2_ERROR_MATCHLIMIT:
    case PCRE2_ERROR_DEPTHLIMIT:
    case PCRE2_ERROR_HEAPLIMIT:
        return HUB_ERR_LIMIT;
    case PCRE2_ERROR_NOMEMORY:
        return HUB_ERR_NOMEM;
    default:
        return found >= 0; /* 0 means more groups than we asked for; others: no match, no UTF-8 */
    }
}

int schema_pattern_match(const struct schema_pattern *self, struct str subject,
                         struct schema_matcher *matcher)
{
    int err = prepare(matcher);
    if (err < 0) {
        return err;
    }
    if (++matcher->matches <= UNTIMED_MATCHES && subject.len <= UNTIMED_LEN) {
        return run(self, subject, matcher);
    }
    if (matcher->spent_ns > (int64_t)SCHEMA_PATTERN_TIME_MS * CLOCK_NS_PER_MS) {
        return HUB_ERR_LIMIT;
    }
    int64_t start = clock_mono_ns();
    int found = run(self, subject, matcher);
    matcher->spent_ns += clock_mono_ns() - start;
    return found;
}
