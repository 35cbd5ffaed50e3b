#include "input.h"

#include <time.h>

#include "colours.h"
#include "plan.h"

enum { ROWS_A_CHECK = 64 };

static int64_t processor_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int input_open(struct input_file *self, const hub_host *host, hub_job *job, const char *pointer,
               uint32_t page, struct fault *fault)
{
    *self = (struct input_file){
        .host = host,
        .job = job,
        .file = host->file(job, (hub_str){pointer, strlen(pointer)}),
        .stop_at = processor_ns() + (int64_t)IMAGE_MAX_DECODE_MS * 1000000,
    };
    if (!self->file)
        return fault_set(fault, FAULT_INVALID, "There is no input file at %s.", pointer);
    if (source_map(&self->source, self->file->fd, fault) != 0)
        return -1;
    self->source.page = page;
    if (codec_sniff(&self->source, &self->codec, fault) != 0 ||
        codec_read_header(self->codec, &self->source, &self->header, fault) != 0)
        return -1;
    return colours_new(&self->colours, self->codec, &self->source, &self->header, fault);
}

void input_pretend(struct input_file *self, const hub_host *host, hub_job *job, uint32_t width,
                   uint32_t height)
{
    *self = (struct input_file){
        .host = host,
        .job = job,
        .codec = codec_by_name("png", 3),
        .header = {.width = width, .height = height, .orientation = 1, .frames = 1},
        .stop_at = INT64_MAX,
    };
}

void input_close(struct input_file *self)
{
    colours_free(self->colours);
    source_unmap(&self->source);
    *self = (struct input_file){0};
}

int input_check(const struct input_file *self, struct fault *fault)
{
    if (self->host->cancelled(self->job))
        return fault_set(fault, FAULT_CANCELLED, "The job was cancelled.");
    if (processor_ns() > self->stop_at)
        return fault_set(fault, FAULT_TOO_LARGE, "Decoding took more than %d ms of processor time.",
                         IMAGE_MAX_DECODE_MS);
    return 0;
}

/* --- Reading a whole picture -------------------------------------------------------------------*/

struct reading {
    struct row_sink sink; /* first: what the decoder calls */
    const struct input_file *input;
    const struct plan *plan;
    struct resampler *resampler;
};

static int on_begin(struct row_sink *sink, const struct raster *raster, struct fault *fault)
{
    struct reading *self = (struct reading *)sink;
    const struct resample_spec spec = plan_spec(self->plan, raster);
    return resampler_new(&self->resampler, &spec, fault);
}

static int on_row(struct row_sink *sink, const uint8_t *pixels, uint32_t y, struct fault *fault)
{
    struct reading *self = (struct reading *)sink;
    resampler_row(self->resampler, pixels, y);
    return y % ROWS_A_CHECK == 0 ? input_check(self->input, fault) : 0;
}

int input_read(const struct input_file *self, const struct output_options *options,
               struct pixmap *ret_pixmap, struct fault *fault)
{
    struct plan plan;
    if (plan_make(&plan, options, NULL, &self->header, fault) != 0)
        return -1;
    struct reading reading = {{on_begin, on_row}, self, &plan, NULL};
    const struct decode_request request = {plan.reduction, false};
    struct pixmap pixmap = {0};
    int result = self->codec->decode(&self->source, &self->header, &request, &reading.sink, fault);
    if (result == 0) {
        resampler_finish(reading.resampler, &pixmap);
        colours_apply(self->colours, &pixmap);
        result = plan_finish(&plan, &pixmap, fault);
    }
    resampler_free(reading.resampler);
    if (result == 0)
        *ret_pixmap = pixmap;
    else
        pixmap_release(&pixmap);
    return result;
}
