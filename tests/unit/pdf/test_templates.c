/*
 * The ready templates with their examples, in every language they know, and what is told when the
 * data is not as it should be.
 */
#include "connectors/common/locale.h"
#include "connectors/pdf/templates.h"
#include "files.h"
#include "schemas/schema.h"

#include "base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const NAMES[] = {"invoice", "label", "receipt", "report"};
static const char *const LOCALES[] = {"en", "de", "fr", "es",    "it",    "nl", "pt",
                                      "pl", "sv", "cs", "en-IN", "de-CH", "nb"};

enum { NAME_COUNT = 4, LOCALES_LEN = sizeof LOCALES / sizeof LOCALES[0] };

static struct json_object *read_text(const char *text, size_t len)
{
    struct json_object *value = NULL;
    struct hub_error error;
    if (json_read(str_of(text, len), JSON_DEPTH_MAX, &value, NULL, &error) < 0) {
        fail_msg("%s", error.detail);
    }
    return value;
}

static struct json_object *read_json(const char *text)
{
    return read_text(text, strlen(text));
}

static struct json_object *read_file(const char *name, const char *suffix)
{
    char path[512];
    struct buf text;
    snprintf(path, sizeof path, TEMPLATES "/%s%s.json", name, suffix);
    buf_init(&text, 1 << 20);
    assert_int_equal(file_read(path, &text, NULL), 0);
    struct json_object *value = read_text(text.ptr, text.len);
    buf_release(&text);
    return value;
}

/* {template, locale, data: the example} */
static struct json_object *example(const char *name, const char *locale)
{
    struct json_object *input = json_object_new_object();
    json_object_object_add(input, "template", json_object_new_string(name));
    json_object_object_add(input, "locale", json_object_new_string(locale));
    json_object_object_add(input, "data", read_file(name, ".example"));
    return input;
}

static void renders(struct render_cache *cache, struct json_object *input, uint32_t pages)
{
    struct hub_error error = {0};
    struct disk_files files = {.input = input};
    const struct sources sources = {.context = &files, .open = disk_files_open};
    struct render render = {.cache = cache, .input = input, .sources = &sources, .wall_ms = 1};
    if (render_run(&render, &error) < 0) {
        fail_msg("%.*s: %s", STR_ARG(buf_view(&render.pointer)), error.detail);
    }
    assert_int_equal(render.pages, pages);
    assert_true(str_eq(buf_view(&render.warnings), STR("[]")));
    render_release(&render);
    disk_files_close(&files);
}

static void examples_render_in_every_language(void **state)
{
    (void)state;
    static const uint32_t PAGES[] = {1, 1, 1, 2};
    struct render_cache *cache;
    assert_int_equal(render_cache_new(&cache), 0);
    for (size_t i = 0; i < NAME_COUNT; i++) {
        for (size_t l = 0; l < LOCALES_LEN; l++) {
            struct json_object *input = example(NAMES[i], LOCALES[l]);
            renders(cache, input, PAGES[i]);
            json_object_put(input);
        }
    }
    render_cache_free(cache);
}

static void schemas_are_strict(void **state)
{
    (void)state;
    for (size_t i = 0; i < NAME_COUNT; i++) {
        struct json_object *document = read_file(NAMES[i], ".schema");
        struct schema *schema = NULL;
        struct hub_error error;
        if (schema_compile_document(STR("hub:data"), document, SCHEMA_STRICT, &schema, &error) <
            0) {
            fail_msg("%s: %s", NAMES[i], error.detail);
        }
        schema_free(schema);
        json_object_put(document);
    }
}

static void languages_have_the_same_words(void **state)
{
    (void)state;
    struct json_object *all = read_file("labels", "");
    struct json_object *english = json_object_object_get(all, "en");
    json_object_object_foreach(all, language, words) {
        assert_int_equal(json_object_object_length(words), json_object_object_length(english));
        json_object_object_foreach(words, name, word) {
            assert_true(json_object_object_get_ex(english, name, NULL));
            assert_true(json_object_get_string_len(word) > 0);
        }
        assert_non_null(locale_find(str_from_c(language)));
    }
    json_object_put(all);
}

/* --- What a definition becomes -----------------------------------------------------------------*/

static int define(const char *input_text, struct json_object **ret_definition, struct buf *pointer,
                  struct hub_error *error)
{
    struct json_object *input = read_json(input_text);
    struct disk_files files = {.input = input};
    const struct sources sources = {.context = &files, .open = disk_files_open};
    int err = template_definition(input, &sources, ret_definition, pointer, error);
    disk_files_close(&files);
    json_object_put(input);
    return err;
}

static void refuses(const char *input, const char *pointer, const char *why)
{
    char room[256];
    struct buf place;
    struct hub_error error = {0};
    struct json_object *definition = NULL;
    buf_init_fixed(&place, room, sizeof room);
    assert_int_equal(define(input, &definition, &place, &error), HUB_ERR_INVALID_INPUT);
    buf_append_char(&place, 0);
    assert_string_equal(room, pointer);
    assert_non_null(strstr(error.detail, why));
}

static void what_is_missing_is_named(void **state)
{
    (void)state;
    refuses("{\"template\":\"invoise\",\"data\":{}}", "/template",
            "there are invoice, label, receipt, report");
    refuses("{\"template\":\"label\",\"data\":{},\"locale\":\"tlh\"}", "/locale", "not known");
    refuses("{\"template\":\"label\",\"data\":{}}", "/data", "tracking");
    refuses("{\"template\":\"label\"}", "/data", "");
    refuses("{\"template\":\"label\",\"data\":{\"tracking\":\"1\",\"date\":\"2026-11-31\",\"weight_"
            "kg\":1,"
            "\"sender\":{\"name\":\"a\",\"address\":[\"b\"]},"
            "\"recipient\":{\"name\":\"c\",\"address\":[\"d\"]}}}",
            "/data/date", "date");
    refuses("{\"template\":\"receipt\",\"data\":{\"issued\":\"2026-11-23\",\"currency\":\"EUR\","
            "\"seller\":{\"name\":\"s\"},\"total\":1,"
            "\"items\":[{\"description\":\"d\",\"amount\":1.5}]}}",
            "/data/items/0/amount", "integer");
    refuses("{\"template\":\"receipt\",\"data\":{\"issued\":\"2026-11-23\",\"currency\":\"ABC\","
            "\"seller\":{\"name\":\"s\"},\"total\":1,"
            "\"items\":[{\"description\":\"d\",\"amount\":1}]}}",
            "/template", "“ABC” is no currency of ISO 4217");
    refuses("{\"template\":{\"path\":\"/nowhere\"}}", "/template", "no such file");
}

static void without_a_template_the_input_is_the_definition(void **state)
{
    (void)state;
    struct json_object *input = read_json("{\"content\":\"{{x}}\"}"), *definition = NULL;
    const struct sources none = {0};
    struct buf pointer = {0};
    assert_int_equal(template_definition(input, &none, &definition, &pointer, NULL), 0);
    assert_ptr_equal(definition, input);
    json_object_put(definition);
    json_object_put(input);
}

static const char *at(struct json_object *value, const char *pointer)
{
    struct json_object *found = NULL;
    assert_true(json_at(value, str_from_c(pointer), &found));
    return json_object_get_string(found);
}

static void the_input_goes_on_top(void **state)
{
    (void)state;
    char path[] = "/tmp/hubd-template-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    struct str text = STR("{\"content\":\"{{labels.total}} {{x | money: 'EUR'}} {{images.logo}}\","
                          "\"info\":{\"title\":\"T\",\"author\":\"A\"},\"page_size\":\"A4\"}");
    assert_int_equal(file_write_all(fd, text.ptr, text.len), 0);
    close(fd);
    char input[512];
    snprintf(input, sizeof input,
             "{\"template\":{\"path\":\"%s\"},\"data\":{\"x\":5,\"labels\":{\"total\":\"Summe\"}},"
             "\"locale\":\"de\",\"images\":{\"logo\":{\"path\":\"/x\"}},"
             "\"info\":{\"title\":\"Mine\"},\"page_size\":\"A5\",\"name\":\"n.pdf\"}",
             path);
    struct json_object *definition = NULL;
    struct hub_error error = {0};
    struct buf pointer;
    buf_init(&pointer, 256);
    if (define(input, &definition, &pointer, &error) < 0) {
        fail_msg("%s", error.detail);
    }
    assert_string_equal(at(definition, "/content"), "Summe 0,05\xc2\xa0€ true");
    assert_string_equal(at(definition, "/info/title"), "Mine");
    assert_string_equal(at(definition, "/info/author"), "A");
    assert_string_equal(at(definition, "/page_size"), "A5");
    assert_string_equal(at(definition, "/images/logo/path"), "/x");
    assert_string_equal(at(definition, "/language"), "de");
    assert_false(json_object_object_get_ex(definition, "data", NULL));
    json_object_put(definition);

    snprintf(input, sizeof input, "{\"template\":{\"path\":\"%s\"},\"data\":{},\"strict\":true}",
             path);
    refuses(input, "/template", "/content: line 1, column 18: the data has no such value");
    buf_release(&pointer);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_render_in_every_language),
        cmocka_unit_test(schemas_are_strict),
        cmocka_unit_test(languages_have_the_same_words),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(without_a_template_the_input_is_the_definition),
        cmocka_unit_test(the_input_goes_on_top),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
