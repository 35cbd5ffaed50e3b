/*
 * libFuzzer over templates: the first line is the data (JSON), the second a definition (JSON or,
 * if it is none, what is rendered as text). One byte in front chooses the locale and the options.
 *
 *     cmake --preset fuzz && ninja -C build-fuzz fuzz_template
 *     ./build-fuzz/connectors/common/fuzz_template -max_len=4096 CORPUS/
 */
#include "connectors/common/template.h"

#include <stdlib.h>
#include <string.h>

enum { OUTPUT_MAX = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const TAGS[] = {"en", "de", "fr", "ar", "hi", "ja", "tr", "fa"};

static void run_text(struct str source, struct json_object *data,
                     const struct template_options *options)
{
    struct text_template *template;
    struct template_error error;
    struct buf out;
    if (text_template_compile(source, &template, &error) < 0) {
        return;
    }
    buf_init(&out, OUTPUT_MAX);
    if (text_template_render(template, data, options, &out, &error) < 0 && !error.error.detail[0]) {
        abort();
    }
    buf_release(&out);
    text_template_free(template);
}

static void run_json(struct json_object *definition, struct json_object *data,
                     const struct template_options *options)
{
    struct json_template *template;
    struct json_object *value = NULL;
    struct template_error error;
    if (json_template_compile(definition, &template, &error) < 0) {
        return;
    }
    if (json_template_render(template, data, options, OUTPUT_MAX, &value, &error) == 0) {
        json_object_put(value);
    }
    json_template_free(template);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    static const struct civil_clock CLOCK = {.offset = -90};
    const struct template_options options = {
        .locale = locale_find(str_from_c(TAGS[data[0] & 7])),
        .escape_html = data[0] & 8,
        .strict = data[0] & 16,
        .clock = data[0] & 32 ? &CLOCK : NULL,
    };
    struct str rest = str_of((const char *)data + 1, size - 1);
    struct str first = str_split(&rest, '\n');
    struct json_object *values = NULL, *definition = NULL;
    if (json_read(first, JSON_DEPTH_MAX, &values, NULL, NULL) < 0) {
        return 0;
    }
    if (json_read(rest, JSON_DEPTH_MAX, &definition, NULL, NULL) == 0) {
        run_json(definition, values, &options);
    } else {
        run_text(rest, values, &options);
    }
    json_object_put(definition);
    json_object_put(values);
    return 0;
}
