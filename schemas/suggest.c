/* "did you mean": the known name that is nearest to an unknown one. */
#include "base/nearest.h"
#include "schemas/check.h"
#include "schemas/run.h"

#define NAMES_MAX 256 /* of one schema */
#define NODES_MAX 64

static void look_at(struct nearest *nearest, const struct schema_names *names)
{
    for (uint32_t i = 0; i < names->len && i < NAMES_MAX; i++) {
        nearest_offer(nearest, names->texts[i]);
    }
}

struct str schema_suggest(const struct schema_names *names, struct str name)
{
    struct nearest nearest;

    nearest_init(&nearest, name);
    look_at(&nearest, names);
    return nearest.best;
}

/* `nodes` is how many may still be looked at. */
static void look_below(struct nearest *nearest, const struct schema_node *node, int *nodes)
{
    if (node == NULL || (*nodes)-- <= 0) {
        return;
    }
    for (size_t i = 0; i < node->rules_len; i++) {
        const struct schema_rule *rule = &node->rules[i];
        if (rule->check == schema_check_object) {
            look_at(nearest, &rule->as.object->names);
        }
        for (size_t k = 0; rule->in_place && k<rule->nodes.len && * nodes> 0; k++) {
            look_below(nearest, rule->nodes.items[k], nodes);
        }
    }
}

struct str schema_suggest_member(const struct schema_node *node, struct str name)
{
    struct nearest nearest;
    int nodes = NODES_MAX;

    nearest_init(&nearest, name);
    look_below(&nearest, node, &nodes);
    return nearest.best;
}
