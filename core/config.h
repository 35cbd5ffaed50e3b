/*
 * config.h — hubd's settings: file, environment and flags, checked against one schema.
 *
 * schemas/config.schema.json is the only list of settings. Each of its properties is a member of
 * the YAML (or JSON) file, an environment variable HUBD_NAME and a flag --name; the flag wins over
 * the environment, the environment over the file, the file over the schema's default. `--help` is
 * made from it too.
 *
 *     struct config config;
 *     switch (config_load(&config, argc, argv, &error)) {
 *     case CONFIG_RUN: …   case CONFIG_CHECKED: …   case CONFIG_SHOWN: …   case CONFIG_BAD:
 * error.detail config_release(&config);
 *
 * Thread: before there are any.
 */
#ifndef HUB_CONFIG_H
#define HUB_CONFIG_H

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"

#define CONFIG_DIRS_MAX 16

struct config {
    int argc; /* as config_load() got them, for config_reload() */
    char **argv;
    struct json_object *values; /* owns what the strings below point to */
    const char *state_dir;
    const char *socket;
    char listen_address[64]; /* an IPv6 address without brackets */
    int listen_port;
    const char *connector_dirs[CONFIG_DIRS_MAX + 1]; /* NULL-terminated; empty: the built-in ones */
    enum log_level log_level;
    enum log_format log_format;
    size_t body_max_bytes;
    uint64_t artifact_max_bytes;
    int64_t artifact_retention_ms;
    unsigned wait_max_s;
    unsigned connections_max;
    unsigned connections_per_address_max;
    unsigned blocking_runners;
    unsigned async_in_flight;
    uint64_t runner_memory_max_bytes;
    unsigned runner_cpu_max_s;
    unsigned runner_uid_first;
    bool sandbox_required;
    const char *account_dir;                            /* NULL: none */
    const char *batch_dir;                              /* NULL: none */
    const char *connector_paths[CONFIG_DIRS_MAX + 1];   /* NULL-terminated */
    const char *connector_folders[CONFIG_DIRS_MAX + 1]; /* the same: "CONNECTOR/NAME=/PATH" */
    unsigned breaker_crashes;
    unsigned runner_idle_ms;
    char *http_allow;         /* one rule a line */
    char *http_allow_private; /* the same */
    const char *http_authorities;
    unsigned cancel_grace_ms;
    unsigned retry_base_ms;
    unsigned retry_cap_ms;
    uint64_t storage_reserve_bytes;
    unsigned drain_timeout_ms;
    const char *synchronous;
};

enum config_outcome {
    CONFIG_RUN,     /* go on */
    CONFIG_CHECKED, /* --check: the settings are fine; nothing more to do */
    CONFIG_SHOWN,   /* --help or --version was printed */
    CONFIG_BAD,     /* error.detail says what and where */
};

enum config_outcome config_load(struct config *ret_config, int argc, char **argv,
                                struct hub_error *error);
void config_release(struct config *self);

/* Reads the same sources once more. 0 and a new config, or HUB_ERR_BAD_REQUEST and why. Blocks for
 * as long as reading one small file takes. */
HUB_MUST_CHECK int config_reload(const struct config *self, struct config *ret_config,
                                 struct hub_error *error);

/* A YAML document, of which JSON is nearly a subset, as JSON; aliases are expanded by libyaml's
 * document and end at its depth. `ret_lines` (may be NULL) gets what yaml_line() asks: an object
 * from JSON Pointer to line number. HUB_ERR_BAD_REQUEST with the line in the detail. In yaml.c. */
HUB_MUST_CHECK int yaml_read(struct str text, struct json_object **ret_value,
                             struct json_object **ret_lines, struct hub_error *error);
/* The line of the value at a JSON Pointer, or of what holds it; 0 if unknown. */
unsigned yaml_line(struct json_object *lines, struct str pointer);

#endif
