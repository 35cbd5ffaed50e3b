/* The contract of jobs/store.h, run against every kind of store. */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(void);
    } groups[] = {
        {"accounts", contract_accounts},   {"jobs", contract_jobs},
        {"flows", contract_flows},         {"artifacts", contract_artifacts},
        {"lists", contract_lists},         {"batches", contract_batches},
        {"failures", contract_failures},   {"keep", contract_keep},
        {"bulk", contract_bulk},           {"graphs", contract_graphs},
        {"schedules", contract_schedules}, {"callbacks", contract_callbacks},
    };
    int failed = 0;

    if (argc == 5 && strcmp(argv[1], "child") == 0) {
        for (size_t k = 0; k < store_kind_count; k++) {
            if (strcmp(store_kinds[k].name, argv[2]) == 0) {
                harness_kind = &store_kinds[k];
            }
        }
        contract_child(argv[3], atoi(argv[4]));
    }
    for (size_t k = 0; k < store_kind_count; k++) {
        harness_kind = &store_kinds[k];
        for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
            if (argc > 1 && strcmp(argv[1], groups[g].name) != 0) {
                continue;
            }
            printf("== %s: %s\n", harness_kind->name, groups[g].name);
            fflush(stdout);
            failed += groups[g].run();
        }
    }
    return failed == 0 ? 0 : 1;
}
