#include "kit/report.h"

#include <string.h>

#define ARENA_MAX (4u << 20)

int report_init(struct report *self)
{
    *self = (struct report){0};
    arena_init(&self->arena, ARENA_MAX);
    self->items = arena_zalloc(&self->arena, REPORT_FINDINGS_MAX * sizeof *self->items);
    return self->items ? 0 : HUB_ERR_NOMEM;
}

void report_release(struct report *self)
{
    arena_release(&self->arena);
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool is_known(const struct report *self, const struct finding *finding)
{
    for (size_t i = 0; i < self->len; i++) {
        const struct finding *known = &self->items[i];
        if (known->verdict == finding->verdict && known->rule == finding->rule &&
            strcmp(known->check, finding->check) == 0 &&
            same_text(known->operation, finding->operation) &&
            strcmp(known->text, finding->text) == 0) {
            return true;
        }
    }
    return false;
}

void report_add(struct report *self, const struct finding *finding)
{
    struct finding copy = *finding;
    if (is_known(self, finding)) {
        return;
    }
    self->failed += finding->verdict == VERDICT_FAIL;
    copy.text = arena_strdup(&self->arena, str_from_c(finding->text));
    if (copy.operation) {
        copy.operation = arena_strdup(&self->arena, str_from_c(copy.operation));
    }
    if (self->len == REPORT_FINDINGS_MAX || !copy.text || (finding->operation && !copy.operation)) {
        self->lost++;
        return;
    }
    self->items[self->len++] = copy;
    if (self->on_finding) {
        self->on_finding(self->context, &copy);
    }
}

bool report_has_failed(const struct report *self, const char *check, const char *operation)
{
    for (size_t i = 0; i < self->len; i++) {
        const struct finding *known = &self->items[i];
        if (known->verdict == VERDICT_FAIL && strcmp(known->check, check) == 0 &&
            same_text(known->operation, operation)) {
            return true;
        }
    }
    return false;
}
