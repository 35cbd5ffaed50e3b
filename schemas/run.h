/*
 * run.h — one validation under way. Private to the validator.
 *
 * A run first goes through the schema quietly: it stops at the first thing that is wrong and writes
 * nothing. Only if the value fails and the caller wants to know why, it goes through once more and
 * collects. So the success path pays for no message, and check functions need one form only:
 *
 *     if (wrong) {
 *         return schema_fail(run, at, rule->keyword, "must be at least %s", text);
 *     }
 *
 * A function that looks at several parts goes on after a failure while schema_run_collects().
 */
#ifndef HUB_SCHEMAS_RUN_H
#define HUB_SCHEMAS_RUN_H

#include "schemas/node.h"

/* A value, and how one gets there from the root. Lives on the stack of who looks into its parent.
 */
struct schema_instance {
    struct json_object *json; /* NULL: JSON null, or the name of a member */
    unsigned type;            /* bits of enum schema_type */
    union {
        struct str string;
        struct schema_number number;
    };
    const struct schema_instance *parent;
    const char *key; /* in the parent; NULL: `index` */
    size_t index;
};

/* The dynamic scope: the resources entered, innermost first. */
struct schema_frame {
    const struct schema_scope *scope;
    const struct schema_frame *outer;
};

struct schema_run {
    const struct schema *schema;
    struct schema_errors *errors; /* NULL: quiet */
    struct arena *texts;          /* where their texts go */
    const struct schema_frame *frame;
    schema_hole_fn *is_hole; /* NULL: nothing is */
    size_t steps;            /* left */
    int depth;
    int err; /* HUB_ERR_LIMIT or HUB_ERR_NOMEM: the run is over, whatever checks say */
    struct schema_matcher matcher;
};

/* Applies a schema. `seen` may be NULL. */
bool schema_apply(struct schema_run *run, const struct schema_node *node,
                  const struct schema_instance *at, struct schema_seen *seen);

/* Describes a value, a member's name (for "propertyNames"). */
void schema_instance_init(struct schema_instance *self, struct json_object *json,
                          const struct schema_instance *parent, const char *key, size_t index);
void schema_instance_init_name(struct schema_instance *self, const struct schema_instance *parent,
                               const char *name);

/* Takes steps off the budget; false, and the run is over, if they are not left. */
bool schema_run_charge(struct schema_run *run, size_t steps);

/* Ends the run with HUB_ERR_LIMIT or HUB_ERR_NOMEM; returns false. */
bool schema_run_abort(struct schema_run *run, int err);

static inline bool schema_run_collects(const struct schema_run *run)
{
    return run->errors != NULL && run->err == 0;
}

/* Applies a schema without collecting errors. */
bool schema_apply_quietly(struct schema_run *run, const struct schema_node *node,
                          const struct schema_instance *at, struct schema_seen *seen);

/* Reports, if the run collects. Always false. `format` gives the sentence without the name of what
 * is wrong, which is put in front. */
bool schema_fail(struct schema_run *run, const struct schema_instance *at, const char *keyword,
                 const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The same for a member of `at`, with a sentence that names the member itself. */
bool schema_fail_member(struct schema_run *run, const struct schema_instance *at,
                        const char *member, const char *keyword, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* A name of a member, cut so that it fits into a message: "%.*s" with SCHEMA_SHOWN(name). */
#define SCHEMA_SHOWN_MAX 64
struct str schema_shown(const char *name);

/*
 * Which members or items of one value have been evaluated
 */

#define SEEN_SMALL 4 /* words: 256 members without the heap */

struct schema_seen {
    uint64_t *bits;
    size_t words;
    bool all;
    uint64_t small[SEEN_SMALL];
};

/* For the members or items of `at`. False, and the run is over, if out of memory. */
bool schema_seen_init(struct schema_seen *self, struct schema_run *run,
                      const struct schema_instance *at);
void schema_seen_release(struct schema_seen *self);
void schema_seen_merge(struct schema_seen *self, const struct schema_seen *other);

static inline void schema_seen_add(struct schema_seen *self, size_t index)
{
    self->bits[index / 64] |= (uint64_t)1 << (index % 64);
}

static inline bool schema_seen_has(const struct schema_seen *self, size_t index)
{
    return self->all || (self->bits[index / 64] >> (index % 64) & 1);
}

/*
 * Suggestions
 */

/* The name among those that `node` knows for members which is most like `name`, if one is like it
 * (a slip or two of the keyboard); NULL ptr if none. */
struct str schema_suggest_member(const struct schema_node *node, struct str name);
struct str schema_suggest(const struct schema_names *names, struct str name);

#endif
