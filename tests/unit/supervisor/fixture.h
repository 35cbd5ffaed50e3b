/*
 * fixture.h — a supervisor on a loop of its own, with real runners and the test connectors.
 *
 * All that comes from it is recorded; the tests run the loop until what they wait for has come, or
 * fail after a while.
 */
#ifndef HUB_TESTS_SUPERVISOR_FIXTURE_H
#define HUB_TESTS_SUPERVISOR_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/buf.h"
#include "supervisor/supervisor.h"

#define ENDS_MAX           4096
#define FIXTURE_TIMEOUT_MS 30000
#define CALLS_MAX          4096

/* A copy of what on_finished() said. */
struct end {
    uint64_t token;
    enum supervisor_outcome_kind kind;
    enum supervisor_cause cause;
    int cause_number;
    uint64_t delay_ms;
    pid_t pid;
    char result[512];
    char code[65];
    char message[1025];
    char details[256];
    char version[65];
    unsigned artifact_count;
    char artifact_name[8][256];
    char artifact_type[8][256];
    int artifact_fd[8];
};

struct fixture {
    uv_loop_t loop;
    uv_timer_t guard;
    uv_timer_t tick;
    bool timed_out;
    struct log log;
    struct supervisor_config config;
    const char *dirs[3];
    char scratch[64];
    char dir[64]; /* an empty connector directory for the test to fill */
    struct supervisor *supervisor;
    struct end ends[ENDS_MAX];
    unsigned end_count;
    unsigned progress_count;
    uint32_t last_permille;
    char last_message[257];
    unsigned capacity_count;
    unsigned scan_count;
    bool stopped;
    uint64_t next_token;
    struct supervisor_call *calls[CALLS_MAX]; /* that wait for an answer until the end */
    unsigned call_count;
};

int fixture_setup(void **state);       /* with the test connectors, scanned */
int fixture_setup_empty(void **state); /* with an empty connector directory, not scanned */
int fixture_teardown(void **state);

/* Ends the supervisor and makes another one, after config was changed. */
void fixture_restart(struct fixture *self);
void fixture_scan(struct fixture *self); /* and waits for it */

/* Runs the loop until `done`; fails the test after a while. */
void fixture_until(struct fixture *self, bool (*done)(struct fixture *self, uint64_t argument),
                   uint64_t argument);
bool has_ended(struct fixture *self, uint64_t token);
void fixture_run_for(struct fixture *self, unsigned ms);

/* Starts an attempt of CONNECTOR.run and returns its token. */
uint64_t fixture_start(struct fixture *self, const char *connector, const char *input,
                       uint32_t timeout_ms);
/* The same, and waits for the end. */
const struct end *fixture_run(struct fixture *self, const char *connector, const char *input,
                              uint32_t timeout_ms);
const struct end *fixture_end(struct fixture *self, uint64_t token);
struct supervisor_connector fixture_connector(struct fixture *self, const char *name);

#endif
