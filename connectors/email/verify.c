/*
 * verify.c — email.verify_account: connects, begins TLS, authenticates, says NOOP and goes; tells
 * what it found. Nothing is sent.
 */
#include "curl_session.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TIMEOUT_MARGIN_MS 2000

struct verification {
    struct email *email;
    hub_job *job;
    struct relay *relay;
    struct lane lane;
};

static void append_capabilities(struct buf *out, const struct server *server)
{
    const struct {
        const char *name;
        bool has;
    } NAMES[] = {{"STARTTLS", server->starttls},
                 {"PIPELINING", server->pipelining},
                 {"DSN", server->dsn},
                 {"8BITMIME", server->eightbit},
                 {"SMTPUTF8", server->smtputf8}};
    const char *comma = "";
    buf_append_c(out, ",\"capabilities\":[");
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        if (NAMES[i].has) {
            buf_append_format(out, "%s\"%s\"", comma, NAMES[i].name);
            comma = ",";
        }
    }
    buf_append_c(out, "],\"auth_mechanisms\":");
    buf_append_json_string(out, str_from_c(server->auth));
    if (server->size_max > 0) {
        buf_append_format(out, ",\"size_max\":%llu", (unsigned long long)server->size_max);
    }
}

static void append_tls(struct buf *out, const struct server *server)
{
    const struct {
        const char *name, *value;
    } FIELDS[] = {{"version", server->tls_version},
                  {"cipher", server->tls_cipher},
                  {"subject", server->subject},
                  {"issuer", server->issuer},
                  {"not_after", server->not_after}};
    buf_append_c(out, ",\"tls\":{");
    for (size_t i = 0; i < sizeof FIELDS / sizeof FIELDS[0] && server->tls_version[0]; i++) {
        buf_append_format(out, "%s\"%s\":", i > 0 ? "," : "", FIELDS[i].name);
        buf_append_json_string(out, str_from_c(FIELDS[i].value));
    }
    buf_append_char(out, '}');
}

static void tell_found(struct verification *self, const struct curl_session *session,
                       const struct server *server)
{
    struct buf result;
    buf_init(&result, 16384);
    buf_append_c(&result, "{\"host\":");
    buf_append_json_string(&result, str_from_c(self->relay->account.host));
    buf_append_format(&result, ",\"port\":%u,\"authenticated\":%s", self->relay->account.port,
                      session->authenticated ? "true" : "false");
    append_tls(&result, server);
    append_capabilities(&result, server);
    buf_append_char(&result, '}');
    self->email->host->succeed(self->job, hub_of_str(buf_view(&result)));
    buf_release(&result);
}

static void tell_failure(struct verification *self, enum failure failure, const char *why)
{
    const struct failure_fact *fact = &FAILURE_FACTS[failure];
    char text[512];
    snprintf(text, sizeof text, "%s%s%s", fact->text, why[0] ? " " : "", why);
    if (fact->again) {
        job_retry(self->email, self->job, fact->code, text, 0);
    } else {
        job_fail(self->email, self->job, fact->code, text);
    }
}

/* A lane of its own, in no line: nobody shuts it down, so libcurl's clock does. */
static void talk(struct verification *self, unsigned left_ms)
{
    struct curl_session session;
    CURLcode code = CURLE_OUT_OF_MEMORY;
    if (curl_session_init(&session, &self->lane)) {
        curl_easy_setopt(session.easy, CURLOPT_NOBODY, 1L);
        curl_easy_setopt(session.easy, CURLOPT_CUSTOMREQUEST, "NOOP");
        curl_easy_setopt(session.easy, CURLOPT_TIMEOUT_MS, (long)left_ms);
        code = curl_easy_perform(session.easy);
    }
    struct server server = self->lane.server;
    char why[REPLY_TEXT_MAX + 16] = "";
    if (self->lane.last.code >= 400) {
        snprintf(why, sizeof why, "%d %s", self->lane.last.code, self->lane.last.text);
    }
    enum failure failure =
        code == CURLE_OPERATION_TIMEDOUT ? FAILURE_TIMEOUT : curl_session_failure(&session, code);
    if (code == CURLE_OK) {
        tell_found(self, &session, &server);
    } else {
        tell_failure(self, failure, why);
    }
    curl_session_release(&session);
}

static void verify_run(void *context)
{
    struct verification *self = context;
    char why[256] = "";
    const struct account *account = &self->relay->account;
    int64_t left = self->job->deadline_ms - self->email->host->now_ms() - TIMEOUT_MARGIN_MS;
    left = left < 1000 ? 1000 : left > account->command_ms ? account->command_ms : left;
    unsigned connect_ms = left < account->connect_ms ? (unsigned)left : account->connect_ms;
    enum failure failure = dial(self->email, account, connect_ms, &self->lane.fd, why, sizeof why);
    if (failure != FAILURE_NONE) {
        tell_failure(self, failure, why);
    } else {
        talk(self, (unsigned)left);
        close(self->lane.fd);
    }
    relay_put(self->relay);
    free(self);
}

void verify_start(struct email *email, hub_job *job)
{
    struct hub_error error = {0};
    struct verification *self = calloc(1, sizeof *self);
    struct relay *relay =
        self && job->account.len > 0 ? relay_get(email, str_of_hub(job->account), &error) : NULL;
    if (!relay) {
        free(self);
        job_fail(email, job, job->account.len > 0 ? "invalid_account" : "no_account",
                 error.detail[0] ? error.detail : "Which account? The job names none.");
        return;
    }
    self->email = email;
    self->job = job;
    self->relay = relay;
    self->lane = (struct lane){.email = email, .line = &relay->lines[LINE_CURL], .fd = -1};
    if (email->pool->run(verify_run, NULL, self) != HUB_CALL_OK) {
        relay_put(relay);
        free(self);
        job_retry(email, job, "out_of_memory", "There was not enough memory.", 0);
    }
}
