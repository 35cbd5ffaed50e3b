/*
 * Answers what cron_next() says, for a comparison with another implementation: from each line of
 * stdin "ZONE<tab>EXPRESSION<tab>SECONDS<tab>COUNT" to one of stdout, the next COUNT times after it
 * in seconds, with blanks between them, or "error" and why.
 */
#include "base/error.h"
#include "jobs/cron.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ZONES_MAX 64

static struct zone *zones[ZONES_MAX];
static unsigned zone_count;

static const struct zone *find_zone(struct str name, struct hub_error *error)
{
    for (unsigned i = 0; i < zone_count; i++) {
        if (str_eq(zone_name(zones[i]), name)) {
            return zones[i];
        }
    }
    if (zone_count == ZONES_MAX ||
        zone_load("/usr/share/zoneinfo", name, &zones[zone_count], error) < 0) {
        return NULL;
    }
    return zones[zone_count++];
}

static void answer(struct str line)
{
    struct str name = str_split(&line, '\t');
    struct str text = str_split(&line, '\t');
    struct str after_text = str_split(&line, '\t');
    struct hub_error error = {0};
    struct cron cron;
    int64_t after = 0;
    uint64_t count = 0;
    const struct zone *zone = find_zone(name, &error);

    if (!str_to_i64(after_text, INT64_MIN, INT64_MAX, &after) || !str_to_u64(line, 1000, &count) ||
        zone == NULL || cron_parse(text, &cron, &error) < 0) {
        printf("error %s\n", error.detail);
        return;
    }
    while (count-- > 0 && (after = cron_next(&cron, zone, after)) != CRON_NEVER) {
        printf("%lld ", (long long)after);
    }
    putchar('\n');
}

int main(void)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;

    while ((len = getline(&line, &cap, stdin)) > 0) {
        answer(str_of(line, (size_t)len - (line[len - 1] == '\n')));
    }
    free(line);
    while (zone_count > 0) {
        zone_free(zones[--zone_count]);
    }
    return 0;
}
