#include "hubctl/labels.h"

#include "hubctl/must.h"

int labels_add(struct app *app, const struct options *options, struct json_object *object)
{
    struct json_object *labels;
    const char *text;

    if (!options_has(options, "label")) {
        return EXITS_OK;
    }
    labels = must(json_object_new_object());
    must_ok(json_object_object_add(object, "labels", labels));
    for (size_t i = 0; (text = options_next(options, "label", &i));) {
        struct str value = str_from_c(text);
        struct str name = str_split(&value, '=');

        if (!value.ptr || name.len == 0) {
            return app_usage(app, "--label needs NAME=VALUE, not '%s'", text);
        }
        must_ok(
            json_object_object_add(labels, must(arena_strdup(&app->arena, name)),
                                   must(json_object_new_string_len(value.ptr, (int)value.len))));
    }
    return EXITS_OK;
}
