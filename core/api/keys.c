/* GET and POST /v1/keys, DELETE /v1/keys/{id}; and the first key of all. */
#include "api/resources.h"

#include "base/clock.h"
#include "base/file.h"

#include <stdlib.h>
#include <string.h>

#define LIST_MAX (4u << 20)

static void append_key(struct buf *out, const struct store_key *key, const char *secret)
{
    buf_append_c(out, "{\"id\":");
    buf_append_json_string(out, key->id);
    buf_append_c(out, ",\"name\":");
    buf_append_json_string(out, key->name);
    buf_append_c(out, ",\"scopes\":");
    scopes_append_json(out, key->scopes);
    buf_append_c(out, ",\"created_at\":");
    clock_append_json(out, key->created_at);
    if (secret != NULL) {
        buf_append_format(out, ",\"key\":\"%s\"", secret);
    }
    buf_append_char(out, '}');
}

/* --- GET ---------------------------------------------------------------------------------------*/

static void on_listed(struct store_op *op, void *context)
{
    struct api_call *call = context;
    struct buf body;

    if (op->err < 0) {
        api_fail(call, op->err, "the keys could not be read");
        return;
    }
    buf_init(&body, LIST_MAX);
    buf_append_c(&body, "{\"keys\":[");
    for (unsigned i = 0; i < op->key_list.ret_count; i++) {
        if (i > 0) {
            buf_append_char(&body, ',');
        }
        append_key(&body, &op->key_list.ret_keys[i], NULL);
    }
    buf_append_c(&body, "]}");
    api_reply_buf(call, 200, &body);
}

void api_key_list(struct api_call *call)
{
    struct store_op *op = api_op(call, STORE_KEY_LIST, on_listed);

    if (op != NULL) {
        api_submit(call, op);
    }
}

/* --- POST --------------------------------------------------------------------------------------*/

/* A key on its way into the store. */
struct key_creation {
    struct api_call *call;
    char text[API_KEY_LEN + 1];
};

static void on_created(struct store_op *op, void *context)
{
    struct key_creation *creation = context;
    struct api_call *call = creation->call;
    const struct store_key *key = &op->key_put.key;
    struct buf body;

    if (op->err < 0 || keyring_put(call->api->keys, key) < 0) {
        api_fail(call, op->err < 0 ? op->err : HUB_ERR_NOMEM, "the key could not be stored");
    } else {
        buf_init(&body, 4096);
        append_key(&body, key, creation->text);
        api_reply(call, 201, buf_view(&body));
        explicit_bzero(body.ptr, body.len);
        buf_release(&body);
    }
    explicit_bzero(creation->text, sizeof creation->text);
    free(creation);
}

void api_key_create(struct api_call *call)
{
    struct store_op *op = api_op(call, STORE_KEY_PUT, on_created);
    struct key_creation *creation = calloc(1, sizeof *creation);
    struct json_object *scopes = NULL;
    struct store_key *key;
    struct str name = {0};

    if (op == NULL || creation == NULL) {
        free(creation);
        if (op != NULL) {
            store_op_free(op);
            api_fail(call, HUB_ERR_NOMEM, "out of memory");
        }
        return;
    }
    creation->call = call;
    key = &op->key_put.key;
    api_key_make(creation->text, key);
    json_get_str(call->json, "name", &name);
    json_get_array(call->json, "scopes", &scopes);
    key->name = arena_str(&op->arena, name);
    key->scopes = scopes_from_json(scopes);
    key->created_at = clock_wall_ms();
    op->context = creation;
    api_submit(call, op);
}

/* --- DELETE ------------------------------------------------------------------------------------*/

static void on_deleted(struct store_op *op, void *context)
{
    struct api_call *call = context;

    if (op->err < 0) {
        api_fail(call, op->err,
                 op->err == HUB_ERR_NOT_FOUND ? "no key has this id"
                                              : "the key could not be deleted");
        return;
    }
    keyring_remove(call->api->keys, op->key_delete.id);
    api_reply_empty(call, 204);
}

void api_key_delete(struct api_call *call)
{
    struct store_op *op = api_op(call, STORE_KEY_DELETE, on_deleted);

    if (op != NULL) {
        op->key_delete.id = call->match.params[0];
        api_submit(call, op);
    }
}

/* --- At start ----------------------------------------------------------------------------------*/

struct key_loading {
    struct api *api;
    const char *admin_key_path;
    api_done_fn *done;
    void *context;
    char text[API_KEY_LEN + 2]; /* with a newline */
};

static void loaded(struct key_loading *loading, int err)
{
    explicit_bzero(loading->text, sizeof loading->text);
    loading->done(loading->context, err);
    free(loading);
}

static void on_admin_key(struct store_op *op, void *context)
{
    struct key_loading *loading = context;

    loaded(loading, op->err < 0 ? op->err : keyring_put(loading->api->keys, &op->key_put.key));
}

/* The file comes first: a key in the store whose text is nowhere would lock everybody out. This is
 * before the server listens, so the loop may block. */
static void make_admin_key(struct key_loading *loading)
{
    struct store_op *op = store_op_new(STORE_KEY_PUT);
    struct hub_error error = {0};
    struct store_key *key;
    int err;

    if (op == NULL) {
        loaded(loading, HUB_ERR_NOMEM);
        return;
    }
    key = &op->key_put.key;
    api_key_make(loading->text, key);
    key->id = arena_str(&op->arena, key->id);
    key->name = STR("admin");
    key->scopes = SCOPE_ADMIN;
    key->created_at = clock_wall_ms();
    loading->text[API_KEY_LEN] = '\n';
    err = file_write_durable(loading->admin_key_path, str_of(loading->text, API_KEY_LEN + 1), 0600,
                             &error);
    if (err < 0) {
        log_error(loading->api->deps.log, "api", "admin key", "why=\"%s\"", error.detail);
        store_op_free(op);
        loaded(loading, err);
        return;
    }
    op->done = on_admin_key;
    op->context = loading;
    store_submit(loading->api->deps.store, op);
}

static void on_keys(struct store_op *op, void *context)
{
    struct key_loading *loading = context;
    int err = op->err;

    for (unsigned i = 0; err == 0 && i < op->key_list.ret_count; i++) {
        err = keyring_put(loading->api->keys, &op->key_list.ret_keys[i]);
    }
    if (err == 0 && keyring_empty(loading->api->keys)) {
        make_admin_key(loading);
    } else {
        loaded(loading, err);
    }
}

void api_load_keys(struct api *self, const char *admin_key_path, api_done_fn *done, void *context)
{
    struct key_loading *loading = calloc(1, sizeof *loading);
    struct store_op *op = store_op_new(STORE_KEY_LIST);

    if (loading == NULL || op == NULL) {
        free(loading);
        store_op_free(op);
        done(context, HUB_ERR_NOMEM);
        return;
    }
    *loading = (struct key_loading){self, admin_key_path, done, context, {0}};
    op->done = on_keys;
    op->context = loading;
    store_submit(self->deps.store, op);
}
