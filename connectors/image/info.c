/*
 * image.info: what the header tells.
 */
#include "image.h"
#include "output.h"

static void describe(const struct input_file *input, struct buf *json)
{
    const struct image_header *header = &input->header;
    buf_append_format(json,
                      "{\"format\":\"%s\",\"media_type\":\"%s\",\"bytes\":%zu,\"width\":%u,"
                      "\"height\":%u,\"orientation\":%d,\"channels\":%u,\"depth\":%u,",
                      input->codec->name, input->codec->media_type, input->source.len,
                      header->width, header->height, header->orientation, header->channels,
                      header->depth);
    buf_append_format(json, "\"has_alpha\":%s,\"has_icc\":%s,\"progressive\":%s,\"frames\":%u}",
                      header->has_alpha ? "true" : "false", header->has_icc ? "true" : "false",
                      header->progressive ? "true" : "false", header->frames);
}

int info_run(const hub_host *host, hub_job *job, struct fault *fault)
{
    struct input_file input = {0};
    int result = input_open(&input, host, job, "/image", fault);
    struct buf json;
    buf_init(&json, BUF_NO_LIMIT);
    if (result == 0) {
        describe(&input, &json);
        result = output_succeed(host, job, &json, fault);
    }
    buf_release(&json);
    input_close(&input);
    return result;
}
