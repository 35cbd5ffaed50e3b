/*
 * The API in one table: what can be called, by whom, with which bodies. The router, the
 * authorization and /openapi.json are made from it.
 */
#include "api/artifacts.h"
#include "api/events.h"
#include "api/jobs.h"
#include "api/resources.h"

#define ID       {"id", "path", "{\"type\":\"string\",\"format\":\"uuid\"}", "The id."}
#define NAME     {"name", "path", "{\"type\":\"string\"}", "The name."}
#define QUERY(name, schema, summary) {name, "query", schema, summary}
#define HEADER(name, schema, summary) {name, "header", schema, summary}
#define STRING   "{\"type\":\"string\"}"
#define DATETIME "{\"type\":\"string\",\"format\":\"date-time\"}"

const struct api_route API_ROUTES[] = {
    {HTTP_POST, "/v1/jobs", api_job_create, SCOPE_JOBS_WRITE, BODY_JSON, "JobCreate", 202, "Job",
     NULL, "Jobs", "createJob",
     "Post a job. 202 means that it is on stable storage; with `Prefer: wait=N`, 200 with the "
     "finished job if it finishes within N seconds.",
     {HEADER("Idempotency-Key", "{\"type\":\"string\",\"minLength\":1,\"maxLength\":255}",
             "The same key within 24 hours gives the same job."),
      HEADER("Prefer", STRING, "wait=N: answer when the job is finished, at most after N s."),
      HEADER("traceparent", STRING, "W3C trace context; kept with the job and sent on.")}},
    {HTTP_GET, "/v1/jobs", api_job_list, SCOPE_JOBS_READ, BODY_NONE, NULL, 200, "JobList", NULL,
     "Jobs", "listJobs", "Jobs, newest first.",
     {QUERY("state", STRING, "One or more states, separated by commas."),
      QUERY("type", STRING, "Only this type."), QUERY("queue", STRING, "Only this queue."),
      QUERY("label", STRING, "NAME:VALUE"),
      QUERY("created_from", DATETIME, "Created at or after."),
      QUERY("created_to", DATETIME, "Created before."),
      QUERY("limit",
            "{\"type\":\"integer\",\"minimum\":1,\"maximum\":500,\"default\":50}",
            "Jobs a page."),
      QUERY("cursor", STRING, "From `next_cursor` of the page before.")}},
    {HTTP_GET, "/v1/jobs/{id}", api_job_get, SCOPE_JOBS_READ, BODY_NONE, NULL, 200, "Job", NULL,
     "Jobs", "getJob", "A job with its attempts and artifacts.", {ID}},
    {HTTP_POST, "/v1/jobs/{id}/cancel", api_job_cancel, SCOPE_JOBS_WRITE, BODY_NONE, NULL, 200,
     "Job", NULL, "Jobs", "cancelJob",
     "Cancel a job; a running attempt is stopped. Answers when the job is finished.", {ID}},
    {HTTP_POST, "/v1/jobs/{id}/retry", api_job_retry, SCOPE_JOBS_WRITE, BODY_NONE, NULL, 200, "Job",
     NULL, "Jobs", "retryJob", "Put a failed or unknown job into its queue again.", {ID}},
    {HTTP_DELETE, "/v1/jobs/{id}", api_job_delete, SCOPE_JOBS_WRITE, BODY_NONE, NULL, 204, NULL,
     NULL, "Jobs", "deleteJob", "Delete a finished job and the artifacts it made.", {ID}},

    {HTTP_POST, "/v1/artifacts", api_artifact_create, SCOPE_JOBS_WRITE, BODY_STREAM, NULL, 201,
     "Artifact", NULL, "Artifacts", "createArtifact",
     "Upload a file: the body is its contents, Content-Type its media type, and "
     "Content-Disposition may give its name.",
     {HEADER("Content-Disposition", STRING, "attachment; filename=\"photo.jpg\"")}},
    {HTTP_GET, "/v1/artifacts/{id}", api_artifact_get, SCOPE_JOBS_READ, BODY_NONE, NULL, 200, NULL,
     "application/octet-stream", "Artifacts", "getArtifact",
     "The contents. Range, If-Range, If-Match and If-None-Match are honoured.", {ID}},
    {HTTP_DELETE, "/v1/artifacts/{id}", api_artifact_delete, SCOPE_JOBS_WRITE, BODY_NONE, NULL, 204,
     NULL, NULL, "Artifacts", "deleteArtifact", "Delete an artifact that no unfinished job needs.",
     {ID}},

    {HTTP_GET, "/v1/connectors", api_connector_list, SCOPE_JOBS_READ, BODY_NONE, NULL, 200,
     "ConnectorList", NULL, "Connectors", "listConnectors",
     "The connectors with their operations and schemas.", {{0}}},
    {HTTP_GET, "/v1/connectors/{name}", api_connector_get, SCOPE_JOBS_READ, BODY_NONE, NULL, 200,
     "Connector", NULL, "Connectors", "getConnector", "One connector.", {NAME}},
    {HTTP_POST, "/v1/connectors/rescan", api_connector_rescan, SCOPE_ADMIN, BODY_NONE, NULL, 200,
     "ConnectorList", NULL, "Connectors", "rescanConnectors",
     "Look for new, changed and removed connectors.", {{0}}},

    {HTTP_GET, "/v1/queues", api_queue_list, SCOPE_JOBS_READ, BODY_NONE, NULL, 200, "QueueList",
     NULL, "Queues", "listQueues", "The queues with their settings and figures.", {{0}}},
    {HTTP_PATCH, "/v1/queues/{name}", api_queue_patch, SCOPE_ADMIN, BODY_JSON, "QueuePatch", 200,
     "Queue", NULL, "Queues", "patchQueue",
     "Pause or resume a queue, set its concurrency and rate.", {NAME}},

    {HTTP_GET, "/v1/keys", api_key_list, SCOPE_ADMIN, BODY_NONE, NULL, 200, "KeyList", NULL, "Keys",
     "listKeys", "The API keys, without their secrets.", {{0}}},
    {HTTP_POST, "/v1/keys", api_key_create, SCOPE_ADMIN, BODY_JSON, "KeyCreate", 201, "Key", NULL,
     "Keys", "createKey", "Make a key. Its text is shown only now.", {{0}}},
    {HTTP_DELETE, "/v1/keys/{id}", api_key_delete, SCOPE_ADMIN, BODY_NONE, NULL, 204, NULL, NULL,
     "Keys", "deleteKey", "Take a key out of use.", {{"id", "path", STRING, "The key's id."}}},

    {HTTP_GET, "/v1/events", api_event_stream, SCOPE_JOBS_READ, BODY_NONE, NULL, 200, NULL,
     "text/event-stream", "Events", "streamEvents",
     "Live job events (Server-Sent Events), resumable by Last-Event-ID.",
     {QUERY("job", STRING, "Only this job."), QUERY("type", STRING, "Only this type."),
      QUERY("queue", STRING, "Only this queue."),
      QUERY("progress", "{\"type\":\"boolean\",\"default\":true}", "Progress too."),
      HEADER("Last-Event-ID", STRING, "Go on after this event.")}},

    {HTTP_GET, "/healthz", api_healthz, 0, BODY_NONE, NULL, 200, "Health", NULL, "Operations",
     "healthz", "Is hubd alive? Open to all.", {{0}}},
    {HTTP_GET, "/readyz", api_readyz, SCOPE_JOBS_READ, BODY_NONE, NULL, 200, "Health", NULL,
     "Operations", "readyz", "Should hubd be given work? 503 if not.", {{0}}},
    {HTTP_GET, "/metrics", api_metrics, SCOPE_JOBS_READ, BODY_NONE, NULL, 200, NULL, "text/plain",
     "Operations", "metrics", "Figures for Prometheus.", {{0}}},
    {HTTP_GET, "/openapi.json", api_openapi, SCOPE_JOBS_READ, BODY_NONE, NULL, 200, NULL,
     "application/json", "Operations", "openapi", "This description, OpenAPI 3.1.", {{0}}},
};

const size_t API_ROUTE_COUNT = sizeof API_ROUTES / sizeof API_ROUTES[0];
