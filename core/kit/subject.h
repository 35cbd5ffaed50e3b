/*
 * subject.h — the connector that is looked at: its file, what the file says, what its descriptor
 * says, its schemas and examples.
 *
 *     struct subject subject;
 *     if (subject_open(&subject, "thumb.so", &programs, &err) < 0) …       // not even a file
 *     … subject.elf_error, subject.stage, subject.descriptor …
 *     subject_release(&subject);
 *
 * The descriptor is read by hub-runner in a confined process.
 *
 * Owner: the caller. Thread: [any], one at a time.
 */
#ifndef HUB_KIT_SUBJECT_H
#define HUB_KIT_SUBJECT_H

#include "base/arena.h"
#include "kit/elf.h"
#include "kit/lab.h"

#include <json-c/json.h>
#include <sys/stat.h>

struct schema;
struct places;

/* The programs of libexec/hubd. */
struct kit_programs {
    char *runner;
    char *checker;
};

/* Looks in the build tree and in the installed prefix, seen from this program. */
HUB_MUST_CHECK int kit_programs_find(struct kit_programs *ret_programs, struct hub_error *error);
void kit_programs_release(struct kit_programs *self);

struct subject {
    const char *path;
    int fd;
    struct stat stat;
    struct lab_setup setup;
    struct buf readable; /* behind setup.readable */
    struct buf hosts;    /* behind setup.hosts */
    struct elf elf;
    bool is_elf;
    struct hub_error elf_error;     /* why it is none */
    enum lab_stage stage;           /* how reading the descriptor went */
    char reason[512];               /* … and why not */
    struct json_object *descriptor; /* as runner/load.h writes it; NULL unless READY */
};

HUB_MUST_CHECK int subject_open(struct subject *self, const char *path,
                                const struct kit_programs *programs, struct hub_error *error);
void subject_release(struct subject *self);

bool subject_is_async(const struct subject *self);
size_t subject_operations(const struct subject *self);
struct json_object *subject_operation(const struct subject *self, size_t index); /* borrowed */

/* A text of the descriptor or of an operation; empty if there is none. */
struct str subject_text(struct json_object *object, const char *name);

/* Reads and compiles the schema in the text `name` of `object`. `*ret_schema` is NULL if there is
 * none. `what` names it in messages. */
HUB_MUST_CHECK int subject_schema(struct json_object *object, const char *name,
                                  struct json_object **ret_document, struct schema **ret_schema,
                                  struct hub_error *error);

#endif
