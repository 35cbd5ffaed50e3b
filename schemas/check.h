/*
 * check.h — the functions that carry out a rule, one for each. Private to compiler and validator.
 *
 * check_value.c has those that look at one value, check_object.c and check_array.c those that go
 * into its parts, check_in_place.c those that apply other schemas to the value itself. Each keeps
 * to the contract of schema_check_fn (node.h).
 */
#ifndef HUB_SCHEMAS_CHECK_H
#define HUB_SCHEMAS_CHECK_H

#include "schemas/node.h"

schema_check_fn schema_check_minimum, schema_check_maximum, schema_check_exclusive_minimum,
    schema_check_exclusive_maximum, schema_check_multiple_of, schema_check_min_length,
    schema_check_max_length, schema_check_pattern, schema_check_format, schema_check_values,
    schema_check_min_items, schema_check_max_items, schema_check_min_properties,
    schema_check_max_properties;

schema_check_fn schema_check_object, schema_check_dependent_required,
    schema_check_unevaluated_properties;

schema_check_fn schema_check_prefix_items, schema_check_items, schema_check_contains,
    schema_check_unique_items, schema_check_unevaluated_items;

schema_check_fn schema_check_all_of, schema_check_any_of, schema_check_one_of, schema_check_not,
    schema_check_if, schema_check_dynamic_ref, schema_check_dependent_schemas;

#endif
