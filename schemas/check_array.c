/* Rules that look into an array. */
#include "schemas/check.h"
#include "schemas/equal.h"
#include "schemas/run.h"

static bool apply_to_item(struct schema_run *run, const struct schema_node *node,
                          const struct schema_instance *at, size_t index, const char *keyword)
{
    struct schema_instance item;
    schema_instance_init(&item, json_object_array_get_idx(at->json, index), at, NULL, index);
    if (node->never && run->errors != NULL) {
        return schema_fail(run, &item, keyword, "is not allowed");
    }
    return schema_apply(run, node, &item, NULL);
}

bool schema_check_prefix_items(struct schema_run *run, const struct schema_rule *rule,
                               const struct schema_instance *at, struct schema_seen *seen)
{
    size_t len = json_object_array_length(at->json);
    bool ok = true;
    for (size_t i = 0; i < len && i < rule->nodes.len && (ok || schema_run_collects(run)); i++) {
        ok = apply_to_item(run, rule->nodes.items[i], at, i, rule->keyword) && ok;
        if (seen != NULL) {
            schema_seen_add(seen, i);
        }
    }
    return ok;
}

bool schema_check_items(struct schema_run *run, const struct schema_rule *rule,
                        const struct schema_instance *at, struct schema_seen *seen)
{
    size_t len = json_object_array_length(at->json);
    bool ok = true;
    for (size_t i = rule->as.from; i < len && (ok || schema_run_collects(run)); i++) {
        ok = apply_to_item(run, rule->nodes.items[0], at, i, rule->keyword) && ok;
    }
    if (seen != NULL) {
        seen->all = true;
    }
    return ok;
}

bool schema_check_contains(struct schema_run *run, const struct schema_rule *rule,
                           const struct schema_instance *at, struct schema_seen *seen)
{
    size_t len = json_object_array_length(at->json);
    uint64_t min = rule->as.contains.min, max = rule->as.contains.max, found = 0;
    struct schema_instance item;

    for (size_t i = 0; i < len && run->err == 0; i++) {
        schema_instance_init(&item, json_object_array_get_idx(at->json, i), at, NULL, i);
        if (schema_apply_quietly(run, rule->nodes.items[0], &item, NULL)) {
            found++;
            if (seen != NULL) {
                schema_seen_add(seen, i);
            }
        }
        bool decided = found > max || (found >= min && max == UINT64_MAX);
        if (decided && seen == NULL) {
            break;
        }
    }
    if (found < min) {
        return schema_fail(run, at, min == 1 ? rule->keyword : "minContains",
                           "must have at least %llu item%s of the kind that it has to contain",
                           (unsigned long long)min, min == 1 ? "" : "s");
    }
    return found <= max ||
           schema_fail(run, at, "maxContains",
                       "must have at most %llu item%s of the kind that it has to contain",
                       (unsigned long long)max, max == 1 ? "" : "s");
}

bool schema_check_unique_items(struct schema_run *run, const struct schema_rule *rule,
                               const struct schema_instance *at, struct schema_seen *seen)
{
    (void)seen;
    size_t first, second;
    int found = schema_find_twins(at->json, run->schema->secret, &run->steps, &first, &second);
    if (found < 0) {
        return schema_run_abort(run, found);
    }
    if (run->steps == 0) {
        return schema_run_abort(run, HUB_ERR_LIMIT);
    }
    return found == 0 ||
           schema_fail(run, at, rule->keyword, "must not have the same item twice, at %zu and %zu",
                       first, second);
}

bool schema_check_unevaluated_items(struct schema_run *run, const struct schema_rule *rule,
                                    const struct schema_instance *at, struct schema_seen *seen)
{
    size_t len = json_object_array_length(at->json);
    bool ok = schema_run_charge(run, len);
    for (size_t i = 0; i < len && (ok || schema_run_collects(run)); i++) {
        if (!schema_seen_has(seen, i)) {
            ok = apply_to_item(run, rule->nodes.items[0], at, i, rule->keyword) && ok;
        }
    }
    seen->all = true;
    return ok;
}
