/* GET /v1/queues, PATCH /v1/queues/{name} */
#include "api/resources.h"

#include <string.h>

#define LIST_MAX     (4u << 20)
#define NAME_MAX_LEN 64

static void append_queue(struct buf *out, const struct jobs_queue_info *queue)
{
    const struct store_queue *settings = &queue->settings;

    buf_append_c(out, "{\"name\":");
    buf_append_json_string(out, settings->name);
    buf_append_format(out, ",\"paused\":%s,\"concurrency\":", settings->paused ? "true" : "false");
    if (settings->concurrency > 0) {
        buf_append_u64(out, settings->concurrency);
    } else {
        buf_append_c(out, "null");
    }
    buf_append_c(out, ",\"rate\":");
    if (settings->rate > 0) {
        buf_append_format(out, "{\"limit\":%u,\"period_ms\":%u}", settings->rate,
                          settings->rate_period_ms);
    } else {
        buf_append_c(out, "null");
    }
    buf_append_format(out, ",\"blocked\":%llu,\"scheduled\":%llu,\"queued\":%llu,\"running\":%llu}",
                      (unsigned long long)queue->blocked, (unsigned long long)queue->scheduled,
                      (unsigned long long)queue->queued, (unsigned long long)queue->running);
}

struct listing {
    struct buf body;
    bool any;
};

static void visit(void *context, const struct jobs_queue_info *queue)
{
    struct listing *listing = context;

    if (listing->any) {
        buf_append_char(&listing->body, ',');
    }
    listing->any = true;
    append_queue(&listing->body, queue);
}

void api_queue_list(struct api_call *call)
{
    struct listing listing = {0};

    buf_init(&listing.body, LIST_MAX);
    buf_append_c(&listing.body, "{\"queues\":[");
    jobs_each_queue(call->api->deps.jobs, visit, &listing);
    buf_append_c(&listing.body, "]}");
    api_reply_buf(call, 200, &listing.body);
}

static void on_patched(void *context, int err)
{
    struct api_call *call = context;
    struct jobs_queue_info queue;
    struct buf body;

    if (err < 0 || !jobs_find_queue(call->api->deps.jobs, call->match.params[0], &queue)) {
        api_fail(call, err < 0 ? err : HUB_ERR_INTERNAL, "the queue could not be changed");
        return;
    }
    buf_init(&body, LIST_MAX);
    append_queue(&body, &queue);
    api_reply_buf(call, 200, &body);
}

/* The same pattern as JobCreate's `queue`. */
static bool name_is_valid(struct str name)
{
    static const char FIRST[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    static const char REST[] = "abcdefghijklmnopqrstuvwxyz0123456789_.-";

    if (name.len == 0 || name.len > NAME_MAX_LEN || strchr(FIRST, name.ptr[0]) == NULL) {
        return false;
    }
    for (size_t i = 1; i < name.len; i++) {
        if (strchr(REST, name.ptr[i]) == NULL) {
            return false;
        }
    }
    return true;
}

static void apply_patch(struct json_object *patch, struct store_queue *settings)
{
    struct json_object *rate;
    int64_t number;

    json_get_bool(patch, "paused", &settings->paused);
    if (json_object_object_get_ex(patch, "concurrency", NULL)) {
        settings->concurrency = json_get_i64(patch, "concurrency", &number) ? (uint32_t)number : 0;
    }
    if (json_object_object_get_ex(patch, "rate", &rate)) {
        settings->rate = json_get_i64(rate, "limit", &number) ? (uint32_t)number : 0;
        settings->rate_period_ms = json_get_i64(rate, "period_ms", &number) ? (uint32_t)number : 0;
    }
}

void api_queue_patch(struct api_call *call)
{
    struct store_queue settings = {.name = call->match.params[0]};
    struct jobs_queue_info known;

    if (!name_is_valid(settings.name)) {
        api_fail(call, HUB_ERR_NOT_FOUND, "a queue can't have this name");
        return;
    }
    if (jobs_find_queue(call->api->deps.jobs, settings.name, &known)) {
        settings = known.settings;
    }
    apply_patch(call->json, &settings);
    jobs_set_queue(call->api->deps.jobs, &settings, on_patched, call);
}
