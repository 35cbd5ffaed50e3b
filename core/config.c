#include "config.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "hub_version.h"
#include "schemas/schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX   (1u << 20)
#define SCHEMA_URI "https://hubd.dev/schemas/config"
#define COLUMN     32
#define LISTS_MAX  16 /* settings that are lists */

extern const char schema_config[];
extern const size_t schema_config_len;

/* What is being put together. */
struct loading {
    struct json_object *document;   /* the schema */
    struct json_object *properties; /* of it: borrowed */
    struct json_object *values;
    struct json_object *lines; /* of the file's values, or NULL */
    const char *file;
    bool check;
    bool shown;
    struct hub_error *error;
};

/* --- One setting as text -----------------------------------------------------------------------*/

/* The name with `-` for `_` (flags), or in capitals (environment). The list of connector folders is
 * one flag a folder. */
static void flag_name(const char *name, char *ret_flag, size_t room)
{
    snprintf(ret_flag, room, "%s", strcmp(name, "connector_dirs") == 0 ? "connector_dir" : name);
    for (char *c = ret_flag; *c != '\0'; c++) {
        *c = *c == '_' ? '-' : *c;
    }
}

static struct json_object *value_from_text(struct json_object *property, const char *text)
{
    struct str type = {0};
    int64_t number;

    json_get_str(property, "type", &type);
    if (str_eq(type, STR("integer")) &&
        str_to_i64(str_from_c(text), INT64_MIN, INT64_MAX, &number)) {
        return json_object_new_int64(number);
    }
    return json_object_new_string(text); /* the schema says if that is wrong */
}

static bool is_list(struct json_object *property)
{
    struct str type = {0};

    return json_get_str(property, "type", &type) && str_eq(type, STR("array"));
}

static void set_value(struct loading *self, const char *name, struct json_object *property,
                      const char *text, bool append)
{
    struct json_object *list;

    if (!is_list(property)) {
        json_object_object_add(self->values, name, value_from_text(property, text));
        return;
    }
    if (!append || !json_get_array(self->values, name, &list)) {
        list = json_object_new_array();
        json_object_object_add(self->values, name, list);
    }
    json_object_array_add(list, json_object_new_string(text));
}

/* --- Sources -----------------------------------------------------------------------------------*/

static int read_file(struct loading *self)
{
    struct hub_error why = {0};
    struct buf text;
    int err;

    if (self->file == NULL) {
        self->values = json_object_new_object();
        return 0;
    }
    buf_init(&text, FILE_MAX);
    err = file_read(self->file, &text, &why);
    if (err == 0) {
        err = yaml_read(buf_view(&text), &self->values, &self->lines, &why);
    }
    buf_release(&text);
    return err < 0 ? hub_fail(self->error, err, "%s: %s", self->file, why.detail) : 0;
}

static void read_environment(struct loading *self)
{
    json_object_object_foreach(self->properties, name, property) {
        char variable[80] = "HUBD_";
        const char *text;

        for (size_t i = 0; name[i] != '\0' && i < sizeof variable - 6; i++) {
            variable[5 + i] = (char)(name[i] >= 'a' && name[i] <= 'z' ? name[i] - 32 : name[i]);
        }
        text = getenv(variable);
        if (text != NULL) {
            set_value(self, name, property, text, false);
        }
    }
}

/* The setting of a flag, or NULL. */
static const char *find_flag(struct loading *self, struct str flag,
                             struct json_object **ret_property)
{
    json_object_object_foreach(self->properties, name, property) {
        char known[80];

        flag_name(name, known, sizeof known);
        if (str_eq(flag, str_from_c(known))) {
            *ret_property = property;
            return name;
        }
    }
    return NULL;
}

/* `--flag value`, `--flag=value`; `*index` moves past the value. NULL value: none was given. */
static bool split_flag(int argc, char **argv, int *index, struct str *ret_flag,
                       const char **ret_value)
{
    const char *argument = argv[*index];
    const char *equals;

    if (strncmp(argument, "--", 2) != 0) {
        return false;
    }
    argument += 2;
    equals = strchr(argument, '=');
    if (equals != NULL) {
        *ret_flag = str_of(argument, (size_t)(equals - argument));
        *ret_value = equals + 1;
    } else {
        *ret_flag = str_from_c(argument);
        *ret_value = *index + 1 < argc ? argv[*index + 1] : NULL;
    }
    *index += equals == NULL && *ret_value != NULL;
    return true;
}

static int read_flags(struct loading *self, int argc, char **argv)
{
    struct json_object *lists[LISTS_MAX] = {NULL}; /* those that a flag has begun */
    unsigned list_count = 0;

    for (int i = 1; i < argc; i++) {
        struct json_object *property;
        const char *name, *value;
        struct str flag;

        if (strcmp(argv[i], "--check") == 0) {
            continue;
        }
        if (!split_flag(argc, argv, &i, &flag, &value)) {
            return hub_fail(self->error, HUB_ERR_BAD_REQUEST, "%s: not a flag; see hubd --help",
                            argv[i]);
        }
        if (str_eq(flag, STR("config"))) {
            continue; /* read first, see find_file() */
        }
        name = find_flag(self, flag, &property);
        if (name == NULL) {
            return hub_fail(self->error, HUB_ERR_BAD_REQUEST,
                            "--%.*s: there is no such flag; see hubd --help", STR_ARG(flag));
        }
        if (value == NULL) {
            return hub_fail(self->error, HUB_ERR_BAD_REQUEST, "--%.*s needs a value",
                            STR_ARG(flag));
        }
        bool begun = false;
        for (unsigned k = 0; k < list_count; k++) {
            begun = begun || lists[k] == property;
        }
        set_value(self, name, property, value, begun);
        if (!begun && list_count < LISTS_MAX && is_list(property)) {
            lists[list_count++] = property;
        }
    }
    return 0;
}

static void set_defaults(struct loading *self)
{
    json_object_object_foreach(self->properties, name, property) {
        struct json_object *value;

        if (!json_object_object_get_ex(self->values, name, NULL) &&
            json_object_object_get_ex(property, "default", &value)) {
            json_object_object_add(self->values, name, json_object_get(value));
        }
    }
}

/* --- Help --------------------------------------------------------------------------------------*/

/* The description, wrapped behind a column. */
static void print_wrapped(const char *text)
{
    size_t column = COLUMN;

    while (*text != '\0') {
        size_t word = strcspn(text, " ");

        if (column > COLUMN && column + 1 + word > 98) {
            printf("\n%*s", COLUMN, "");
            column = COLUMN;
        } else if (column > COLUMN) {
            putchar(' ');
            column++;
        }
        printf("%.*s", (int)word, text);
        column += word;
        text += word + (text[word] == ' ');
    }
    putchar('\n');
}

static void print_setting(const char *name, struct json_object *property)
{
    struct json_object *fallback;
    struct str description = {0};
    char flag[80];
    struct buf text;

    flag_name(name, flag, sizeof flag);
    json_get_str(property, "description", &description);
    buf_init(&text, 4096);
    buf_append_str(&text, description);
    if (json_object_object_get_ex(property, "default", &fallback)) {
        buf_append_format(&text, " Default: %s.", json_object_get_string(fallback));
    }
    printf("  --%-*s", COLUMN - 4, flag);
    if (strlen(flag) > COLUMN - 5) {
        printf("\n%*s", COLUMN, "");
    }
    print_wrapped(text.ptr);
    buf_release(&text);
}

static void print_help(struct loading *self)
{
    printf("hubd %s - an integration hub daemon: jobs in over HTTP, done by connectors, nothing "
           "lost.\n\n"
           "Usage: hubd [--config FILE] [--FLAG VALUE]...\n\n"
           "  --config FILE                 YAML or JSON with the settings below (log_level for\n"
           "                                --log-level, and so on).\n"
           "  --check                       Check the settings and end.\n"
           "  --version, --help\n\n"
           "Every setting is a flag, a member of the file and an environment variable (HUBD_\n"
           "and its name in capitals). A flag wins over the environment, that over the file.\n\n",
           HUB_VERSION);
    json_object_object_foreach(self->properties, name, property) {
        print_setting(name, property);
    }
    printf(
        "\nSignals: SIGTERM and SIGINT drain and end, SIGHUP looks for new connectors and reads\n"
        "the log level and the files of account_dir again.\n");
}

/* --- Checking and filling in -------------------------------------------------------------------*/

static int check(struct loading *self)
{
    struct schema *schema = NULL;
    struct schema_errors errors;
    int err;

    err = schema_compile_document(STR(SCHEMA_URI), self->document,
                                  SCHEMA_ASSERT_FORMAT | SCHEMA_STRICT, &schema, self->error);
    if (err < 0) {
        return err;
    }
    schema_errors_init(&errors, 1);
    err = schema_validate(schema, self->values, &errors);
    if (err < 0 && errors.len > 0) {
        const struct schema_error *first = &errors.items[0];
        unsigned line = self->lines != NULL ? yaml_line(self->lines, first->pointer) : 0;

        if (line > 0) {
            hub_fail(self->error, err, "%s: line %u: %.*s", self->file, line,
                     STR_ARG(first->detail));
        } else {
            hub_fail(self->error, err, "%.*s", STR_ARG(first->detail));
        }
    }
    schema_errors_release(&errors);
    schema_free(schema);
    return err;
}

static uint64_t number(const struct loading *self, const char *name)
{
    int64_t value = 0;

    json_get_i64(self->values, name, &value);
    return (uint64_t)value;
}

static const char *text(const struct loading *self, const char *name)
{
    struct json_object *value;

    return json_object_object_get_ex(self->values, name, &value) ? json_object_get_string(value)
                                                                 : NULL;
}

/* A value that depends on the place, kept in `values` like the others. */
static const char *text_or(struct loading *self, const char *name, const char *format,
                           const char *argument)
{
    char value[4200];

    if (text(self, name) == NULL) {
        snprintf(value, sizeof value, format, argument);
        json_object_object_add(self->values, name, json_object_new_string(value));
    }
    return text(self, name);
}

static const char *state_dir(struct loading *self)
{
    const char *given = getenv("STATE_DIRECTORY"); /* systemd's StateDirectory= */
    const char *home = getenv("HOME");

    if (given != NULL && given[0] != '\0') {
        return text_or(self, "state_dir", "%s", given);
    }
    if (geteuid() == 0 || home == NULL) {
        return text_or(self, "state_dir", "%s", "/var/lib/hubd");
    }
    return text_or(self, "state_dir", "%s/.local/state/hubd", home);
}

static int fill_listen(const struct loading *self, struct config *config)
{
    struct str address = str_from_c(text(self, "listen"));
    size_t colon = address.len;
    uint64_t port;

    while (colon > 0 && address.ptr[colon - 1] != ':') {
        colon--;
    }
    if (colon == 0 || !str_to_u64(str_slice(address, colon, address.len), 65535, &port)) {
        return hub_fail(self->error, HUB_ERR_BAD_REQUEST, "listen: the port is out of range");
    }
    config->listen_port = (int)port;
    address = str_slice(address, 0, colon - 1);
    if (str_starts_with(address, STR("["))) {
        address = str_slice(address, 1, address.len - 2);
    }
    snprintf(config->listen_address, sizeof config->listen_address, "%.*s", STR_ARG(address));
    return 0;
}

/* A list of paths, which has room for CONFIG_DIRS_MAX. */
static void fill_paths(const struct loading *self, const char *name, const char **ret_paths)
{
    struct json_object *list;

    if (!json_get_array(self->values, name, &list)) {
        return;
    }
    for (size_t i = 0; i < json_object_array_length(list) && i < CONFIG_DIRS_MAX; i++) {
        ret_paths[i] = json_object_get_string(json_object_array_get_idx(list, i));
    }
}

/* A list as text, one item a line. NULL: out of memory. */
static char *lines(const struct loading *self, const char *name)
{
    struct json_object *list;
    struct buf text;
    char *joined;
    size_t len;

    buf_init(&text, BUF_NO_LIMIT);
    for (size_t i = 0;
         json_get_array(self->values, name, &list) && i < json_object_array_length(list); i++) {
        buf_append_str(&text, json_str(json_object_array_get_idx(list, i)));
        buf_append_char(&text, '\n');
    }
    joined = buf_steal(&text, &len);
    buf_release(&text);
    return joined;
}

static int fill(struct loading *self, struct config *config)
{
    config->http_allow = lines(self, "http_allow");
    config->http_allow_private = lines(self, "http_allow_private");
    config->http_authorities = text(self, "http_authorities");
    config->state_dir = state_dir(self);
    config->account_dir = text(self, "account_dir");
    config->batch_dir = text(self, "batch_dir");
    config->socket = text_or(self, "socket", "%s/hubd.sock", config->state_dir);
    config->synchronous = text(self, "synchronous");
    config->log_format = strcmp(text(self, "log_format"), "json") == 0 ? LOG_JSON : LOG_KEY_VALUE;
    config->body_max_bytes = number(self, "body_max_bytes");
    config->artifact_max_bytes = number(self, "artifact_max_bytes");
    config->wait_max_s = (unsigned)number(self, "wait_max_s");
    config->connections_max = (unsigned)number(self, "connections_max");
    config->connections_per_address_max = (unsigned)number(self, "connections_per_address_max");
    config->blocking_runners = (unsigned)number(self, "blocking_runners");
    config->async_in_flight = (unsigned)number(self, "async_in_flight");
    config->runner_memory_max_bytes = number(self, "runner_memory_max_bytes");
    config->runner_cpu_max_s = (unsigned)number(self, "runner_cpu_max_s");
    config->runner_uid_first = (unsigned)number(self, "runner_uid_first");
    config->sandbox_required = strcmp(text(self, "sandbox"), "required") == 0;
    config->breaker_crashes = (unsigned)number(self, "breaker_crashes");
    config->runner_idle_ms = (unsigned)number(self, "runner_idle_ms");
    config->cancel_grace_ms = (unsigned)number(self, "cancel_grace_ms");
    config->retry_base_ms = (unsigned)number(self, "retry_base_ms");
    config->retry_cap_ms = (unsigned)number(self, "retry_cap_ms");
    config->storage_reserve_bytes = number(self, "storage_reserve_bytes");
    config->drain_timeout_ms = (unsigned)number(self, "drain_timeout_ms");
    fill_paths(self, "connector_dirs", config->connector_dirs);
    fill_paths(self, "connector_paths", config->connector_paths);
    fill_paths(self, "connector_folders", config->connector_folders);
    if (!log_level_parse(str_from_c(text(self, "log_level")), &config->log_level) ||
        !clock_parse_duration(str_from_c(text(self, "artifact_retention")),
                              &config->artifact_retention_ms)) {
        return hub_fail(self->error, HUB_ERR_BAD_REQUEST,
                        "artifact_retention: not a duration of days and less");
    }
    return fill_listen(self, config);
}

/* --- All together ------------------------------------------------------------------------------*/

/* What must be known before anything else is read. */
static void find_file(struct loading *self, int argc, char **argv)
{
    self->file = getenv("HUBD_CONFIG");
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_help(self);
            self->shown = true;
        } else if (strcmp(argv[i], "--version") == 0) {
            printf("hubd %s\n", HUB_VERSION);
            self->shown = true;
        } else if (strcmp(argv[i], "--check") == 0) {
            self->check = true;
        } else if (strcmp(argv[i], "--config") == 0 && i + 1 < argc) {
            self->file = argv[++i];
        } else if (strncmp(argv[i], "--config=", 9) == 0) {
            self->file = argv[i] + 9;
        }
    }
}

static int load(struct loading *self, struct config *config, int argc, char **argv)
{
    struct str schema = str_of(schema_config, schema_config_len);
    int err = json_read(schema, JSON_DEPTH_MAX, &self->document, NULL, self->error);

    if (err < 0 || !json_get_object(self->document, "properties", &self->properties)) {
        return HUB_ERR_INTERNAL;
    }
    find_file(self, argc, argv);
    if (self->shown) {
        return 0;
    }
    err = read_file(self);
    if (err == 0 && !json_object_is_type(self->values, json_type_object)) {
        err = hub_fail(self->error, HUB_ERR_BAD_REQUEST, "%s: must be a mapping", self->file);
    }
    if (err < 0) {
        return err;
    }
    read_environment(self);
    err = read_flags(self, argc, argv);
    if (err == 0) {
        set_defaults(self);
        err = check(self);
    }
    return err < 0 ? err : fill(self, config);
}

enum config_outcome config_load(struct config *ret_config, int argc, char **argv,
                                struct hub_error *error)
{
    struct loading self = {.error = error};
    int err;

    memset(ret_config, 0, sizeof *ret_config);
    ret_config->argc = argc;
    ret_config->argv = argv;
    err = load(&self, ret_config, argc, argv);
    ret_config->values = self.values;
    json_object_put(self.lines);
    json_object_put(self.document);
    if (err < 0) {
        return CONFIG_BAD;
    }
    return self.shown ? CONFIG_SHOWN : self.check ? CONFIG_CHECKED : CONFIG_RUN;
}

int config_reload(const struct config *self, struct config *ret_config, struct hub_error *error)
{
    struct config fresh;

    if (config_load(&fresh, self->argc, self->argv, error) != CONFIG_RUN) {
        config_release(&fresh);
        return HUB_ERR_BAD_REQUEST;
    }
    *ret_config = fresh;
    return 0;
}

void config_release(struct config *self)
{
    json_object_put(self->values);
    free(self->http_allow);
    free(self->http_allow_private);
    self->values = NULL;
    self->http_allow = self->http_allow_private = NULL;
}
