/* How deep schemas are applied to one and the same value; endlessly deep is an error. */
#include "schemas/compile.h"

static int measure(struct schema_compiler *c, struct schema_node *node, int depth);

static int refuse(struct schema_compiler *c, const struct schema_node *node, int err,
                  const char *text)
{
    for (uint32_t i = 0; i < c->registry->locations_len; i++) {
        if (c->nodes[i] == node) {
            MAP_FOR_EACH(e, &c->registry->locations) {
                const struct schema_location *location = e->value;
                if (location->index == i) {
                    return schema_fail_at(location, STR(""), err, c->error, text);
                }
            }
        }
    }
    return hub_fail(c->error, err, "%s", text);
}

/* The largest height among the nodes that the rule applies in place goes to `*height`. */
static int measure_rule(struct schema_compiler *c, const struct schema_rule *rule, int depth,
                        unsigned *height)
{
    for (size_t i = 0; rule->in_place && i < rule->nodes.len; i++) {
        struct schema_node *below = rule->nodes.items[i];
        if (below == NULL) { /* an "if" without "then" */
            continue;
        }
        int err = measure(c, below, depth + 1);
        if (err < 0) {
            return err;
        }
        *height = below->height > *height ? below->height : *height;
    }
    return 0;
}

static int measure(struct schema_compiler *c, struct schema_node *node, int depth)
{
    if (node->visiting) {
        return refuse(c, node, HUB_ERR_INVALID_INPUT, "the schema refers to itself without end");
    }
    if (node->height > 0) {
        return 0;
    }
    if (depth > SCHEMA_CHAIN_MAX) {
        return refuse(c, node, HUB_ERR_LIMIT, "too many references inside each other");
    }
    unsigned height = 0;
    int err = 0;
    node->visiting = true;
    for (size_t i = 0; err == 0 && i < node->rules_len; i++) {
        err = measure_rule(c, &node->rules[i], depth, &height);
    }
    node->visiting = false;
    node->height = (uint16_t)(height + 1);
    if (err == 0 && node->height > SCHEMA_CHAIN_MAX) {
        err = refuse(c, node, HUB_ERR_LIMIT, "too many references inside each other");
    }
    return err;
}

/* Every node is looked at, also those that only a dynamic reference may reach. */
int schema_graph_check(struct schema_compiler *compiler, struct schema_node *root)
{
    int err = measure(compiler, root, 1);
    for (uint32_t i = 0; err == 0 && i < compiler->registry->locations_len; i++) {
        if (compiler->nodes[i] != NULL) {
            err = measure(compiler, compiler->nodes[i], 1);
        }
    }
    return err;
}
