/* /metrics: the Prometheus text format, version 0.0.4. */
#include "api/resources.h"

#include "base/clock.h"
#include "hub_version.h"

#include <stdio.h>
#include <unistd.h>

#define METRICS_MAX (4u << 20)

static void head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_append_format(out, "# HELP hubd_%s %s\n# TYPE hubd_%s %s\n", name, help, name, type);
}

static void metric(struct buf *out, const char *name, const char *type, const char *help,
                   uint64_t value)
{
    head(out, name, type, help);
    buf_append_format(out, "hubd_%s %llu\n", name, (unsigned long long)value);
}

/* A label's value: connector and queue names are [a-z0-9_.-], so nothing needs escaping. */
static void labelled(struct buf *out, const char *name, const char *label, struct str value,
                     const char *more, uint64_t number)
{
    buf_append_format(out, "hubd_%s{%s=\"%.*s\"%s} %llu\n", name, label, STR_ARG(value), more,
                      (unsigned long long)number);
}

static uint64_t resident_bytes(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re"); /* no disk: procfs */

    if (file == NULL) {
        return 0;
    }
    if (fscanf(file, "%*u %lu", &pages) != 1) {
        pages = 0;
    }
    fclose(file);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void append_process(struct buf *out, const struct api *api)
{
    head(out, "info", "gauge", "Version of hubd.");
    buf_append_format(out, "hubd_info{version=\"%s\"} 1\n", HUB_VERSION);
    metric(out, "uptime_seconds", "gauge", "Seconds since hubd was started.",
           (uint64_t)(clock_wall_ms() - api->started_at) / 1000);
    metric(out, "resident_memory_bytes", "gauge", "Resident memory of hubd without its runners.",
           resident_bytes());
}

static void append_schedules(struct buf *out, const struct api *api)
{
    struct schedules_stats stats;

    schedules_stats(api->deps.schedules, &stats);
    metric(out, "schedules", "gauge", "Schedules.", stats.schedules);
    head(out, "schedule_ticks_total", "counter", "What became of the ticks of schedules.");
    labelled(out, "schedule_ticks_total", "outcome", STR("fired"), "", stats.fired);
    labelled(out, "schedule_ticks_total", "outcome", STR("skipped"), "", stats.skipped);
    labelled(out, "schedule_ticks_total", "outcome", STR("missed"), "", stats.missed);
    labelled(out, "schedule_ticks_total", "outcome", STR("refused"), "", stats.refused);
}

static void append_jobs(struct buf *out, const struct api *api)
{
    const struct jobs_stats *stats = jobs_stats(api->deps.jobs);

    metric(out, "jobs_submitted_total", "counter", "Jobs accepted.", stats->submitted);
    metric(out, "webhooks_accepted_total", "counter", "Webhooks that were genuine.",
           hooks_taken(api->hooks));
    metric(out, "webhooks_refused_total", "counter", "Webhooks that were not, or made no sense.",
           hooks_refused(api->hooks));
    metric(out, "attempts_started_total", "counter", "Attempts started.", stats->started);
    head(out, "jobs_finished_total", "counter", "Jobs that reached a final state.");
    labelled(out, "jobs_finished_total", "state", STR("succeeded"), "", stats->succeeded);
    labelled(out, "jobs_finished_total", "state", STR("failed"), "", stats->failed);
    labelled(out, "jobs_finished_total", "state", STR("cancelled"), "", stats->cancelled);
    labelled(out, "jobs_finished_total", "state", STR("unknown"), "", stats->unknown);
    metric(out, "attempts_retried_total", "counter", "Attempts that will be tried again.",
           stats->retried);
    metric(out, "attempts_released_total", "counter", "Attempts cut short by hubd itself.",
           stats->released);
    metric(out, "attempts_crashed_total", "counter", "Attempts whose process died.",
           stats->crashed);
    metric(out, "stale_results_total", "counter", "Results refused by the fence.",
           stats->stale_results);
    metric(out, "jobs_unfinished", "gauge", "Jobs that are not finished.",
           stats->unfinished + stats->parked);
}

static void visit_queue(void *context, const struct jobs_queue_info *queue)
{
    struct buf *out = context;
    struct str name = queue->settings.name;

    labelled(out, "queue_jobs", "queue", name, ",state=\"blocked\"", queue->blocked);
    labelled(out, "queue_jobs", "queue", name, ",state=\"scheduled\"", queue->scheduled);
    labelled(out, "queue_jobs", "queue", name, ",state=\"queued\"", queue->queued);
    labelled(out, "queue_jobs", "queue", name, ",state=\"running\"", queue->running);
}

/* One family a visit: Prometheus wants the lines of a family together. */
struct connector_family {
    struct buf *out;
    const char *name;
    uint64_t (*value)(const struct supervisor_connector *connector);
};

static uint64_t value_runners(const struct supervisor_connector *connector)
{
    return connector->runners;
}
static uint64_t value_in_flight(const struct supervisor_connector *connector)
{
    return connector->in_flight;
}
static uint64_t value_started(const struct supervisor_connector *connector)
{
    return connector->attempts_started;
}
static uint64_t value_died(const struct supervisor_connector *connector)
{
    return connector->attempts_died;
}
static uint64_t value_crashed(const struct supervisor_connector *connector)
{
    return connector->runners_crashed;
}

static void visit_connector(void *context, const struct supervisor_connector *connector)
{
    struct connector_family *family = context;

    if (connector->health != CONNECTOR_REFUSED) { /* a refused one's name is a file's */
        labelled(family->out, family->name, "connector", connector->name, "",
                 family->value(connector));
    }
}

static uint64_t value_trips(const struct supervisor_connector *connector)
{
    return connector->trips;
}
static uint64_t value_refused(const struct supervisor_connector *connector)
{
    return connector->connections_refused;
}
static uint64_t value_tripped(const struct supervisor_connector *connector)
{
    return connector->health == CONNECTOR_TRIPPED;
}

static void visit_deaths(void *context, const struct supervisor_connector *connector)
{
    char label[64];

    for (int cause = 1; cause < SUPERVISOR_CAUSE_END; cause++) {
        if (connector->deaths[cause] > 0) {
            snprintf(label, sizeof label, ",cause=\"%s\"", supervisor_cause_name(cause));
            labelled(context, "attempt_deaths_total", "connector", connector->name, label,
                     connector->deaths[cause]);
        }
    }
}

static void append_connectors(struct buf *out, const struct api *api)
{
    static const struct {
        const char *name, *type, *help;
        uint64_t (*value)(const struct supervisor_connector *connector);
    } FAMILIES[] = {
        {"runners", "gauge", "Runner processes.", value_runners},
        {"connector_in_flight", "gauge", "Attempts in flight.", value_in_flight},
        {"connector_attempts_total", "counter", "Attempts started.", value_started},
        {"connector_attempts_died_total", "counter", "Attempts that their connector did not end.",
         value_died},
        {"runners_crashed_total", "counter", "Runners that died unexpectedly.", value_crashed},
        {"connector_trips_total", "counter", "Times that a connector was taken out of service.",
         value_trips},
        {"connections_refused_total", "counter",
         "Connections and look-ups of hosts that are not granted, refused by the broker.",
         value_refused},
        {"connector_tripped", "gauge", "1 while a connector is out of service.", value_tripped},
    };

    for (size_t i = 0; i < sizeof FAMILIES / sizeof FAMILIES[0]; i++) {
        struct connector_family family = {out, FAMILIES[i].name, FAMILIES[i].value};
        head(out, FAMILIES[i].name, FAMILIES[i].type, FAMILIES[i].help);
        supervisor_each(api->deps.supervisor, visit_connector, &family);
    }
    head(out, "attempt_deaths_total", "counter",
         "Attempts that their connector did not end, by cause.");
    supervisor_each(api->deps.supervisor, visit_deaths, out);
}

/* --- Accounts ----------------------------------------------------------------------------------*/

#define ACCOUNT_SERIES_MAX 500 /* accounts that have lines of their own; the others share one */

struct account_family {
    const char *name, *type, *help;
    uint64_t (*value)(const struct jobs_account_info *info);
};

static uint64_t account_uses(const struct jobs_account_info *info)
{
    return info->uses;
}
static uint64_t account_failures(const struct jobs_account_info *info)
{
    return info->failures;
}
static uint64_t account_in_flight(const struct jobs_account_info *info)
{
    return info->in_flight;
}
static uint64_t account_held(const struct jobs_account_info *info)
{
    return info->held_until > 0 || info->on_trial;
}

struct account_lines {
    struct buf *out;
    const struct jobs *jobs;
    const struct account_family *family;
    unsigned count;
    uint64_t rest;
};

static void visit_account(void *context, const struct account *account)
{
    struct account_lines *lines = context;
    struct jobs_account_info info;

    jobs_account_info(lines->jobs, account->name, &info);
    uint64_t value = lines->family->value(&info);
    if (lines->count++ < ACCOUNT_SERIES_MAX) {
        labelled(lines->out, lines->family->name, "account", account->name, "", value);
    } else {
        lines->rest += value;
    }
}

static void append_accounts(struct buf *out, const struct api *api)
{
    static const struct account_family FAMILIES[] = {
        {"account_uses_total", "counter", "Attempts and fetches under an account that have ended.",
         account_uses},
        {"account_failures_total", "counter", "Those of them that did not succeed.",
         account_failures},
        {"account_in_flight", "gauge", "Attempts and fetches under an account.", account_in_flight},
        {"account_held", "gauge", "1 while an account's provider has asked for a pause.",
         account_held},
    };

    for (size_t i = 0; i < sizeof FAMILIES / sizeof FAMILIES[0]; i++) {
        struct account_lines lines = {.out = out, .jobs = api->deps.jobs, .family = &FAMILIES[i]};
        head(out, FAMILIES[i].name, FAMILIES[i].type, FAMILIES[i].help);
        accounts_each(api->deps.accounts, visit_account, &lines);
        if (lines.count > ACCOUNT_SERIES_MAX) { /* no account can be called so */
            labelled(out, FAMILIES[i].name, "account", STR("*"), "", lines.rest);
        }
    }
}

static void append_store(struct buf *out, const struct api *api)
{
    struct store_stats stats;

    store_stats(api->deps.store, &stats);
    metric(out, "store_commits_total", "counter", "Transactions committed.", stats.commits);
    metric(out, "store_operations_total", "counter", "Operations in them.", stats.operations);
    metric(out, "store_failures_total", "counter", "Transactions lost.", stats.failures);
    head(out, "store_commit_seconds_total", "counter", "Time spent committing.");
    buf_append_format(out, "hubd_store_commit_seconds_total %.6f\n",
                      (double)stats.commit_ns_sum / 1e9);
    metric(out, "store_batch_max", "gauge", "Largest number of operations in one transaction.",
           stats.batch_max);
    metric(out, "store_pending", "gauge", "Operations not answered yet.", stats.pending);
    int trouble = store_trouble(api->deps.store);
    metric(out, "store_full", "gauge", "1 while new work is refused for lack of space.",
           trouble == HUB_ERR_STORAGE_FULL);
    metric(out, "store_damaged", "gauge", "1 when the database was found to be damaged.",
           trouble == HUB_ERR_CORRUPT);
    metric(out, "store_failing", "gauge", "1 while nothing can be written, for another reason.",
           trouble < 0 && trouble != HUB_ERR_STORAGE_FULL && trouble != HUB_ERR_CORRUPT);
}

static void append_http(struct buf *out, const struct http_stats *stats)
{
    static const struct str CLASSES[] = {
        STR_INIT("none"), STR_INIT("1xx"), STR_INIT("2xx"),
        STR_INIT("3xx"),  STR_INIT("4xx"), STR_INIT("5xx"),
    };

    metric(out, "http_connections", "gauge", "Open connections.", stats->connections_open);
    metric(out, "http_connections_total", "counter", "Connections accepted.",
           stats->connections_accepted);
    metric(out, "http_connections_refused_total", "counter", "Connections over a cap.",
           stats->connections_refused);
    metric(out, "http_requests_total", "counter", "Requests.", stats->requests);
    metric(out, "http_requests_malformed_total", "counter", "Requests refused as malformed.",
           stats->requests_malformed);
    metric(out, "http_requests_timed_out_total", "counter", "Requests that came too slowly.",
           stats->requests_timed_out);
    metric(out, "http_bytes_received_total", "counter", "Bytes received.", stats->bytes_in);
    metric(out, "http_bytes_sent_total", "counter", "Bytes sent.", stats->bytes_out);
    head(out, "http_responses_total", "counter", "Responses by status class.");
    for (size_t i = 2; i < 6; i++) {
        labelled(out, "http_responses_total", "class", CLASSES[i], "", stats->responses[i]);
    }
}

void api_metrics(struct api_call *call)
{
    const struct api *api = call->api;
    struct http_response response;
    struct buf body;

    buf_init(&body, METRICS_MAX);
    append_process(&body, api);
    append_jobs(&body, api);
    append_schedules(&body, api);
    head(&body, "queue_jobs", "gauge", "Unfinished jobs by queue and state.");
    jobs_each_queue(api->deps.jobs, visit_queue, &body);
    append_connectors(&body, api);
    append_accounts(&body, api);
    append_store(&body, api);
    append_http(&body, http_server_stats(api->server));

    http_response_init(&response, 200);
    http_response_header(&response, "Content-Type", STR("text/plain; version=0.0.4"));
    response.body = buf_view(&body);
    http_respond(call->req, &response);
    buf_release(&body);
}
