/*
 * A runner that lies. The name of the "connector" says how: LIE.so offers the operation LIE.run,
 * and an attempt of it gets the answer that LIES[] has for it.
 *
 * With FAKE_MUTE it never says anything, with FAKE_HELLO it says hello in another version.
 */
#include "wire/channel.h"

#include <hub/connector.h>

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct wire_channel channel;
static uint64_t last_grant;

static void result(uint64_t token, struct wire_result body)
{
    if (wire_send_result(&channel, token, &body, NULL, 0) < 0) {
        _exit(90);
    }
}

static struct str artifacts(const struct wire_artifact *list, unsigned count)
{
    static struct buf records;
    buf_init(&records, BUF_NO_LIMIT);
    for (unsigned i = 0; i < count; i++) {
        if (wire_artifact_append(&records, &list[i]) < 0) {
            _exit(91);
        }
    }
    return buf_view(&records);
}

static void header(struct wire_header header)
{
    char bytes[WIRE_HEADER_LEN];
    (void)!wire_channel_flush_wait(&channel, 1000);
    wire_header_put(&header, bytes);
    (void)!write(channel.fd, bytes, sizeof bytes);
}

static void unknown_type(uint64_t token)
{
    header((struct wire_header){0, 99, 0, token});
}

static void huge_frame(uint64_t token)
{
    header((struct wire_header){1u << 30, WIRE_RESULT, 0, token});
}

static void frame_of_hubd(uint64_t token)
{
    header((struct wire_header){0, WIRE_CANCEL, 0, token});
}

static void malformed_result(uint64_t token)
{
    header((struct wire_header){0, WIRE_RESULT, 0, token});
}

static void foreign_token(uint64_t token)
{
    result(token + 1000, (struct wire_result){.json = STR("{}")});
}

static void two_results(uint64_t token)
{
    result(token, (struct wire_result){.json = STR("{}")});
    result(token, (struct wire_result){.json = STR("{}")});
}

static void ready_again(uint64_t token)
{
    (void)token;
    (void)!wire_send_ready(&channel, 0, &(struct wire_ready){STR("{}")}, NULL, 0);
}

static void sends_descriptors(uint64_t token)
{
    char control[CMSG_SPACE(sizeof(int))] = {0};
    char bytes[WIRE_HEADER_LEN];
    wire_header_put(&(struct wire_header){4, WIRE_NEED, 0, token}, bytes);
    struct iovec iov = {bytes, sizeof bytes};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &channel.fd, sizeof(int));
    (void)!sendmsg(channel.fd, &message, 0);
}

static void unknown_artifact(uint64_t token)
{
    struct wire_artifact one = {last_grant + 1000, STR("a"), STR("text/plain")};
    result(token, (struct wire_result){
                      .json = STR("{}"), .artifact_count = 1, .artifacts = artifacts(&one, 1)});
}

static void same_artifact_twice(uint64_t token)
{
    struct wire_artifact two[] = {{1, STR("a"), STR("text/plain")},
                                  {1, STR("b"), STR("text/plain")}};
    result(token, (struct wire_result){
                      .json = STR("{}"), .artifact_count = 2, .artifacts = artifacts(two, 2)});
}

static void artifact_count_lies(uint64_t token)
{
    struct wire_artifact one = {1, STR("a"), STR("text/plain")};
    result(token, (struct wire_result){
                      .json = STR("{}"), .artifact_count = 2, .artifacts = artifacts(&one, 1)});
}

static void progress_not_utf8(uint64_t token)
{
    (void)!wire_send_progress(&channel, token, &(struct wire_progress){1, STR("\xff")}, NULL, 0);
}

static void same_artifact_name(uint64_t token)
{
    struct wire_artifact two[] = {{1, STR("a"), STR("text/plain")},
                                  {2, STR("a"), STR("text/plain")}};
    result(token, (struct wire_result){
                      .json = STR("{}"), .artifact_count = 2, .artifacts = artifacts(two, 2)});
}

static void artifact_with_path(uint64_t token)
{
    struct wire_artifact one = {1, STR("../etc/passwd"), STR("text/plain")};
    result(token, (struct wire_result){
                      .json = STR("{}"), .artifact_count = 1, .artifacts = artifacts(&one, 1)});
}

static void result_not_json(uint64_t token)
{
    result(token, (struct wire_result){.json = STR("{\"a\":1,\"a\":2}")});
}

static void result_too_large(uint64_t token)
{
    char *json = malloc(300u << 10);
    memset(json, ' ', 300u << 10);
    memcpy(json, "{}", 2);
    result(token, (struct wire_result){.json = str_of(json, 300u << 10)});
    free(json);
}

static void code_not_a_name(uint64_t token)
{
    result(token, (struct wire_result){.outcome = WIRE_FAIL, .code = STR("Bad Code")});
}

static void message_not_utf8(uint64_t token)
{
    result(token, (struct wire_result){
                      .outcome = WIRE_FAIL, .code = STR("c"), .message = STR("\xc3\x28")});
}

static void details_not_an_object(uint64_t token)
{
    result(token, (struct wire_result){.outcome = WIRE_FAIL, .code = STR("c"), .json = STR("[]")});
}

static void result_and_death(uint64_t token)
{
    result(token, (struct wire_result){.json = STR("{\"last\":true}")});
    (void)!wire_channel_flush_wait(&channel, 1000);
    kill(getpid(), SIGKILL);
}

static void endless_log(uint64_t token)
{
    for (int i = 0; i < 5000; i++) {
        (void)!wire_send_log(&channel, token, &(struct wire_log){3, STR("again")}, NULL, 0);
        (void)!wire_channel_flush_wait(&channel, 1000);
        fprintf(stderr, "ts=2026-11-23T00:00:00.000Z level=error msg=\"forged\" %d\n", i);
    }
    result(token, (struct wire_result){.json = STR("{}")});
}

/* --- hub.keep/1 and hub.ledger/1 ---------------------------------------------------------------*/

static void get(uint64_t token, uint32_t call, struct str key)
{
    struct wire_keep_get body = {.call = call, .key = key};
    (void)!wire_send_keep_get(&channel, token, &body, NULL, 0);
}

static void keep_for_foreign_token(uint64_t token)
{
    get(token + 1000, 1, STR("key"));
}

static void keep_after_result(uint64_t token)
{
    result(token, (struct wire_result){.json = STR("{}")});
    get(token, 1, STR("key"));
}

static void keep_without_key(uint64_t token)
{
    get(token, 1, STR(""));
}

static void keep_key_not_utf8(uint64_t token)
{
    get(token, 1, STR("\xff"));
}

static void keep_same_number(uint64_t token)
{
    get(token, 7, STR("a"));
    get(token, 7, STR("b"));
}

static void keep_too_many(uint64_t token)
{
    for (uint32_t i = 0; i <= WIRE_CALLS_MAX; i++) {
        get(token, i, STR("key"));
    }
}

static void keep_removes_a_value(uint64_t token)
{
    struct wire_keep_put body = {.removes = 1, .key = STR("key"), .value = STR("value")};
    (void)!wire_send_keep_put(&channel, token, &body, NULL, 0);
}

static void keep_list_of_none(uint64_t token)
{
    (void)!wire_send_keep_list(&channel, token, &(struct wire_keep_list){.limit = 0}, NULL, 0);
}

static void entry_not_an_object(uint64_t token)
{
    struct wire_ledger_append body = {.kind = STR("intent"), .body = STR("[1]")};
    (void)!wire_send_ledger_append(&channel, token, &body, NULL, 0);
}

static void entry_of_no_kind(uint64_t token)
{
    struct wire_ledger_append body = {.kind = STR("In Tent"), .body = STR("{}")};
    (void)!wire_send_ledger_append(&channel, token, &body, NULL, 0);
}

/* As many calls as there may be, and then it dies with all of them unanswered. */
static void keep_and_death(uint64_t token)
{
    for (uint32_t i = 0; i < WIRE_CALLS_MAX; i++) {
        get(token, i, STR("key"));
    }
    (void)!wire_channel_flush_wait(&channel, 1000);
    kill(getpid(), SIGKILL);
}

static const struct {
    const char *name;
    void (*tell)(uint64_t token);
} LIES[] = {
#define LIE(name)                                                                                  \
    {                                                                                              \
#name, name                                                                                \
    }
    LIE(unknown_type),          LIE(huge_frame),
    LIE(frame_of_hubd),         LIE(malformed_result),
    LIE(foreign_token),         LIE(two_results),
    LIE(ready_again),           LIE(sends_descriptors),
    LIE(unknown_artifact),      LIE(same_artifact_twice),
    LIE(artifact_count_lies),   LIE(progress_not_utf8),
    LIE(same_artifact_name),    LIE(artifact_with_path),
    LIE(result_not_json),       LIE(result_too_large),
    LIE(code_not_a_name),       LIE(message_not_utf8),
    LIE(details_not_an_object), LIE(result_and_death),
    LIE(endless_log),           LIE(keep_for_foreign_token),
    LIE(keep_after_result),     LIE(keep_without_key),
    LIE(keep_key_not_utf8),     LIE(keep_same_number),
    LIE(keep_too_many),         LIE(keep_removes_a_value),
    LIE(keep_list_of_none),     LIE(entry_not_an_object),
    LIE(entry_of_no_kind),      LIE(keep_and_death),
};

static void (*lie)(uint64_t token);

static void on_config(const struct wire_frame *frame)
{
    struct wire_config config;
    char name[128];
    char json[1024];
    if (wire_decode_config(frame->body, &config) < 0) {
        _exit(92);
    }
    const char *slash = memrchr(config.path.ptr, '/', config.path.len);
    const char *end = config.path.ptr + config.path.len;
    snprintf(name, sizeof name, "%.*s", (int)(end - slash - 1 - 3), slash + 1);
    for (size_t i = 0; i < sizeof LIES / sizeof LIES[0]; i++) {
        if (strcmp(LIES[i].name, name) == 0) {
            lie = LIES[i].tell;
        }
    }
    snprintf(json, sizeof json,
             "{\"abi\":65536,\"name\":\"%s\",\"version\":\"1\",\"mode\":0,\"max_in_flight\":8,"
             "\"hosts\":[],\"paths\":[],\"operations\":[{\"name\":\"run\",\"retry_safety\":0,"
             "\"flags\":0,\"timeout_ms\":0,\"max_attempts\":0,\"input_schema\":\"{}\"}]}",
             name);
    (void)!wire_send_confined(&channel, 0, &(struct wire_confined){0}, NULL, 0);
    (void)!wire_send_ready(&channel, 0, &(struct wire_ready){str_from_c(json)}, NULL, 0);
    if (config.mode == WIRE_INSPECT) {
        (void)!wire_channel_flush_wait(&channel, 1000);
        _exit(0);
    }
}

static void take(struct wire_frame *frame)
{
    struct wire_grant grant;
    switch (frame->type) {
    case WIRE_CONFIG:
        on_config(frame);
        break;
    case WIRE_START:
        lie(frame->token);
        break;
    case WIRE_GRANT:
        if (wire_decode_grant(frame->body, &grant) == 0) {
            last_grant = grant.first_id + frame->fd_count;
        }
        break;
    case WIRE_SHUTDOWN:
        _exit(0);
    default:
        break;
    }
}

int main(void)
{
    struct wire_hello hello = {WIRE_PROTOCOL, HUB_ABI};
    struct wire_frame frame;
#ifdef FAKE_MUTE
    for (;;) {
        pause();
    }
#endif
#ifdef FAKE_HELLO
    hello.protocol = 99;
#endif
    if (wire_channel_init(&channel, 3, WIRE_END_RUNNER, 64u << 20) < 0 ||
        wire_send_hello(&channel, 0, &hello, NULL, 0) < 0) {
        return 93;
    }
    for (;;) {
        (void)!wire_channel_flush_wait(&channel, 1000);
        int err = wire_channel_receive(&channel);
        if (err == HUB_ERR_AGAIN) {
            struct pollfd readable = {.fd = 3, .events = POLLIN};
            poll(&readable, 1, -1);
        } else if (err < 0) {
            return 0;
        }
        while (wire_channel_next(&channel, &frame) == 0) {
            take(&frame);
        }
    }
}
