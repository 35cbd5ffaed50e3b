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

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define KEY_OUTCOMES    STR("outcomes")
#define KEY_LEAVING     STR("leaving")
#define KEPT_MAX        (64u << 10)
#define RESULT_MAX      (250u << 10)
#define DETAILS_MAX     (60u << 10)
#define MANY_RECIPIENTS 200 /* above which replies are told in short */
#define SHORT_TEXT      40

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

/* --- What is kept between attempts -------------------------------------------------------------*/

static void append_outcomes(struct buf *out, const struct letter *letter)
{
    const char *comma = "";
    buf_append_char(out, '{');
    for (size_t i = 0; i < letter->recipient_count; i++) {
        const struct recipient *one = &letter->recipients[i];
        if (one->outcome != OUTCOME_ACCEPTED && one->outcome != OUTCOME_REJECTED &&
            one->outcome != OUTCOME_SUPPRESSED) {
            continue;
        }
        buf_append_c(out, comma);
        buf_append_json_string(out, one->mailbox->address);
        buf_append_format(out, ":[%d,%d,", (int)one->outcome, one->reply.code);
        buf_append_json_string(out, str_from_c(one->reply.enhanced));
        buf_append_char(out, ',');
        buf_append_json_string(
            out, str_utf8_cut(str_from_c(one->reply.text),
                              letter->recipient_count > MANY_RECIPIENTS ? 0 : SHORT_TEXT * 3));
        buf_append_char(out, ']');
        comma = ",";
    }
    buf_append_char(out, '}');
}

static bool keep_outcomes(struct delivery *self)
{
    struct buf text;
    buf_init(&text, KEPT_MAX);
    append_outcomes(&text, &self->letter);
    bool kept = !buf_failed(&text) && keep_put(self->email, self->job, HUB_KEEP_JOB, KEY_OUTCOMES,
                                               buf_view(&text)) == HUB_CALL_OK;
    buf_release(&text);
    return kept;
}

static void recall(struct recipient *one, struct json_object *outcome)
{
    int number = json_object_get_int(json_object_array_get_idx(outcome, 0));
    if (number <= OUTCOME_OPEN || number >= OUTCOME_END) {
        return;
    }
    one->outcome = (enum outcome)number;
    one->earlier = true;
    one->reply.code = json_object_get_int(json_object_array_get_idx(outcome, 1));
    snprintf(one->reply.enhanced, sizeof one->reply.enhanced, "%s",
             json_object_get_string(json_object_array_get_idx(outcome, 2)));
    snprintf(one->reply.text, sizeof one->reply.text, "%s",
             json_object_get_string(json_object_array_get_idx(outcome, 3)));
}

/* What earlier attempts have learnt. False: the store does not say, so that nothing may be sent. */
static bool recall_outcomes(struct delivery *self)
{
    struct json_object *outcomes = NULL, *one;
    struct buf text;
    if (self->job->attempt <= 1 || !self->email->keep) {
        return true;
    }
    buf_init(&text, KEPT_MAX * 2);
    bool known = keep_get(self->email, self->job, HUB_KEEP_JOB, KEY_OUTCOMES, &text) == HUB_CALL_OK;
    if (known && text.len > 0) {
        known = json_read(buf_view(&text), 8, &outcomes, NULL, NULL) == 0;
    }
    for (size_t i = 0; outcomes && i < self->letter.recipient_count; i++) {
        struct recipient *recipient = &self->letter.recipients[i];
        if (json_object_object_get_ex(outcomes, recipient->mailbox->address.ptr, &one)) {
            recall(recipient, one);
        }
    }
    json_object_put(outcomes);
    buf_release(&text);
    return known;
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

static size_t count_outcome(const struct letter *letter, enum outcome outcome)
{
    size_t count = 0;
    for (size_t i = 0; i < letter->recipient_count; i++) {
        count += letter->recipients[i].outcome == outcome;
    }
    return count;
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
    if (!recall_outcomes(self) || !suppressions_apply(self)) {
        store_later(self);
        return false;
    }
    self->throttled_ms = defer_throttled(self);
    if (count_outcome(&self->letter, OUTCOME_OPEN) == 0) {
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

static void set_outcome(struct recipient *one, const struct reply *reply)
{
    if (reply) {
        one->reply = *reply;
    }
    one->outcome = one->reply.code / 100 == 2   ? OUTCOME_ACCEPTED
                   : one->reply.code / 100 == 5 ? OUTCOME_REJECTED
                                                : OUTCOME_DEFERRED;
}

/* Where no server has decided, what broke does. */
static void judge_broken(struct delivery *self, struct recipient *one)
{
    const struct failure_fact *fact = &FAILURE_FACTS[self->failure];
    if (one->reply.code / 100 == 5) {
        one->outcome = OUTCOME_REJECTED;
        return;
    }
    one->outcome = fact->again ? OUTCOME_DEFERRED : OUTCOME_REJECTED;
    bool refused = self->reply.code / 100 >= 4;
    struct str said = str_utf8_cut(str_from_c(refused ? self->reply.text : ""), REPLY_TEXT_MAX / 2);
    one->reply = (struct reply){.code = refused ? self->reply.code : 0};
    snprintf(one->reply.text, sizeof one->reply.text, "%s%s%.*s", fact->text, refused ? " " : "",
             STR_ARG(said));
}

static void judge(struct delivery *self)
{
    for (size_t i = 0; i < self->letter.recipient_count; i++) {
        struct recipient *one = &self->letter.recipients[i];
        if (one->outcome != OUTCOME_OPEN) {
            continue;
        }
        if (self->failure != FAILURE_NONE) {
            judge_broken(self, one);
        } else {
            /* Taken one by one, or not; then the message for all who were. */
            bool taken = one->reply.code / 100 == 2 || one->reply.code == 0;
            set_outcome(one, taken ? &self->reply : NULL);
        }
        if (self->failure == FAILURE_NONE || one->outcome == OUTCOME_REJECTED) {
            domain_told(self->relay, one->mailbox->domain, one->outcome == OUTCOME_DEFERRED);
        }
        if (self->failure == FAILURE_NONE && one->outcome == OUTCOME_REJECTED) {
            suppressions_learn(self, one);
        }
    }
}

/* --- The result --------------------------------------------------------------------------------*/

static void append_recipient(struct buf *out, const struct recipient *one, bool brief)
{
    struct str text = str_from_c(one->reply.text);
    buf_append_c(out, "{\"address\":");
    buf_append_json_string(out, one->mailbox->address);
    buf_append_format(out, ",\"outcome\":\"%s\"", OUTCOME_NAMES[one->outcome]);
    if (one->reply.code > 0) {
        buf_append_format(out, ",\"code\":%d", one->reply.code);
    }
    if (one->reply.enhanced[0]) {
        buf_append_format(out, ",\"enhanced\":\"%s\"", one->reply.enhanced);
    }
    if (text.len > 0) {
        buf_append_c(out, ",\"text\":");
        buf_append_json_string(out, brief ? str_utf8_cut(text, SHORT_TEXT) : text);
    }
    buf_append_char(out, '}');
}

static void append_result(struct buf *out, const struct delivery *self, size_t most)
{
    const struct letter *letter = &self->letter;
    bool brief = letter->recipient_count > MANY_RECIPIENTS;
    buf_append_c(out, "{\"message_id\":");
    buf_append_json_string(out, letter->message_id);
    if (self->relay) {
        buf_append_c(out, ",\"server\":");
        buf_append_json_string(out, str_from_c(self->relay->account.host));
    }
    buf_append_format(out, ",\"size\":%llu", (unsigned long long)letter->message.size);
    for (int outcome = OUTCOME_ACCEPTED; outcome < OUTCOME_END; outcome++) {
        buf_append_format(out, ",\"%s\":%zu", OUTCOME_NAMES[outcome],
                          count_outcome(letter, (enum outcome)outcome));
    }
    buf_append_c(out, ",\"recipients\":[");
    for (size_t i = 0; i < letter->recipient_count && i < most; i++) {
        buf_append_c(out, i > 0 ? "," : "");
        append_recipient(out, &letter->recipients[i], brief);
    }
    buf_append_c(out, "]}");
}

static void end_succeeded(struct delivery *self)
{
    struct buf result;
    buf_init(&result, RESULT_MAX);
    append_result(&result, self, RECIPIENTS_MAX);
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
    append_result(&details, self, MANY_RECIPIENTS / 2);
    detach(self);
    self->email->host->fail(self->job, hub_of_str(str_from_c(code)),
                            hub_of_str(str_from_c(message)),
                            buf_failed(&details) ? (hub_str){0} : hub_of_str(buf_view(&details)));
    buf_release(&details);
    delivery_free(self);
}

/* The first that is not yet accepted speaks for the others. */
static void describe_trouble(const struct delivery *self, enum outcome outcome, char *ret,
                             size_t room)
{
    for (size_t i = 0; i < self->letter.recipient_count; i++) {
        const struct recipient *one = &self->letter.recipients[i];
        if (one->outcome == outcome) {
            snprintf(ret, room, "%.*s: %d %s %s", STR_ARG(str_utf8_cut(one->mailbox->address, 100)),
                     one->reply.code, one->reply.enhanced, one->reply.text);
            return;
        }
    }
    snprintf(ret, room, "%s", FAILURE_FACTS[self->failure].text);
}

static void end_deferred(struct delivery *self)
{
    char text[512];
    bool broken = self->failure != FAILURE_NONE;
    const char *code = broken ? FAILURE_FACTS[self->failure].code : "deferred";
    size_t settled = self->letter.recipient_count - count_outcome(&self->letter, OUTCOME_DEFERRED);
    bool last = self->job->attempt >= self->job->max_attempts;
    uint64_t delay = account_delay_ms(&self->relay->account, self->job->attempt);
    describe_trouble(self, OUTCOME_DEFERRED, text, sizeof text);
    if (!last && settled > 0 && !keep_outcomes(self)) {
        last = true; /* better late for some than twice for others */
    }
    if (last && count_outcome(&self->letter, OUTCOME_ACCEPTED) > 0) {
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
    judge(self);
    if (self->failure == FAILURE_AUTH_REFUSED && self->relay->account.auth == AUTH_XOAUTH2) {
        token_forget(self->relay);
    }
    if (count_outcome(&self->letter, OUTCOME_DEFERRED) > 0) {
        unmark(self);
        if (is_cancelled(self)) {
            end_failed(self, "cancelled", "The job was cancelled.");
        } else {
            end_deferred(self);
        }
        return;
    }
    if (count_outcome(&self->letter, OUTCOME_ACCEPTED) > 0 ||
        count_outcome(&self->letter, OUTCOME_REJECTED) == 0) {
        end_succeeded(self);
        return;
    }
    describe_trouble(self, OUTCOME_REJECTED, text, sizeof text);
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
