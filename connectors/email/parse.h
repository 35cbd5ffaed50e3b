/*
 * parse.h — messages that others wrote, read with GMime. Whatever they hold, reading ends, in
 * bounded memory.
 *
 *     struct parsed parsed;
 *     parsed_init(&parsed, &sink);
 *     err = parsed_read(&parsed, fd, bytes, &error);     // calls the sink for each attachment
 *     parsed_append_json(&parsed, &out);
 *     parsed_release(&parsed);
 *
 * Thread: [any].
 */
#ifndef CONNECTORS_EMAIL_PARSE_H
#define CONNECTORS_EMAIL_PARSE_H

#include "base/buf.h"
#include "base/error.h"

#define PARSE_BYTES_MAX       (64u << 20)
#define PARSE_PARTS_MAX       1000
#define PARSE_DEPTH_MAX       32
#define PARSE_ATTACHMENTS_MAX 60
#define PARSE_LISTED_MAX      200 /* attachments that are named */

/* Where attachments go: a descriptor to write one to, or -1 to leave it out. The name is unique and
 * plain. */
struct parse_sink {
    int (*open)(void *context, const char *name, const char *media_type);
    void *context;
};

struct parsed {
    struct parse_sink sink;
    struct buf head;        /* members of the result, without braces */
    struct buf attachments; /* elements */
    struct buf text, html;  /* first of each kind */
    bool has_text, has_html;
    unsigned parts, written, listed;
};

void parse_init(void); /* the others do it themselves; as often as you like */
void parsed_init(struct parsed *self, const struct parse_sink *sink);
void parsed_release(struct parsed *self);

/* HUB_ERR_TOO_LARGE, HUB_ERR_INVALID_INPUT (no message at all), HUB_ERR_IO, HUB_ERR_NOMEM. */
HUB_MUST_CHECK int parsed_read(struct parsed *self, int fd, uint64_t bytes,
                               struct hub_error *error);
void parsed_append_json(const struct parsed *self, struct buf *out);

/* --- Bounces: RFC 3464 -------------------------------------------------------------------------*/

#define BOUNCE_RECIPIENTS_MAX 500

struct bounced {
    struct str address, original, action, status, diagnostic, remote_mta;
    bool hard;
};

struct bounce {
    struct buf status; /* the text of message/delivery-status */
    struct str reporting_mta, envelope_id;
    struct buf message_id; /* of the message that was not delivered */
    struct bounced recipients[BOUNCE_RECIPIENTS_MAX];
    unsigned count;
};

/* A message, to be unref'ed; NULL with the reason. */
struct _GMimeMessage *parse_message(int fd, uint64_t bytes, struct hub_error *error);

void bounce_init(struct bounce *self);
void bounce_release(struct bounce *self);
/* HUB_ERR_INVALID_INPUT if it is no delivery status notification; and as above. */
HUB_MUST_CHECK int bounce_read(struct bounce *self, int fd, uint64_t bytes,
                               struct hub_error *error);

#endif
