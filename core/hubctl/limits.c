#include "hubctl/limits.h"

#include "hubctl/human.h"
#include "hubctl/must.h"

#include <string.h>

#define CONCURRENCY_MAX 1000000

static int add_concurrency(struct app *app, const char *text, struct json_object *patch)
{
    struct json_object *value = NULL; /* JSON null: no limit */
    int64_t number;

    if (strcmp(text, "none") != 0) {
        if (!str_to_i64(str_from_c(text), 1, CONCURRENCY_MAX, &number)) {
            return app_usage(app, "--concurrency is 1…%d or none, not '%s'", CONCURRENCY_MAX, text);
        }
        value = must(json_object_new_int64(number));
    }
    must_ok(json_object_object_add(patch, "concurrency", value));
    return EXITS_OK;
}

static int add_rate(struct app *app, const char *text, struct json_object *patch)
{
    struct json_object *value = NULL;
    int64_t limit;
    int64_t period;

    if (strcmp(text, "none") != 0) {
        if (!human_parse_rate(str_from_c(text), &limit, &period)) {
            return app_usage(app, "--rate is a rate like 100/s, 5/m or 3/10s, or none, not '%s'",
                             text);
        }
        value = must(json_object_new_object());
        must_ok(json_object_object_add(value, "limit", must(json_object_new_int64(limit))));
        must_ok(json_object_object_add(value, "period_ms", must(json_object_new_int64(period))));
    }
    must_ok(json_object_object_add(patch, "rate", value));
    return EXITS_OK;
}

int limits_add(struct app *app, const struct options *options, struct json_object *object)
{
    const char *concurrency = options_get(options, "concurrency");
    const char *rate = options_get(options, "rate");
    int code = concurrency ? add_concurrency(app, concurrency, object) : EXITS_OK;

    return code == EXITS_OK && rate ? add_rate(app, rate, object) : code;
}
