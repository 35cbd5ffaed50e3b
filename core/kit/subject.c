#include "kit/subject.h"

#include "base/json.h"
#include "schemas/schema.h"

#include <hub/connector.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOADING_MS 20000

extern const char kit_schema_File[];
extern const size_t kit_schema_File_len;

/* --- The programs ------------------------------------------------------------------------------*/

static char *find_program(const char *dir, const char *name)
{
    static const char *const FOLDERS[] = {"libexec/hubd", HUB_RELATIVE_LIBEXEC};
    char path[PATH_MAX * 2];
    for (size_t i = 0; i < sizeof FOLDERS / sizeof FOLDERS[0]; i++) {
        snprintf(path, sizeof path, "%s/%s/%s", dir, FOLDERS[i], name);
        if (access(path, X_OK) == 0) {
            return realpath(path, NULL);
        }
    }
    return NULL;
}

int kit_programs_find(struct kit_programs *ret_programs, struct hub_error *error)
{
    char program[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);
    if (len < 0) {
        return hub_fail_errno(error, errno, "/proc/self/exe");
    }
    program[len] = '\0';
    const char *dir = dirname(program);
    struct kit_programs found = {find_program(dir, "hub-runner"), find_program(dir, "hub-check")};
    if (!found.runner || !found.checker) {
        kit_programs_release(&found);
        return hub_fail(error, HUB_ERR_NOT_FOUND,
                        "hub-runner and hub-check are neither in %s/libexec/hubd nor in %s/%s", dir,
                        dir, HUB_RELATIVE_LIBEXEC);
    }
    *ret_programs = found;
    return 0;
}

void kit_programs_release(struct kit_programs *self)
{
    free(self->runner);
    free(self->checker);
    *self = (struct kit_programs){0};
}

/* --- The descriptor ----------------------------------------------------------------------------*/

static int read_descriptor(struct subject *self, struct hub_error *error)
{
    struct lab lab;
    int err = lab_open(&lab, &self->setup, WIRE_INSPECT, NULL, error);
    if (err == 0) {
        self->stage = lab.stage;
        snprintf(self->reason, sizeof self->reason, "%s", lab.reason);
    }
    if (err == 0 && lab.stage == LAB_READY) {
        err = json_read(buf_view(&lab.ready), JSON_DEPTH_MAX, &self->descriptor, NULL, error);
        lab_close(&lab);
    }
    lab_release(&lab);
    return err;
}

/* What it asks for it gets: whether hubd's operator grants it is another matter. */
static int take_permissions(struct subject *self)
{
    struct json_object *list;
    int err = 0;
    (void)json_get_str(self->descriptor, "name", &self->setup.name);
    if (json_get_array(self->descriptor, "hosts", &list)) {
        for (size_t i = 0; i < json_object_array_length(list); i++) {
            buf_append_str(&self->hosts, json_str(json_object_array_get_idx(list, i)));
            buf_append_char(&self->hosts, '\n');
        }
    }
    self->setup.hosts = buf_view(&self->hosts);
    self->setup.network = self->hosts.len > 0;
    if (!json_get_array(self->descriptor, "paths", &list)) {
        return 0;
    }
    for (size_t i = 0; i < json_object_array_length(list) && i < WIRE_GRANTS_MAX && err == 0; i++) {
        struct wire_place place = {.path = json_str(json_object_array_get_idx(list, i))};
        err = wire_place_append(&self->readable, &place);
    }
    self->setup.readable = buf_view(&self->readable);
    return err;
}

int subject_open(struct subject *self, const char *path, const struct kit_programs *programs,
                 struct hub_error *error)
{
    *self = (struct subject){.path = path, .stage = LAB_LOADING};
    buf_init(&self->readable, BUF_NO_LIMIT);
    buf_init(&self->hosts, BUF_NO_LIMIT);
    self->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (self->fd < 0 || fstat(self->fd, &self->stat) < 0) {
        return hub_fail_errno(error, errno, "%s", path);
    }
    self->setup = (struct lab_setup){
        .runner = programs->runner,
        .checker = programs->checker,
        .path = path,
        .fd = self->fd,
        .loading_ms = LOADING_MS,
    };
    self->is_elf = elf_read(self->fd, &self->elf, &self->elf_error) == 0;
    int err = read_descriptor(self, error);
    return err == 0 && self->descriptor ? take_permissions(self) : err;
}

void subject_release(struct subject *self)
{
    elf_release(&self->elf);
    buf_release(&self->readable);
    buf_release(&self->hosts);
    json_object_put(self->descriptor);
    if (self->fd >= 0) {
        close(self->fd);
    }
    self->descriptor = NULL;
    self->fd = -1;
}

bool subject_is_async(const struct subject *self)
{
    int64_t mode = HUB_MODE_BLOCKING;
    return json_get_i64(self->descriptor, "mode", &mode) && mode == HUB_MODE_ASYNC;
}

static struct json_object *operations(const struct subject *self)
{
    struct json_object *found = NULL;
    json_get_array(self->descriptor, "operations", &found);
    return found;
}

size_t subject_operations(const struct subject *self)
{
    struct json_object *all = operations(self);
    return all ? json_object_array_length(all) : 0;
}

struct json_object *subject_operation(const struct subject *self, size_t index)
{
    return json_object_array_get_idx(operations(self), index);
}

struct str subject_text(struct json_object *object, const char *name)
{
    struct str text = {0};
    json_get_str(object, name, &text);
    return text;
}

/* --- Schemas -----------------------------------------------------------------------------------*/

static int check_document(struct json_object *document, struct hub_error *error)
{
    struct schema_errors errors;
    schema_errors_init(&errors, 1);
    int err = schema_check(document, &errors);
    if (err < 0 && errors.len > 0) {
        err =
            hub_fail(error, err, "%.*s%s%.*s", STR_ARG(errors.items[0].pointer),
                     errors.items[0].pointer.len > 0 ? ": " : "", STR_ARG(errors.items[0].detail));
    } else if (err < 0) {
        err = hub_fail(error, err, "it cannot be checked");
    }
    schema_errors_release(&errors);
    return err;
}

/* Connectors may refer to "hub:file". */
static int compile(struct json_object *document, struct schema **ret_schema,
                   struct hub_error *error)
{
    struct json_object *file = NULL;
    struct schema_registry *registry = schema_registry_new();
    if (!registry) {
        return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    int err =
        json_read(str_of(kit_schema_File, kit_schema_File_len), JSON_DEPTH_MAX, &file, NULL, error);
    if (err == 0) {
        err = schema_registry_add(registry, STR("hub:file"), file, error);
    }
    if (err == 0) {
        err = schema_registry_add(registry, STR("hub:schema"), document, error);
    }
    if (err == 0) {
        err = schema_compile(registry, STR("hub:schema"), SCHEMA_ASSERT_FORMAT, ret_schema, error);
    }
    json_object_put(file);
    schema_registry_free(registry);
    return err;
}

int subject_schema(struct json_object *object, const char *name, struct json_object **ret_document,
                   struct schema **ret_schema, struct hub_error *error)
{
    struct str text = subject_text(object, name);
    struct json_object *document = NULL;
    *ret_schema = NULL;
    *ret_document = NULL;
    if (text.len == 0) {
        return 0;
    }
    int err = json_read(text, JSON_DEPTH_MAX, &document, NULL, error);
    if (err == 0) {
        err = check_document(document, error);
    }
    if (err == 0) {
        err = compile(document, ret_schema, error);
    }
    if (err < 0) {
        json_object_put(document);
        return err;
    }
    *ret_document = document;
    return 0;
}
