/*
 * harness.h — a store in a folder of its own, driven one operation at a time.
 *
 * The tests of the contract know jobs/store.h only. What kind of store they run on is a
 * `struct store_kind`; adding one to store_kinds[] runs all of them on it.
 *
 *     struct harness h;
 *     harness_open(&h, kind, NULL);
 *     struct store_op *op = harness_op(&h, STORE_JOB_INSERT);
 *     …fill op…
 *     assert_int_equal(harness_run(&h, op), 0);      // op stays readable until harness_close()
 *     harness_reopen(&h, NULL);
 *     harness_close(&h);                             // removes the folder
 */
#ifndef HUB_TESTS_STORE_HARNESS_H
#define HUB_TESTS_STORE_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "jobs/store.h"

struct harness_options {
    uint64_t reserve_bytes;
    uint64_t wal_bytes;
    uint64_t idempotency_max;
    uint64_t events_max;
    int64_t events_keep_ms;
    uint64_t keep_items_max;
    uint64_t keep_bytes_max;
};

struct store_kind {
    const char *name;
    int (*open)(const char *dir, struct blob_store *blobs, const struct harness_options *options,
                struct log *log, struct store_backend **ret_backend, struct hub_error *error);
    bool local; /* a file of our own: can be made to fail */
};

extern const struct store_kind store_kinds[];
extern const size_t store_kind_count;

struct harness {
    const struct store_kind *kind;
    struct harness_options options;
    char dir[256];
    struct log log;
    struct blob_store *blobs;
    struct store *store;
    int wake_fd;
    struct id_gen ids;
    int64_t now;                /* the test's clock, ms */
    struct store_op *kept;      /* chain of the operations that ran */
    struct store_op *order[64]; /* as they completed; the last ones */
    unsigned completed;
};

void harness_open(struct harness *h, const struct store_kind *kind,
                  const struct harness_options *options);
/* In a folder that exists and stays. */
void harness_open_in(struct harness *h, const struct store_kind *kind, const char *dir,
                     const struct harness_options *options);
void harness_reopen(struct harness *h, const struct harness_options *options);
void harness_stop(struct harness *h); /* keeps the folder */
void harness_close(struct harness *h);

struct store_op *harness_op(struct harness *h, enum store_op_kind kind);
/* Submits without waiting; `err` of each is read after harness_wait(). */
void harness_submit(struct harness *h, struct store_op *op);
void harness_wait(struct harness *h); /* for all that was submitted */
int harness_run(struct harness *h, struct store_op *op);

/* --- Shorthands --------------------------------------------------------------------------------*/

struct id harness_id(struct harness *h);
/* An insert of a plain job, filled but not submitted; its id is op->job_insert.job.id. */
struct store_op *harness_insert_op(struct harness *h);
struct id harness_insert(struct harness *h);
/* A move of a job that was not started, by its first attempt. */
struct store_op *harness_finish_op(struct harness *h, struct id id, enum job_state to);
void harness_finish(struct harness *h, struct id id, enum job_state to);
struct store_op *harness_get(struct harness *h, struct id id);
enum job_state harness_state(struct harness *h, struct id id);
uint64_t harness_last_event(struct harness *h);
struct blob_pending harness_blob(struct harness *h, const char *content);
struct artifact_record harness_artifact(struct harness *h, const struct blob_pending *blob,
                                        const char *name);
struct id harness_upload(struct harness *h, const char *content);
/* Is the content in the blob store? */
bool harness_has_content(struct harness *h, const char *content);
unsigned harness_tmp_files(struct harness *h);

#define assert_str(view, text)                                                                     \
    do {                                                                                           \
        struct str view_ = (view);                                                                 \
        assert_int_equal(view_.len, strlen(text));                                                 \
        assert_memory_equal(view_.len ? view_.ptr : "", text, view_.len);                          \
    } while (0)

#define assert_id(a, b)                                                                            \
    do {                                                                                           \
        struct id a_ = (a), b_ = (b);                                                              \
        assert_memory_equal(a_.bytes, b_.bytes, sizeof a_.bytes);                                  \
    } while (0)

/* A test that gets an open harness as its state. */
#define STORE_TEST(function)                                                                       \
    {                                                                                              \
        .name = #function, .test_func = function, .setup_func = harness_setup,                     \
        .teardown_func = harness_teardown                                                          \
    }
int harness_setup(void **state); /* on the kind that harness_kind points to */
int harness_teardown(void **state);
extern const struct store_kind *harness_kind;

/* The groups of the contract. */
int contract_accounts(void);
int contract_schedules(void);
int contract_jobs(void);
int contract_flows(void);
int contract_graphs(void);
int contract_artifacts(void);
int contract_lists(void);
int contract_callbacks(void);
int contract_keep(void);
int contract_batches(void);
int contract_bulk(void);
int contract_failures(void);
/* What the process does that test_acknowledged_work_survives_kill() kills. Does not return. */
void contract_child(const char *dir, int ack_fd);

#endif
