#include "connectors/common/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct json_object *read_json(const char *text)
{
    struct json_object *value = NULL;
    struct hub_error error;
    if (json_read(str_from_c(text), JSON_DEPTH_MAX, &value, NULL, &error) < 0) {
        fail_msg("%s in %s", error.detail, text);
    }
    return value;
}

/* --- Text --------------------------------------------------------------------------------------*/

static int render(const char *source, const char *data, const struct template_options *options,
                  size_t limit, struct buf *out, struct template_error *error)
{
    struct text_template *template = NULL;
    struct json_object *value = read_json(data);
    buf_init(out, limit);
    int err = text_template_compile(str_from_c(source), &template, error);
    if (err == 0) {
        err = text_template_render(template, value, options, out, error);
    }
    text_template_free(template);
    json_object_put(value);
    return err;
}

static void gives_with(const char *source, const char *data, const struct template_options *options,
                       const char *expected)
{
    struct buf out;
    struct template_error error;
    if (render(source, data, options, 1 << 20, &out, &error) < 0) {
        fail_msg("%s: %s", source, error.error.detail);
    }
    buf_append_char(&out, 0);
    assert_string_equal(out.ptr, expected);
    buf_release(&out);
}

static void gives(const char *source, const char *data, const char *expected)
{
    gives_with(source, data, NULL, expected);
}

static void fails(const char *source, const char *data, const char *why)
{
    struct buf out;
    struct template_error error;
    struct template_options options = {.strict = true};
    assert_true(render(source, data, &options, 1 << 20, &out, &error) < 0);
    assert_string_equal(error.error.detail, why);
    buf_release(&out);
}

static void values_are_put_in(void **state)
{
    (void)state;
    gives("", "{}", "");
    gives("plain", "{}", "plain");
    gives("a {{x}} b", "{\"x\":\"1\"}", "a 1 b");
    gives("{{x}}{{ x }}{{{x}}}{{& x }}", "{\"x\":7}", "7777");
    gives("{{a.b.c}}", "{\"a\":{\"b\":{\"c\":true}}}", "true");
    gives("{{a.1.x}}", "{\"a\":[1,{\"x\":2.50}]}", "2.50");
    gives("[{{a.2}}{{a.x}}{{none}}{{b}}]", "{\"a\":[1],\"b\":null}", "[]");
    gives("{{.}}", "\"all\"", "all");
    gives("{{große}}", "{\"große\":1}", "1");
    gives("{ {x} } }} {", "{}", "{ {x} } }} {");
}

static void html_is_escaped_by_choice(void **state)
{
    (void)state;
    const struct template_options html = {.escape_html = true};
    const char *data = "{\"x\":\"<b a='1' c=\\\"2\\\">&\"}";
    gives_with("{{x}}", data, &html, "&lt;b a=&#39;1&#39; c=&quot;2&quot;&gt;&amp;");
    gives_with("{{{x}}}{{&x}}", data, &html, "<b a='1' c=\"2\">&<b a='1' c=\"2\">&");
    gives_with("{{x | upper}}", "{\"x\":\"<a>\"}", &html, "&lt;A&gt;");
    gives("{{x}}", "{\"x\":\"<a>\"}", "<a>");
}

static void sections_repeat(void **state)
{
    (void)state;
    gives("{{#x}}{{n}}{{/x}}", "{\"x\":[{\"n\":1},{\"n\":2}]}", "12");
    gives("{{#x}}({{.}}){{/x}}", "{\"x\":[1,\"a\",true]}", "(1)(a)(true)");
    gives("{{#x}}{{y}}{{/x}}", "{\"x\":{\"y\":1}}", "1");
    gives("{{#x}}yes{{/x}}{{^x}}no{{/x}}", "{\"x\":true}", "yes");
    static const char *const FALSE[] = {"{}",         "{\"x\":null}", "{\"x\":false}",
                                        "{\"x\":0}",  "{\"x\":\"\"}", "{\"x\":[]}",
                                        "{\"x\":0.0}"};
    for (size_t i = 0; i < sizeof FALSE / sizeof FALSE[0]; i++) {
        gives("{{#x}}yes{{/x}}{{^x}}no{{/x}}", FALSE[i], "no");
    }
    gives("{{#a}}{{#b}}{{x}}{{y}}{{/b}}{{/a}}", "{\"a\":[{\"y\":1}],\"b\":[{\"x\":2}]}", "21");
    gives("{{#x}}{{^@first}}, {{/@first}}{{.}}{{#@last}}.{{/@last}}{{/x}}", "{\"x\":[1,2,3]}",
          "1, 2, 3.");
    gives("{{#x}}{{@index}}/{{@number}} {{/x}}", "{\"x\":[7,7]}", "0/1 1/2 ");
    gives("{{#x}}{{#y}}{{@index}}{{/y}}{{@index}};{{/x}}", "{\"x\":[{\"y\":[1,1]},{\"y\":true}]}",
          "010;11;");
    gives("{{#x}}{{@root.t}}{{/x}}", "{\"x\":[{\"t\":1}],\"t\":2}", "2");
    gives("{{#x}}{{names.@index.n}}={{.}} {{/x}}{{names.@index.n}}",
          "{\"x\":[1,2,3],\"names\":[{\"n\":\"a\"},{\"n\":\"b\"}]}", "a=1 b=2 =3 ");
    gives("{{#a.b}}{{.}}{{/a.b}}", "{\"a\":{\"b\":[1,2]}}", "12");
}

static void lone_tags_take_their_line_with_them(void **state)
{
    (void)state;
    gives("a\n{{#x}}\n- {{.}}\n{{/x}}\nb", "{\"x\":[1,2]}", "a\n- 1\n- 2\nb");
    gives("a\r\n  {{! note }}  \r\nb", "{}", "a\r\nb");
    gives("  {{#x}}  \n  {{/x}}", "{\"x\":true}", "");
    gives("a {{! note }}\nb", "{}", "a \nb");
    gives("{{x}}\nb", "{\"x\":1}", "1\nb");
    gives("| {{#x}}{{/x}} |\n", "{\"x\":1}", "|  |\n");
    gives("{{#x}}{{/x}}\n", "{\"x\":1}", "\n");
    gives("{{! a }}\n{{! b }}\nc", "{}", "c");
}

static void filters_change_values(void **state)
{
    (void)state;
    const struct template_options de = {.locale = locale_find(STR("de"))};
    const struct template_options tr = {.locale = locale_find(STR("tr"))};
    gives("{{x | money: \"EUR\"}}", "{\"x\":123450}", "€1,234.50");
    gives_with("{{x | money: c}}", "{\"x\":123450,\"c\":\"EUR\"}", &de, "1.234,50\xc2\xa0€");
    gives_with("{{x|money}}", "{\"x\":{\"amount\":5,\"currency\":\"JPY\"}}", &de, "5\xc2\xa0¥");
    gives_with("{{x|money:'EUR','code'}} {{x|money:'EUR','plain'}}", "{\"x\":5}", &de,
               "0,05\xc2\xa0"
               "EUR 0,05");
    gives_with("{{x|number}} {{x|number:1}} {{y|number:2}}", "{\"x\":1234.56,\"y\":\"7\"}", &de,
               "1.234,56 1.234,6 7,00");
    gives("{{x|number:2}}", "{\"x\":12345678901234567890.125}", "12,345,678,901,234,567,890.13");
    gives_with("{{x|percent}} {{x|percent:1}}", "{\"x\":0.195}", &de, "20\xc2\xa0% 19,5\xc2\xa0%");
    gives_with("{{x|date}} {{x|date:'long'}} {{x|date:'MMMM y'}}", "{\"x\":\"2026-03-05\"}", &de,
               "05.03.2026 5. März 2026 März 2026");
    gives_with("{{x|datetime}} {{x|time}} {{x|time:'medium'}}",
               "{\"x\":\"2026-03-05T14:05:06+01:00\"}", &de, "05.03.2026, 14:05 14:05 14:05:06");
    gives("{{x|date:'y-MM-dd HH:mm'}}", "{\"x\":86399999}", "1970-01-01 23:59");
    gives_with("{{x|upper}} {{y|upper}} {{y|lower}}",
               "{\"x\":\"straße äöü ÿ αβς привет\",\"y\":\"Iiıİ\"}", &tr,
               "STRASSE ÄÖÜ Ÿ ΑΒΣ ПРИВЕТ IİIİ ıiıi");
    gives("{{x|upper|lower}}", "{\"x\":\"Ąść\"}", "ąść");
    gives("{{x|trim}}|{{y|truncate:4}}|{{y|truncate:6}}|{{y|truncate:0}}",
          "{\"x\":\" a \\n\",\"y\":\"größer\"}", "a|grö…|größer|");
    gives("{{x|group:4}}", "{\"x\":\"DE8937040044\"}",
          "DE89\xc2\xa0"
          "3704\xc2\xa0"
          "0044");
    gives("{{x|join}} {{x|join: ' / '}}", "{\"x\":[1,\"b\",2.5]}", "1, b, 2.5 1 / b / 2.5");
    gives("{{x|count}}{{y|count}}{{z|count}}{{none|count}}", "{\"x\":[1,2],\"y\":{},\"z\":\"äö\"}",
          "2020");
    gives("{{x|default:'-'}}{{y|default:'-'}}{{z|default:w}}{{n|default:n|default:3}}",
          "{\"y\":\"\",\"w\":\"W\"}", "--W3");
    gives("{{x|json}}{{none|json}}", "{\"x\":{\"a\":[1.50,\"é\\n\"]}}",
          "{\"a\":[1.50,\"é\\n\"]}null");
    gives("{{none|money:'EUR'|upper|date}}", "{}", "");
    gives("{{x|default:\"a\\\"}}b\"}}", "{}", "a\"}}b");
}

static void times_are_shown_in_an_offset(void **state)
{
    (void)state;
    const struct civil_clock clock = {.offset = -300};
    const struct template_options options = {.clock = &clock};
    gives_with("{{x|date:'y-MM-dd HH:mm'}} {{y|date:'d'}}",
               "{\"x\":\"2026-01-01T03:00:00Z\",\"y\":\"2026-01-01\"}", &options,
               "2025-12-31 22:00 1");
}

static void errors_name_their_place(void **state)
{
    (void)state;
    fails("{{x", "{}", "line 1, column 1: the tag has no end");
    fails("é {{x}", "{}", "line 1, column 3: the tag should end with }} here");
    fails("a\nbé{{x y}}", "{}", "line 2, column 3: the tag should end with }} here");
    fails("{{}}", "{}", "line 1, column 1: a name is missing");
    fails("{{a..b}}", "{}", "line 1, column 1: a name is missing");
    fails("{{#a}}{{/b}}", "{}", "line 1, column 7: the section “a” is still open");
    fails("\n{{#a}}", "{}", "line 2, column 1: the section “a” has no end");
    fails("{{/a}}", "{}", "line 1, column 1: no section “a” is open");
    fails("{{! x", "{}", "line 1, column 1: the comment has no end");
    fails("{{> x}}", "{}", "line 1, column 1: there are no tags with > here");
    fails("{{=<% %>=}}", "{}", "line 1, column 1: there are no tags with = here");
    fails("{{x | mony}}", "{}", "line 1, column 1: unknown filter “mony”, did you mean “money”?");
    fails("{{x | frobnicate}}", "{}", "line 1, column 1: unknown filter “frobnicate”");
    fails("{{x | upper: 1}}", "{}",
          "line 1, column 1: the filter “upper” takes 0 arguments at most");
    fails("{{x | default: 'a}}", "{}", "line 1, column 1: the text that begins with ' has no end");
    fails("{{x | number: 1x}}", "{}", "line 1, column 1: “1x” is no integer");
    fails("{{@foo}}", "{}",
          "line 1, column 1: there is no @foo; there are @index, @number, @first, @last and @root");
    fails("{{x}}", "{\"x\":[]}", "line 1, column 1: this value is a list and no text");
    fails("{{x}}", "{\"x\":{}}", "line 1, column 1: this value is an object and no text");
    fails("{{x}}", "{}", "line 1, column 1: the data has no such value");
    fails("{{@index}}", "{}", "line 1, column 1: the data has no such value");
    fails("{{x|money:'EUR'}}", "{\"x\":1.5}",
          "line 1, column 1: the filter “money” wants an integer, in minor units of the currency");
    fails("{{x|money:'ABC'}}", "{\"x\":1}", "line 1, column 1: “ABC” is no currency of ISO 4217");
    fails("{{x|number}}", "{\"x\":\"1,5\"}",
          "line 1, column 1: the filter “number” wants a number");
    fails("{{x|number:21}}", "{\"x\":1}",
          "line 1, column 1: the filter “number” takes a number from 0 to 20");
    fails(
        "{{x|date}}", "{\"x\":\"soon\"}",
        "line 1, column 1: the filter “date” wants a date like 2026-11-23 or 2026-11-23T12:00:00Z");
    fails("{{x|date:'QQ'}}", "{\"x\":\"2026-11-23\"}",
          "line 1, column 1: the filter “date” knows no format “QQ”");
    fails("\n\n  {{#x}}{{#.}}{{y|join}}{{/.}}{{/x}}", "{\"x\":[{\"y\":1}]}",
          "line 3, column 15: the filter “join” wants a list, and a text as its argument");
}

static void everything_has_a_limit(void **state)
{
    (void)state;
    struct buf out;
    struct template_error error;
    assert_int_equal(render("{{#x}}{{#x}}{{#x}}{{.}}{{/x}}{{/x}}{{/x}}", "{\"x\":[1,2,3,4,5]}",
                            NULL, 100, &out, &error),
                     HUB_ERR_TOO_LARGE);
    buf_release(&out);

    struct json_object *data = json_object_new_object();
    struct json_object *list = json_object_new_array();
    for (int i = 0; i < 1000; i++) {
        json_object_array_add(list, json_object_new_int(i));
    }
    json_object_object_add(data, "x", list);
    struct text_template *template;
    assert_int_equal(
        text_template_compile(STR("{{#x}}{{#x}}{{#x}}{{/x}}{{/x}}{{/x}}"), &template, NULL), 0);
    buf_init(&out, 1000);
    assert_int_equal(text_template_render(template, data, NULL, &out, &error), HUB_ERR_LIMIT);
    text_template_free(template);
    buf_release(&out);
    json_object_put(data);

    data = json_object_new_object();
    char *large = malloc(1 << 19);
    assert_non_null(large);
    memset(large, 'x', 1 << 19);
    json_object_object_add(data, "t", json_object_new_string_len(large, 1 << 19));
    list = json_object_new_array();
    for (int i = 0; i < 1000; i++) {
        json_object_array_add(list, json_object_new_int(i));
    }
    json_object_object_add(data, "x", list);
    assert_int_equal(text_template_compile(STR("{{#x}}{{t | count}}{{/x}}"), &template, NULL), 0);
    buf_init(&out, 1 << 20);
    assert_int_equal(text_template_render(template, data, NULL, &out, &error), HUB_ERR_LIMIT);
    assert_string_equal(error.error.detail, "line 1, column 7: the filters have too much to do");
    text_template_free(template);
    buf_release(&out);
    json_object_put(data);
    free(large);

    struct buf deep;
    buf_init(&deep, 1 << 20);
    for (int i = 0; i < TEMPLATE_DEPTH_MAX + 1; i++) {
        buf_append_c(&deep, "{{#x}}");
    }
    assert_int_equal(text_template_compile(buf_view(&deep), &template, &error),
                     HUB_ERR_INVALID_INPUT);
    buf_release(&deep);
}

/* --- JSON --------------------------------------------------------------------------------------*/

static int render_json(const char *definition, const char *data, bool strict, size_t limit,
                       struct json_object **ret_value, struct template_error *error)
{
    struct json_template *template = NULL;
    struct json_object *source = read_json(definition);
    struct json_object *value = read_json(data);
    const struct template_options options = {.strict = strict, .escape_html = true};
    int err = json_template_compile(source, &template, error);
    json_object_put(source);
    if (err == 0) {
        err = json_template_render(template, value, &options, limit, ret_value, error);
    }
    json_template_free(template);
    json_object_put(value);
    return err;
}

static void becomes(const char *definition, const char *data, const char *expected)
{
    struct json_object *value = NULL;
    struct template_error error;
    if (render_json(definition, data, false, 1 << 20, &value, &error) < 0) {
        fail_msg("%s: %s", definition, error.error.detail);
    }
    struct buf text;
    buf_init(&text, 1 << 20);
    json_append(&text, value);
    buf_append_char(&text, 0);
    assert_string_equal(text.ptr, expected);
    buf_release(&text);
    json_object_put(value);
}

static void definitions_are_filled_in(void **state)
{
    (void)state;
    becomes("{\"a\":[1,\"x\",null,{\"b\":true}]}", "{}", "{\"a\":[1,\"x\",null,{\"b\":true}]}");
    becomes("{\"t\":\"No. {{n}}\",\"k\":1.50}", "{\"n\":7}", "{\"t\":\"No. 7\",\"k\":1.50}");
    becomes("[\"{{x}}\",\"{{y}}\",\"{{z}}\",\"{{w}}\"]", "{\"x\":1,\"y\":[2.50],\"z\":null}",
            "[1,[2.50],null]");
    becomes("{\"a\":\"{{none}}\",\"b\":\"{{none}}!\"}", "{}", "{\"b\":\"!\"}");
    becomes("\"{{x|default:3}}\"", "{}", "3");
    becomes("\"{{x|upper}}\"", "{\"x\":\"<a>\"}", "\"<A>\"");
    becomes("\"<{{x}}>\"", "{\"x\":\"&\"}", "\"<&>\"");
    becomes("\"{{#x}}{{.}},{{/x}}\"", "{\"x\":[1,2]}", "\"1,2,\"");
}

static void loops_take_their_place_in_arrays(void **state)
{
    (void)state;
    becomes("[0,{\"$for\":\"x\",\"$do\":\"{{.}}\"},9]", "{\"x\":[1,2]}", "[0,1,2,9]");
    becomes("{\"body\":[[\"h\"],{\"$for\":\"x\",\"$do\":[\"{{n}}\",\"{{@number}}\"]}]}",
            "{\"x\":[{\"n\":\"a\"},{\"n\":\"b\"}]}", "{\"body\":[[\"h\"],[\"a\",1],[\"b\",2]]}");
    becomes("{\"a\":{\"$for\":\"x\",\"$do\":\"{{.}}\"}}", "{\"x\":[1,2]}", "{\"a\":[1,2]}");
    becomes("{\"a\":{\"$for\":\"none\",\"$do\":\"{{.}}\"}}", "{}", "{\"a\":[]}");
    becomes("[{\"$for\":\"x\",\"$do\":{\"$splice\":[\"{{.}}\",\"-\"]}}]", "{\"x\":[1,2]}",
            "[1,\"-\",2,\"-\"]");
    becomes("[{\"$for\":\"x\",\"$do\":{\"$for\":\"y\",\"$do\":\"{{.}}\"}}]",
            "{\"x\":[{\"y\":[1,2]},{\"y\":[3]}]}", "[1,2,3]");
    becomes("{\"$for\":\"x\",\"$do\":1}", "{\"x\":[0,0]}", "[1,1]");
    becomes("{\"a\":{\"$splice\":[1,\"{{x}}\"]}}", "{\"x\":2}", "{\"a\":[1,2]}");
}

static void conditions_choose(void **state)
{
    (void)state;
    const char *both = "[{\"$if\":\"x\",\"$then\":\"yes {{x}}\",\"$else\":\"no\"}]";
    becomes(both, "{\"x\":1}", "[\"yes 1\"]");
    becomes(both, "{\"x\":0}", "[\"no\"]");
    becomes("[1,{\"$if\":\"x\",\"$then\":2}]", "{}", "[1]");
    becomes("{\"a\":{\"$if\":\"x\",\"$then\":2},\"b\":1}", "{}", "{\"b\":1}");
    becomes("{\"a\":{\"$if\":\"x\",\"$else\":2}}", "{}", "{\"a\":2}");
    becomes("[{\"$if\":\"x\",\"$then\":{\"$splice\":[1,2]}}]", "{\"x\":true}", "[1,2]");
    becomes("[{\"$for\":\"x\",\"$do\":{\"$if\":\"@last\",\"$then\":\"{{.}}\"}}]", "{\"x\":[1,2]}",
            "[2]");
    becomes("{\"$if\":\"x\",\"$then\":1}", "{}", "null");
}

static void json_fails(const char *definition, const char *data, const char *pointer,
                       const char *why)
{
    struct json_object *value = NULL;
    struct template_error error;
    assert_true(render_json(definition, data, true, 1 << 20, &value, &error) < 0);
    assert_string_equal(error.error.detail, why);
    assert_string_equal(error.pointer, pointer);
}

static void errors_name_the_pointer(void **state)
{
    (void)state;
    json_fails("{\"a\":[0,{\"b/c\":\"{{\"}]}", "{}", "/a/1/b~1c",
               "/a/1/b~1c: line 1, column 1: a name is missing");
    json_fails("{\"a\":[\"{{x|upper}}\"]}", "{\"x\":[]}", "/a/0",
               "/a/0: line 1, column 1: the filter “upper” wants a text");
    json_fails("{\"a\":\"x\\ny {{x}}\"}", "{}", "/a",
               "/a: line 2, column 3: the data has no such value");
    json_fails("{\"a\":\"{{x}}\"}", "{}", "/a", "/a: the data has no such value");
    json_fails("[{\"$for\":\"x\"}]", "{}", "/0", "/0: a $for has a $do and nothing else");
    json_fails("[{\"$for\":1,\"$do\":1}]", "{}", "/0", "/0: the path of a $for or $if is a text");
    json_fails("[{\"$for\":\"x y\",\"$do\":1}]", "{}", "/0",
               "/0: line 1, column 1: “x y” is no path");
    json_fails("[{\"$if\":\"x\"}]", "{}", "/0",
               "/0: an $if has a $then, an $else or both, and nothing else");
    json_fails("[{\"$if\":\"x\",\"$then\":1,\"z\":1}]", "{}", "/0",
               "/0: an $if has a $then, an $else or both, and nothing else");
    json_fails("[{\"$splice\":1}]", "{}", "/0", "/0: a $splice has a list and nothing else");
    json_fails("[{\"$splice\":[1,\"{{\"]}]", "{}", "/0/$splice/1",
               "/0/$splice/1: line 1, column 1: a name is missing");
    json_fails("{\"$fro\":1}", "{}", "",
               "members with $ are $for with $do, $if with $then and $else, and $splice");
}

/* The same large value a thousand times over, by reference: its size counts each time. */
static void sharing_is_bounded_too(void **state)
{
    (void)state;
    struct json_object *data = json_object_new_object();
    struct json_object *list = json_object_new_array();
    for (int i = 0; i < 2000; i++) {
        json_object_array_add(list, json_object_new_int(i));
    }
    json_object_object_add(data, "x", list);
    struct json_object *definition = read_json("{\"$for\":\"x\",\"$do\":\"{{x}}\"}");
    struct json_template *template;
    struct template_error error;
    struct json_object *value = NULL;
    assert_int_equal(json_template_compile(definition, &template, &error), 0);
    assert_int_equal(json_template_render(template, data, NULL, 1 << 20, &value, &error),
                     HUB_ERR_TOO_LARGE);
    assert_null(value);
    json_template_free(template);
    json_object_put(definition);
    json_object_put(data);
    assert_int_equal(
        render_json("[\"{{x}}\",\"{{x}}\"]", "{\"x\":\"0123456789\"}", false, 15, &value, &error),
        HUB_ERR_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_put_in),
        cmocka_unit_test(html_is_escaped_by_choice),
        cmocka_unit_test(sections_repeat),
        cmocka_unit_test(lone_tags_take_their_line_with_them),
        cmocka_unit_test(filters_change_values),
        cmocka_unit_test(times_are_shown_in_an_offset),
        cmocka_unit_test(errors_name_their_place),
        cmocka_unit_test(everything_has_a_limit),
        cmocka_unit_test(definitions_are_filled_in),
        cmocka_unit_test(loops_take_their_place_in_arrays),
        cmocka_unit_test(conditions_choose),
        cmocka_unit_test(errors_name_the_pointer),
        cmocka_unit_test(sharing_is_bounded_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
