/*
 * send.c — email.send: one delivery from its input to its end.
 *
 * A recipient is tried until a server has said yes or no. Whatever it said is kept for the job when
 * there will be another attempt, so that nobody gets a message twice because somebody else did not
 * get it.
 *
 * DOUBT. When all of a message has left and the answer is lost, nobody knows. The account says what
 * then: `retry` sends again (with the same Message-ID, by which many mailboxes know it), `hold`
 * ends the job as unknown. For `hold` to outlast a crash, that the message is about to leave is
 * kept beforehand.
 */
#include "keep.h"
#include "outcome.h"

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define KEY_LEAVING STR("leaving")
#define RESULT_MAX  (250u << 10)
#define DETAILS_MAX (60u << 10)

/* --- Completing --------------------------------------------------------------------------------*/

void job_fail(const struct email *email, hub_job *job, const char *code, const char *message)
{
    email->host->fail(job, hub_of_str(str_from_c(code)), hub_of_str(str_from_c(message)),
                      (hub_str){0});
}

void job_retry(const struct email *email, hub_job *job, const char *code, const char *message,
               uint64_t delay_ms)
{
    email->host->retry(job, hub_of_str(str_from_c(code)), hub_of_str(str_from_c(message)),
                       delay_ms);
}

/* Nobody looks at this delivery any more: neither cancel() nor the watch. The job is still there.
 */
static void detach(struct delivery *self)
{
    pthread_mutex_lock(&self->email->lock);
    self->job->user = NULL;
    if (self->lane) {
        self->lane->current = NULL;
        self->lane = NULL;
    }
    pthread_mutex_unlock(&self->email->lock);
}

static void delivery_free(struct delivery *self)
{
    letter_release(&self->letter);
    json_object_put(self->input);
    free(self->reader);
    if (self->relay) {
        relay_put(self->relay);
    }
    free(self);
}

static void end_failed(struct delivery *self, const char *code, const char *message)
{
    detach(self);
    job_fail(self->email, self->job, code, message);
    delivery_free(self);
}

static void end_retry(struct delivery *self, const char *code, const char *message,
                      uint64_t delay_ms)
{
    detach(self);
    job_retry(self->email, self->job, code, message, delay_ms);
    delivery_free(self);
}

static void end_error(struct delivery *self, const struct hub_error *error)
{
    if (error->err == HUB_ERR_INVALID_INPUT || error->err == HUB_ERR_TOO_LARGE ||
        error->err == HUB_ERR_LIMIT) {
        end_failed(self, error->err == HUB_ERR_TOO_LARGE ? "too_large" : "invalid_input",
                   error->detail);
    } else {
        end_retry(self, error->err == HUB_ERR_IO ? "file_unreadable" : "out_of_memory",
                  error->detail, 0);
    }
}

/* --- Before it leaves --------------------------------------------------------------------------*/

static int read_letter(struct delivery *self, struct hub_error *error)
{
    if (!self->input) {
        int err =
            json_read(str_of_hub(self->job->input), JSON_DEPTH_MAX, &self->input, NULL, error);
        if (err < 0) {
            return err;
        }
    }
    int err = template_apply(self->input, error);
    return err < 0 ? err : letter_read(&self->letter, self->input, error);
}

static int compose(struct delivery *self, struct hub_error *error)
{
    const struct account *account = self->relay ? &self->relay->account : NULL;
    int err = letter_compose(&self->letter, error);
    if (err == 0 && account && account->dkim_count > 0) {
        err = dkim_sign(account->dkim, account->dkim_count, &self->letter.message,
                        self->email->host->wall_ms() / 1000, error);
    }
    return err;
}

/* Those whose domains do not want so much now wait for another attempt. */
static uint64_t defer_throttled(struct delivery *self)
{
    uint64_t longest = 0;
    for (size_t i = 0; i < self->letter.recipient_count; i++) {
        struct recipient *one = &self->letter.recipients[i];
        uint64_t wait =
            one->outcome == OUTCOME_OPEN ? domain_wait_ms(self->relay, one->mailbox->domain) : 0;
        if (wait > 0) {
            one->outcome = OUTCOME_DEFERRED;
            snprintf(one->reply.text, sizeof one->reply.text,
                     "not tried: its domain has deferred others");
            longest = wait > longest ? wait : longest;
        }
    }
    return longest;
}

static void store_later(struct delivery *self)
{
    end_retry(self, "storage_failed", "What is known of this job could not be read or written.",
              1000);
}

/* False: the job has ended. */
static bool check_leaving(struct delivery *self)
{
    struct buf text;
    if (!self->relay->account.hold) {
        return true;
    }
    buf_init(&text, 64);
    int32_t read = self->job->attempt > 1
                       ? keep_get(self->email, self->job, HUB_KEEP_JOB, KEY_LEAVING, &text)
                       : HUB_CALL_OK;
    bool left = text.len > 0;
    buf_release(&text);
    if (read != HUB_CALL_OK) {
        store_later(self);
        return false;
    }
    if (left) {
        detach(self);
        self->email->host->unknown(self->job, HUB_STR("delivery_unknown"),
                                   HUB_STR("An earlier attempt was cut off while the message left; "
                                           "the account says not to send it again."));
        delivery_free(self);
        return false;
    }
    return true;
}

static bool mark_leaving(struct delivery *self)
{
    if (!self->relay->account.hold) {
        return true;
    }
    self->marked =
        keep_put(self->email, self->job, HUB_KEEP_JOB, KEY_LEAVING, STR("1")) == HUB_CALL_OK;
    if (!self->marked) {
        store_later(self);
    }
    return self->marked;
}

void send_elsewhere(struct delivery *self)
{
    pthread_mutex_lock(&self->email->lock);
    self->relay->only_curl = true;
    self->lane->current = NULL;
    self->lane = NULL;
    pthread_mutex_unlock(&self->email->lock);
    relay_submit(self->relay, self, LINE_CURL);
}

/* What is asked for is done or refused, never left out. False: the job has ended. */
static bool can_carry(struct delivery *self)
{
    if (letter_wants_dsn(&self->letter) && self->lane->line->transport == &TRANSPORT_CURL) {
        end_failed(
            self, "dsn_unsupported",
            "/dsn: this account's messages are carried by libcurl, which cannot ask for "
            "notifications: that takes tls starttls or none, TLS 1.2, and AUTH PLAIN or LOGIN.");
        return false;
    }
    return true;
}

static bool is_cancelled(struct delivery *self)
{
    return self->email->host->cancelled(self->job);
}

bool send_prepare(struct delivery *self)
{
    struct hub_error error = {0};
    if (is_cancelled(self)) {
        end_failed(self, "cancelled", "The job was cancelled.");
        return false;
    }
    if (self->reader) { /* it came from the other line, all ready */
        return can_carry(self) && mark_leaving(self);
    }
    self->reader = malloc(sizeof *self->reader);
    int err =
        self->reader ? read_letter(self, &error) : hub_fail(&error, HUB_ERR_NOMEM, "out of memory");
    if (err < 0) {
        end_error(self, &error);
        return false;
    }
    if (!can_carry(self)) {
        return false;
    }
    if (!check_leaving(self)) {
        return false;
    }
    if (!outcomes_recall(self) || !suppressions_apply(self)) {
        store_later(self);
        return false;
    }
    self->throttled_ms = defer_throttled(self);
    if (outcomes_count(&self->letter, OUTCOME_OPEN) == 0) {
        self->stage = STAGE_WAITING;
        send_finish(self);
        return false;
    }
    err = compose(self, &error);
    if (err < 0) {
        end_error(self, &error);
        return false;
    }
    return mark_leaving(self);
}

/* --- What became of it -------------------------------------------------------------------------*/

static void end_succeeded(struct delivery *self)
{
    struct buf result;
    buf_init(&result, RESULT_MAX);
    outcomes_append_result(&result, self, RECIPIENTS_MAX);
    detach(self);
    if (buf_failed(&result)) { /* it was sent: that is what counts */
        self->email->host->succeed(self->job, HUB_STR("{}"));
    } else {
        self->email->host->succeed(self->job, hub_of_str(buf_view(&result)));
    }
    buf_release(&result);
    delivery_free(self);
}

/* The last attempt, or one that no other would make good. */
static void end_refused(struct delivery *self, const char *code, const char *message)
{
    struct buf details;
    buf_init(&details, DETAILS_MAX);
    outcomes_append_result(&details, self, MANY_RECIPIENTS / 2);
    detach(self);
    self->email->host->fail(self->job, hub_of_str(str_from_c(code)),
                            hub_of_str(str_from_c(message)),
                            buf_failed(&details) ? (hub_str){0} : hub_of_str(buf_view(&details)));
    buf_release(&details);
    delivery_free(self);
}

static void end_deferred(struct delivery *self)
{
    char text[512];
    bool broken = self->failure != FAILURE_NONE;
    const char *code = broken ? FAILURE_FACTS[self->failure].code : "deferred";
    size_t settled = self->letter.recipient_count - outcomes_count(&self->letter, OUTCOME_DEFERRED);
    bool last = self->job->attempt >= self->job->max_attempts;
    uint64_t delay = account_delay_ms(&self->relay->account, self->job->attempt);
    outcomes_describe(self, OUTCOME_DEFERRED, text, sizeof text);
    if (!last && settled > 0 && !outcomes_keep(self)) {
        last = true; /* better late for some than twice for others */
    }
    if (last && outcomes_count(&self->letter, OUTCOME_ACCEPTED) > 0) {
        end_succeeded(self);
    } else if (last) {
        end_refused(self, code, text);
    } else {
        end_retry(self, code, text, self->throttled_ms > delay ? self->throttled_ms : delay);
    }
}

static void unmark(struct delivery *self)
{
    if (self->marked && self->stage != STAGE_DOUBT) {
        (void)keep_put(self->email, self->job, HUB_KEEP_JOB, KEY_LEAVING, (struct str){0});
    }
}

void send_finish(struct delivery *self)
{
    char text[512];
    bool doubt = self->failure != FAILURE_NONE && self->stage == STAGE_DOUBT;
    if (doubt && self->relay->account.hold) {
        detach(self);
        self->email->host->unknown(
            self->job, HUB_STR("delivery_unknown"),
            HUB_STR("The message has left, but the relay's answer is lost."));
        delivery_free(self);
        return;
    }
    outcomes_judge(self);
    if (self->failure == FAILURE_AUTH_REFUSED && self->relay->account.auth == AUTH_XOAUTH2) {
        token_forget(self->relay);
    }
    if (outcomes_count(&self->letter, OUTCOME_DEFERRED) > 0) {
        unmark(self);
        if (is_cancelled(self)) {
            end_failed(self, "cancelled", "The job was cancelled.");
        } else {
            end_deferred(self);
        }
        return;
    }
    if (outcomes_count(&self->letter, OUTCOME_ACCEPTED) > 0 ||
        outcomes_count(&self->letter, OUTCOME_REJECTED) == 0) {
        end_succeeded(self);
        return;
    }
    outcomes_describe(self, OUTCOME_REJECTED, text, sizeof text);
    bool too_large = strcmp(self->reply.enhanced, "5.3.4") == 0; /* RFC 3463 */
    end_refused(self,
                self->failure ? FAILURE_FACTS[self->failure].code
                : too_large   ? FAILURE_FACTS[FAILURE_TOO_LARGE].code
                              : "rejected",
                text);
}

void send_give_back(struct delivery *self, enum failure why, const char *detail)
{
    const struct failure_fact *fact = &FAILURE_FACTS[why];
    char text[512];
    snprintf(text, sizeof text, "%s%s%s", fact->text, detail[0] ? " " : "", detail);
    if (is_cancelled(self)) {
        end_failed(self, "cancelled", "The job was cancelled.");
    } else if (fact->again) {
        end_retry(self, fact->code, text,
                  account_delay_ms(&self->relay->account, self->job->attempt));
    } else {
        end_failed(self, fact->code, text);
    }
}

/* --- Dry runs ----------------------------------------------------------------------------------*/

static int write_message(struct delivery *self, struct hub_error *error)
{
    int32_t fd = -1;
    struct str chunk = {0};
    int32_t made = self->email->host->artifact(self->job, HUB_STR("message.eml"),
                                               HUB_STR("message/rfc822"), &fd);
    if (made != HUB_CALL_OK) {
        return hub_fail(error, HUB_ERR_IO, "no artifact could be made");
    }
    message_reader_init(self->reader, &self->letter.message);
    int err = 0;
    while (err == 0 && (err = message_read(self->reader, &chunk)) == 0 && chunk.len > 0) {
        err = file_write_all(fd, chunk.ptr, chunk.len) < 0 ? HUB_ERR_IO : 0;
    }
    return err < 0 ? hub_fail(error, err, "the message could not be written") : 0;
}

static void dry_run(struct delivery *self)
{
    struct hub_error error = {0};
    self->reader = malloc(sizeof *self->reader);
    int err =
        self->reader ? compose(self, &error) : hub_fail(&error, HUB_ERR_NOMEM, "out of memory");
    if (err == 0) {
        err = write_message(self, &error);
    }
    if (err < 0) {
        end_error(self, &error);
    } else {
        end_succeeded(self);
    }
}

/* --- The beginning -----------------------------------------------------------------------------*/

/* What libesmtp cannot do goes to libcurl. */
static unsigned line_for(struct relay *relay)
{
    const struct account *account = &relay->account;
    pthread_mutex_lock(&relay->email->lock);
    bool only_curl = relay->only_curl;
    pthread_mutex_unlock(&relay->email->lock);
    bool curl = account->tls == TLS_IMPLICIT || account->auth == AUTH_XOAUTH2 ||
                account->auth == AUTH_CRAM_MD5 || only_curl;
    return curl ? LINE_CURL : LINE_ESMTP;
}

static void submit(struct delivery *self)
{
    relay_submit(self->relay, self, line_for(self->relay));
}

/* It says dry_run somewhere: look at where, away from [main]. */
static void look(void *context)
{
    struct delivery *self = context;
    struct hub_error error = {0};
    bool dry = false;
    int err = read_letter(self, &error);
    if (err < 0) {
        end_error(self, &error);
        return;
    }
    (void)json_get_bool(self->input, "dry_run", &dry);
    if (dry) {
        dry_run(self);
    } else if (!self->relay) {
        end_failed(self, "no_account", "email.send needs an account: the relay.");
    } else {
        letter_release(&self->letter);
        letter_init(&self->letter, self->email->host, self->job);
        submit(self);
    }
}

static bool mentions(struct str text, struct str word)
{
    return text.len > 0 && memmem(text.ptr, text.len, word.ptr, word.len) != NULL;
}

void send_start(struct email *email, hub_job *job)
{
    struct hub_error error = {0};
    struct delivery *self = calloc(1, sizeof *self);
    if (!self) {
        job_retry(email, job, "out_of_memory", "There was not enough memory.", 0);
        return;
    }
    self->email = email;
    self->job = job;
    list_init(&self->link);
    letter_init(&self->letter, email->host, job);
    if (job->account.len > 0) {
        self->relay = relay_get(email, str_of_hub(job->account), &error);
        if (!self->relay) {
            end_error(self, &error);
            return;
        }
    }
    job->user = self;
    if (!self->relay || mentions(str_of_hub(job->input), STR("\"dry_run\""))) {
        if (email->pool->run(look, NULL, self) != HUB_CALL_OK) {
            end_retry(self, "out_of_memory", "There was not enough memory.", 0);
        }
    } else if (self->relay->account.auth == AUTH_XOAUTH2) {
        token_then_submit(self->relay, self);
    } else {
        submit(self);
    }
    relays_watch(email);
}

/* What waits ends now; what is under way loses its connection, and ends by that. */
void send_cancel(struct email *email, hub_job *job)
{
    struct delivery *waiting = NULL;
    pthread_mutex_lock(&email->lock);
    struct delivery *self = job->user;
    if (self) {
        self->cancelled = true;
    }
    if (self && self->line) {
        list_remove(&self->link);
        self->line->waiting_count--;
        self->line = NULL;
        waiting = self;
    } else if (self && self->for_token) {
        list_remove(&self->link);
        waiting = self;
    } else if (self && self->lane) {
        pthread_cond_broadcast(&self->lane->line->changed);
        if (self->lane->fd >= 0) {
            shutdown(self->lane->fd, SHUT_RDWR);
        }
    }
    pthread_mutex_unlock(&email->lock);
    if (waiting) {
        end_failed(waiting, "cancelled", "The job was cancelled.");
    }
}
