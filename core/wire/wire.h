/*
 * wire.h — the frames between hubd and hub-runner, declared once.
 *
 * A frame is a header of 16 bytes and a body:
 *
 *     u32 body length | u16 type | u16 descriptors that travel with it | u64 token
 *
 * All numbers are little-endian; a string is a u32 length and its bytes. A token names an attempt;
 * frames that concern none carry 0. The tables below are the only description of the bodies: the
 * structs, the encoders and the decoders are made from them.
 *
 *     // sending                                      (see channel.h for how it gets out)
 *     wire_send_progress(channel, token, &(struct wire_progress){.permille = 500}, NULL, 0);
 *
 *     // receiving: views point into the channel's buffer, until the next wire_channel_receive()
 *     struct wire_progress progress;
 *     if (wire_decode_progress(frame.body, &progress) < 0) …     // HUB_ERR_PROTOCOL
 *
 * HOW THEY FOLLOW EACH OTHER
 *   runner: HELLO                      at once after exec
 *   hubd:   CONFIG + connector file    the runner confines itself, then loads the connector
 *                  + board             (a struct wire_board)
 *   runner: CONFINED                   before anything of the connector has run
 *   runner: READY or REFUSED           in inspect mode the runner then exits
 *   hubd:   GRANT + scratch files      and again for each NEED
 *   hubd:   START + input files        any number in flight in async mode, one in blocking mode
 *   runner: PROGRESS… RESULT           exactly one RESULT for each START
 *   hubd:   CANCEL                     advice about one attempt
 *   runner: KEEP_PUT, KEEP_GET,        about an attempt that it holds, at most WIRE_CALLS_MAX
 *           KEEP_LIST, LEDGER_APPEND   unanswered at once
 *   hubd:   ANSWER                     exactly one for each, after the commit
 *   hubd:   SHUTDOWN                   when nothing is in flight; the runner exits with 0
 * LOG may come at any time after HELLO. The end of the stream ends the runner.
 *
 * Thread: [any], one at a time per channel.
 */
#ifndef HUB_WIRE_WIRE_H
#define HUB_WIRE_WIRE_H

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

struct wire_channel;

#define WIRE_PROTOCOL       2u /* both sides must name the same */
#define WIRE_HEADER_LEN     16

#define WIRE_INPUT_MAX      (2u << 20) /* bytes of an attempt's input */
#define WIRE_ACCOUNT_MAX    (64u << 10)
#define WIRE_RESULT_MAX     (1u << 20)   /* of a result; the ABI gives connectors 256 KiB */
#define WIRE_DESCRIPTOR_MAX (2u << 20)   /* of a connector's descriptor as JSON */
#define WIRE_RULES_MAX      (256u << 10) /* of a list of hosts and networks, one a line */
#define WIRE_MESSAGE_MAX    1024         /* of a message for people, or a log line */
#define WIRE_PROGRESS_MAX   256          /* of the message that goes with progress */
#define WIRE_CODE_MAX       64           /* of an error code, and of names made like one */
#define WIRE_NAME_MAX       255          /* of a file's name */
#define WIRE_MEDIA_TYPE_MAX 255
#define WIRE_POINTER_MAX    1024
#define WIRE_ID_MAX         64
#define WIRE_FILES_MAX      128  /* input files of an attempt */
#define WIRE_GRANT_MAX      64   /* scratch files in one GRANT */
#define WIRE_ARTIFACTS_MAX  1024 /* scratch files that one RESULT may name */
#define WIRE_GRANTS_MAX     64   /* places, or hosts, that a connector may ask for */
#define WIRE_CALLS_MAX      256  /* of hub.keep/1 and hub.ledger/1 that one runner may wait for */
#define WIRE_KEY_MAX        256  /* of a key of hub.keep/1 */
#define WIRE_VALUE_MAX      (64u << 10) /* of a value; and of all values in one ANSWER */
#define WIRE_VALUES_MAX     256         /* in one ANSWER */
#define WIRE_ENTRY_MAX      (16u << 10) /* of the body of an entry of hub.ledger/1 */

enum wire_mode { WIRE_INSPECT, WIRE_SERVE, WIRE_MODE_LAST = WIRE_SERVE };
enum wire_class { WIRE_CLASS_PURE, WIRE_CLASS_NETWORK, WIRE_CLASS_LAST = WIRE_CLASS_NETWORK };
enum wire_outcome {
    WIRE_OK,
    WIRE_FAIL,
    WIRE_RETRY,
    WIRE_UNKNOWN,
    WIRE_OUTCOME_LAST = WIRE_UNKNOWN
};
/* Whose a kept value is, and how a call about one went. */
enum wire_scope { WIRE_SCOPE_JOB, WIRE_SCOPE_ACCOUNT, WIRE_SCOPE_LAST = WIRE_SCOPE_ACCOUNT };
enum wire_status {
    WIRE_STATUS_OK,
    WIRE_STATUS_EXISTS,
    WIRE_STATUS_LIMIT,
    WIRE_STATUS_FAILED, /* stable storage does not take it */
    WIRE_STATUS_CLOSED, /* the attempt is over */
    WIRE_STATUS_LAST = WIRE_STATUS_CLOSED
};
enum wire_level { WIRE_LOG_DEBUG, WIRE_LOG_INFO, WIRE_LOG_WARN, WIRE_LOG_ERROR };

/* What a runner's sandbox is made of. X(NAME, public name) */
#define WIRE_MECHANISMS(X)                                                                         \
    X(OWN_UID, "own_uid")               /* a user of its own: no other process is its equal */     \
    X(USER_NAMESPACE, "user_namespace") /* what an ordinary user has instead */                    \
    X(NO_CAPABILITIES, "no_capabilities")                                                          \
    X(NO_NEW_PRIVS, "no_new_privs")                                                                \
    X(LIMITS, "limits")               /* memory, file size, descriptors, processor, no cores */    \
    X(PROCESS_LIMIT, "process_limit") /* threads; binds only with one of the first two */          \
    X(LANDLOCK_FILES, "landlock_files")                                                            \
    X(LANDLOCK_NET, "landlock_net")     /* ABI 4: TCP */                                           \
    X(LANDLOCK_SCOPE, "landlock_scope") /* ABI 6: signals, abstract sockets */                     \
    X(SECCOMP, "seccomp")                                                                          \
    X(HOSTS, "hosts") /* only a broker connects, of class network; else nobody */

enum wire_mechanism {
#define X(NAME, public) WIRE_MECHANISM_##NAME,
    WIRE_MECHANISMS(X)
#undef X
        WIRE_MECHANISM_END
};

/* Its public name; NULL: there is no such mechanism. */
const char *wire_mechanism_name(unsigned mechanism);

/* --- The tables: F(kind, name, largest value or length) ----------------------------------------*/

#define WIRE_CONFIG_FIELDS(F)                                                                      \
    F(str, http_allow, WIRE_RULES_MAX)         /* hosts granted; see runner/http_guard.h */        \
    F(str, http_allow_private, WIRE_RULES_MAX) /* that need not have public addresses */           \
    F(str, http_authorities, 4096)             /* PEM file with more certificates to trust */      \
    F(u32, mode, WIRE_MODE_LAST)                                                                   \
    F(u32, confinement, WIRE_CLASS_LAST)                                                           \
    F(u32, owner, UINT32_MAX) /* the uid that may own the file, besides root */                    \
    F(u32, result_max, WIRE_RESULT_MAX)                                                            \
    F(u32, artifacts_max, WIRE_ARTIFACTS_MAX) /* of one attempt */                                 \
    F(u64, memory_max, UINT64_MAX)            /* RLIMIT_AS; 0: none */                             \
    F(u64, file_bytes_max, UINT64_MAX)        /* RLIMIT_FSIZE; 0: none */                          \
    F(u32, cpu_s, UINT32_MAX / 4) /* processor time that one attempt may take; 0: any */           \
    F(u32, uid, UINT32_MAX)       /* to become, as root; 0: none */                                \
    F(u32, sandbox_required, 1)   /* rather end than go on without a mechanism */                  \
    F(str, readable, WIRE_GRANTS_MAX *(WIRE_PLACE_MAX)) /* wire_place records */                   \
    F(str, hosts, WIRE_RULES_MAX)                       /* that it asks for, one a line */         \
    F(str, connector, WIRE_CODE_MAX)                    /* its name; none: not yet known */        \
    F(str, path, 4096)                                  /* of the connector, for messages */

#define WIRE_START_FIELDS(F)                                                                       \
    F(u32, operation, UINT32_MAX) /* its index in the descriptor */                                \
    F(u32, attempt, UINT32_MAX)                                                                    \
    F(u32, max_attempts, UINT32_MAX)                                                               \
    F(u64, deadline_ms, INT64_MAX) /* on CLOCK_MONOTONIC, which both sides share */                \
    F(str, job_id, WIRE_ID_MAX)                                                                    \
    F(str, input, WIRE_INPUT_MAX)                                                                  \
    F(str, account, WIRE_ACCOUNT_MAX)                                                              \
    F(str, idempotency_key, WIRE_ID_MAX)                                                           \
    F(str, traceparent, 128)                                                                       \
    F(u32, file_count, WIRE_FILES_MAX) /* as many descriptors travel along, in this order */       \
    F(str, files, WIRE_FILES_MAX *(WIRE_FILE_MAX)) /* wire_file records */

#define WIRE_CANCEL_FIELDS(F)

#define WIRE_GRANT_FIELDS(F)     /* without descriptors: none to be had at the moment */           \
    F(u64, first_id, UINT64_MAX) /* the descriptors' ids count up from here */

#define WIRE_SHUTDOWN_FIELDS(F)

#define WIRE_ANSWER_FIELDS(F)                                                                      \
    F(u32, call, UINT32_MAX) /* the number that the call had */                                    \
    F(u32, status, WIRE_STATUS_LAST)                                                               \
    F(u32, count, WIRE_VALUES_MAX)                                                                 \
    F(str, values, WIRE_VALUES_MAX *(WIRE_VALUE_SPACE) + WIRE_VALUE_MAX) /* wire_value records */

#define WIRE_HELLO_FIELDS(F)                                                                       \
    F(u32, protocol, UINT32_MAX)                                                                   \
    F(u32, abi, UINT32_MAX)

#define WIRE_CONFINED_FIELDS(F)                                                                    \
    F(u32, mechanisms, UINT32_MAX) /* those that hold, a bit each: enum wire_mechanism */          \
    F(u32, missing, UINT32_MAX)    /* those that would be good to have and could not be had */     \
    F(u32, landlock_abi, UINT32_MAX)

#define WIRE_READY_FIELDS(F)   F(str, descriptor, WIRE_DESCRIPTOR_MAX) /* JSON */

#define WIRE_REFUSED_FIELDS(F) F(str, reason, WIRE_MESSAGE_MAX)

#define WIRE_RESULT_FIELDS(F)                                                                      \
    F(u32, outcome, WIRE_OUTCOME_LAST)                                                             \
    F(u64, delay_ms, UINT64_MAX)  /* of RETRY */                                                   \
    F(u64, pause_ms, UINT64_MAX)  /* that the account's provider asks for; 0: none */              \
    F(str, json, WIRE_RESULT_MAX) /* OK: the result; FAIL: the details */                          \
    F(str, code, WIRE_CODE_MAX)                                                                    \
    F(str, message, WIRE_MESSAGE_MAX)                                                              \
    F(u32, artifact_count, WIRE_ARTIFACTS_MAX)                                                     \
    F(str, artifacts, WIRE_ARTIFACTS_MAX *(WIRE_ARTIFACT_MAX)) /* wire_artifact records */

#define WIRE_PROGRESS_FIELDS(F)                                                                    \
    F(u32, permille, 1000)                                                                         \
    F(str, message, WIRE_PROGRESS_MAX)

#define WIRE_LOG_FIELDS(F)                                                                         \
    F(u32, level, WIRE_LOG_ERROR)                                                                  \
    F(str, message, WIRE_MESSAGE_MAX)

#define WIRE_NEED_FIELDS(F) F(u32, count, WIRE_GRANT_MAX) /* scratch files */

/* Calls of hub.keep/1 and hub.ledger/1: the token is that of the job. */
#define WIRE_KEEP_PUT_FIELDS(F)                                                                    \
    F(u32, call, UINT32_MAX) /* the runner's own number, which ANSWER gives back */                \
    F(u32, scope, WIRE_SCOPE_LAST)                                                                 \
    F(u32, only_new, 1)                                                                            \
    F(u32, removes, 1)            /* then there is no value */                                     \
    F(u64, expires_ms, INT64_MAX) /* from now; 0: never */                                         \
    F(str, key, WIRE_KEY_MAX)                                                                      \
    F(str, value, WIRE_VALUE_MAX)

#define WIRE_KEEP_GET_FIELDS(F)                                                                    \
    F(u32, call, UINT32_MAX)                                                                       \
    F(u32, scope, WIRE_SCOPE_LAST)                                                                 \
    F(str, key, WIRE_KEY_MAX)

#define WIRE_KEEP_LIST_FIELDS(F)                                                                   \
    F(u32, call, UINT32_MAX)                                                                       \
    F(u32, scope, WIRE_SCOPE_LAST)                                                                 \
    F(u32, limit, WIRE_VALUES_MAX)                                                                 \
    F(str, prefix, WIRE_KEY_MAX)                                                                   \
    F(str, after, WIRE_KEY_MAX)

#define WIRE_LEDGER_APPEND_FIELDS(F)                                                               \
    F(u32, call, UINT32_MAX)                                                                       \
    F(str, kind, WIRE_CODE_MAX)                                                                    \
    F(str, body, WIRE_ENTRY_MAX) /* a JSON object */

/* X(TYPE, name, number, which end sends it, descriptors at most) */
#define WIRE_FRAMES(X)                                                                             \
    X(CONFIG, config, 1, HUBD, 2)                                                                  \
    X(START, start, 2, HUBD, WIRE_FILES_MAX)                                                       \
    X(CANCEL, cancel, 3, HUBD, 0)                                                                  \
    X(GRANT, grant, 4, HUBD, WIRE_GRANT_MAX)                                                       \
    X(SHUTDOWN, shutdown, 5, HUBD, 0)                                                              \
    X(ANSWER, answer, 6, HUBD, 0)                                                                  \
    X(HELLO, hello, 16, RUNNER, 0)                                                                 \
    X(READY, ready, 17, RUNNER, 0)                                                                 \
    X(REFUSED, refused, 18, RUNNER, 0)                                                             \
    X(RESULT, result, 19, RUNNER, 0)                                                               \
    X(PROGRESS, progress, 20, RUNNER, 0)                                                           \
    X(LOG, log, 21, RUNNER, 0)                                                                     \
    X(NEED, need, 22, RUNNER, 0)                                                                   \
    X(CONFINED, confined, 23, RUNNER, 0)                                                           \
    X(KEEP_PUT, keep_put, 24, RUNNER, 0)                                                           \
    X(KEEP_GET, keep_get, 25, RUNNER, 0)                                                           \
    X(KEEP_LIST, keep_list, 26, RUNNER, 0)                                                         \
    X(LEDGER_APPEND, ledger_append, 27, RUNNER, 0)

/* Records: what a frame holds several of, one after the other, in one of its strings. */
#define WIRE_FILE_FIELDS(F)                                                                        \
    F(u64, bytes, INT64_MAX)                                                                       \
    F(str, pointer, WIRE_POINTER_MAX)                                                              \
    F(str, name, WIRE_NAME_MAX)                                                                    \
    F(str, media_type, WIRE_MEDIA_TYPE_MAX)                                                        \
    F(str, artifact, WIRE_ID_MAX)

#define WIRE_ARTIFACT_FIELDS(F)                                                                    \
    F(u64, id, UINT64_MAX) /* of the scratch file */                                               \
    F(str, name, WIRE_NAME_MAX)                                                                    \
    F(str, media_type, WIRE_MEDIA_TYPE_MAX)

#define WIRE_PLACE_FIELDS(F)                                                                       \
    F(str, path, 1024) /* absolute: a file or a folder to read */                                  \
    F(str, name, 64)   /* what the connector knows it by; none: its path */

#define WIRE_VALUE_FIELDS(F)                                                                       \
    F(u64, kept_at, INT64_MAX) /* wall clock, ms */                                                \
    F(str, key, WIRE_KEY_MAX)                                                                      \
    F(str, value, WIRE_VALUE_MAX)

#define WIRE_RECORDS(X)                                                                            \
    X(FILE, file)                                                                                  \
    X(ARTIFACT, artifact)                                                                          \
    X(PLACE, place)                                                                                \
    X(VALUE, value)

/* --- What is made of them ----------------------------------------------------------------------*/

#define WIRE_SPACE_u32(max)             4ull
#define WIRE_SPACE_u64(max)             8ull
#define WIRE_SPACE_str(max)             (4ull + (max))
#define WIRE_ADD_SPACE(kind, name, max) +WIRE_SPACE_##kind(max)

/* The most bytes that a record or a body can have. */
#define WIRE_FILE_MAX     (0 WIRE_FILE_FIELDS(WIRE_ADD_SPACE))
#define WIRE_ARTIFACT_MAX (0 WIRE_ARTIFACT_FIELDS(WIRE_ADD_SPACE))
#define WIRE_PLACE_MAX    (0 WIRE_PLACE_FIELDS(WIRE_ADD_SPACE))

/* A value without its bytes, which are limited for a whole ANSWER. */
#define WIRE_VALUE_SPACE                                                                           \
    (WIRE_SPACE_u64(INT64_MAX) + WIRE_SPACE_str(WIRE_KEY_MAX) + WIRE_SPACE_str(0))

typedef uint32_t wire_u32;
typedef uint64_t wire_u64;
typedef struct str wire_str;

#define WIRE_MEMBER(kind, name, max) wire_##kind name;

enum wire_type {
#define X(TYPE, name, number, from, fds) WIRE_##TYPE = number,
    WIRE_FRAMES(X)
#undef X
        WIRE_TYPE_END
};

/* struct wire_config, wire_send_config(), wire_decode_config(), and so on.
 *
 * wire_send_NAME() writes a frame into the channel's buffer. If it returns 0, the `fd_count`
 * descriptors at `fds` are the channel's, which closes them when they are sent. HUB_ERR_AGAIN if
 * the channel holds as much as it may, HUB_ERR_LIMIT if a field is larger than its table says,
 * HUB_ERR_NOMEM.
 *
 * wire_decode_NAME(): 0, or HUB_ERR_PROTOCOL if `body` is anything but the fields, each within its
 * bounds, and nothing more.
 *
 * wire_NAME_fits(): is every field within its bounds, so that sending will not say HUB_ERR_LIMIT?
 */
#define X(TYPE, name, number, from, fds)                                                           \
    struct wire_##name {                                                                           \
        WIRE_##TYPE##_FIELDS(WIRE_MEMBER)                                                          \
    };                                                                                             \
    HUB_MUST_CHECK int wire_send_##name(struct wire_channel *channel, uint64_t token,              \
                                        const struct wire_##name *body, const int *fds_,           \
                                        unsigned fd_count);                                        \
    HUB_MUST_CHECK int wire_decode_##name(struct str body, struct wire_##name *ret_##name);        \
    bool wire_##name##_fits(const struct wire_##name *body);
WIRE_FRAMES(X)
#undef X

/* struct wire_file, wire_file_append(), wire_file_next(), and so on.
 *
 * wire_NAME_append() adds a record to a buffer; HUB_ERR_LIMIT or HUB_ERR_NOMEM.
 * wire_NAME_next() takes one off the front of `*rest`; HUB_ERR_PROTOCOL, or HUB_ERR_NOT_FOUND at
 * the end. */
#define X(RECORD, name)                                                                            \
    struct wire_##name {                                                                           \
        WIRE_##RECORD##_FIELDS(WIRE_MEMBER)                                                        \
    };                                                                                             \
    HUB_MUST_CHECK int wire_##name##_append(struct buf *buf, const struct wire_##name *record);    \
    HUB_MUST_CHECK int wire_##name##_next(struct str *rest, struct wire_##name *ret_##name);       \
    bool wire_##name##_fits(const struct wire_##name *record);
WIRE_RECORDS(X)
#undef X

/* A page that a runner and hubd share, so that its death can be laid at the right door: what it is
 * doing, and what has befallen it since the last START. The runner may write anything into it: all
 * of it is a hint. */
struct wire_board {
    _Atomic uint64_t token;          /* of the attempt whose code runs on [main]; 0: unknown */
    _Atomic uint64_t refused_bytes;  /* of memory that was asked for and not to be had; 0: none */
    _Atomic uint32_t forbidden_call; /* number of the system call that was stopped, plus 1 */
    _Atomic uint32_t output_full;    /* writes beyond the size that an output may have */
};

/* What a runner's broker has refused: on the second page of the board's file, which the runner
 * itself does not have. Only the broker writes. */
struct wire_refusals {
    _Atomic uint32_t count;
    char last[124]; /* what was asked for last, for people */
};

/* What the table says about a type. */
struct wire_type_info {
    const char *name; /* "RESULT"; NULL: there is no such type */
    bool from_runner;
    unsigned fds_max;
    size_t body_max;
};
struct wire_type_info wire_type_info(unsigned type);

#endif
