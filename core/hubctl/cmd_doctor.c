/* hubctl doctor: is everything as it should be, and if not, what to do. */
#include "base/clock.h"
#include "base/json.h"
#include "hub_version.h"
#include "hubctl/app.h"
#include "hubctl/commands.h"
#include "hubctl/kernel.h"
#include "hubctl/must.h"
#include "hubctl/text.h"

#include <string.h>
#include <sys/resource.h>

#define ASK_MS          5000
#define DESCRIPTORS_MIN 4096 /* fewer hold back a busy hubd */

enum finding { FINDING_OK, FINDING_WARN, FINDING_FAULT };

static const struct {
    const char *name;
    const char *mark;
    enum style style;
} looks[] = {
    [FINDING_OK] = {"ok", "✓", STYLE_GREEN},
    [FINDING_WARN] = {"warning", "!", STYLE_YELLOW},
    [FINDING_FAULT] = {"fault", "✗", STYLE_RED},
};

struct doctor {
    struct app *app;
    bool fault;
    bool reachable;
};

/* --- findings --------------------------------------------------------------------------------- */

static void print_for_programs(const char *check, enum finding finding, struct str text,
                               const char *remedy)
{
    struct json_object *object = must(json_object_new_object());

    must_ok(json_object_object_add(object, "check", must(json_object_new_string(check))));
    must_ok(json_object_object_add(object, "finding",
                                   must(json_object_new_string(looks[finding].name))));
    must_ok(json_object_object_add(object, "detail",
                                   must(json_object_new_string_len(text.ptr, (int)text.len))));
    must_ok(json_object_object_add(object, "remedy",
                                   remedy ? must(json_object_new_string(remedy)) : NULL));
    output_json(object);
    json_object_put(object);
}

static void print_for_people(const struct output *output, enum finding finding, struct str text,
                             const char *remedy)
{
    struct buf out;

    buf_init(&out, BUF_NO_LIMIT);
    buf_append_str(&out, STR("  "));
    style_append(&out, output->out_colour, looks[finding].style, str_from_c(looks[finding].mark));
    buf_append_char(&out, ' ');
    text_append_wrapped(&out, text, 4, output_text_width(output));
    buf_append_char(&out, '\n');
    if (remedy) {
        buf_append_str(&out, STR("    → "));
        text_append_wrapped(&out, str_from_c(remedy), 6, output_text_width(output));
        buf_append_char(&out, '\n');
    }
    output_write(&out);
    fflush(stdout);
    buf_release(&out);
}

/* `remedy` (safe, may be NULL) is what to do about it. */
static void __attribute__((format(printf, 5, 6)))
find(struct doctor *self, const char *check, enum finding finding, const char *remedy,
     const char *format, ...)
{
    struct buf raw;
    struct buf text;
    va_list args;

    buf_init(&raw, BUF_NO_LIMIT);
    buf_init(&text, BUF_NO_LIMIT);
    va_start(args, format);
    buf_append_vformat(&raw, format, args);
    va_end(args);
    text_append_safe(&text, buf_view(&raw));
    self->fault |= finding == FINDING_FAULT;
    if (self->app->output.json) {
        print_for_programs(check, finding, buf_view(&text), remedy);
    } else {
        print_for_people(&self->app->output, finding, buf_view(&text), remedy);
    }
    buf_release(&raw);
    buf_release(&text);
}

static void title(const struct doctor *self, const char *text, bool first)
{
    const struct output *output = &self->app->output;
    struct buf out;

    if (!output->json) {
        buf_init(&out, BUF_NO_LIMIT);
        buf_append_str(&out, first ? STR("") : STR("\n"));
        style_append(&out, output->out_colour, STYLE_BOLD, str_from_c(text));
        buf_append_char(&out, '\n');
        output_write(&out);
        buf_release(&out);
    }
}

/* --- hubd ------------------------------------------------------------------------------------- */

static void report_unreachable(struct doctor *self, const char *name, const char *why)
{
    const struct endpoint *endpoint = &self->app->endpoint;
    struct buf places;

    buf_init(&places, BUF_NO_LIMIT);
    if (endpoint->places_len > 0) {
        buf_append_str(&places, STR("No --socket, --url, HUBD_SOCKET or HUBD_URL was given. Looked "
                                    "for:"));
        for (size_t i = 0; i < endpoint->places_len; i++) {
            buf_append_str(&places, i > 0 ? STR(", ") : STR(" "));
            text_append_safe(&places, str_from_c(endpoint->places[i]));
        }
        buf_append_str(&places, STR(". "));
    }
    buf_append_str(&places, STR("Start it with `hubd`, or say where it listens with --socket PATH "
                                "or --url URL."));
    must_buf(&places);
    find(self, "reachable", FINDING_FAULT, places.ptr, "hubd does not answer at %s: %s", name, why);
    buf_release(&places);
}

static void check_version(struct doctor *self, struct str version)
{
    if (str_eq(version, STR(HUB_VERSION))) {
        find(self, "version", FINDING_OK, NULL, "hubd and hubctl are version %.*s",
             STR_ARG(version));
    } else {
        find(self, "version", FINDING_WARN, "Install both from the same release.",
             "hubd is version %.*s, hubctl %s", STR_ARG(version), HUB_VERSION);
    }
}

static void check_reachable(struct doctor *self, const char *name)
{
    struct request request = {.method = "GET", .path = "/healthz", .timeout_ms = ASK_MS};
    struct json_object *health = NULL;
    struct hub_error error;
    struct reply reply;
    struct str version;
    int64_t began = clock_mono_ns();

    if (client_call(self->app->client, &request, &reply, &error) < 0) {
        report_unreachable(self, name, error.detail);
    } else if (reply.status != 200 ||
               json_read(buf_view(&reply.body), JSON_DEPTH_MAX, &health, NULL, NULL) < 0 ||
               !json_get_str(health, "version", &version)) {
        find(self, "reachable", FINDING_FAULT, "Something else listens there.",
             "what answers at %s is not hubd (HTTP %ld)", name, reply.status);
    } else {
        self->reachable = true;
        find(self, "reachable", FINDING_OK, NULL, "hubd answers at %s in %.1f ms", name,
             (double)(clock_mono_ns() - began) / CLOCK_NS_PER_MS);
        check_version(self, version);
    }
    json_object_put(health);
    reply_release(&reply);
}

/* The status of a GET, 0 if there was no answer; `*ret_json` is NULL if it is not JSON. */
static long ask(struct doctor *self, const char *path, struct json_object **ret_json)
{
    struct request request = {.method = "GET", .path = path, .timeout_ms = ASK_MS};
    struct reply reply;
    long status = 0;

    *ret_json = NULL;
    if (client_call(self->app->client, &request, &reply, NULL) == 0) {
        status = reply.status;
        if (json_read(buf_view(&reply.body), JSON_DEPTH_MAX, ret_json, NULL, NULL) < 0) {
            *ret_json = NULL;
        }
    }
    reply_release(&reply);
    return status;
}

static void check_ready(struct doctor *self)
{
    static const struct {
        struct str status;
        const char *remedy;
    } remedies[] = {
        {STR_INIT("starting"), "Wait a moment; its log says what it waits for."},
        {STR_INIT("draining"), "It is being stopped, or restarted by the service manager."},
        {STR_INIT("storage_full"),
         "Free space on the file system of hubd's state folder, or shorten the retention of jobs: "
         "new jobs are refused, running ones still end."},
        {STR_INIT("storage_failing"), "Look at the disk of hubd's state folder (dmesg, mount "
                                      "options): writing to it fails. hubd "
                                      "tries again every second."},
        {STR_INIT("storage_damaged"),
         "Stop hubd, check hubd.db in its state folder with sqlite3's integrity_check, and restore "
         "it from a backup or with sqlite3's .recover."},
    };
    struct json_object *health;
    struct str status = STR("");
    const char *remedy = "Its log says why.";
    long code = ask(self, "/readyz", &health);

    json_get_str(health, "status", &status);
    if (code == 200) {
        find(self, "ready", FINDING_OK, NULL, "it takes new jobs; there is room on its disk");
    } else if (code == 401 || code == 403) {
        find(self, "ready", FINDING_WARN, NULL, "whether it is ready it tells only with a key");
    } else {
        for (size_t i = 0; i < sizeof remedies / sizeof remedies[0]; i++) {
            if (str_eq(remedies[i].status, status)) {
                remedy = remedies[i].remedy;
            }
        }
        find(self, "ready", FINDING_FAULT, remedy, "it takes no new jobs: %.*s (HTTP %ld)",
             STR_ARG(status), code);
    }
    json_object_put(health);
}

/* A list of names as text. */
static void append_names(struct buf *out, struct json_object *object, const char *member)
{
    struct json_object *names;

    for (size_t i = 0;
         json_get_array(object, member, &names) && i < json_object_array_length(names); i++) {
        buf_append_str(out, i > 0 ? STR(", ") : STR(""));
        buf_append_str(out, json_str(json_object_array_get_idx(names, i)));
    }
    must_buf(out);
}

/* What holds its processes back, and what could and does not. */
static void check_confinement(struct doctor *self, struct str name, struct json_object *connector)
{
    struct json_object *sandbox;
    struct str class = STR("?");
    struct buf holds;
    struct buf missing;

    if (!json_get_object(connector, "sandbox", &sandbox)) {
        return; /* it has no processes */
    }
    buf_init(&holds, BUF_NO_LIMIT);
    buf_init(&missing, BUF_NO_LIMIT);
    json_get_str(sandbox, "class", &class);
    append_names(&holds, sandbox, "mechanisms");
    append_names(&missing, sandbox, "missing");
    if (missing.len == 0) {
        find(self, "sandbox", FINDING_OK, NULL, "connector %.*s is confined (%.*s): %.*s",
             STR_ARG(name), STR_ARG(class), STR_ARG(buf_view(&holds)));
    } else {
        find(self, "sandbox", FINDING_WARN,
             "With `sandbox: required` hubd starts no connector that lacks one of them.",
             "connector %.*s is confined (%.*s) without %.*s", STR_ARG(name), STR_ARG(class),
             STR_ARG(buf_view(&missing)));
    }
    buf_release(&holds);
    buf_release(&missing);
}

static void check_connector(struct doctor *self, struct json_object *connector)
{
    struct str name = STR("?");
    struct str health = STR("?");
    struct str reason = STR("");
    struct str file = STR("");

    json_get_str(connector, "name", &name);
    json_get_str(connector, "health", &health);
    json_get_str(connector, "reason", &reason);
    json_get_str(connector, "file", &file);
    if (str_eq(health, STR("ready"))) {
        find(self, "connector", FINDING_OK, NULL, "connector %.*s is ready", STR_ARG(name));
    } else if (str_eq(health, STR("backing_off"))) {
        find(self, "connector", FINDING_WARN, "It is tried again by itself; hubd's log has more.",
             "connector %.*s keeps failing: %.*s", STR_ARG(name), STR_ARG(reason));
    } else if (str_eq(health, STR("tripped"))) {
        find(self, "connector", FINDING_FAULT,
             "Its jobs wait. One is tried after a pause; a new version of the file, and `hubctl "
             "connectors rescan`, bring it back at once.",
             "connector %.*s is out of service: %.*s", STR_ARG(name), STR_ARG(reason));
    } else {
        find(self, "connector", FINDING_FAULT,
             "Put it right and run `hubctl connectors rescan`, or remove the file.",
             "connector %.*s is %.*s: %.*s (%.*s)", STR_ARG(name), STR_ARG(health), STR_ARG(reason),
             STR_ARG(file));
    }
    check_confinement(self, name, connector);
}

static void check_connectors(struct doctor *self)
{
    struct json_object *answer;
    struct json_object *connectors;
    long code = ask(self, "/v1/connectors", &answer);

    if (code == 401 || code == 403) {
        find(self, "access", FINDING_FAULT,
             "Give a key with --key-file FILE or in HUBCTL_KEY. hubd writes the first one to "
             "admin.key in its state folder; over the socket its own user needs none.",
             "hubd does not let you look (HTTP %ld)", code);
    } else if (!json_get_array(answer, "connectors", &connectors)) {
        find(self, "access", FINDING_FAULT, "Its log says why.",
             "it does not list its connectors "
             "(HTTP %ld)",
             code);
    } else if (json_object_array_length(connectors) == 0) {
        find(self, "connector", FINDING_WARN,
             "Start hubd with --connector-dir DIR where the connectors are.",
             "there are no connectors: no job can be posted");
    } else {
        for (size_t i = 0; i < json_object_array_length(connectors); i++) {
            check_connector(self, json_object_array_get_idx(connectors, i));
        }
    }
    json_object_put(answer);
}

static void check_queues(struct doctor *self)
{
    struct json_object *answer;
    struct json_object *queues;

    ask(self, "/v1/queues", &answer);
    if (json_get_array(answer, "queues", &queues)) {
        for (size_t i = 0; i < json_object_array_length(queues); i++) {
            struct json_object *queue = json_object_array_get_idx(queues, i);
            struct str name = STR("");
            bool paused = false;

            json_get_str(queue, "name", &name);
            if (json_get_bool(queue, "paused", &paused) && paused) {
                find(self, "queue", FINDING_WARN, "`hubctl queues resume NAME` opens it again.",
                     "queue %.*s is paused", STR_ARG(name));
            }
        }
    }
    json_object_put(answer);
}

static int check_hubd(struct doctor *self)
{
    struct buf name;
    int code = app_connect(self->app);

    if (code != EXITS_OK) {
        return code;
    }
    buf_init(&name, BUF_NO_LIMIT);
    endpoint_append_name(&self->app->endpoint, &name);
    must_buf(&name);
    title(self, "hubd", true);
    check_reachable(self, name.ptr);
    buf_release(&name);
    if (self->reachable) {
        check_ready(self);
        check_connectors(self);
        check_queues(self);
    }
    return EXITS_OK;
}

/* --- this machine ----------------------------------------------------------------------------- */

static void check_sandbox(struct doctor *self)
{
    int abi = kernel_landlock_abi();

    if (abi > 0) {
        find(self, "landlock", FINDING_OK, NULL, "Landlock, ABI %d%s", abi,
             abi >= 4 ? " (files and TCP ports)" : " (files)");
    } else {
        find(self, "landlock", FINDING_WARN,
             "Linux 5.13 or later with `lsm=…,landlock` on its command line has it.",
             "no Landlock: connectors are confined by seccomp alone");
    }
    if (kernel_seccomp_filters()) {
        find(self, "seccomp", FINDING_OK, NULL, "seccomp filters");
    } else {
        find(self, "seccomp", FINDING_FAULT, "The kernel needs CONFIG_SECCOMP_FILTER.",
             "no seccomp filters: connectors cannot be confined");
    }
    if (kernel_user_namespaces()) {
        find(self, "user_namespaces", FINDING_OK, NULL, "user namespaces");
    } else {
        find(self, "user_namespaces", FINDING_WARN,
             "sysctl kernel.unprivileged_userns_clone=1, or the container's settings, allow them.",
             "this user may make no user namespaces: runners share hubd's view of processes");
    }
}

static void check_cgroup(struct doctor *self)
{
    char controllers[256];

    if (!kernel_cgroup2(controllers, sizeof controllers)) {
        find(self, "cgroup2", FINDING_WARN,
             "systemd.unified_cgroup_hierarchy=1 on the kernel's "
             "command line mounts it.",
             "no cgroup v2: memory of runners is limited by rlimits alone");
    } else if (!strstr(controllers, "memory")) {
        find(self, "cgroup2", FINDING_WARN, NULL,
             "cgroup v2 without its memory controller (has: %s): memory of runners is limited by "
             "rlimits alone",
             controllers[0] ? controllers : "none");
    } else {
        find(self, "cgroup2", FINDING_OK, NULL, "cgroup v2 with %s", controllers);
    }
}

static void check_limits(struct doctor *self)
{
    struct rlimit core;
    struct rlimit files;

    getrlimit(RLIMIT_CORE, &core);
    getrlimit(RLIMIT_NOFILE, &files);
    if (core.rlim_cur == 0) {
        find(self, "core_limit", FINDING_OK, NULL, "no core dumps: no payload lands on disk");
    } else {
        find(self, "core_limit", FINDING_WARN, "`ulimit -c 0`, or LimitCORE=0 in the service.",
             "core dumps are on: a crash may write payloads to disk");
    }
    if (files.rlim_cur >= DESCRIPTORS_MIN) {
        find(self, "descriptors", FINDING_OK, NULL, "%llu descriptors a process",
             (unsigned long long)files.rlim_cur);
    } else {
        find(self, "descriptors", files.rlim_max >= DESCRIPTORS_MIN ? FINDING_OK : FINDING_WARN,
             files.rlim_max >= DESCRIPTORS_MIN
                 ? NULL
                 : "`ulimit -n 65536`, or LimitNOFILE=65536 in the service.",
             "%llu descriptors a process, at most %llu: each connection takes one",
             (unsigned long long)files.rlim_cur, (unsigned long long)files.rlim_max);
    }
}

static int run(struct app *app, const struct options *options)
{
    struct doctor self = {.app = app};
    int code = check_hubd(&self);

    (void)options;
    if (code != EXITS_OK) {
        return code;
    }
    title(&self, "This machine, as this user", false);
    check_sandbox(&self);
    check_cgroup(&self);
    check_limits(&self);
    if (!self.reachable) {
        return EXITS_UNREACHABLE;
    }
    return self.fault ? EXITS_JOB : EXITS_OK;
}

const struct command cmd_doctor = {
    .name = "doctor",
    .summary = "look for what is wrong, and say how to put it right",
    .usage = "",
    .about = "Asks hubd how it and its connectors are, and tries which of the kernel's means of "
             "confining connectors there are on this machine for this user.\n"
             "\n"
             "✓ is as it should be, ! works but could be better, ✗ is a fault: then the exit code "
             "is 1, or 4 when hubd does not answer.",
    .examples = "hubctl doctor\n"
                "hubctl doctor --json | jq -r 'select(.finding == \"fault\") | .detail'",
    .run = run,
};
