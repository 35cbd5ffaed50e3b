/*
 * image.info: what the header tells.
 */
#include <json-c/json.h>

#include "image.h"

int info_run(struct task *task, struct fault *fault)
{
    (void)fault;
    const struct image_header *header = &task->header;
    json_object *result = json_object_new_object();
    json_object_object_add(result, "format", json_object_new_string(task->codec->name));
    json_object_object_add(result, "media_type", json_object_new_string(task->codec->media_type));
    json_object_object_add(result, "bytes", json_object_new_int64((int64_t)task->source.len));
    json_object_object_add(result, "width", json_object_new_int64(header->width));
    json_object_object_add(result, "height", json_object_new_int64(header->height));
    json_object_object_add(result, "orientation", json_object_new_int(header->orientation));
    json_object_object_add(result, "channels", json_object_new_int64(header->channels));
    json_object_object_add(result, "depth", json_object_new_int64(header->depth));
    json_object_object_add(result, "has_alpha", json_object_new_boolean(header->has_alpha));
    json_object_object_add(result, "has_icc", json_object_new_boolean(header->has_icc));
    json_object_object_add(result, "progressive", json_object_new_boolean(header->progressive));
    json_object_object_add(result, "frames", json_object_new_int64(header->frames));
    size_t len;
    const char *text =
        json_object_to_json_string_length(result, JSON_C_TO_STRING_NOSLASHESCAPE, &len);
    task->host->succeed(task->job, (hub_str){text, len});
    json_object_put(result);
    return 0;
}
