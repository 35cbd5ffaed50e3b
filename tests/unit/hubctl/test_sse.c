/* sse.h: the same events, however the bytes are cut. */
#include "hubctl/sse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* "name|id|data;" for each event. */
static void note(void *context, const struct sse_event *event)
{
    struct buf *log = context;

    buf_append_format(log, "%.*s|%.*s|%.*s;", STR_ARG(event->name), STR_ARG(event->id),
                      STR_ARG(event->data));
}

static const struct {
    struct str stream;
    const char *events;
} cases[] = {
    {STR_INIT("data: a\n\n"), "message||a;"},
    {STR_INIT("data:a\n\ndata:  b\n\n"), "message||a;message|| b;"},
    {STR_INIT("id: 7\nevent: job\ndata: {\"x\":1}\n\n"), "job|7|{\"x\":1};"},
    {STR_INIT("id: 7\ndata: a\n\nevent: p\ndata: b\n\n"), "message|7|a;p|7|b;"}, /* ids last */
    {STR_INIT("data: a\ndata: b\ndata\n\n"), "message||a\nb\n;"},
    {STR_INIT("data: a\r\n\r\ndata: b\r\rdata: c\n\n"), "message||a;message||b;message||c;"},
    {STR_INIT(": a comment\n\n:\n\nevent: lost\n\ndata: a\n\n"), "message||a;"},
    {STR_INIT("data: unfinished\n"), ""},
    {STR_INIT("\xef\xbb\xbf"
              "data: a\n\ndata: \xef\xbb\xbf\n\n"),
     "message||a;message||\xef\xbb\xbf;"},
    {STR_INIT("id: a\0b\ndata: x\n\n"), "message||x;"},
    {STR_INIT("nonsense\nunknown: field\nretry: 1500\ndata: x: y\n\n"), "message||x: y;"},
    {STR_INIT("data: ä☃\n\n"), "message||ä☃;"},
};

static void feed_in_pieces(struct str stream, size_t piece, const char *expected)
{
    struct sse sse;
    struct buf log;

    buf_init(&log, BUF_NO_LIMIT);
    buf_append_str(&log, STR(""));
    sse_init(&sse, note, &log);
    for (size_t at = 0; at < stream.len; at += piece) {
        assert_int_equal(sse_feed(&sse, str_slice(stream, at, piece)), 0);
    }
    buf_append_char(&log, '\0');
    assert_string_equal(log.ptr, expected);
    sse_release(&sse);
    buf_release(&log);
}

static void any_pieces_give_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t piece = 1; piece <= cases[i].stream.len; piece++) {
            feed_in_pieces(cases[i].stream, piece, cases[i].events);
        }
    }
}

static void keeps_the_wish_for_a_pause(void **state)
{
    struct sse sse;

    (void)state;
    sse_init(&sse, note, NULL);
    assert_int_equal(sse.retry_ms, -1);
    assert_int_equal(sse_feed(&sse, STR("retry: 1500\n")), 0);
    assert_int_equal(sse.retry_ms, 1500);
    assert_int_equal(sse_feed(&sse, STR("retry: soon\n")), 0);
    assert_int_equal(sse.retry_ms, 1500);
    sse_release(&sse);
}

static void an_endless_event_is_refused(void **state)
{
    static char piece[64 * 1024];
    struct sse sse;
    int err = 0;

    (void)state;
    memset(piece, 'a', sizeof piece);
    sse_init(&sse, note, NULL);
    for (size_t i = 0; err == 0 && i < 2 * SSE_EVENT_MAX / sizeof piece; i++) {
        err = sse_feed(&sse, str_of(piece, sizeof piece));
    }
    assert_int_equal(err, HUB_ERR_TOO_LARGE);
    sse_release(&sse);

    sse_init(&sse, note, NULL); /* and in many lines */
    err = 0;
    for (size_t i = 0; err == 0 && i < SSE_EVENT_MAX; i++) {
        err = sse_feed(&sse, STR("data: aaaaaaaaaa\n"));
    }
    assert_int_equal(err, HUB_ERR_TOO_LARGE);
    sse_release(&sse);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_pieces_give_the_same),
        cmocka_unit_test(keeps_the_wish_for_a_pause),
        cmocka_unit_test(an_endless_event_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
