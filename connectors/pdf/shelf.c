#include "shelf.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_MAX = 1 << 20, NAME_MAX_LEN = 64, NAMES_MAX = 100, LIST_MAX = 400 };

/* --- The ready ones ----------------------------------------------------------------------------*/

#define TEMPLATE_MAP(X) X(invoice) X(label) X(receipt) X(report)

#define DECLARE(name)                                                                              \
    extern const char template_##name[], template_##name##_schema[];                               \
    extern const size_t template_##name##_len, template_##name##_schema_len;
TEMPLATE_MAP(DECLARE)
#undef DECLARE

static const struct ready {
    struct str name;
    const char *definition, *schema; /* JSON */
    const size_t *definition_len, *schema_len;
} READY[] = {
#define ROW(name)                                                                                  \
    {STR_INIT(#name), template_##name, template_##name##_schema, &template_##name##_len,           \
     &template_##name##_schema_len},
    TEMPLATE_MAP(ROW)
#undef ROW
};

static const struct ready *find_ready(struct str name)
{
    for (size_t i = 0; i < sizeof READY / sizeof READY[0]; i++) {
        if (str_eq(name, READY[i].name)) {
            return &READY[i];
        }
    }
    return NULL;
}

/* --- The folder's ------------------------------------------------------------------------------*/

/* Letters, digits, _ and -: so it leads nowhere but into the folder. */
static bool is_name(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(c >= '0' && c <= '9') && c != '_' && c != '-') {
            return false;
        }
    }
    return name.len > 0 && name.len <= NAME_MAX_LEN;
}

int shelf_read_fd(int fd, struct json_object **ret_value, struct hub_error *error)
{
    struct buf text;
    buf_init(&text, FILE_MAX);
    int err = file_read_fd(fd, &text, error);
    if (err == 0) {
        err = json_read(buf_view(&text), JSON_DEPTH_MAX, ret_value, NULL, error);
    }
    if (err == HUB_ERR_INVALID_JSON) {
        error->err = err = HUB_ERR_INVALID_INPUT;
    }
    buf_release(&text);
    return err;
}

/* HUB_ERR_NOT_FOUND if there is no such file. */
static int read_file(struct str folder, struct str name, const char *suffix,
                     struct json_object **ret_value, struct hub_error *error)
{
    char path[4096];
    struct hub_error why;
    int len = snprintf(path, sizeof path, "%.*s/%.*s%s", STR_ARG(folder), STR_ARG(name), suffix);
    if (folder.len == 0 || len >= (int)sizeof path) {
        return HUB_ERR_NOT_FOUND;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return errno == ENOENT ? HUB_ERR_NOT_FOUND
                               : hub_fail_errno(error, errno, "the template can't be read");
    }
    int err = shelf_read_fd(fd, ret_value, &why);
    close(fd);
    return err < 0 ? hub_fail(error, err, "%.*s%s: %s", STR_ARG(name), suffix, why.detail) : 0;
}

/* --- Both --------------------------------------------------------------------------------------*/

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The name of the template that a file is, a new text; NULL if it is none. */
static char *template_of(const char *file)
{
    struct str name = str_from_c(file);
    if (!str_ends_with(name, STR(".json"))) {
        return NULL;
    }
    name = str_slice(name, 0, name.len - strlen(".json"));
    return is_name(name) ? strndup(name.ptr, name.len) : NULL;
}

static size_t folder_names(struct str folder, char **names, size_t count)
{
    char path[4096];
    int len = snprintf(path, sizeof path, "%.*s", STR_ARG(folder));
    DIR *dir = folder.len > 0 && len < (int)sizeof path ? opendir(path) : NULL;
    struct dirent *entry;
    while (dir && count < NAMES_MAX && (entry = readdir(dir))) {
        char *name = template_of(entry->d_name);
        if (name) {
            names[count++] = name;
        }
    }
    if (dir) {
        closedir(dir);
    }
    return count;
}

static int fail_unknown(struct str folder, struct str wanted, struct hub_error *error)
{
    char *names[NAMES_MAX], room[LIST_MAX];
    size_t count = 0;
    struct buf list;
    for (size_t i = 0; i < sizeof READY / sizeof READY[0]; i++) {
        names[count] = strndup(READY[i].name.ptr, READY[i].name.len);
        count += names[count] != NULL;
    }
    count = folder_names(folder, names, count);
    qsort(names, count, sizeof *names, by_text);
    buf_init_fixed(&list, room, sizeof room);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || strcmp(names[i], names[i - 1]) != 0) {
            buf_append_c(&list, list.len > 0 ? ", " : "");
            buf_append_c(&list, names[i]);
        }
    }
    int err =
        hub_fail(error, HUB_ERR_INVALID_INPUT, "there is no template “%.*s”; there are %.*s%s",
                 STR_ARG(str_utf8_cut(wanted, NAME_MAX_LEN)), STR_ARG(buf_view(&list)),
                 buf_failed(&list) ? ", …" : "");
    for (size_t i = 0; i < count; i++) {
        free(names[i]);
    }
    return err;
}

static int read_ready(const struct ready *ready, struct json_object **ret_definition,
                      struct json_object **ret_schema, struct hub_error *error)
{
    struct json_object *schema;
    int err =
        json_read(str_of(ready->schema, *ready->schema_len), JSON_DEPTH_MAX, &schema, NULL, error);
    if (err < 0) {
        return err;
    }
    err = json_read(str_of(ready->definition, *ready->definition_len), JSON_DEPTH_MAX,
                    ret_definition, NULL, error);
    if (err < 0) {
        json_object_put(schema);
        return err;
    }
    *ret_schema = schema;
    return 0;
}

int shelf_read(struct str folder, struct str name, struct json_object **ret_definition,
               struct json_object **ret_schema, struct hub_error *error)
{
    struct json_object *definition = NULL, *schema = NULL;
    int err =
        is_name(name) ? read_file(folder, name, ".json", &definition, error) : HUB_ERR_NOT_FOUND;
    if (err == HUB_ERR_NOT_FOUND) {
        const struct ready *ready = find_ready(name);
        return ready ? read_ready(ready, ret_definition, ret_schema, error)
                     : fail_unknown(folder, name, error);
    }
    if (err == 0) {
        err = read_file(folder, name, ".schema.json", &schema, error);
        err = err == HUB_ERR_NOT_FOUND ? 0 : err;
    }
    if (err < 0) {
        json_object_put(definition);
        return err;
    }
    *ret_definition = definition;
    *ret_schema = schema;
    return 0;
}
