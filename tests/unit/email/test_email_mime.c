/* What a message is made of: addresses, encodings, replies, text of HTML. */
#include "connectors/email/address.h"
#include "connectors/email/encode.h"
#include "connectors/email/letter.h"
#include "connectors/email/transport.h"

#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int parse(const char *text, struct mailbox *mailbox, struct arena *arena)
{
    return address_parse(str_from_c(text), arena, mailbox, NULL);
}

static void addresses_that_are(void **state)
{
    static const struct {
        const char *text, *wire;
        bool utf8;
    } GOOD[] = {
        {"a@b.test", "a@b.test", false},
        {"a.b+c@x-y.test", "a.b+c@x-y.test", false},
        {"bob@b\xc3\xbc"
         "cher.example",
         "bob@xn--bcher-kva.example", false},
        {"\xc3\xa4nne@b.test", "\xc3\xa4nne@b.test", true},
        {"\"odd:local\"@b.test", "\"odd:local\"@b.test", false},
        {"root@localhost", "root@localhost", false},
        {"a@[192.0.2.1]", "a@[192.0.2.1]", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++) {
        struct arena arena;
        struct mailbox mailbox;
        arena_init(&arena, 1 << 16);
        assert_int_equal(parse(GOOD[i].text, &mailbox, &arena), 0);
        assert_string_equal(mailbox.address.ptr, GOOD[i].wire);
        assert_int_equal(mailbox.utf8, GOOD[i].utf8);
        arena_release(&arena);
    }
}

static void addresses_that_are_not(void **state)
{
    static const char *const BAD[] = {
        "",          "a",          "@b.test",    "a@",          "a@b\r\nRCPT TO:<c@d>",
        "a\n@b",     "a b@c.test", "<a@b.test>", "a@b.test>",   "a..b@c.test",
        ".a@c.test", "a@-b.test",  "a@b-.test",  "a@b..test",   "a@b.test\x7f",
        "a@b c",     "\"a\"b@c",   "\"a<b\"@c",  "a@[1.2.3.4",  "a@b\xe2\x80\xa8.test",
        "a@\xff.te", "a,b@c.test", "a@b@c.test", "(x)a@b.test", "a\xc2\x85@b.test",
    };
    (void)state;
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        struct arena arena;
        struct mailbox mailbox;
        arena_init(&arena, 1 << 16);
        assert_int_equal(parse(BAD[i], &mailbox, &arena), HUB_ERR_INVALID_INPUT);
        arena_release(&arena);
    }
}

static void replies(void **state)
{
    struct reply reply;
    (void)state;
    assert_true(reply_parse(STR("550 5.1.1 no such\x01user\r\n"), &reply));
    assert_int_equal(reply.code, 550);
    assert_string_equal(reply.enhanced, "5.1.1");
    assert_string_equal(reply.text, "no such user");
    assert_true(reply_parse(STR("250-SIZE 10"), &reply));
    assert_string_equal(reply.enhanced, "");
    assert_true(reply_parse(STR("250"), &reply));
    assert_true(reply_parse(STR("421 4.3.2"), &reply));
    assert_string_equal(reply.enhanced, "4.3.2");
    assert_true(reply_parse(STR("250 2.0 not one"), &reply));
    assert_string_equal(reply.enhanced, "");
    assert_false(reply_parse(STR("99 x"), &reply));
    assert_false(reply_parse(STR("650 x"), &reply));
    assert_false(reply_parse(STR("2500 x"), &reply));
    assert_false(reply_parse(STR("HTTP/1.1 200 OK"), &reply));
    assert_false(reply_parse(STR(""), &reply));
}

static void assert_lines(const struct buf *text, size_t most)
{
    size_t line = 0;
    assert_false(buf_failed(text));
    for (size_t i = 0; i < text->len; i++) {
        unsigned char c = (unsigned char)text->ptr[i];
        assert_true(c < 0x80);
        assert_false(c == '\n' && (i == 0 || text->ptr[i - 1] != '\r'));
        line = c == '\n' ? 0 : line + 1;
        assert_true(line <= most + 1);
    }
    assert_int_equal(line, 0);
}

static void headers_fold(void **state)
{
    static const char *const VALUES[] = {
        "short",
        "",
        "a subject that is long enough to need a fold because it has far more than 76 characters",
        "Gr\xc3\xb6\xc3\x9f"
        "e \xf0\x9f\x98\x80 \xf0\x9f\x98\x80 \xf0\x9f\x98\x80 \xf0\x9f\x98\x80 \xf0\x9f\x98\x80 "
        "\xf0\x9f\x98\x80 \xf0\x9f\x98\x80 \xf0\x9f\x98\x80 \xf0\x9f\x98\x80 \xf0\x9f\x98\x80",
        "=?utf-8?q?not_mine?=",
        " blanks at  the ends ",
    };
    (void)state;
    for (size_t i = 0; i < sizeof VALUES / sizeof VALUES[0]; i++) {
        struct buf out;
        buf_init(&out, 1 << 16);
        header_text(&out, "Subject", str_from_c(VALUES[i]));
        assert_lines(&out, 76);
        assert_true(str_starts_with(buf_view(&out), STR("Subject: ")));
        buf_release(&out);
    }
}

static void base64_in_lines(void **state)
{
    (void)state;
    for (size_t len = 0; len < 400; len++) {
        unsigned char bytes[400];
        char text[800];
        struct buf back;
        memset(bytes, (int)len, sizeof bytes);
        size_t written = base64_lines(bytes, len, text);
        assert_int_equal(written, base64_lines_len(len));
        size_t kept = 0;
        for (size_t i = 0; i < written; i++) {
            if (text[i] != '\r' && text[i] != '\n') {
                text[kept++] = text[i];
            }
        }
        buf_init(&back, 1024);
        assert_int_equal(base64_decode(str_of(text, kept), &back), 0);
        assert_int_equal(back.len, len);
        assert_true(len == 0 || memcmp(back.ptr, bytes, len) == 0);
        buf_release(&back);
    }
}

static void bodies_choose(void **state)
{
    struct buf out;
    (void)state;
    assert_int_equal(body_encoding_for(STR("plain\ntext\n")), BODY_7BIT);
    assert_int_equal(body_encoding_for(STR("From here\n")), BODY_QUOTED_PRINTABLE);
    assert_int_equal(body_encoding_for(STR("blank \n")), BODY_QUOTED_PRINTABLE);
    assert_int_equal(body_encoding_for(STR("lone \r return")), BODY_QUOTED_PRINTABLE);
    assert_int_equal(body_encoding_for(STR("\xc3\xb6\xc3\xb6\xc3\xb6")), BODY_BASE64);
    buf_init(&out, 1 << 16);
    body_append(&out, STR("a=b \n.dot\nFrom\xc3\xb6"), BODY_QUOTED_PRINTABLE);
    assert_lines(&out, 76);
    assert_string_equal(out.ptr, "a=3Db=20\r\n=2Edot\r\n=46rom=C3=B6\r\n");
    /* A line that had to be broken begins again like any other. */
#define X25 "xxxxxxxxxxxxxxxxxxxxxxxxx"
    buf_clear(&out);
    body_append(&out, STR(X25 X25 X25 "From\n" X25 X25 X25 ".\n" X25 X25 X25 " x"),
                BODY_QUOTED_PRINTABLE);
    assert_string_equal(out.ptr, X25 X25 X25 "=\r\n=46rom\r\n" X25 X25 X25
                                             "=\r\n=2E\r\n" X25 X25 X25 "=\r\n x\r\n");
    buf_release(&out);
}

static void text_of_html(void **state)
{
    static const struct {
        const char *html, *text;
    } CASES[] = {
        {"<p>a</p><p>b</p>", "a\n\nb\n"},
        {"a<br>b<br/>c", "a\nb\nc\n"},
        {"<script>x<y</script>ok", "ok\n"},
        {"a <!-- <b> --> c", "a c\n"},
        {"1 < 2 &amp; 3 &#62; &#x32; &bogus; &", "1 < 2 & 3 > 2 &bogus; &\n"},
        {"<a href='https://x.test/'>https://x.test/</a>", "https://x.test/\n"},
        {"<a href=\"javascript:x\">y</a>", "y\n"},
        {"<unclosed", "\n"},
        {"", "\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct buf out;
        buf_init(&out, 1 << 16);
        html_to_text(&out, str_from_c(CASES[i].html));
        assert_string_equal(out.ptr, CASES[i].text);
        buf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_that_are),
        cmocka_unit_test(addresses_that_are_not),
        cmocka_unit_test(replies),
        cmocka_unit_test(headers_fold),
        cmocka_unit_test(base64_in_lines),
        cmocka_unit_test(bodies_choose),
        cmocka_unit_test(text_of_html),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
