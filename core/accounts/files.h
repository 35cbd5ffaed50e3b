/*
 * files.h — a folder of accounts, one a file, read on the thread pool.
 *
 *     account_files_read(loop, dir, on_read, context, &reading);
 *     → on_read(context, items, count)      // [loop]; then all of it is gone
 *
 * Only form is checked here: who may read the file, that it is YAML or JSON, that it matches
 * schemas/AccountPut. Thread: [loop]; the work itself is done on libuv's pool.
 */
#ifndef HUB_ACCOUNTS_FILES_H
#define HUB_ACCOUNTS_FILES_H

#include "base/error.h"
#include "base/str.h"

#include <json-c/json.h>
#include <uv.h>

#define ACCOUNT_FILES_MAX 1000

/* One file of the folder. */
struct account_file {
    char *file;                  /* its name in the folder */
    struct str name;             /* of the account: the file's without its ending */
    struct json_object *content; /* an AccountPut; NULL: see why */
    int64_t changed_at;          /* ms since 1970 */
    struct hub_error why;
};

/* `err` is why the folder itself could not be read; then `count` is 0 and `error` has the detail.
 */
typedef void account_files_fn(void *context, struct account_file *files, unsigned count, int err,
                              const struct hub_error *error);

/* `dir` must live until `done`. HUB_ERR_NOMEM. */
HUB_MUST_CHECK int account_files_read(uv_loop_t *loop, const char *dir, account_files_fn *done,
                                      void *context);

#endif
