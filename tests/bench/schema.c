/*
 * bench_schema: what it costs to validate a job.
 *
 *     bench_schema [SECONDS]
 *
 * Prints nanoseconds of CPU time per validation: of a typical body of POST /v1/jobs (some 300
 * bytes) that is valid, of the same with two mistakes and their messages, and per compilation of
 * the schema.
 */
#include "schemas/schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const char SCHEMA[] =
    "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"type\":\"object\","
    "\"required\":[\"type\"],\"additionalProperties\":false,\"properties\":{"
    "\"type\":{\"type\":\"string\",\"maxLength\":128,\"pattern\":\"^[a-z0-9-]+\\\\.[a-z0-9_-]+$\"},"
    "\"input\":{\"type\":\"object\"},"
    "\"account\":{\"$ref\":\"#/$defs/name\"},\"queue\":{\"$ref\":\"#/$defs/name\"},"
    "\"priority\":{\"type\":\"integer\",\"minimum\":-100,\"maximum\":100},"
    "\"run_at\":{\"type\":\"string\",\"format\":\"date-time\"},"
    "\"timeout_ms\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":86400000},"
    "\"expires_at\":{\"type\":\"string\",\"format\":\"date-time\"},"
    "\"max_attempts\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":100},"
    "\"labels\":{\"type\":\"object\",\"maxProperties\":32,"
    "\"propertyNames\":{\"minLength\":1,\"maxLength\":64},"
    "\"additionalProperties\":{\"type\":\"string\",\"maxLength\":256}},"
    "\"after\":{\"type\":\"array\",\"maxItems\":100,\"uniqueItems\":true,"
    "\"items\":{\"type\":\"string\",\"format\":\"uuid\"}},"
    "\"callback_url\":{\"type\":\"string\",\"format\":\"uri\",\"maxLength\":2048},"
    "\"retention\":{\"type\":\"string\",\"format\":\"duration\"}},"
    "\"$defs\":{\"name\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":64,"
    "\"pattern\":\"^[A-Za-z0-9_.-]+$\"}}}";

static const char JOB[] =
    "{\"type\":\"image.resize\",\"queue\":\"thumbnails\",\"priority\":10,\"timeout_ms\":30000,"
    "\"max_attempts\":3,\"labels\":{\"tenant\":\"acme\",\"batch\":\"2026-11\"},"
    "\"input\":{\"file\":{\"artifact\":\"0193a1b2-0000-7000-8000-000000000001\"},\"width\":800,"
    "\"format\":\"webp\",\"quality\":82},\"callback_url\":\"https://app.example.com/hooks/hub\","
    "\"run_at\":\"2026-11-23T12:00:00.000Z\"}";

static const char WRONG_JOB[] =
    "{\"type\":\"image.resize\",\"queue\":\"thumbnails\",\"priority\":1000,\"timout_ms\":30000,"
    "\"labels\":{\"tenant\":\"acme\"},\"input\":{\"width\":800}}";

static struct json_object *read_or_exit(const char *text)
{
    struct json_object *value;
    struct hub_error error;
    if (json_read(str_from_c(text), JSON_DEPTH_MAX, &value, NULL, &error) < 0) {
        fprintf(stderr, "bench_schema: %s\n", error.detail);
        exit(1);
    }
    return value;
}

static double cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void bench_validation(const char *name, const struct schema *schema, const char *text,
                             struct schema_errors *errors, double seconds)
{
    struct json_object *value = read_or_exit(text);
    double start = cpu_ns(), spent = 0;
    size_t rounds = 0, valid = 0;
    for (; spent < seconds * 1e9; spent = cpu_ns() - start) {
        for (int i = 0; i < 1000; i++) {
            valid += schema_validate(schema, value, errors) == 0;
            if (errors != NULL) {
                size_t max = errors->max;
                schema_errors_release(errors);
                schema_errors_init(errors, max);
            }
        }
        rounds += 1000;
    }
    printf("%-28s %8.0f ns  (%zu bytes, %s)\n", name, spent / (double)rounds, str_from_c(text).len,
           valid == rounds ? "valid"
           : valid == 0    ? "invalid"
                           : "?");
    json_object_put(value);
}

static struct schema *compile_or_exit(struct json_object *document)
{
    struct schema *schema;
    struct hub_error error;
    struct schema_registry *registry = schema_registry_new();
    if (registry == NULL || schema_registry_add(registry, STR("bench:job"), document, &error) < 0 ||
        schema_compile(registry, STR("bench:job"), SCHEMA_ASSERT_FORMAT | SCHEMA_STRICT, &schema,
                       &error) < 0) {
        fprintf(stderr, "bench_schema: %s\n", error.detail);
        exit(1);
    }
    schema_registry_free(registry);
    return schema;
}

static void bench_compilation(struct json_object *document, double seconds)
{
    double start = cpu_ns(), spent = 0;
    size_t rounds = 0;
    for (; spent < seconds * 1e9; spent = cpu_ns() - start) {
        schema_free(compile_or_exit(document));
        rounds++;
    }
    printf("%-28s %8.0f ns\n", "compile", spent / (double)rounds);
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 1;
    struct json_object *document = read_or_exit(SCHEMA);
    struct schema *schema = compile_or_exit(document);
    struct schema_errors errors;

    schema_errors_init(&errors, 10);
    bench_validation("validate", schema, JOB, NULL, seconds);
    bench_validation("validate, errors wanted", schema, JOB, &errors, seconds);
    bench_validation("validate, two mistakes", schema, WRONG_JOB, &errors, seconds);
    bench_compilation(document, seconds);

    schema_errors_release(&errors);
    schema_free(schema);
    json_object_put(document);
    return 0;
}
