/*
 * A host for one connector in the test's own process: loads it as the runner would, runs one job at
 * a time and keeps what came of it.
 *
 *     struct test_host host;
 *     test_host_init(&host, "image.so");
 *     test_host_run(&host, "transform", "{…}", bytes, len);
 *     … host.outcome, host.code, host.result, host.artifacts …
 *     test_host_release(&host);
 *
 * One host at a time: the functions that a connector calls find it in a static variable.
 */
#ifndef TESTS_UNIT_IMAGE_HOST_H
#define TESTS_UNIT_IMAGE_HOST_H

#include <hub/connector.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum test_outcome { OUTCOME_NONE, OUTCOME_SUCCEEDED, OUTCOME_FAILED, OUTCOME_RETRY };

enum { TEST_MAX_ARTIFACTS = 16, TEST_MAX_FILES = 16 };

/* A file that jobs bring along, besides the one at /image. */
struct test_file {
    hub_file file;
    char pointer[128];
};

struct test_artifact {
    char name[256];
    char media_type[64];
    int fd; /* a memfd */
    uint8_t *data;
    size_t len;
};

struct test_host {
    hub_host api;
    void *library;
    const hub_connector *connector;
    hub_instance *instance;

    const char *file_name; /* of the upload; may be set before a run */
    int cancel_after;      /* looks at cancelled() until it says yes; -1: never */

    enum test_outcome outcome;
    int completions;
    char code[128];
    char message[512];
    char result[16384];
    uint32_t last_permille;
    struct test_artifact artifacts[TEST_MAX_ARTIFACTS];
    size_t artifact_count;
    hub_file file;
    struct test_file more[TEST_MAX_FILES];
    size_t more_count;
};

/* Loads the connector. Ends the process with a message if it can't. */
void test_host_init(struct test_host *self, const char *path);

/* The same with a descriptor that is linked in. */
void test_host_init_with(struct test_host *self, const hub_connector *connector);

void test_host_release(struct test_host *self);

/* Offers a file at this JSON Pointer to the runs that follow, until test_host_withdraw(). */
void test_host_offer(struct test_host *self, const char *pointer, const void *bytes, size_t len);
void test_host_withdraw(struct test_host *self);

/* Runs one attempt to its end. `bytes` is the file at /image, or NULL for none. */
void test_host_run(struct test_host *self, const char *operation, const char *input,
                   const void *bytes, size_t len);

#endif
