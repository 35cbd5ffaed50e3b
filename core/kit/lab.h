/*
 * lab.h — a connector in a child process, spoken to one step at a time.
 *
 * The other end is hub-runner, or hub-check where things are to be watched; the frames are those
 * that hubd uses. Nothing of the connector ever runs in this process.
 *
 *     struct lab lab;
 *     if (lab_open(&lab, &setup, WIRE_SERVE, NULL, &err) < 0) …    // no process could be started
 *     if (lab.stage == LAB_READY) {                                // else see lab.reason
 *         token = lab_start(&lab, &order);
 *         lab_await(&lab, token, 5000, &result);
 *     }
 *     lab_close(&lab);                          // says goodbye and waits; then lab.end is known
 *     … lab.told, lab.reason …
 *     lab_release(&lab);
 *
 * Owner: the caller. Thread: [any], one at a time.
 */
#ifndef HUB_KIT_LAB_H
#define HUB_KIT_LAB_H

#include "base/buf.h"
#include "kit/keeper.h"
#include "supervisor/spawn.h"
#include "wire/channel.h"

#include <json-c/json.h>

/* Where the programs are and what they get; the same for every child. */
struct lab_setup {
    const char *runner;  /* hub-runner */
    const char *checker; /* hub-check */
    const char *path;    /* of the connector */
    int fd;              /* of the connector */
    bool network;        /* its descriptor asks for hosts */
    struct str name;     /* its descriptor's */
    struct str hosts;    /* that it asks for, one a line. All are granted that are public. */
    struct str readable; /* the places that it asks for: wire_place records. All are granted. */
    int loading_ms;      /* until READY */
};

enum lab_stage {
    LAB_LOADING,
    LAB_READY,
    LAB_REFUSED, /* with `reason` */
    LAB_GONE,    /* see `end` */
    LAB_SLOW,    /* took longer than it may, and was killed */
};

enum lab_end { LAB_END_NONE, LAB_END_EXIT, LAB_END_SIGNAL };

#define LAB_RESULTS_MAX 64 /* attempts in flight */

/* How an attempt ended. Texts are NUL-terminated and its own. */
struct lab_result {
    uint64_t token; /* 0: a free place */
    bool came;
    enum wire_outcome outcome;
    char *json;
    size_t json_len;
    char *code;
    char *message;
    unsigned artifacts;
};

struct lab {
    const struct lab_setup *setup;
    struct spawned process;
    struct wire_channel channel;
    bool channel_open;
    enum lab_stage stage;
    bool inspecting;          /* it ends by itself once it is ready */
    bool leaving;             /* it was told to end */
    char reason[512];         /* REFUSED, SLOW, GONE: a clause for people */
    struct buf ready;         /* the descriptor as JSON */
    struct buf errors;        /* what it wrote on stderr and was not yet looked at */
    struct buf noise;         /* … that hub-check has not said: the last of it */
    struct json_object *told; /* array: what hub-check has said */
    struct lab_result results[LAB_RESULTS_MAX];
    struct keeper keeper;
    uint64_t next_token;
    uint64_t next_scratch;
    enum lab_end end;
    int end_number; /* the signal or the exit code */
};

struct lab_file {
    struct str pointer;
    struct str name;
    struct str media_type;
    int fd; /* stays the caller's; read from offset 0 */
};

struct lab_order {
    unsigned operation; /* its index */
    struct str input;
    const struct lab_file *files;
    unsigned file_count;
    uint32_t attempt;
    int deadline_ms; /* from now */
};

/* Starts a child: hub-check with `arguments` (ends with NULL), or hub-runner if that is NULL; and
 * waits until it has loaded the connector, or not. Fails only if there is no child. */
HUB_MUST_CHECK int lab_open(struct lab *self, const struct lab_setup *setup, enum wire_mode mode,
                            const char *const *arguments, struct hub_error *error);

/* A token, or 0 if the child does not take it any more. */
uint64_t lab_start(struct lab *self, const struct lab_order *order);
void lab_cancel(struct lab *self, uint64_t token);

/* Waits for the RESULT. False if there is none within the time or the child is gone. The result is
 * the caller's to release. */
bool lab_await(struct lab *self, uint64_t token, int timeout_ms, struct lab_result *ret_result);
void lab_result_release(struct lab_result *self);

/* Ends the child, kindly if it is ready, and takes what it has said. */
void lab_close(struct lab *self);
void lab_release(struct lab *self);

/* Resident memory in bytes; 0 if it cannot be known. */
size_t lab_memory(const struct lab *self);

/* "it was killed by signal 11 (Segmentation fault)", appended. */
void lab_append_end(const struct lab *self, struct buf *text);

#endif
