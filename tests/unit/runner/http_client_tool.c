/*
 * The HTTP client alone, for tests that are the server: reads one JSON object a line from stdin,
 * sends all of them at once, and writes one a line as they end.
 *
 *     http_client_tool '{"hosts":["*"],"private":"127.0.0.1","authorities":"ca.pem"}' < requests
 *
 * A request: url, and at will method, headers, body, body_file, sink (paths), flags, max_redirects,
 * response_max, timeout_ms, connect_timeout_ms, idle_timeout_ms, partition, times, cancel_after_ms,
 * and after_ms to be sent later.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/list.h"
#include "runner/http_client.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

struct tool {
    uv_loop_t loop;
    struct http_client *client;
    unsigned pending; /* requests and timers */
    struct list asks;
    bool in_send;
};

struct ask {
    struct tool *tool;
    struct list link;
    struct json_object *json;
    struct http_call *call;
    uv_timer_t timer;
    hub_file file;
    int sink;
    unsigned left; /* answers that are still to come */
};

static int64_t number(struct json_object *json, const char *name)
{
    int64_t value = 0;
    json_get_i64(json, name, &value);
    return value;
}

static hub_str text(struct json_object *json, const char *name)
{
    struct str value = {0};
    json_get_str(json, name, &value);
    return (hub_str){value.ptr, value.len};
}

static void finished(struct tool *self)
{
    if (--self->pending == 0) {
        uv_stop(&self->loop);
    }
}

static void write_answer(const struct ask *ask, const hub_http_response *response)
{
    struct buf line;
    buf_init(&line, BUF_NO_LIMIT);
    buf_append_format(&line, "{\"id\":%lld,\"error\":%u,\"sent\":%u,\"status\":%u,",
                      (long long)number(ask->json, "id"), response->error, response->sent,
                      response->status);
    buf_append_format(&line, "\"redirects\":%u,\"bytes\":%llu,\"headers\":[", response->redirects,
                      (unsigned long long)response->body_bytes);
    for (uint32_t i = 0; i < response->header_count; i++) {
        const hub_http_header *header = &response->headers[i];
        buf_append_c(&line, i > 0 ? ",[" : "[");
        buf_append_json_string(&line, str_of(header->name.ptr, header->name.len));
        buf_append_char(&line, ',');
        buf_append_json_string(&line, str_of(header->value.ptr, header->value.len));
        buf_append_char(&line, ']');
    }
    buf_append_c(&line, "],\"body\":");
    buf_append_json_string(&line, str_of(response->body.ptr, response->body.len));
    buf_append_c(&line, ",\"url\":");
    buf_append_json_string(&line, str_of(response->url.ptr, response->url.len));
    buf_append_c(&line, ",\"message\":");
    buf_append_json_string(&line, str_of(response->message.ptr, response->message.len));
    buf_append_c(&line, "}\n");
    if (file_write_all(STDOUT_FILENO, line.ptr, line.len) < 0) {
        exit(1);
    }
    buf_release(&line);
}

static void done(void *context, const hub_http_response *response)
{
    struct ask *ask = context;
    if (ask->tool->in_send) {
        fprintf(stderr, "done() came from within send()\n");
        exit(1);
    }
    ask->call = NULL;
    ask->left--;
    write_answer(ask, response);
    finished(ask->tool);
}

static void deliver(uint64_t tag, void (*call)(void *context, const hub_http_response *response),
                    void *context, const hub_http_response *response)
{
    if (tag != 7) {
        exit(1);
    }
    call(context, response);
}

/* [["name","value"], …] */
static uint32_t headers_of(struct json_object *json, hub_http_header headers[128])
{
    struct json_object *list;
    uint32_t count = 0;
    if (json_get_array(json, "headers", &list)) {
        for (; count < json_object_array_length(list) && count < 128; count++) {
            struct json_object *pair = json_object_array_get_idx(list, count);
            struct str name = json_str(json_object_array_get_idx(pair, 0));
            struct str value = json_str(json_object_array_get_idx(pair, 1));
            headers[count] = (hub_http_header){{name.ptr, name.len}, {value.ptr, value.len}};
        }
    }
    return count;
}

static void open_files(struct ask *ask, hub_http_request *request)
{
    struct str path;
    struct stat stat;
    if (json_get_str(ask->json, "body_file", &path)) {
        ask->file =
            (hub_file){.size = sizeof(hub_file), .fd = open(path.ptr, O_RDONLY | O_CLOEXEC)};
        fstat(ask->file.fd, &stat);
        ask->file.bytes = (uint64_t)stat.st_size + (uint64_t)number(ask->json, "body_file_lies");
        request->body_file = &ask->file;
    }
    if (json_get_str(ask->json, "sink", &path)) {
        request->sink_fd = ask->sink =
            open(path.ptr, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        request->flags |= HUB_HTTP_TO_FILE;
    }
}

static void ask_send(struct ask *ask)
{
    hub_http_header headers[128];
    struct json_object *json = ask->json;
    hub_str method = text(json, "method");
    hub_http_request request = {
        .size = sizeof request,
        .flags = (uint32_t)number(json, "flags"),
        .method = method.ptr ? method : HUB_STR("GET"),
        .url = text(json, "url"),
        .headers = headers,
        .header_count = headers_of(json, headers),
        .max_redirects = (uint32_t)number(json, "max_redirects"),
        .body = text(json, "body"),
        .response_max = (uint64_t)number(json, "response_max"),
        .connect_timeout_ms = (uint32_t)number(json, "connect_timeout_ms"),
        .idle_timeout_ms = (uint32_t)number(json, "idle_timeout_ms"),
        .timeout_ms = (uint32_t)number(json, "timeout_ms"),
        .partition = text(json, "partition"),
        .done = done,
        .context = ask,
    };
    open_files(ask, &request);
    ask->tool->in_send = true;
    int32_t result = http_client_send(ask->tool->client, &request, 7, &ask->call);
    ask->tool->in_send = false;
    if (result == HUB_CALL_OK) {
        ask->tool->pending++;
        ask->left++;
    } else {
        printf("{\"id\":%lld,\"refused\":%d}\n", (long long)number(json, "id"), result);
        fflush(stdout);
    }
}

static void send_later(uv_timer_t *timer)
{
    struct ask *ask = timer->data;
    ask_send(ask);
    finished(ask->tool);
}

static void cancel(uv_timer_t *timer)
{
    struct ask *ask = timer->data;
    if (ask->call) {
        http_client_cancel(ask->call);
        ask->call = NULL;
        printf("{\"id\":%lld,\"cancelled\":true}\n", (long long)number(ask->json, "id"));
        fflush(stdout);
        finished(ask->tool);
    }
    finished(ask->tool);
}

static void start(struct tool *self, struct json_object *json)
{
    int64_t times = number(json, "times") > 0 ? number(json, "times") : 1;
    int64_t after_ms = number(json, "after_ms");
    int64_t cancel_ms = number(json, "cancel_after_ms");
    for (int64_t i = 0; i < times; i++) {
        struct ask *ask = calloc(1, sizeof *ask);
        *ask = (struct ask){.tool = self, .json = json_object_get(json), .sink = -1};
        list_append(&self->asks, &ask->link);
        uv_timer_init(&self->loop, &ask->timer);
        ask->timer.data = ask;
        if (after_ms > 0) {
            self->pending++;
            uv_timer_start(&ask->timer, send_later, (uint64_t)after_ms, 0);
        } else {
            ask_send(ask);
        }
        if (cancel_ms > 0) {
            self->pending++;
            uv_timer_start(&ask->timer, cancel, (uint64_t)cancel_ms, 0);
        }
    }
}

static struct str str_member(struct json_object *json, const char *name)
{
    struct str value = {0};
    json_get_str(json, name, &value);
    return value;
}

static struct http_client *make_client(struct tool *self, struct json_object *json)
{
    static hub_str hosts[16];
    struct json_object *list;
    struct http_client *client;
    struct hub_error error;
    struct buf pem;
    struct http_client_config config = {
        .loop = &self->loop,
        .connector = STR("tool"),
        .hosts = hosts,
        .grants = str_member(json, "grants"),
        .private_hosts = str_member(json, "private"),
        .deliver = deliver,
    };
    for (size_t i = 0; json_get_array(json, "hosts", &list) && i < json_object_array_length(list);
         i++) {
        struct str host = json_str(json_object_array_get_idx(list, i));
        hosts[config.host_count++] = (hub_str){host.ptr, host.len};
    }
    buf_init(&pem, 1 << 20);
    if (str_member(json, "authorities").ptr &&
        file_read(str_member(json, "authorities").ptr, &pem, &error) < 0) {
        fprintf(stderr, "%s\n", error.detail);
        exit(1);
    }
    config.authorities = buf_view(&pem);
    if (http_client_new(&config, &client, &error) < 0) {
        fprintf(stderr, "%s\n", error.detail);
        exit(2);
    }
    buf_release(&pem);
    return client;
}

static struct json_object *read_json(struct str line)
{
    struct json_object *json;
    struct hub_error error;
    if (json_read(line, JSON_DEPTH_MAX, &json, NULL, &error) < 0) {
        fprintf(stderr, "%s\n", error.detail);
        exit(1);
    }
    return json;
}

static void free_ask(uv_handle_t *timer)
{
    struct ask *ask = timer->data;
    json_object_put(ask->json);
    free(ask);
}

int main(int argc, char **argv)
{
    static struct tool tool;
    struct buf input;
    struct hub_error error;
    buf_init(&input, 64 << 20);
    signal(SIGPIPE, SIG_IGN);
    if (argc != 2 || file_read_fd(STDIN_FILENO, &input, &error) < 0) {
        return 1;
    }
    uv_loop_init(&tool.loop);
    list_init(&tool.asks);
    struct json_object *config = read_json(str_from_c(argv[1]));
    struct rlimit limit = {.rlim_cur = 1 << 20, .rlim_max = 1 << 20};
    if (number(config, "file_max") > 0) {
        limit.rlim_cur = (rlim_t)number(config, "file_max");
        setrlimit(RLIMIT_FSIZE, &limit);
        signal(SIGXFSZ, SIG_IGN);
    }
    tool.client = make_client(&tool, config);
    json_object_put(config);
    for (struct str rest = buf_view(&input); rest.len > 0;) {
        struct str line = str_split(&rest, '\n');
        if (line.len > 0) {
            struct json_object *json = read_json(line);
            start(&tool, json);
            json_object_put(json);
        }
    }
    buf_release(&input);
    if (tool.pending > 0) {
        uv_run(&tool.loop, UV_RUN_DEFAULT);
    }
    http_client_close(tool.client);
    LIST_FOR_EACH(link, &tool.asks) {
        uv_close((uv_handle_t *)&CONTAINER_OF(link, struct ask, link)->timer, free_ask);
    }
    uv_run(&tool.loop, UV_RUN_DEFAULT);
    return uv_loop_close(&tool.loop) == 0 ? 0 : 3;
}
