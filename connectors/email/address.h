/*
 * address.h — mailboxes: from JSON, as they stand in headers, as they stand in SMTP commands.
 *
 * This is the second of two doors against injection; the first is the schema. What has passed here
 * holds no control character, no blank and no angle bracket, so that it can stand in a header or in
 * a command as it is.
 *
 * RFC 5321 §4.1.2 (paths), RFC 6531 (UTF-8 in them), RFC 5890 (domains of any script, by libidn2).
 *
 * Thread: [any]. Texts live in the arena that is given.
 */
#ifndef CONNECTORS_EMAIL_ADDRESS_H
#define CONNECTORS_EMAIL_ADDRESS_H

#include "base/arena.h"
#include "base/error.h"
#include "base/json.h"

#define ADDRESS_LOCAL_MAX 64
#define ADDRESS_MAX       320
#define NAME_MAX_BYTES    512

struct mailbox {
    struct str name;    /* for people; may be empty */
    struct str address; /* local part and domain in ASCII; NUL-terminated */
    struct str domain;  /* a part of `address` */
    bool utf8;          /* the local part is beyond ASCII: only a server with SMTPUTF8 takes it */
};

/* Of a string, or {"address": …, "name": …}. HUB_ERR_INVALID_INPUT with what is wrong,
 * HUB_ERR_NOMEM.
 */
HUB_MUST_CHECK int mailbox_parse(struct json_object *value, struct arena *arena,
                                 struct mailbox *ret_mailbox, struct hub_error *error);

/* The same of an address alone. */
HUB_MUST_CHECK int address_parse(struct str text, struct arena *arena, struct mailbox *ret_mailbox,
                                 struct hub_error *error);

/* Can this text stand in a header: UTF-8 without control characters (C0, DEL, C1) and without the
 * separators of lines and paragraphs? */
bool text_is_plain(struct str text);

/* The address in lower case, by which a recipient is known again: domains are, and in practice
 * local parts too. NULL-terminated; empty if memory is out. */
struct str address_key(struct str address, struct arena *arena);

#endif
