/*
 * list.h — an intrusive doubly linked list: the links live in the element.
 *
 *     struct list waiting;                     list_init(&waiting);
 *     list_append(&waiting, &job->link);
 *     LIST_FOR_EACH(link, &waiting) { struct job *job = CONTAINER_OF(link, struct job, link); … }
 *
 * An element is in at most one list per link; an unlinked link has been list_init'ed or removed.
 * LIST_FOR_EACH allows the current element to be removed. Thread: [any], one at a time.
 */
#ifndef HUB_BASE_LIST_H
#define HUB_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next;
    struct list *prev;
};

#define CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define LIST_FOR_EACH(it, head)                                                                    \
    for (struct list *it = (head)->next, *it##_next = it->next; it != (head);                      \
         it = it##_next, it##_next = it->next)

static inline void list_init(struct list *self)
{
    self->next = self->prev = self;
}

static inline bool list_empty(const struct list *self)
{
    return self->next == self;
}

/* Is this element's link in a list? */
static inline bool list_linked(const struct list *link)
{
    return link->next != link;
}

static inline void list_insert_before(struct list *position, struct list *link)
{
    link->prev = position->prev;
    link->next = position;
    position->prev->next = link;
    position->prev = link;
}

static inline void list_append(struct list *self, struct list *link)
{
    list_insert_before(self, link);
}

static inline void list_prepend(struct list *self, struct list *link)
{
    list_insert_before(self->next, link);
}

/* Removing a link that is in no list does nothing. */
static inline void list_remove(struct list *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    list_init(link);
}

/* The first element's link, or NULL. */
static inline struct list *list_first(const struct list *self)
{
    return list_empty(self) ? NULL : self->next;
}

/* Moves every element of `from` to the end of `self`. */
static inline void list_splice(struct list *self, struct list *from)
{
    if (list_empty(from)) {
        return;
    }
    from->next->prev = self->prev;
    self->prev->next = from->next;
    from->prev->next = self;
    self->prev = from->prev;
    list_init(from);
}

#endif
