/*
 * linked.h — the libraries that a file is linked with, and whose they are.
 *
 *     struct linked_list list;
 *     if (linked_find(&elf, &arena, &list, &err) < 0) …
 *     for (i…) list.items[i].name, .path, .package, .version
 *
 * Nothing is loaded: the files' dynamic sections are read, `ldconfig -p` says where a name leads,
 * and dpkg-query whose the file is. Where there is no dpkg the packages are simply not known.
 *
 * Thread: [any].
 */
#ifndef HUB_KIT_LINKED_H
#define HUB_KIT_LINKED_H

#include "base/arena.h"
#include "kit/elf.h"

#define LINKED_MAX 512

struct linked {
    const char *name;    /* "libz.so.1" */
    const char *path;    /* NULL: not found, so the connector cannot be loaded here */
    const char *package; /* NULL: not known */
    const char *version;
    const char *through; /* the library that wants it; NULL: the connector itself does */
};

struct linked_list {
    struct linked *items; /* in the arena; the connector's own first */
    size_t len;
    size_t direct; /* how many are its own */
};

HUB_MUST_CHECK int linked_find(const struct elf *elf, struct arena *arena,
                               struct linked_list *ret_list, struct hub_error *error);

#endif
