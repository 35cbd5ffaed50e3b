/* hubctl batch run: a file of jobs to hubd, again and again until all of it is there. */
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "hubctl/batch_view.h"
#include "hubctl/commands.h"
#include "base/csv.h"
#include "hubctl/input.h"
#include "hubctl/labels.h"
#include "hubctl/limits.h"
#include "hubctl/must.h"
#include "hubctl/progress.h"
#include "hubctl/text.h"
#include "hubctl/url.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRIES_MAX     12
#define WAIT_FIRST_MS 500
#define WAIT_MAX_MS   30000
#define KEY_MAX       128
#define SETTINGS_MAX  ((size_t)6 * 1024) /* encoded, in the request line */
#define MAPS_MAX      256

/* The upload of one file. */
struct sending {
    struct app *app;
    const char *path;
    bool is_csv;
    char delimiter;
    struct csv_map maps[MAPS_MAX];
    struct csv_mapping mapping;
    char key[KEY_MAX];  /* empty: it cannot be continued */
    const char *target; /* with the settings */
    int fd;
    uint64_t size; /* 0: unknown */
    struct csv csv;
    struct buf lines; /* made, not sent yet */
    struct progress progress;
    struct hub_error error;
};

/* --- The text ----------------------------------------------------------------------------------*/

static int64_t read_plain(struct sending *self, char *bytes, size_t room)
{
    ssize_t got;

    do {
        if (!interrupt_wait_readable(&self->app->interrupt, self->fd, -1)) {
            return hub_fail(&self->error, HUB_ERR_INTERRUPTED, "interrupted");
        }
        got = read(self->fd, bytes, room);
    } while (got < 0 && errno == EINTR);
    return got < 0 ? hub_fail_errno(&self->error, errno, "%s cannot be read", self->path) : got;
}

static int64_t read_csv(struct sending *self, char *bytes, size_t room)
{
    int got = 1;

    while (self->lines.len < room && got > 0) {
        got = csv_next(&self->csv, &self->lines, &self->error);
    }
    if (got < 0) {
        return got;
    }
    size_t len = self->lines.len < room ? self->lines.len : room;
    if (len > 0) {
        memcpy(bytes, self->lines.ptr, len);
        buf_consume(&self->lines, len);
    }
    return (int64_t)len;
}

static int64_t on_read(void *context, char *bytes, size_t room)
{
    struct sending *self = context;

    return self->is_csv ? read_csv(self, bytes, room) : read_plain(self, bytes, room);
}

static void on_progress(void *context, uint64_t done, uint64_t total)
{
    struct sending *self = context;

    (void)total;
    if (done > 0) {
        progress_bytes(&self->progress, "uploading", str_from_c(self->path), done,
                       self->is_csv ? 0 : self->size);
    }
}

static int open_text(struct sending *self)
{
    struct stat status;
    bool is_stdin = strcmp(self->path, "-") == 0;

    self->fd = is_stdin ? dup(STDIN_FILENO) : open(self->path, O_RDONLY | O_CLOEXEC);
    if (self->fd < 0 || fstat(self->fd, &status) < 0) {
        return app_fail(self->app, EXITS_LOCAL, "%s: %s", self->path, strerror(errno));
    }
    if (S_ISDIR(status.st_mode)) {
        return app_fail(self->app, EXITS_LOCAL, "%s is a directory", self->path);
    }
    self->size = S_ISREG(status.st_mode) && status.st_size > 0 ? (uint64_t)status.st_size : 0;
    if (self->is_csv &&
        csv_open(&self->csv, self->fd, self->delimiter, &self->mapping, &self->error) < 0) {
        return app_fail(self->app, EXITS_LOCAL, "%s: %s", self->path, self->error.detail);
    }
    return EXITS_OK;
}

static void close_text(struct sending *self)
{
    if (self->is_csv) {
        csv_release(&self->csv);
    }
    if (self->fd >= 0) {
        close(self->fd);
    }
    self->fd = -1;
    buf_clear(&self->lines);
    self->error = (struct hub_error){0};
}

/* --- Sending -----------------------------------------------------------------------------------*/

static bool is_worth_another_try(const struct sending *self, int err, const struct reply *reply)
{
    if (self->key[0] == '\0' || self->error.err < 0) {
        return false;
    }
    return err < 0 ? err == HUB_ERR_UNAVAILABLE
                   : reply->status >= 500 || reply->status == 409 || reply->status == 429;
}

/* One try. `*ret_again`: it is worth another one. */
static int send_once(struct sending *self, bool is_last, bool *ret_again,
                     struct json_object **ret_batch)
{
    struct app *app = self->app;
    char key[KEY_MAX + 32];
    struct hub_error error;
    struct reply reply;
    int code = open_text(self);

    *ret_again = false;
    if (code != EXITS_OK) {
        close_text(self);
        return code;
    }
    snprintf(key, sizeof key, "Idempotency-Key: %s", self->key);
    const struct request request = {
        .method = "POST",
        .path = self->target,
        .headers = {"Content-Type: application/x-ndjson", self->key[0] ? key : NULL},
        .read = on_read,
        .read_size = self->is_csv || self->size == 0 ? -1 : (int64_t)self->size,
        .progress = on_progress,
        .context = self,
    };
    int err = client_call(app->client, &request, &reply, &error);
    progress_clear(&self->progress);
    if (!is_last && is_worth_another_try(self, err, &reply)) {
        *ret_again = true;
    } else if (err < 0) {
        code = app_fail_with(app, self->error.err < 0 ? &self->error : &error);
    } else if (exits_of_status(reply.status) != EXITS_OK) {
        code = app_refused(app, &reply);
    } else if (json_read(buf_view(&reply.body), JSON_DEPTH_MAX, ret_batch, NULL, NULL) < 0) {
        code = app_fail(app, EXITS_UNREACHABLE, "hubd's answer is not JSON");
    }
    reply_release(&reply);
    close_text(self);
    return code;
}

static int send_all(struct sending *self, struct json_object **ret_batch)
{
    int wait_ms = WAIT_FIRST_MS;
    bool again = true;
    int code = EXITS_OK;

    for (int i = 1; again; i++) {
        code = send_once(self, i == TRIES_MAX, &again, ret_batch);
        if (!again) {
            break;
        }
        output_note(&self->app->output, "the upload was broken off; going on in %d.%d s",
                    wait_ms / 1000, wait_ms % 1000 / 100);
        if (client_sleep(self->app->client, wait_ms) < 0) {
            return app_fail(self->app, EXITS_INTERRUPTED,
                            "interrupted; the same command goes on from there");
        }
        wait_ms = wait_ms * 2 < WAIT_MAX_MS ? wait_ms * 2 : WAIT_MAX_MS;
    }
    return code;
}

/* --- The command line --------------------------------------------------------------------------*/

static void add_text(struct json_object *settings, const char *name, const char *value)
{
    if (value) {
        must_ok(json_object_object_add(settings, name, must(json_object_new_string(value))));
    }
}

static int read_settings(struct app *app, const struct options *options,
                         struct json_object **ret_settings)
{
    const char *given = options_get(options, "settings");
    struct hub_error error;

    if (!given) {
        *ret_settings = must(json_object_new_object());
    } else if (input_read_object(str_from_c(given), "--settings", ret_settings, &error) < 0) {
        return app_usage(app, "%s", error.detail);
    }
    struct json_object *settings = *ret_settings;
    add_text(settings, "type", options_get(options, "type"));
    add_text(settings, "queue", options_get(options, "queue"));
    add_text(settings, "account", options_get(options, "account"));
    add_text(settings, "callback_url", options_get(options, "callback-url"));
    if (options_has(options, "atomic")) {
        add_text(settings, "on_error", "abort");
    }
    if (options_has(options, "paused")) {
        must_ok(json_object_object_add(settings, "paused", must(json_object_new_boolean(true))));
    }
    int code = labels_add(app, options, settings);
    return code == EXITS_OK ? limits_add(app, options, settings) : code;
}

static int read_maps(struct sending *self, const struct options *options)
{
    struct hub_error error;
    const char *value;
    size_t count = 0;

    for (size_t i = 0; (value = options_next(options, "map", &i)) && count < MAPS_MAX;) {
        if (csv_parse_map(str_from_c(value), &self->maps[count++], &error) < 0) {
            return app_usage(self->app, "--map: %s", error.detail);
        }
    }
    for (size_t i = 0; (value = options_next(options, "label-column", &i)) && count < MAPS_MAX;) {
        self->maps[count++] = (struct csv_map){
            .column = str_from_c(value), .place = str_from_c(value), .is_label = true};
    }
    self->mapping = (struct csv_mapping){self->maps, count};
    if (count > 0 && !self->is_csv) {
        return app_usage(self->app, "--map and --label-column are for CSV files");
    }
    return EXITS_OK;
}

/* The same file with the same settings is the same upload: so the same command continues it. */
static void make_key(struct sending *self, const struct options *options, struct str settings)
{
    const char *given = options_get(options, "key");
    struct sha256_digest digest;
    char hex[SHA256_HEX_LEN + 1];
    struct stat status;
    struct sha256 hash;

    if (given) {
        snprintf(self->key, sizeof self->key, "%s", given);
        return;
    }
    if (strcmp(self->path, "-") == 0 || stat(self->path, &status) < 0) {
        return;
    }
    char *whole = realpath(self->path, NULL);
    const char *name = whole ? whole : self->path;
    uint64_t parts[4] = {(uint64_t)status.st_size, (uint64_t)status.st_mtim.tv_sec,
                         (uint64_t)status.st_mtim.tv_nsec, (uint64_t)status.st_ino};
    if (options_has(options, "new")) {
        hash_random(&parts[3], sizeof parts[3]);
    }
    must_ok(sha256_init(&hash));
    sha256_update(&hash, name, strlen(name) + 1);
    sha256_update(&hash, parts, sizeof parts);
    sha256_update(&hash, settings.ptr, settings.len);
    for (size_t i = 0; i < self->mapping.count; i++) {
        sha256_update(&hash, self->maps[i].column.ptr, self->maps[i].column.len);
        sha256_update(&hash, self->maps[i].place.ptr, self->maps[i].place.len);
        sha256_update(&hash, &self->maps[i].type, sizeof self->maps[i].type);
    }
    sha256_final(&hash, &digest);
    sha256_hex(&digest, hex);
    snprintf(self->key, sizeof self->key, "hubctl-%.40s", hex);
    free(whole);
}

static int prepare(struct sending *self, const struct options *options)
{
    struct json_object *settings = NULL;
    const char *delimiter = options_get(options, "delimiter");
    struct str path = str_from_c(self->path);
    struct buf target;

    self->is_csv = options_has(options, "csv") || str_ends_with(path, STR(".csv"));
    self->delimiter = delimiter && strcmp(delimiter, "tab") == 0 ? '\t'
                      : delimiter                                ? delimiter[0]
                                                                 : ',';
    int code = read_maps(self, options);
    if (code == EXITS_OK) {
        code = read_settings(self->app, options, &settings);
    }
    if (code == EXITS_OK) {
        struct str text =
            str_from_c(json_object_to_json_string_ext(settings, JSON_C_TO_STRING_PLAIN));
        make_key(self, options, text);
        buf_init(&target, SETTINGS_MAX);
        buf_append_c(&target, "/v1/batches");
        url_append_query(&target, "settings", text);
        if (buf_failed(&target)) {
            code = app_usage(self->app, "the settings are too long: put them into the first line");
        } else {
            self->target = must(arena_strdup(&self->app->arena, buf_view(&target)));
        }
        buf_release(&target);
    }
    json_object_put(settings);
    return code;
}

static void tell_errors(struct app *app, struct json_object *batch)
{
    struct json_object *errors;
    struct buf line;
    int64_t number;

    if (app->output.json || !json_get_array(batch, "errors", &errors)) {
        return;
    }
    buf_init(&line, BUF_NO_LIMIT);
    for (size_t i = 0; i < json_object_array_length(errors); i++) {
        struct json_object *error = json_object_array_get_idx(errors, i);
        json_get_i64(error, "line", &number);
        buf_append_format(&line, "line %lld", (long long)number);
        if (text_member(error, "pointer").len > 0) {
            buf_append_c(&line, ", ");
            text_append_safe(&line, text_member(error, "pointer"));
        }
        buf_append_c(&line, ": ");
        text_append_safe(&line, text_member(error, "detail"));
        output_note(&app->output, "%s", (const char *)must(line.ptr));
        buf_clear(&line);
    }
    buf_release(&line);
}

static int run(struct app *app, const struct options *options)
{
    struct sending sending = {.app = app, .path = options->words[0], .fd = -1};
    struct json_object *batch = NULL;

    buf_init(&sending.lines, BUF_NO_LIMIT);
    progress_init(&sending.progress, &app->output);
    int code = prepare(&sending, options);
    if (code == EXITS_OK) {
        code = app_connect(app);
    }
    if (code == EXITS_OK) {
        interrupt_hold(&app->interrupt);
        code = send_all(&sending, &batch);
    }
    buf_release(&sending.lines);
    if (code != EXITS_OK || !batch) {
        return code;
    }
    tell_errors(app, batch);
    if (options_has(options, "wait")) {
        char *id = must(arena_strdup(&app->arena, text_member(batch, "id")));
        json_object_put(batch);
        batch = NULL;
        code = batch_follow(app, id, &batch);
    }
    if (code == EXITS_OK || code == EXITS_JOB) {
        batch_show(app, batch);
        json_object_put(batch);
    }
    return code;
}

static const struct option run_options[] = {
    {"type", 't', "TYPE", "job type of lines that name none", WORD_JOB_TYPE},
    {"queue", 0, "NAME", "queue of all jobs", WORD_QUEUE},
    {"account", 0, "NAME", "account of lines that name none", WORD_ACCOUNT},
    {"label", 'l', "NAME=VALUE", "label of lines without labels; may be repeated", WORD_ANY},
    {"map", 'm', "COLUMN=PLACE[:TYPE]",
     "CSV: where a column stands in the input (to, items.0.sku, /a/b); TYPE is text, number, bool "
     "or json",
     WORD_ANY},
    {"label-column", 0, "COLUMN", "CSV: a column that becomes a label", WORD_ANY},
    {"csv", 0, NULL, "the file is CSV, whatever its name", WORD_ANY},
    {"delimiter", 0, "C", "CSV: what stands between fields, or tab; a comma unless told", WORD_ANY},
    {"atomic", 0, NULL, "a bad line leaves nothing of the batch", WORD_ANY},
    {"paused", 0, NULL, "start nothing until `batch resume`", WORD_ANY},
    {"concurrency", 'c', "N|none", "so many attempts of the batch at once", WORD_ANY},
    {"rate", 'r', "RATE|none", "so many begin in a time: 100/s, 5/m, 3/10s", WORD_ANY},
    {"callback-url", 0, "URL", "where a signed message is posted once the batch has finished",
     WORD_ANY},
    {"settings", 0, "JSON", "more settings, such as on_complete", WORD_ANY},
    {"key", 0, "KEY", "Idempotency-Key; made from the file and the settings unless told", WORD_ANY},
    {"new", 0, NULL, "a new batch, though this file was uploaded before", WORD_ANY},
    {"wait", 'w', NULL, "show progress until the batch has finished", WORD_ANY},
    {0},
};

const struct command batch_run = {
    .name = "run",
    .summary = "upload a file of jobs, a line or row each",
    .usage = "FILE.ndjson|FILE.csv|- [OPTIONS]",
    .about =
        "An NDJSON line is a job as POST /v1/jobs takes it; what the options give may be left out. "
        "Of a CSV file the header row names the columns; each row is the input of a job, and row N "
        "is line N of the batch.\n\n"
        "A broken upload is continued by itself, and by the same command within a day: no line is "
        "taken twice.",
    .options = run_options,
    .examples = "# A row of customers.csv is a mail\n"
                "hubctl batch run customers.csv -t email.send --map email=to --map name=vars.name "
                "--rate 50/s --wait\n"
                "\n"
                "# Jobs made by a program, all or none of them\n"
                "make-jobs | hubctl batch run - --atomic",
    .run = run,
    .words_min = 1,
    .words_max = 1,
    .words = WORD_FILE,
};
