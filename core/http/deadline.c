#include "http/deadline.h"

void deadlines_init(struct deadlines *self, deadline_fn *on_due, void *context)
{
    for (unsigned i = 0; i < DEADLINE_KIND_COUNT; i++) {
        list_init(&self->kinds[i].entries);
        self->kinds[i].after_ms = 0;
    }
    self->on_due = on_due;
    self->context = context;
}

void deadline_init(struct deadline *deadline)
{
    list_init(&deadline->link);
    deadline->at_ms = DEADLINE_NEVER;
    deadline->kind = DEADLINE_HEAD;
}

int64_t deadline_set(struct deadlines *self, struct deadline *deadline, enum deadline_kind kind,
                     int64_t now_ms)
{
    struct deadline_queue *queue = &self->kinds[kind];
    list_remove(&deadline->link);
    deadline->kind = kind;
    if (queue->after_ms == 0) {
        return DEADLINE_NEVER;
    }
    deadline->at_ms = now_ms + queue->after_ms;
    list_append(&queue->entries, &deadline->link);
    return deadline->at_ms;
}

void deadline_clear(struct deadline *deadline)
{
    list_remove(&deadline->link);
}

/* The first of a list that is sorted by itself. */
static struct deadline *queue_first(const struct deadline_queue *queue)
{
    struct list *link = list_first(&queue->entries);
    return link == NULL ? NULL : CONTAINER_OF(link, struct deadline, link);
}

int64_t deadlines_next(const struct deadlines *self)
{
    int64_t next = DEADLINE_NEVER;
    for (unsigned i = 0; i < DEADLINE_KIND_COUNT; i++) {
        const struct deadline *first = queue_first(&self->kinds[i]);
        if (first != NULL && first->at_ms < next) {
            next = first->at_ms;
        }
    }
    return next;
}

void deadlines_sweep(struct deadlines *self, int64_t now_ms)
{
    for (unsigned i = 0; i < DEADLINE_KIND_COUNT; i++) {
        struct deadline *first;
        while ((first = queue_first(&self->kinds[i])) != NULL && first->at_ms <= now_ms) {
            deadline_clear(first);
            self->on_due(first, self->context);
        }
    }
}
