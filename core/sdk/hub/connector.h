/*
 * hub/connector.h — how to write a connector for hubd. ABI 1.
 *
 * SPDX-License-Identifier: 0BSD
 *
 * A connector is a shared object that offers operations ("image.transform") to hubd. hubd never
 * loads it itself: a separate, confined process, the runner, does. A connector includes this header
 * and nothing else of hubd, links nothing of hubd, and exports one function:
 *
 *     #include <hub/connector.h>
 *
 *     static void greet(hub_instance *instance, hub_job *job)
 *     {
 *         const hub_host *host = (const hub_host *)instance;   // what create() below returned
 *         host->succeed(job, HUB_STR("{\"greeting\":\"hello\"}"));
 *     }
 *
 *     static hub_instance *create(const hub_host *host)
 *     {
 *         return (hub_instance *)host;
 *     }
 *
 *     static const hub_operation GREET = {
 *         .size = sizeof(hub_operation),
 *         .name = HUB_STR_INIT("greet"),
 *         .summary = HUB_STR_INIT("Says hello."),
 *         .input_schema = HUB_STR_INIT("{\"type\":\"object\",\"additionalProperties\":false}"),
 *         .retry_safety = HUB_RETRY_SAFE,
 *         .start = greet,
 *     };
 *     static const hub_operation *const OPERATIONS[] = {&GREET};
 *     static const hub_connector CONNECTOR = {
 *         .size = sizeof(hub_connector),
 *         .abi = HUB_ABI,
 *         .name = HUB_STR_INIT("hello"),
 *         .version = HUB_STR_INIT("1.0.0"),
 *         .licence = HUB_STR_INIT("0BSD"),
 *         .mode = HUB_MODE_BLOCKING,
 *         .operation_count = 1,
 *         .operations = OPERATIONS,
 *         .create = create,
 *     };
 *
 *     HUB_EXPORT const hub_connector *hub_connector_entry(uint32_t host_abi)
 *     {
 *         return HUB_ABI_MAJOR(host_abi) == HUB_ABI_MAJOR(HUB_ABI) ? &CONNECTOR : 0;
 *     }
 *
 *     cc -std=c99 -shared -fPIC -o hello.so hello.c        →  type "hello.greet"
 *
 * `hubctl connector new NAME` writes a larger one to begin with; `hubctl connector check FILE`
 * tells whether one keeps what is written here. The guide is connectors/README.md.
 *
 * THE LIFE OF A CONNECTOR
 *   dlopen → hub_connector_entry() → the descriptor is read → create() → start() … start() →
 *   destroy() → the process ends. The library is never unloaded. The descriptor must be pure data:
 *   it is read before create() is called, and sometimes create() never is.
 *
 * THREADS. Every function says who may call it, and from where:
 *   [main]   the runner's main thread, which runs its event loop. Never block it.
 *   [work]   the thread that carries one attempt of a HUB_MODE_BLOCKING connector. May block.
 *   [any]    any thread, including the connector's own.
 * The host calls the connector on [main] or [work] only, as tagged below.
 *
 * OWNERSHIP. What the host passes in (a job and all that it points to, its files and their
 * descriptors) belongs to the host and lives until that job is completed; the vtables that it hands
 * out live as long as the process. What the connector passes to the host is copied before the call
 * returns, unless a function says otherwise. Nothing is ever freed across the line. The descriptor
 * and all that it points to live as long as the process and never change.
 *
 * COMPLETION. Each started job is completed exactly once, by one of succeed(), fail(), retry() or
 * unknown(), on any thread, before or after start() has returned. After that call the job and its
 * files are gone: do not touch them again. A HUB_MODE_BLOCKING start() that returns without having
 * completed its job has broken the contract, and the attempt fails. A second completion ends the
 * process.
 *
 * GROWTH. ABI 1 is final: whatever was compiled with it works with every host of ABI 1.x. Every
 * struct begins with its size in bytes as its maker knew it: whoever makes one sets it to sizeof.
 * Fields are only ever appended, never changed or reordered; before reading a field that ABI 1.0
 * did not have, check it with HUB_HAS(). Never copy or compare a struct of the host by its size.
 * Reserved fields, and those that are not set, are zero. What does not fit is an extension, see
 * hub_host.extension.
 */
#ifndef HUB_CONNECTOR_H
#define HUB_CONNECTOR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Major and minor version. Another major is another ABI; a higher minor only appends. */
#define HUB_ABI              0x00010000u
#define HUB_ABI_MAJOR(abi)   ((abi) >> 16)
#define HUB_ABI_MINOR(abi)   ((abi)&0xffffu)

#if defined(__GNUC__)
#define HUB_EXPORT __attribute__((visibility("default")))
#else
#define HUB_EXPORT
#endif

/* Does the struct that `ptr` points to have `member`? True if its maker was new enough. */
#define HUB_HAS(ptr, type, member)                                                                 \
    ((ptr)->size >= offsetof(type, member) + sizeof((ptr)->member))

/* UTF-8 text or bytes, not NUL-terminated; {NULL, 0} is "none". */
typedef struct hub_str {
    const char *ptr;
    uint64_t len;
} hub_str;

#define HUB_STR_INIT(literal) {"" literal, sizeof(literal) - 1} /* in a static initialiser */
#ifndef __cplusplus
#define HUB_STR(literal) ((hub_str)HUB_STR_INIT(literal)) /* as an argument */
#endif

/* JSON, written as JSON, as a string literal: HUB_STR_INIT(HUB_JSON({"type": "object"})). */
#define HUB_JSON(...) #__VA_ARGS__

/* What create() returns: the connector's own state, which the host only passes back. */
typedef struct hub_instance hub_instance;

/* How a call of the host went. */
enum {
    HUB_CALL_OK = 0,
    HUB_CALL_INVALID = -1, /* an argument is out of range, or not UTF-8, or not JSON */
    HUB_CALL_LIMIT = -2,   /* more than the host gives one job */
    HUB_CALL_AGAIN = -3,   /* nothing free at the moment ([main] only; [work] waits instead) */
    HUB_CALL_CLOSED = -4,  /* the job was completed, or the host is going down */
    HUB_CALL_NOMEM = -5,
    HUB_CALL_EXISTS = -6, /* there is one already */
    HUB_CALL_FAILED = -7  /* stable storage does not take it at the moment */
};

/* --- A job -------------------------------------------------------------------------------------*/

/* An input file. The descriptor is open for reading at offset 0, may be read, pread or mapped, and
 * is closed by the host. */
typedef struct hub_file {
    uint32_t size;
    int32_t fd;
    uint64_t bytes;     /* the file's size */
    hub_str pointer;    /* JSON Pointer (RFC 6901) of the place in the input that names it: "/image" */
    hub_str name;       /* file name as uploaded, without a path; may be none */
    hub_str media_type; /* as claimed by whoever uploaded it: look at the bytes before trusting it */
    hub_str artifact;   /* its id */
} hub_file;

/* One attempt of one job. */
typedef struct hub_job {
    uint32_t size;
    uint32_t attempt;        /* 1 for the first */
    hub_str id;              /* the job's id, the same in every attempt */
    hub_str operation;       /* without the connector's name: "transform" */
    hub_str input;           /* JSON, valid against the operation's input_schema */
    hub_str account;         /* JSON of the account that the job names, with its secrets; or none */
    hub_str idempotency_key; /* the same in every attempt; at most 64 ASCII characters */
    hub_str traceparent;     /* W3C trace context to send on; or none */
    int64_t deadline_ms;     /* on hub_host.now_ms()'s clock; then the process is killed */
    uint32_t file_count;
    uint32_t max_attempts;        /* the number of the last attempt, as things are: those that hubd
                                   * has cut short do not count; see also HUB_OPERATION_SETTLES */
    const hub_file *const *files; /* in no particular order: find one by its pointer */
    void *user;                   /* the connector's; NULL at the start, never read by the host */
} hub_job;

/* --- The host ----------------------------------------------------------------------------------*/

enum { HUB_LOG_DEBUG = 0, HUB_LOG_INFO = 1, HUB_LOG_WARN = 2, HUB_LOG_ERROR = 3 };

/* What the runner offers. Given to create(), valid until the process ends. */
typedef struct hub_host {
    uint32_t size;
    uint32_t abi; /* HUB_ABI of the host's header */

    /* The job is done. `result` is a JSON value, valid against the operation's result_schema, of at
     * most 256 KiB; what is larger belongs in an artifact. [any] */
    void (*succeed)(hub_job *job, hub_str result);

    /* The job can't succeed, and trying again would not help. `code` is a short name in snake_case
     * (a–z, 0–9, _; at most 64) that users may test for: "invalid_input", "too_large",
     * "unsupported_format", …; `message` is a sentence for people, without secrets; `details` is
     * a JSON object or none. [any] */
    void (*fail)(hub_job *job, hub_str code, hub_str message, hub_str details);

    /* This attempt did not work out, another may. `delay_ms` is how long this job waits at least; 0
     * leaves it to hubd's back-off. If the provider has asked for a pause of all that we send, say
     * so with HUB_EXT_ACCOUNT before. [any] */
    void (*retry)(hub_job *job, hub_str code, hub_str message, uint64_t delay_ms);

    /* Something may or may not have happened (the answer to a charge was lost) and trying again is
     * not safe. Ends the job as `unknown`. [any] */
    void (*unknown)(hub_job *job, hub_str code, hub_str message);

    /* How far the job is, in thousandths, and what it is doing (at most 256 bytes; may be none).
     * Call it as often as you like: the host sends on what is worth it. [any] */
    void (*progress)(hub_job *job, uint32_t permille, hub_str message);

    /* A line for hubd's log, tagged with connector and job. `job` may be NULL. At most 1 KiB is
     * kept. Never log secrets or payloads. [any] */
    void (*log)(hub_job *job, uint32_t level, hub_str message);

    /* 1 once the job was cancelled or its deadline has passed: stop and complete with anything. A
     * long computation asks now and then. Cheap. [any] */
    int32_t (*cancelled)(const hub_job *job);

    /* Makes an output file: `*fd` is open for reading and writing, empty, and becomes the artifact
     * `name` (a plain file name, unique within the job) when, and only when, the job succeeds. The
     * host owns and closes the descriptor; write it before completing. HUB_CALL_OK, _INVALID,
     * _LIMIT (default 64 a job), _AGAIN, _CLOSED. [any]; on [main] it never blocks. */
    int32_t (*artifact)(hub_job *job, hub_str name, hub_str media_type, int32_t *fd);

    /* The input file at this JSON Pointer, or NULL. The host's, until completion. [any] */
    const hub_file *(*file)(const hub_job *job, hub_str pointer);

    /* Monotonic milliseconds; and wall-clock milliseconds since 1970 in UTC. [any] */
    int64_t (*now_ms)(void);
    int64_t (*wall_ms)(void);

    /* Cryptographically strong random bytes. [any] */
    void (*random)(void *bytes, uint64_t len);

    /* More services, by name: see below. NULL if this host has none of that name. [any] */
    const void *(*extension)(const char *name);
} hub_host;

/* Timers on the runner's event loop: host->extension(HUB_EXT_TIMER). */
#define HUB_EXT_TIMER "hub.timer/1"

typedef struct hub_timer hub_timer;
typedef struct hub_timer_api {
    uint32_t size;
    uint32_t reserved;
    /* Calls `fire(context)` once, on [main], in `delay_ms`. NULL if out of memory. The timer is the
     * connector's until `fire` has returned, then it is gone: forget it in `fire`. [main] */
    hub_timer *(*start)(uint64_t delay_ms, void (*fire)(void *context), void *context);
    /* `fire` will not be called any more; frees the timer. Not after it has fired. NULL does
     * nothing. [main] */
    void (*stop)(hub_timer *timer);
} hub_timer_api;

/* A pool of threads for what blocks or computes: host->extension(HUB_EXT_POOL). */
#define HUB_EXT_POOL "hub.pool/1"

typedef struct hub_pool_api {
    uint32_t size;
    uint32_t threads; /* how many work at once */
    /* Calls `work(context)` on a thread of the pool, then `done(context)` on [main]; `done` may be
     * NULL. HUB_CALL_OK, _NOMEM or _CLOSED, and then neither is called. [main] */
    int32_t (*run)(void (*work)(void *context), void (*done)(void *context), void *context);
} hub_pool_api;

/* An HTTP client on the runner's event loop: host->extension(HUB_EXT_HTTP).
 *
 *     static void answered(void *context, const hub_http_response *response) …
 *
 *     hub_http_request request = {
 *         .size = sizeof(request),
 *         .method = HUB_STR("GET"),
 *         .url = HUB_STR("https://api.example.com/v1/things"),
 *         .done = answered,
 *         .context = my_job,
 *     };
 *     http->send(&request, &call);      // answered() comes later, on [main], exactly once
 *
 * Connections are kept open and shared. The host guards every request: the URL's host must be among
 * those that the descriptor asks for and the operator grants, and each address that its name
 * resolves to must be a public one, unless the operator has allowed it; the same at each redirect.
 * Certificates are always checked; there is no way to turn that off. HTTP/1.1. */
#define HUB_EXT_HTTP "hub.http/1"

typedef struct hub_http_header {
    hub_str name;
    hub_str value;
} hub_http_header;

/* hub_http_request.flags */
enum {
    /* Take gzip, deflate and br, and undo them. Limits count what comes out. */
    HUB_HTTP_DECODE = 1,
    /* The request may be sent a second time when a kept connection broke before any answer: it
     * carries a key that the other side knows it by. GET, HEAD, OPTIONS, PUT and DELETE always may
     * (RFC 9110 §9.2.2); others are sent once at most without this. */
    HUB_HTTP_REPLAY = 2,
    /* Public addresses only, whatever else the operator has allowed. */
    HUB_HTTP_PUBLIC = 4,
    /* Write the body of an answer into `sink_fd`. */
    HUB_HTTP_TO_FILE = 8,
    /* https only. */
    HUB_HTTP_SECURE = 16
};

/* How a request went, in as far as it is not HTTP's status that says it. */
enum {
    HUB_HTTP_OK = 0,           /* there is an answer, of any status, and all of it */
    HUB_HTTP_INVALID = 1,      /* the request is none: URL, method, a header */
    HUB_HTTP_BLOCKED = 2,      /* host, address or scheme is not allowed */
    HUB_HTTP_DNS = 3,          /* the name does not resolve */
    HUB_HTTP_CONNECT = 4,      /* no connection */
    HUB_HTTP_TLS = 5,          /* no secure connection: certificate, name, protocol */
    HUB_HTTP_TIMEOUT = 6,      /* one of the timeouts */
    HUB_HTTP_TOO_LARGE = 7,    /* headers or body of the answer are larger than allowed */
    HUB_HTTP_BROKEN = 8,       /* the connection ended too soon, or what came is not HTTP */
    HUB_HTTP_REDIRECT = 9,     /* too many, or one that must not be followed */
    HUB_HTTP_SINK = 10,        /* the file could not be written */
    HUB_HTTP_SOURCE = 11,      /* the file could not be read */
    HUB_HTTP_NO_RESOURCES = 12 /* out of memory or descriptors */
};

/* May the other side have seen the request? */
enum {
    HUB_HTTP_NEVER_SENT = 0, /* no byte of it has left: it can be repeated without a thought */
    HUB_HTTP_MAY_HAVE_ARRIVED = 1
};

typedef struct hub_http_response {
    uint32_t size;
    uint32_t error;                 /* HUB_HTTP_OK, … */
    uint32_t sent;                  /* of the last hop; MAY_HAVE_ARRIVED from the second hop on */
    uint32_t status;                /* 100–599; 0: no answer. May be there with an error too. */
    const hub_http_header *headers; /* names in lower case, in the order in which they came */
    uint32_t header_count;
    uint32_t redirects;  /* that were followed */
    hub_str body;        /* none if it went into a file */
    uint64_t body_bytes; /* in memory or in the file */
    hub_str url;         /* that answered, or was tried last */
    hub_str message;     /* of an error: a sentence for people, without secrets */
} hub_http_response;

typedef struct hub_http_request {
    uint32_t size;
    uint32_t flags;
    hub_str method; /* capitals; not CONNECT or TRACE */
    hub_str url;    /* http or https, without user:password */
    /* The host adds Host, Content-Length, User-Agent and Accept; the latter two only if they are
     * not here. Those that speak about the connection (Host, Content-Length, Transfer-Encoding,
     * Connection, …) are refused. */
    const hub_http_header *headers;
    uint32_t header_count;
    /* How many redirects to follow; 0: a 3xx is the answer. 303, and 301 and 302 after POST, become
     * GET. To another origin go only Accept, Accept-Language, Range and User-Agent, and never a
     * body; from https to http goes nothing. */
    uint32_t max_redirects;
    hub_str body;                /* bytes; or */
    const hub_file *body_file;   /* a file, which must stay open until done() */
    uint64_t response_max;       /* bytes of the body; 0: 256 KiB, or 1 GiB into a file */
    int32_t sink_fd;             /* with HUB_HTTP_TO_FILE: written from its present offset on, only
                                  * while the status is 2xx; other bodies come in memory, cut to
                                  * 64 KiB. Stays open until done(), and is never closed. */
    uint32_t connect_timeout_ms; /* name, connection and TLS; 0: 10,000 */
    uint32_t idle_timeout_ms;    /* without a byte either way, in whole seconds; 0: 30,000 */
    uint32_t timeout_ms;         /* all of it, redirects included; 0: 60,000 */
    /* Connections are shared only among requests of the same partition; an account's name, for
     * instance. At most 128 bytes; may be none. */
    hub_str partition;
    void (*done)(void *context, const hub_http_response *response); /* [main] */
    void *context;
    /* If there are any: only these hosts, redirects included. As in hub_connector.hosts. Where an
     * account's secrets go along, its hosts; where a test account is used, the sandbox's. */
    const hub_str *hosts;
    uint32_t host_count; /* at most 64 */
    uint32_t reserved;
} hub_http_request;

typedef struct hub_http_call hub_http_call;
typedef struct hub_http_api {
    uint32_t size;
    uint32_t in_flight_max; /* requests at once */
    /* Begins a request. All that it points to but the two files is copied. `call`, which may be
     * NULL, gets a name for cancel(). HUB_CALL_OK: done() will be called once, not before send()
     * has returned, unless cancel() is. Else it will not: HUB_CALL_INVALID (no done(), too new a
     * flag, more than 128 headers or 64 KiB of them), _AGAIN (in_flight_max), _CLOSED, _NOMEM.
     * [main] */
    int32_t (*send)(const hub_http_request *request, hub_http_call **call);
    /* Gives it up; done() will not be called. Not after done(). NULL does nothing. [main] */
    void (*cancel)(hub_http_call *call);
} hub_http_api;

/* What must be known again after a crash: host->extension(HUB_EXT_KEEP). Small values by key, on
 * hubd's stable storage.
 *
 *     keep->put(job, HUB_KEEP_JOB, 0, HUB_STR("request"), frozen, 0, on_kept, mine);
 *     // on_kept(HUB_CALL_OK): it is on disk; now the request may leave
 *
 * Whatever was kept for a job, its next attempt finds; an attempt that hubd has given up can keep
 * nothing any more. All three calls are tagged [any]: on [main] `done` comes later, on [main],
 * exactly once unless the call itself has failed; on another thread the call waits, and `done` is
 * called there before it returns.
 *
 * The job must not be completed while a call of its own is under way. Values are not encrypted: no
 * secrets. */
#define HUB_EXT_KEEP "hub.keep/1"

/* Whose a value is. */
enum {
    HUB_KEEP_JOB = 0,    /* the job's. At most 16, of 256 KiB together; they go with the job. */
    HUB_KEEP_ACCOUNT = 1 /* the connector's, under the account of this job, or under none. */
};

/* put()'s flags */
enum {
    HUB_KEEP_NEW = 1 /* only if there is none of this key: else HUB_CALL_EXISTS */
};

/* Views live during the call that hands them out. */
typedef struct hub_kept {
    uint32_t size;
    uint32_t reserved;
    hub_str key;
    hub_str value;
    int64_t kept_at; /* when, on hub_host.wall_ms()'s clock */
} hub_kept;

/* `status`: HUB_CALL_OK, _EXISTS, _LIMIT (too many), _FAILED, or _CLOSED (the attempt is over).
 * `values`: of get() one or none, of list() some, in the order of their keys; of put() none. */
typedef void hub_keep_done(void *context, int32_t status, const hub_kept *values, uint32_t count);

typedef struct hub_keep_api {
    uint32_t size;
    uint32_t value_max; /* bytes: 64 KiB */
    /* Keeps `value`, in place of what the key had; {NULL, 0} removes it. `key`: 1 to 256 bytes of
     * UTF-8. `expires_ms`: how long from now on, 0: for ever (with HUB_KEEP_JOB always as long as
     * the job). HUB_CALL_OK, _INVALID, _LIMIT, _AGAIN (too many calls at once), _CLOSED, _NOMEM:
     * only after OK does `done` come, and there status OK means: on disk. [any] */
    int32_t (*put)(hub_job *job, uint32_t scope, uint32_t flags, hub_str key, hub_str value,
                   uint64_t expires_ms, hub_keep_done *done, void *context);
    int32_t (*get)(hub_job *job, uint32_t scope, hub_str key, hub_keep_done *done, void *context);
    /* Those whose key begins with `prefix` and comes after `after`, at most `limit` (1 to 256) and
     * 64 KiB, at least one if there is one. [any] */
    int32_t (*list)(hub_job *job, uint32_t scope, hub_str prefix, hub_str after, uint32_t limit,
                    hub_keep_done *done, void *context);
} hub_keep_api;

/* A book of account: host->extension(HUB_EXT_LEDGER). What moves money is written here before and
 * after. Entries are never changed; each carries the SHA-256 of the one before, so that a missing
 * or altered one shows. */
#define HUB_EXT_LEDGER "hub.ledger/1"

typedef struct hub_ledger_api {
    uint32_t size;
    uint32_t body_max; /* bytes: 16 KiB */
    /* Appends an entry: `kind` is a name like an error code ("intent", "answer"), `body` a JSON
     * object without secrets. hubd adds time, connector, account, job and attempt. `done` and the
     * return as in hub_keep_api.put(). [any] */
    int32_t (*append)(hub_job *job, hub_str kind, hub_str body, hub_keep_done *done, void *context);
} hub_ledger_api;

/* What a provider says about an account: host->extension(HUB_EXT_ACCOUNT). */
#define HUB_EXT_ACCOUNT "hub.account/1"

typedef struct hub_account_api {
    uint32_t size;
    uint32_t reserved;
    /* The provider has asked for a pause (429 or 503 with Retry-After): no attempt of any job under
     * this job's account begins before `delay_ms` has passed, at most a day; then one goes first,
     * and the others follow once it has got through. It takes effect when the job is completed,
     * however that is; the longest of several counts. A job without an account loses nothing by it.
     * What concerns only this job (a record that is locked, a mailbox that is full) is retry()'s
     * delay alone. HUB_CALL_OK, or _CLOSED after completion. [any] */
    int32_t (*pause)(hub_job *job, uint64_t delay_ms);
} hub_account_api;

/* Connections of one's own: host->extension(HUB_EXT_NET). For protocols that are not HTTP, and for
 * libraries that speak them. There are sockets of TCP, and names by getaddrinfo(). Whom a connector
 * may connect to is decided outside its process; connect() fails with EACCES otherwise, for an
 * address that no granted name was resolved to within 5 minutes too. To know before, and in words,
 * ask here. Only the C library's connect() connects: the system call itself is forbidden. */
#define HUB_EXT_NET "hub.net/1"

typedef struct hub_net_api {
    uint32_t size;
    uint32_t reserved;
    /* May a connection be made to `address` (a struct sockaddr of IPv4 or IPv6), to which the name
     * `host` was resolved? `host` is without brackets; `port` 1 to 65535. The rules are those of
     * HUB_EXT_HTTP: hosts that the descriptor asks for and the operator grants, and public
     * addresses unless the operator has allowed it. HUB_CALL_OK, or _INVALID with one word for
     * what it is in `why`, which lives as long as the process ("private", "loopback", …, or
     * "host"). [any] */
    int32_t (*may_connect)(hub_str host, uint32_t port, const void *address, uint32_t address_size,
                           hub_str *why);
    /* For a library that opens its connections itself: from now on the C library's connect(), when
     * it is called on this thread, calls `instead` with this context, and does what that says: 0,
     * or -1 with errno. NULL: as ever. Not to be called from within `instead`, where connect() is
     * as ever. [any] */
    void (*on_connect)(int (*instead)(void *context, int fd, const void *address,
                                      uint32_t address_size),
                       void *context);
} hub_net_api;

/* Folders by name: host->extension(HUB_EXT_FOLDERS). Where the operator keeps files for a connector
 * (the setting connector_folders); they may be read with all that is below. */
#define HUB_EXT_FOLDERS "hub.folders/1"

typedef struct hub_folders_api {
    uint32_t size;
    uint32_t reserved;
    /* The absolute path of a folder, which lives as long as the process; empty: there is none of
     * that name. [any] */
    hub_str (*path)(hub_str name);
} hub_folders_api;

/* --- The descriptor ----------------------------------------------------------------------------*/

/* May an attempt be repeated when it is not known how the last one ended? */
enum {
    HUB_RETRY_SAFE = 0,     /* yes: it only computes, or doing it twice does no harm */
    HUB_RETRY_WITH_KEY = 1, /* yes, with the same idempotency_key and the same request */
    HUB_RETRY_NEVER = 2     /* no: such a job ends as `unknown` */
};

/* What else is to be known of an operation. */
enum {
    /* With HUB_RETRY_WITH_KEY: it can find out what became of attempts that were cut short. When no
     * attempt is left and the last one was killed, or ended as unknown, hubd begins up to three
     * more before the job ends as `unknown`. Their number is above hub_job.max_attempts: they are
     * to begin nothing that has not begun before. */
    HUB_OPERATION_SETTLES = 1
};

/* How jobs are started. */
enum {
    /* start() returns at once and the job goes on by callbacks; one process holds many. */
    HUB_MODE_ASYNC = 0,
    /* start() works until the job is completed; hubd runs as many processes as configured. */
    HUB_MODE_BLOCKING = 1
};

typedef struct hub_operation {
    uint32_t size;
    uint32_t retry_safety;
    hub_str name;          /* a–z, 0–9, _; at most 64; the job type is CONNECTOR.NAME */
    hub_str summary;       /* one sentence */
    hub_str input_schema;  /* JSON Schema 2020-12; hubd validates before the job is accepted.
                            * {"$ref": "hub:file"} marks a place that takes a file. */
    hub_str result_schema; /* of what succeed() gets; none: anything */
    hub_str example;       /* a valid input, shown to people and used by the conformance check */
    uint32_t timeout_ms;   /* default of one attempt; 0: hubd's default */
    uint32_t max_attempts; /* default of a job; 0: hubd's default */

    /* Begins an attempt. The job must be completed exactly once.
     * [main] and must not block if the mode is ASYNC, [work] if it is BLOCKING. */
    void (*start)(hub_instance *instance, hub_job *job);

    uint32_t flags; /* HUB_OPERATION_… */
    uint32_t reserved;
} hub_operation;

typedef struct hub_connector {
    uint32_t size;
    uint32_t abi;    /* HUB_ABI of the header it was compiled with */
    hub_str name;    /* a–z, 0–9, _, starting with a letter; at most 64 */
    hub_str version; /* semantic version */
    hub_str licence; /* SPDX expression */
    hub_str summary; /* one sentence */
    uint32_t mode;
    uint32_t max_in_flight; /* ASYNC: attempts that one process may hold; 0: hubd's default */
    hub_str account_schema; /* JSON Schema of an account; secret members carry "writeOnly": true;
                             * none: the connector takes no account */

    /* Permissions asked for. hubd's operator grants them or not. No hosts: no network at all.
     * hosts: "api.example.com", "*.example.com", with ":PORT" if not 443 (":*": any); "*": all. */
    const hub_str *hosts;
    const hub_str *paths; /* files and folders to read, absolute: "/usr/share/fonts" */
    uint32_t host_count;
    uint32_t path_count;

    uint32_t operation_count;
    uint32_t reserved;
    const hub_operation *const *operations;

    /* Called once, before the first start(). Returns the connector's state, or NULL if it cannot
     * work, after having said why with host->log(). [main] */
    hub_instance *(*create)(const hub_host *host);

    /* Called once at the end, when no job is left. May be NULL. [main] */
    void (*destroy)(hub_instance *instance);

    /* Advice: nobody waits for this job any more; complete it soon, with anything. May be NULL:
     * then host->cancelled() is the only sign. Comes at most a few times for a job, and not after
     * it was completed; a job that another thread completes meanwhile is there until this returns.
     * [main]; if the mode is BLOCKING possibly while start() runs on [work], or before it does. */
    void (*cancel)(hub_instance *instance, hub_job *job);
} hub_connector;

/* The one exported function. `host_abi` is the host's HUB_ABI. Returns a descriptor that lives as
 * long as the process, or NULL if it cannot work with such a host. Runs before anything else of
 * the connector and does nothing but return. [main] */
typedef const hub_connector *hub_connector_entry_fn(uint32_t host_abi);
HUB_EXPORT const hub_connector *hub_connector_entry(uint32_t host_abi);

#ifdef __cplusplus
}
#endif

#endif /* HUB_CONNECTOR_H */
