#include "zones.h"

#include "base/list.h"
#include "base/map.h"

#include <stdio.h>
#include <stdlib.h>

#define ZONES_DIR "/usr/share/zoneinfo"

struct zones {
    uv_loop_t *loop;
    struct log *log;
    struct map by_name; /* struct zone */
    struct list asking; /* struct question */
    bool closed;
};

/* Somebody wants a zone that is being read. */
struct question {
    struct zones *zones;
    struct list link;
    uv_work_t work;
    char name[ZONE_NAME_MAX + 1];
    schedules_zone_fn *done; /* NULL: has been told */
    void *context;
    struct zone *zone;
    int err;
    struct hub_error error;
};

struct zones *zones_new(uv_loop_t *loop, struct log *log)
{
    struct zones *self = calloc(1, sizeof *self);

    if (self != NULL) {
        self->loop = loop;
        self->log = log;
        map_init(&self->by_name);
        list_init(&self->asking);
    }
    return self;
}

static void tell(struct question *question, int err, const struct zone *zone)
{
    schedules_zone_fn *done = question->done;

    question->done = NULL;
    if (done != NULL) {
        done(question->context, err, zone);
    }
}

void zones_close(struct zones *self)
{
    if (self == NULL || self->closed) {
        return;
    }
    self->closed = true;
    LIST_FOR_EACH(link, &self->asking) {
        tell(CONTAINER_OF(link, struct question, link), HUB_ERR_UNAVAILABLE, NULL);
    }
}

void zones_free(struct zones *self)
{
    if (self == NULL) {
        return;
    }
    MAP_FOR_EACH(entry, &self->by_name) {
        zone_free(entry->value);
    }
    map_release(&self->by_name);
    free(self);
}

static void do_read(uv_work_t *work)
{
    struct question *self = work->data;

    self->err = zone_load(ZONES_DIR, str_from_c(self->name), &self->zone, &self->error);
}

/* The zone as it is kept; of two that were read at the same time, the first. */
static const struct zone *keep(struct zones *self, struct question *question)
{
    const struct zone *known = map_get(&self->by_name, str_from_c(question->name));

    if (known != NULL) {
        zone_free(question->zone);
        return known;
    }
    if (map_put(&self->by_name, zone_name(question->zone), question->zone) < 0) {
        zone_free(question->zone);
        return NULL;
    }
    return question->zone;
}

static void after_read(uv_work_t *work, int status)
{
    struct question *self = work->data;
    const struct zone *zone = NULL;

    (void)status; /* never cancelled */
    if (self->err == 0) {
        zone = keep(self->zones, self);
        self->err = zone == NULL ? HUB_ERR_NOMEM : 0;
    } else if (self->err != HUB_ERR_INVALID_INPUT) {
        log_error(self->zones->log, "zones", "a time zone cannot be read", "zone=%s error=%s",
                  self->name, hub_err_code(self->err));
    }
    list_remove(&self->link);
    tell(self, self->err, zone);
    free(self);
}

void zones_find(struct zones *self, const char *name, schedules_zone_fn *done, void *context)
{
    const struct zone *known = map_get(&self->by_name, str_from_c(name));
    struct question *question;

    if (known != NULL || self->closed) {
        done(context, known != NULL ? 0 : HUB_ERR_UNAVAILABLE, known);
        return;
    }
    question = calloc(1, sizeof *question);
    if (question == NULL) {
        done(context, HUB_ERR_NOMEM, NULL);
        return;
    }
    question->zones = self;
    question->work.data = question;
    question->done = done;
    question->context = context;
    snprintf(question->name, sizeof question->name, "%s", name);
    list_append(&self->asking, &question->link);
    if (uv_queue_work(self->loop, &question->work, do_read, after_read) < 0) {
        list_remove(&question->link);
        tell(question, HUB_ERR_NOMEM, NULL);
        free(question);
    }
}
