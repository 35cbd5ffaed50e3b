#include "accounts/files.h"

#include "accounts/accounts.h"
#include "base/file.h"
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern const char accounts_schema_put[], accounts_schema_rate[];
extern const size_t accounts_schema_put_len, accounts_schema_rate_len;

struct reading {
    uv_work_t work;
    const char *dir;
    account_files_fn *done;
    void *context;
    struct schema *schema;
    struct account_file files[ACCOUNT_FILES_MAX];
    unsigned count;
    int err;
    struct hub_error error;
};

static void reading_free(struct reading *self)
{
    for (unsigned i = 0; i < self->count; i++) {
        free(self->files[i].file);
        secret_put_json(self->files[i].content);
    }
    schema_free(self->schema);
    free(self);
}

/* --- The schema --------------------------------------------------------------------------------*/

static int add_document(struct schema_registry *registry, struct str uri, struct str text,
                        struct hub_error *error)
{
    struct json_object *document;
    int err = json_read(text, JSON_DEPTH_MAX, &document, NULL, error);

    if (err == 0) {
        err = schema_registry_add(registry, uri, document, error);
        json_object_put(document);
    }
    return err;
}

static int compile(struct schema **ret_schema, struct hub_error *error)
{
    static const char PUT[] = "https://hubd.dev/schemas/AccountPut";
    static const char RATE[] = "https://hubd.dev/schemas/Rate";
    struct schema_registry *registry = schema_registry_new();
    int err = registry != NULL ? 0 : hub_fail(error, HUB_ERR_NOMEM, "out of memory");

    if (err == 0) {
        err = add_document(registry, str_from_c(PUT),
                           str_of(accounts_schema_put, accounts_schema_put_len), error);
    }
    if (err == 0) {
        err = add_document(registry, str_from_c(RATE),
                           str_of(accounts_schema_rate, accounts_schema_rate_len), error);
    }
    if (err == 0) {
        err = schema_compile(registry, str_from_c(PUT), SCHEMA_ASSERT_FORMAT, ret_schema, error);
    }
    schema_registry_free(registry);
    return err;
}

/* --- One file, on the pool ---------------------------------------------------------------------*/

static int check_owner(int fd, struct account_file *file)
{
    struct stat info;

    if (fstat(fd, &info) < 0) {
        return hub_fail_errno(&file->why, errno, "cannot be looked at");
    }
    file->changed_at = (int64_t)info.st_mtim.tv_sec * 1000 + info.st_mtim.tv_nsec / 1000000;
    if (!S_ISREG(info.st_mode)) {
        return hub_fail(&file->why, HUB_ERR_FORBIDDEN, "is not a plain file");
    }
    if (info.st_uid != geteuid() && info.st_uid != 0) {
        return hub_fail(&file->why, HUB_ERR_FORBIDDEN, "belongs to user %u, not to us or root",
                        (unsigned)info.st_uid);
    }
    if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return hub_fail(&file->why, HUB_ERR_FORBIDDEN,
                        "has mode %04o, so that others may read it: chmod 600",
                        (unsigned)(info.st_mode & 07777));
    }
    return 0;
}

static int check_content(const struct reading *self, struct json_object *content,
                         struct json_object *lines, struct account_file *file)
{
    struct schema_errors errors;
    int err;

    schema_errors_init(&errors, 1);
    err = schema_validate(self->schema, content, &errors);
    if (err < 0 && errors.len > 0) {
        hub_fail(&file->why, err, "line %u: %.*s", yaml_line(lines, errors.items[0].pointer),
                 STR_ARG(errors.items[0].detail));
    } else if (err < 0) {
        hub_fail(&file->why, err, "%s", hub_err_title(err));
    }
    schema_errors_release(&errors);
    return err;
}

/* yaml_read() quotes nothing of what it reads. */
static int parse(const struct reading *self, struct str text, struct account_file *file)
{
    struct json_object *content = NULL;
    struct json_object *lines = NULL;
    int err = yaml_read(text, &content, &lines, &file->why);

    if (err == 0) {
        err = check_content(self, content, lines, file);
        json_object_put(lines);
    }
    if (err < 0) {
        secret_put_json(content);
        return err;
    }
    file->content = content;
    return 0;
}

static int read_one(const struct reading *self, int dir_fd, struct account_file *file)
{
    struct secret text;
    int fd, err;

    if (!account_name_is_valid(file->name)) {
        return hub_fail(&file->why, HUB_ERR_INVALID_INPUT, "an account cannot have this name");
    }
    fd = openat(dir_fd, file->file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        return hub_fail_errno(&file->why, errno, "cannot be opened");
    }
    err = check_owner(fd, file);
    if (err == 0 && secret_init(&text, ACCOUNT_SETTINGS_MAX) < 0) {
        err = hub_fail(&file->why, HUB_ERR_NOMEM, "out of memory");
    } else if (err == 0) {
        err = file_read_fd(fd, &text.text, &file->why);
        if (err == 0) {
            err = parse(self, buf_view(&text.text), file);
        }
        secret_release(&text);
    }
    close(fd);
    return err;
}

/* --- The folder, on the pool -------------------------------------------------------------------*/

/* The account's name, if the file is one of ours: ptr NULL if not. */
static struct str account_of(const char *file)
{
    static const char *const ENDINGS[] = {".yaml", ".yml", ".json"};
    struct str whole = str_from_c(file);

    for (size_t i = 0; i < sizeof ENDINGS / sizeof ENDINGS[0]; i++) {
        struct str ending = str_from_c(ENDINGS[i]);

        if (file[0] != '.' && str_ends_with(whole, ending)) {
            return str_of(file, whole.len - ending.len);
        }
    }
    return (struct str){0};
}

static int by_account(const void *a, const void *b)
{
    const struct account_file *x = a;
    const struct account_file *y = b;
    int order = str_cmp(x->name, y->name);

    return order != 0 ? order : strcmp(x->file, y->file);
}

static int list_folder(struct reading *self, DIR *folder)
{
    const struct dirent *entry;

    while ((entry = readdir(folder)) != NULL) {
        if (account_of(entry->d_name).ptr == NULL) {
            continue;
        }
        if (self->count == ACCOUNT_FILES_MAX) {
            return hub_fail(&self->error, HUB_ERR_LIMIT, "%s: more than %d files", self->dir,
                            ACCOUNT_FILES_MAX);
        }
        struct account_file *file = &self->files[self->count];
        file->file = strdup(entry->d_name);
        if (file->file == NULL) {
            return hub_fail(&self->error, HUB_ERR_NOMEM, "out of memory");
        }
        file->name = account_of(file->file);
        self->count++;
    }
    qsort(self->files, self->count, sizeof self->files[0], by_account);
    return 0;
}

/* Of a.json and a.yaml only the first is the account a. */
static bool is_second(const struct account_file *files, unsigned index)
{
    return index > 0 && str_eq(files[index - 1].name, files[index].name);
}

static void on_work(uv_work_t *work)
{
    struct reading *self = work->data;
    DIR *folder = opendir(self->dir);

    if (folder == NULL) {
        self->err = hub_fail_errno(&self->error, errno, "%s", self->dir);
        return;
    }
    self->err = list_folder(self, folder);
    if (self->err == 0) {
        self->err = compile(&self->schema, &self->error);
    }
    for (unsigned i = 0; self->err == 0 && i < self->count; i++) {
        struct account_file *file = &self->files[i];

        if (is_second(self->files, i)) {
            hub_fail(&file->why, HUB_ERR_CONFLICT, "there is another file for this account");
        } else if (read_one(self, dirfd(folder), file) < 0) {
            file->content = NULL;
        }
    }
    closedir(folder);
}

static void on_worked(uv_work_t *work, int status)
{
    struct reading *self = work->data;

    (void)status; /* never cancelled */
    self->done(self->context, self->files, self->err < 0 ? 0 : self->count, self->err,
               &self->error);
    reading_free(self);
}

int account_files_read(uv_loop_t *loop, const char *dir, account_files_fn *done, void *context)
{
    struct reading *self = calloc(1, sizeof *self);

    if (self == NULL) {
        return HUB_ERR_NOMEM;
    }
    self->work.data = self;
    self->dir = dir;
    self->done = done;
    self->context = context;
    if (uv_queue_work(loop, &self->work, on_work, on_worked) < 0) {
        reading_free(self);
        return HUB_ERR_NOMEM;
    }
    return 0;
}
