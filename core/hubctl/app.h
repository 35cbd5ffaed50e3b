/*
 * app.h — what every command works with: the output, the place of hubd, one client, one arena; and
 * calls of the API that report what went wrong.
 *
 *     struct json_object *queues;
 *     int code = app_get(app, "/v1/queues", &queues);
 *     if (code != EXITS_OK)
 *         return code;                                   // the user has been told
 *
 * Functions that return `int` here return one of enum exits, and have told the user when it is not
 * EXITS_OK: in words on stderr, or with --json as one JSON object on stderr.
 *
 * Owner: main(). Thread: [any], the main one.
 */
#ifndef HUB_HUBCTL_APP_H
#define HUB_HUBCTL_APP_H

#include "base/arena.h"
#include "hubctl/client.h"
#include "hubctl/command.h"
#include "hubctl/output.h"

struct app {
    const struct options *options;
    struct arena arena; /* ends with the program */
    struct output output;
    struct interrupt interrupt;
    struct endpoint endpoint;
    struct client *client; /* NULL until app_connect() */
    const char *command;   /* its full name, for usage errors: "queues pause" */
};

/* After the options are parsed. EXITS_USAGE for bad global options. */
int app_init(struct app *self, const struct options *options);
void app_release(struct app *self);

/* --- calls ------------------------------------------------------------------------------------ */

/* Finds hubd and makes the client; a second call does nothing. It does not yet speak to hubd. */
int app_connect(struct app *self);

/* Any answer but 2xx is reported. With `ret_json` (may be NULL) the body must be JSON; the caller
 * owns the value. */
int app_call(struct app *self, const struct request *request, struct json_object **ret_json);
int app_get(struct app *self, const char *path, struct json_object **ret_json);

/* `method` with `body` as JSON; `body` NULL: no body. */
int app_send(struct app *self, const char *method, const char *path, struct json_object *body,
             struct json_object **ret_json);

/* app_get() that says nothing, for what is only nice to have. */
bool app_try_get(struct app *self, const char *path, int timeout_ms, struct json_object **ret_json);

/* PREFIX, `id` as a segment, SUFFIX; in the arena. */
const char *app_path(struct app *self, const char *prefix, const char *id, const char *suffix);

/* The time that `option` gives: RFC 3339, or an age like 2h; untouched if it was not given.
 * EXITS_USAGE if it is neither. */
int app_time(struct app *self, const struct options *options, const char *option, int64_t *ret_at);

/* Adds the time that `option` gives to the query of `path`, if it was given: RFC 3339, or an age
 * like 2h. EXITS_USAGE if it is neither. */
int app_query_time(struct app *self, struct buf *path, const struct options *options,
                   const char *option, const char *parameter);

/* --- reports ---------------------------------------------------------------------------------- */

/* Returns `code`. The sentence may hold what users and servers wrote: it is made safe. */
int app_fail(struct app *self, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int app_fail_with(struct app *self, const struct hub_error *error); /* the code goes with it */
int app_refused(struct app *self, const struct reply *reply);       /* an answer but 2xx */

/* EXITS_USAGE, with a word on where help is. */
int app_usage(struct app *self, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* That `text` is the id of a job or an artifact: a UUID. */
int app_check_id(struct app *self, const char *what, const char *text);

#endif
