#include "base/log.h"

#include "base/json.h"
#include "unit.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

struct sink {
    struct log log;
    int read_fd;
    char text[LOG_LINE_MAX + 1];
};

static void sink_open(struct sink *self, enum log_level level, enum log_format format)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    self->read_fd = ends[0];
    log_init(&self->log, ends[1], level, format);
}

static void sink_close(struct sink *self)
{
    close(self->log.fd);
    close(self->read_fd);
}

/* What the log wrote since the last call; "" if it wrote nothing. */
static const char *sink_take(struct sink *self)
{
    struct pollfd poller = {.fd = self->read_fd, .events = POLLIN};
    ssize_t len = poll(&poller, 1, 0) > 0 ? read(self->read_fd, self->text, LOG_LINE_MAX) : 0;
    assert_true(len >= 0);
    self->text[len] = '\0';
    return self->text;
}

static const char *after_time(const char *line)
{
    assert_memory_equal(line, "ts=20", 5);
    return line + strlen("ts=2026-11-23T12:00:00.000Z ");
}

static void levels(void **state)
{
    (void)state;
    struct sink sink;
    enum log_level level = LOG_ERROR;
    sink_open(&sink, LOG_WARN, LOG_KEY_VALUE);
    log_info(&sink.log, "mod", "unseen", "a=%d", 1);
    assert_string_equal(sink_take(&sink), "");
    log_warn(&sink.log, "mod", "seen", "a=%d", 1);
    assert_string_equal(after_time(sink_take(&sink)), "level=warn mod=mod msg=\"seen\" a=1\n");
    atomic_store(&sink.log.level, LOG_DEBUG);
    log_debug(&sink.log, "mod", "seen", NULL);
    assert_string_equal(after_time(sink_take(&sink)), "level=debug mod=mod msg=\"seen\"\n");
    assert_true(log_level_parse(STR("debug"), &level));
    assert_int_equal(level, LOG_DEBUG);
    assert_true(log_level_parse(STR("error"), &level));
    assert_int_equal(level, LOG_ERROR);
    assert_false(log_level_parse(STR("Error"), &level));
    assert_false(log_level_parse(STR(""), &level));
    sink_close(&sink);
}

static void nobody_can_forge_a_line(void **state)
{
    (void)state;
    struct sink sink;
    sink_open(&sink, LOG_INFO, LOG_KEY_VALUE);
    log_info(&sink.log, "mod", "mess\nage", "a=%s", "1\nts=2026 level=error\x1b[1m\x7f");
    assert_string_equal(after_time(sink_take(&sink)),
                        "level=info mod=mod msg=\"mess\\nage\" a=1?ts=2026 level=error?[1m?\n");
    sink_close(&sink);
}

static void json_lines(void **state)
{
    (void)state;
    struct sink sink;
    char quoted[LOG_QUOTE_MAX];
    sink_open(&sink, LOG_INFO, LOG_JSON);
    log_info(&sink.log, "mod", "a \"message\"", "n=%d s=%s t=%s ok=%s zip=%s neg=%d why=%s e=", 42,
             "text", "1.5", "true", "007", -7,
             log_quote(STR("a \"b\"\n\xc3\xa9"), quoted, sizeof quoted));
    const char *line = sink_take(&sink);
    assert_non_null(strstr(line,
                           ",\"level\":\"info\",\"mod\":\"mod\",\"msg\":\"a \\\"message\\\"\","
                           "\"n\":42,\"s\":\"text\",\"t\":\"1.5\",\"ok\":true,\"zip\":\"007\","
                           "\"neg\":-7,\"why\":\"a \\\"b\\\"\\n\xc3\xa9\",\"e\":\"\"}\n"));
    log_info(&sink.log, "mod", "no fields", NULL);
    assert_non_null(strstr(sink_take(&sink), "\"msg\":\"no fields\"}\n"));
    sink_close(&sink);
}

static void check_is_object(const char *line)
{
    struct json_object *value;
    struct hub_error error;
    size_t len = strlen(line);
    assert_int_equal(line[len - 1], '\n');
    if (json_read(str_of(line, len - 1), 2, &value, NULL, &error) < 0) {
        fail_msg("%s in %s", error.detail, line);
    }
    assert_true(json_object_is_type(value, json_type_object));
    json_object_put(value);
}

static void json_lines_are_valid_whatever_comes(void **state)
{
    (void)state;
    static const char *const fields[] = {
        "a",
        "=",
        "a=\"",
        "a=\"\\",
        "a=\"\\\"",
        "a=\"\\x\"",
        "a=\"\\u12\"",
        "a=\"\\u12zz\"",
        "a=\"x\"y\"",
        "a=\xff\xfe",
        "a=\"\xff\"",
        "a=b c",
        "a=\"b\" trailing",
        "a=1e5",
        "a=-0",
        "a=-",
        "a=-01",
        "a=99999999999999999999",
        "a=\"\"",
        "a=\t\"",
        "a  b",
        "\"",
        "a=\"\\u0000\"",
        "\xe2\x82\xac=\"\xe2\x82\xac\"",
    };
    struct sink sink;
    sink_open(&sink, LOG_INFO, LOG_JSON);
    for (size_t i = 0; i < COUNT(fields); i++) {
        log_info(&sink.log, "mod", "msg", "%s", fields[i]);
        const char *line = sink_take(&sink);
        /* U+0000 is JSON, but not what json_read() takes */
        if (!strstr(fields[i], "u0000")) {
            check_is_object(line);
        }
    }
    sink_close(&sink);
}

static void long_lines_are_cut(void **state)
{
    (void)state;
    struct sink sink;
    char text[2 * LOG_LINE_MAX];
    for (size_t i = 0; i + 3 < sizeof text; i += 3) {
        memcpy(text + i, "\xe2\x82\xac", 4);
    }
    for (int format = LOG_KEY_VALUE; format <= LOG_JSON; format++) {
        sink_open(&sink, LOG_INFO, (enum log_format)format);
        for (int shift = 0; shift < 4; shift++) {
            log_info(&sink.log, "mod", "long", "a=%d b=%.*s%s", 1, shift, "xxxx", text);
            const char *line = sink_take(&sink);
            size_t len = strlen(line);
            assert_int_equal(line[len - 1], '\n');
            assert_int_equal(str_utf8_valid_prefix(str_from_c(line)), len);
            if (format == LOG_JSON) {
                check_is_object(line);
                assert_non_null(strstr(line, "\"a\":1}\n"));
            } else {
                assert_in_range(len, LOG_LINE_MAX - 4, LOG_LINE_MAX);
            }
        }
        log_info(&sink.log, "mod", text, "a=%d", 1);
        assert_int_equal(sink.log.dropped, 0);
        assert_int_equal(sink_take(&sink)[strlen(sink.text) - 1], '\n');
        sink_close(&sink);
    }
}

static void quoting(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        const char *out;
    } cases[] = {
        {"plain/text:1", "plain/text:1"},
        {"", "\"\""},
        {"a b", "\"a b\""},
        {"a=b", "\"a=b\""},
        {"\"", "\"\\\"\""},
        {"a\nb", "\"a\\nb\""},
        {"\xc3\xa9", "\"\xc3\xa9\""},
        {"a\\", "\"a\\\\\""},
    };
    char room[32];
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_string_equal(log_quote(str_from_c(cases[i].in), room, sizeof room), cases[i].out);
    }
    assert_string_equal(log_quote(STR("0123456789abcdefghij"), room, 16), "0123456789abcde");
}

static void quoting_fits_every_room(void **state)
{
    (void)state;
    static const struct str texts[] = {
        STR_INIT("\x01\x02\x03\x04\x05\x06\x07\x01\x02\x03\x04\x05\x06\x07"),
        STR_INIT("\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80 "),
        STR_INIT("a b c d e f g h i j k l m n o p q r s t u v w x y z"),
        STR_INIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
    };
    char room[100];
    for (size_t i = 0; i < COUNT(texts); i++) {
        for (size_t size = 16; size < sizeof room; size++) {
            memset(room, '#', sizeof room);
            struct str quoted = str_from_c(log_quote(texts[i], room, size));
            assert_true(quoted.len >= 8 && quoted.len < size);
            assert_int_equal(room[size], '#');
            struct json_object *value;
            assert_int_equal(json_read(quoted, 0, &value, NULL, NULL), 0);
            json_object_put(value);
        }
    }
}

/* Fills `fd` until the log drops lines, then checks that it goes on when there is room again. */
static void check_drops(struct sink *sink)
{
    for (int i = 0; i < 100000 && sink->log.dropped < 5; i++) {
        log_info(&sink->log, "mod", "a line", "n=%d", i);
    }
    assert_int_equal(sink->log.dropped, 5);
    assert_int_equal(fcntl(sink->log.fd, F_GETFL) & O_NONBLOCK, 0);
    while (*sink_take(sink)) {
    }
    log_info(&sink->log, "mod", "after", NULL);
    assert_int_equal(sink->log.dropped, 5);
    assert_string_equal(after_time(sink_take(sink)), "level=info mod=mod msg=\"after\"\n");
}

static void a_full_pipe_or_socket_drops_lines(void **state)
{
    (void)state;
    struct sink sink;
    int ends[2];
    sink_open(&sink, LOG_INFO, LOG_KEY_VALUE);
    check_drops(&sink);
    sink_close(&sink);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    sink.read_fd = ends[0];
    log_init(&sink.log, ends[1], LOG_INFO, LOG_KEY_VALUE);
    check_drops(&sink);
    sink_close(&sink);
}

static void a_reader_that_is_gone_drops_lines(void **state)
{
    (void)state;
    struct sink sink;
    sink_open(&sink, LOG_INFO, LOG_KEY_VALUE);
    close(sink.read_fd);
    log_info(&sink.log, "mod", "lost", NULL);
    assert_int_equal(sink.log.dropped, 1);
    close(sink.log.fd);
    log_info(&sink.log, "mod", "lost", NULL);
    assert_int_equal(sink.log.dropped, 2);
}

static void *write_many(void *log)
{
    for (int i = 0; i < 5000; i++) {
        log_info(log, "mod", "from a thread", "n=%d", i);
    }
    return NULL;
}

static void threads_do_not_wait_for_a_reader(void **state)
{
    (void)state;
    struct sink sink;
    pthread_t threads[4];
    sink_open(&sink, LOG_INFO, LOG_KEY_VALUE);
    for (size_t i = 0; i < COUNT(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, &sink.log), 0);
    }
    for (size_t i = 0; i < COUNT(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0); /* nobody has read a byte */
    }
    assert_true(sink.log.dropped > 15000);
    sink_close(&sink);
}

static void files_take_every_line(void **state)
{
    (void)state;
    struct log log;
    char path[] = "/tmp/hub-test-log-XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);
    assert_true(fd >= 0);
    log_init(&log, fd, LOG_INFO, LOG_KEY_VALUE);
    log_info(&log, "mod", "one", NULL);
    log_info(&log, "mod", "two", NULL);
    assert_int_equal(log.dropped, 0);
    assert_int_equal(lseek(fd, 0, SEEK_CUR),
                     2 * strlen("ts=2026-11-23T12:00:00.000Z level=info mod=mod msg=\"one\"\n"));
    close(fd);
    unlink(path);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels),
        cmocka_unit_test(nobody_can_forge_a_line),
        cmocka_unit_test(json_lines),
        cmocka_unit_test(json_lines_are_valid_whatever_comes),
        cmocka_unit_test(long_lines_are_cut),
        cmocka_unit_test(quoting),
        cmocka_unit_test(quoting_fits_every_room),
        cmocka_unit_test(a_full_pipe_or_socket_drops_lines),
        cmocka_unit_test(a_reader_that_is_gone_drops_lines),
        cmocka_unit_test(threads_do_not_wait_for_a_reader),
        cmocka_unit_test(files_take_every_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
