#include "hubctl/progress.h"

#include "base/clock.h"
#include "hubctl/human.h"
#include "hubctl/text.h"

#define BAR_WIDTH 24

static const char *const spinner[] = {"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"};

void progress_init(struct progress *self, const struct output *output)
{
    *self = (struct progress){.output = output};
}

static bool is_on(const struct progress *self)
{
    return self->output->err_terminal && !self->output->quiet && !self->output->json;
}

static bool is_due(struct progress *self)
{
    int64_t now = clock_mono_ms();

    if (!is_on(self) || (self->drawn_ms > 0 && now - self->drawn_ms < PROGRESS_PERIOD_MS)) {
        return false;
    }
    self->drawn_ms = now;
    return true;
}

static void append_bar(struct buf *line, double fraction)
{
    static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    unsigned filled;
    unsigned width;

    fraction = fraction < 0 ? 0 : fraction > 1 ? 1 : fraction;
    filled = (unsigned)(fraction * BAR_WIDTH * 8);
    width = filled / 8 + (filled % 8 > 0);
    buf_append_str(line, STR("▕"));
    for (unsigned i = 0; i < filled / 8; i++) {
        buf_append_str(line, STR("█"));
    }
    buf_append_c(line, eighths[filled % 8]);
    text_append_blanks(line, BAR_WIDTH - width);
    buf_append_format(line, "▏ %3d %%", (int)(fraction * 100));
}

/* Draws `line`, cut so that it never wraps: a wrapped line cannot be redrawn. */
static void draw(struct progress *self, const struct buf *line)
{
    struct buf out;

    buf_init(&out, BUF_NO_LIMIT);
    buf_append_str(&out, STR("\r"));
    text_append_cut(&out, buf_view(line), self->output->err_width - 1);
    buf_append_str(&out, STR("\x1b[K"));
    self->shown = true;
    output_write_error(&out);
    buf_release(&out);
}

static void append_rate(const struct progress *self, struct buf *line, uint64_t done,
                        uint64_t total)
{
    int64_t ms = clock_mono_ms() - self->started_ms;

    if (ms < 500 || done == 0) {
        return;
    }
    uint64_t per_second = done * 1000 / (uint64_t)ms;
    buf_append_str(line, STR("  "));
    human_append_size(line, per_second);
    buf_append_str(line, STR("/s"));
    if (per_second > 0 && total > done && total - done >= per_second) {
        buf_append_str(line, STR("  "));
        human_append_duration(line, (int64_t)((total - done) / per_second) * 1000);
        buf_append_str(line, STR(" left"));
    }
}

void progress_bytes(struct progress *self, const char *verb, struct str name, uint64_t done,
                    uint64_t total)
{
    struct buf line;

    if (self->started_ms == 0 || done < self->last_done) {
        self->started_ms = clock_mono_ms();
    }
    self->last_done = done;
    if (!is_due(self)) {
        return;
    }
    buf_init(&line, BUF_NO_LIMIT);
    buf_append_format(&line, "%s ", verb);
    text_append_safe(&line, name);
    buf_append_str(&line, STR("  "));
    if (total > 0) {
        append_bar(&line, (double)done / (double)total);
        buf_append_str(&line, STR("  "));
    }
    human_append_size(&line, done);
    append_rate(self, &line, done, total);
    draw(self, &line);
    buf_release(&line);
}

void progress_job(struct progress *self, const char *state, double fraction, struct str message)
{
    struct buf line;

    if (!is_due(self)) {
        return;
    }
    buf_init(&line, BUF_NO_LIMIT);
    self->turn = (self->turn + 1) % (sizeof spinner / sizeof spinner[0]);
    buf_append_format(&line, "%s ", spinner[self->turn]);
    text_append_safe(&line, str_from_c(state));
    if (fraction >= 0) {
        buf_append_str(&line, STR("  "));
        append_bar(&line, fraction);
    }
    if (message.len > 0) {
        buf_append_str(&line, STR("  "));
        text_append_safe(&line, message);
    }
    draw(self, &line);
    buf_release(&line);
}

void progress_clear(struct progress *self)
{
    struct buf out;

    if (self->shown) {
        buf_init(&out, BUF_NO_LIMIT);
        buf_append_str(&out, STR("\r\x1b[K"));
        output_write_error(&out);
        buf_release(&out);
    }
    self->shown = false;
    self->drawn_ms = 0;
    self->started_ms = 0;
    self->last_done = 0;
}
