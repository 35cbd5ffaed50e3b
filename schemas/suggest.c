/* "did you mean": the known name that is nearest to an unknown one. */
#include "schemas/check.h"
#include "schemas/run.h"

#define NAME_MAX_LEN 32  /* longer names get no suggestion */
#define NAMES_MAX    256 /* of one schema */
#define NODES_MAX    64

/* Optimal string alignment: insertions, deletions, substitutions, and two neighbours swapped. */
static size_t distance(struct str a, struct str b)
{
    size_t rows[3][NAME_MAX_LEN + 1];
    size_t *before = rows[0], *last = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b.len; j++) {
        last[j] = j;
    }
    for (size_t i = 1; i <= a.len; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t best = last[j - 1] + (a.ptr[i - 1] != b.ptr[j - 1]);
            best = last[j] + 1 < best ? last[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            bool swapped =
                i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] && a.ptr[i - 2] == b.ptr[j - 1];
            row[j] = swapped && before[j - 2] + 1 < best ? before[j - 2] + 1 : best;
        }
        size_t *free_row = before;
        before = last;
        last = row;
        row = free_row;
    }
    return last[b.len];
}

struct nearest {
    struct str name;
    struct str found;
    size_t distance; /* something nearer is looked for */
    int nodes;       /* that may still be looked at */
};

static void look_at(struct nearest *nearest, const struct schema_names *names)
{
    for (uint32_t i = 0; i < names->len && i < NAMES_MAX; i++) {
        struct str known = names->texts[i];
        if (known.len == 0 || known.len > NAME_MAX_LEN) {
            continue;
        }
        size_t far = distance(nearest->name, known);
        if (far < nearest->distance) {
            nearest->distance = far;
            nearest->found = known;
        }
    }
}

/* One slip in a name of three letters, two in one of six. */
static bool begin(struct nearest *nearest, struct str name)
{
    *nearest = (struct nearest){.name = name, .distance = name.len < 6 ? 2 : 3, .nodes = NODES_MAX};
    return name.len >= 3 && name.len <= NAME_MAX_LEN;
}

struct str schema_suggest(const struct schema_names *names, struct str name)
{
    struct nearest nearest;
    if (begin(&nearest, name)) {
        look_at(&nearest, names);
    }
    return nearest.found;
}

static void look_below(struct nearest *nearest, const struct schema_node *node)
{
    if (node == NULL || nearest->nodes-- <= 0) {
        return;
    }
    for (size_t i = 0; i < node->rules_len; i++) {
        const struct schema_rule *rule = &node->rules[i];
        if (rule->check == schema_check_object) {
            look_at(nearest, &rule->as.object.names);
        }
        for (size_t k = 0; rule->in_place && k < rule->nodes.len && nearest->nodes > 0; k++) {
            look_below(nearest, rule->nodes.items[k]);
        }
    }
}

struct str schema_suggest_member(const struct schema_node *node, struct str name)
{
    struct nearest nearest;
    if (begin(&nearest, name)) {
        look_below(&nearest, node);
    }
    return nearest.found;
}
