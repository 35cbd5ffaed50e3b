/*
 * letter.h — what an email.send job asks for, read and checked.
 *
 * The schema has seen the input before; here everything that will stand in a header or in a command
 * is looked at again, so that no message is made of what has come another way. What is wrong is
 * named with its JSON Pointer.
 *
 *     letter_init(&letter, host, job);
 *     err = letter_read(&letter, input, &error);
 *     err = letter_compose(&letter, &error);        // letter.message, sealed
 *     letter_release(&letter);
 *
 * Thread: [any]. The input and the job's files must live as long as the letter.
 */
#ifndef CONNECTORS_EMAIL_LETTER_H
#define CONNECTORS_EMAIL_LETTER_H

#include "address.h"
#include "message.h"

#include "connectors/common/entry.h"

#include <hub/connector.h>

#define RECIPIENTS_MAX   1000
#define REPLY_TEXT_MAX   256
#define ATTACHMENTS_MAX  64
#define LETTER_ARENA_MAX (8u << 20)

/* What a server has said. */
struct reply {
    int code;          /* 0: nothing */
    char enhanced[16]; /* "5.1.1"; empty: none. RFC 3463 */
    char text[REPLY_TEXT_MAX];
};

/* How it stands with one recipient. */
enum outcome {
    OUTCOME_OPEN,       /* not yet tried */
    OUTCOME_ACCEPTED,   /* a server has taken it, and answers for it */
    OUTCOME_REJECTED,   /* for good */
    OUTCOME_DEFERRED,   /* for now */
    OUTCOME_SUPPRESSED, /* it is on the account's list: not tried */
    OUTCOME_END
};
extern const char *const OUTCOME_NAMES[OUTCOME_END];

struct recipient {
    const struct mailbox *mailbox;
    enum outcome outcome;
    bool earlier; /* the outcome is an earlier attempt's */
    struct reply reply;
};

enum dsn_notify { DSN_SUCCESS = 1, DSN_FAILURE = 2, DSN_DELAY = 4, DSN_NEVER = 8 };

struct mailboxes {
    struct mailbox *items;
    size_t count;
};

struct letter {
    const hub_host *host;
    hub_job *job;
    struct arena arena;
    struct json_object *input; /* borrowed */
    /* headers */
    struct mailbox from, sender; /* sender.address empty: none */
    struct mailboxes reply_to, to, cc, bcc;
    struct str message_id; /* with its angle brackets; the same in every attempt */
    struct str subject, text, html;
    struct str rendered_text; /* derived from html */
    /* envelope */
    struct str reverse_path; /* may be empty: <> */
    struct recipient *recipients;
    size_t recipient_count;
    bool utf8;           /* an address needs SMTPUTF8 */
    unsigned dsn_notify; /* enum dsn_notify; 0: not asked for */
    char dsn_return;     /* 'F' full, 'H' headers, 0 */
    struct str dsn_envelope_id;
    struct message message;
};

void letter_init(struct letter *self, const hub_host *host, hub_job *job);
void letter_release(struct letter *self);

/* HUB_ERR_INVALID_INPUT with the pointer in the detail, HUB_ERR_NOMEM. */
HUB_MUST_CHECK int letter_read(struct letter *self, struct json_object *input,
                               struct hub_error *error);

/* Anything of DSN (RFC 3461): then a relay must offer it. */
bool letter_wants_dsn(const struct letter *self);

/* compose.c: headers and body. */
HUB_MUST_CHECK int letter_compose(struct letter *self, struct hub_error *error);

/* headers.c: all headers but those of the body. */
HUB_MUST_CHECK int letter_headers(const struct letter *letter, struct buf *out,
                                  struct hub_error *error);

/* A readable text of HTML, for those who do not show it. */
void html_to_text(struct buf *out, struct str html);

#endif
