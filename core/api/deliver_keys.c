#include "api/deliver_parts.h"

#include "base/clock.h"

#include <stdlib.h>

#define SEALED_MAX 1024

/* Of new keys, on their way to the store. */
struct rotation {
    struct deliveries *deliveries;
    struct signer *signer;
    deliveries_done_fn *done; /* NULL: they are the first */
    void *context;
};

static void rotation_free(struct rotation *self)
{
    if (self != NULL) {
        signer_free(self->signer);
        free(self);
    }
}

static void read_keys(struct deliveries *self);

static void on_put(struct store_op *op, void *context)
{
    struct rotation *self = context;
    struct deliveries *deliveries = self->deliveries;
    deliveries_done_fn *done = self->done;

    deliveries->rotation = NULL;
    if (op->err == 0) {
        signer_copy(deliveries->signer, self->signer);
    }
    if (done != NULL) {
        done(self->context, op->err);
    } else if (op->err == HUB_ERR_CONFLICT) {
        read_keys(deliveries);
    } else {
        deliveries_wake(deliveries);
    }
    rotation_free(self);
}

/* 0: on_put() comes. */
static int put_keys(struct deliveries *self, deliveries_done_fn *done, void *context)
{
    struct rotation *rotation = calloc(1, sizeof *rotation);
    struct store_op *op = store_op_new(STORE_SIGNING_PUT);
    struct buf sealed;
    int err = HUB_ERR_NOMEM;

    buf_init(&sealed, SEALED_MAX);
    if (rotation == NULL || op == NULL || signer_new(&rotation->signer) < 0) {
        goto out;
    }
    if (signer_ready(self->signer)) {
        signer_copy(rotation->signer, self->signer);
        signer_rotate(rotation->signer, clock_wall_ms());
    } else {
        signer_make(rotation->signer, clock_wall_ms());
        op->signing_put.only_new = true;
    }
    err = signer_seal(rotation->signer, self->api->deps.vault, &sealed);
    if (err < 0) {
        goto out;
    }
    op->signing_put.sealed = arena_str(&op->arena, buf_view(&sealed));
    if (op->signing_put.sealed.ptr == NULL) {
        err = HUB_ERR_NOMEM;
        goto out;
    }
    rotation->deliveries = self;
    rotation->done = done;
    rotation->context = context;
    self->rotation = rotation;
    op->done = on_put;
    op->context = rotation;
    store_submit(self->api->deps.store, op);
out:
    buf_release(&sealed);
    if (err < 0) {
        rotation_free(rotation);
        store_op_free(op);
    }
    return err;
}

static void on_keys(struct store_op *op, void *context)
{
    struct deliveries *self = context;
    int err = op->err;

    if (!deliveries_open(self)) {
        return;
    }
    if (err == 0) {
        err = signer_open(self->signer, self->api->deps.vault, op->signing_get.ret_sealed);
    } else if (err == HUB_ERR_NOT_FOUND) {
        err = put_keys(self, NULL, NULL);
    }
    if (err < 0) {
        log_error(self->api->deps.log, "api", "callbacks cannot be signed, and are not sent",
                  "why=%s", hub_err_code(err));
    } else {
        deliveries_wake(self);
    }
}

static void read_keys(struct deliveries *self)
{
    struct store_op *op = deliveries_open(self) ? store_op_new(STORE_SIGNING_GET) : NULL;

    if (op != NULL) {
        op->done = on_keys;
        op->context = self;
        store_submit(self->api->deps.store, op);
    }
}

void deliveries_begin(struct deliveries *self)
{
    read_keys(self);
}

const struct signer *deliveries_signer(const struct deliveries *self)
{
    return signer_ready(self->signer) ? self->signer : NULL;
}

void deliveries_rotate(struct deliveries *self, deliveries_done_fn *done, void *context)
{
    bool possible = deliveries_open(self) && signer_ready(self->signer) && self->rotation == NULL;
    int err = possible ? put_keys(self, done, context) : HUB_ERR_UNAVAILABLE;

    if (err < 0) {
        done(context, err);
    }
}
