/*
 * registry.h — what a registry knows: resources, and every place in them that is a schema.
 *
 * Private to the compiler. Adding a document walks it once through the keyword table and makes a
 * *location* of each subschema, a *resource* of each "$id" (and the document itself), and enters
 * the anchors. Compiling asks three questions: what does this reference lead to, what is the
 * location of this subschema, which vocabularies does this resource use.
 *
 * Owner: the registry owns everything here. Thread: [any], one at a time.
 */
#ifndef HUB_SCHEMAS_REGISTRY_H
#define HUB_SCHEMAS_REGISTRY_H

#include "base/buf.h"
#include "base/map.h"
#include "schemas/schema.h"

struct schema_location;

/* A $dynamicAnchor of a resource. */
struct schema_dynamic_anchor {
    struct str name;
    struct schema_location *location;
    struct schema_dynamic_anchor *next;
};

/* A schema with a URI of its own. */
struct schema_resource {
    struct str uri; /* canonical, without a fragment */
    struct schema_location *root;
    struct schema_resource *parent; /* the resource it is embedded in, or NULL */
    struct schema_dynamic_anchor *dynamic_anchors;
    unsigned vocabularies; /* 0: not looked up yet */
    uint32_t index;        /* 0, 1, … in the registry */
};

/* A place in a document that is a schema. */
struct schema_location {
    struct json_object *json;
    struct schema_resource *resource; /* if it has an "$id", its own */
    struct schema_location *parent;   /* NULL at the document's root */
    struct str uri;                   /* of the document as it was added; at its root only */
    struct str keyword;               /* under which it stands in its parent … */
    struct str token;                 /* … and the member or index there; ptr may be NULL */
    uint32_t index;                   /* 0, 1, … in the registry */
};

struct schema_document {
    struct json_object *json;
    struct schema_document *next;
};

struct schema_registry {
    struct arena arena;
    struct schema_document *documents;
    struct map resources; /* URI → struct schema_resource */
    struct map anchors;   /* "URI#name" → struct schema_location */
    struct map dynamics;  /* the same, only what is a $dynamicAnchor */
    struct map locations; /* the bytes of a json_object's address → struct schema_location */
    uint32_t resources_len;
    uint32_t locations_len;
};

/* Where a reference leads. */
struct schema_target {
    struct schema_location *location;
    bool dynamic;      /* through a $dynamicAnchor, … */
    struct str anchor; /* … this one */
};

/* Resolves `reference` against the URI `base`. HUB_ERR_NOT_FOUND with a detail that names the
 * target, or HUB_ERR_NOMEM. Loads the dialect's own documents when they are asked for. */
HUB_MUST_CHECK int schema_registry_resolve(struct schema_registry *self, struct str base,
                                           struct str reference, struct schema_target *ret_target,
                                           struct hub_error *error);

/* The location of a subschema, or NULL. */
struct schema_location *schema_registry_location(const struct schema_registry *self,
                                                 struct json_object *json);

/* Looks at the resource's "$schema" and that one's "$vocabulary". HUB_ERR_INVALID_INPUT if the
 * meta-schema is not registered or requires a vocabulary that is unknown. */
HUB_MUST_CHECK int schema_registry_vocabularies(struct schema_registry *self,
                                                struct schema_resource *resource,
                                                unsigned *ret_vocabularies,
                                                struct hub_error *error);

/* Fills `error` with "URI#/pointer/keyword: text". `keyword` may be empty. Returns `err`. */
int schema_fail_at(const struct schema_location *location, struct str keyword, int err,
                   struct hub_error *error, const char *text);

/* The member `name` of a schema that is an object; NULL if there is none (or it is null). */
struct json_object *schema_member(struct json_object *json, const char *name);

#endif
