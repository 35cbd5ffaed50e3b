#include "jobs/engine.h"

#include <stdlib.h>
#include <string.h>

/* Types and connectors are few (the API takes only types that a connector offers) and stay for the
 * life of the engine. Each is one allocation with its name behind it. */

static void *named_new(size_t size, struct str name, struct str *ret_name)
{
    char *bytes = calloc(1, size + name.len + 1);

    if (bytes) {
        memcpy(bytes + size, name.ptr, name.len);
        *ret_name = str_of(bytes + size, name.len);
    }
    return bytes;
}

static int connector_get(struct jobs *self, struct str name, struct connector **ret_connector)
{
    struct connector *connector = map_get(&self->connectors, name);
    if (connector) {
        *ret_connector = connector;
        return 0;
    }
    struct str copy;
    connector = named_new(sizeof *connector, name, &copy);
    if (!connector) {
        return HUB_ERR_NOMEM;
    }
    connector->name = copy;
    connector->index = self->connector_count;
    heap_init(&connector->lanes, lane_before);
    heap_node_init(&connector->node);
    if (heap_reserve(&self->open, self->connector_count + 1) < 0 ||
        map_put(&self->connectors, copy, connector) < 0) {
        free(connector);
        return HUB_ERR_NOMEM;
    }
    self->connector_count++;
    *ret_connector = connector;
    return 0;
}

static int add_type(struct jobs *self, struct job_type *type)
{
    if ((self->type_count & (self->type_count - 1)) == 0) {
        unsigned cap = self->type_count ? self->type_count * 2 : 1;
        struct job_type **types = reallocarray(self->types, cap, sizeof(struct job_type *));
        if (!types) {
            return HUB_ERR_NOMEM;
        }
        self->types = types;
    }
    int err = map_put(&self->types_by_name, type->name, type);
    if (err < 0) {
        return err;
    }
    type->index = (uint16_t)self->type_count;
    self->types[self->type_count++] = type;
    return 0;
}

int names_type(struct jobs *self, struct str name, struct job_type **ret_type)
{
    struct job_type *type = map_get(&self->types_by_name, name);
    if (type) {
        *ret_type = type;
        return 0;
    }
    if (self->type_count == TYPES_MAX) {
        return HUB_ERR_UNAVAILABLE;
    }
    struct str copy;
    type = named_new(sizeof *type, name, &copy);
    if (!type) {
        return HUB_ERR_NOMEM;
    }
    type->name = copy;
    type->operation = copy;
    int err = connector_get(self, str_split(&type->operation, '.'), &type->connector);
    if (err == 0) {
        err = add_type(self, type);
    }
    if (err < 0) {
        free(type);
        return err;
    }
    *ret_type = type;
    return 0;
}

struct connector *names_connector(const struct jobs *self, struct str name)
{
    return map_get(&self->connectors, name);
}

void names_release(struct jobs *self)
{
    for (unsigned i = 0; i < self->type_count; i++) {
        free(self->types[i]);
    }
    free(self->types);
    map_release(&self->types_by_name);
    MAP_FOR_EACH(entry, &self->connectors) {
        struct connector *connector = entry->value;
        heap_release(&connector->lanes);
        free(connector);
    }
    map_release(&self->connectors);
}
