/*
 * encode.h — texts as mail carries them: headers of any script, bodies in seven bits.
 *
 * Everything that is made here is ASCII, in lines of at most 76 characters (headers: 76 where there
 * is a place to fold, never more than 998), ended by CRLF. Only header_mailboxes() leaves local
 * parts beyond ASCII as they are: there is no other way to write them (RFC 6532).
 *
 * RFC 5322 (headers), RFC 2047 (encoded words), RFC 2231 (parameters), RFC 2045 (bodies).
 *
 * Thread: [any].
 */
#ifndef CONNECTORS_EMAIL_ENCODE_H
#define CONNECTORS_EMAIL_ENCODE_H

#include "address.h"

#include "base/buf.h"

#define BASE64_LINE_BYTES 57 /* of which one line of 76 characters is made */

/* "Name: value\r\n". The value must be plain (text_is_plain()). */
void header_text(struct buf *out, const char *name, struct str value);
/* For values that are no prose: ASCII, folded at blanks, never encoded. */
void header_words(struct buf *out, struct str name, struct str value);
void header_mailboxes(struct buf *out, const char *name, const struct mailbox *boxes, size_t count);

/* ";\r\n name=value", in pieces and in UTF-8 if need be. */
void parameter_append(struct buf *out, const char *name, struct str value);

enum body_encoding { BODY_7BIT, BODY_QUOTED_PRINTABLE, BODY_BASE64 };

/* What a text needs, the shortest that will do. */
enum body_encoding body_encoding_for(struct str text);
const char *body_encoding_name(enum body_encoding encoding);

/* Appends the text in that encoding, with every end of line as CRLF, ending in CRLF. */
void body_append(struct buf *out, struct str text, enum body_encoding encoding);

/* Base64 of `len` bytes in lines. `ret` has room for base64_lines_len(len). Returns what it has
 * written. All but the last piece of a file must be multiples of BASE64_LINE_BYTES. */
size_t base64_lines(const unsigned char *bytes, size_t len, char *ret);
uint64_t base64_lines_len(uint64_t len);

#endif
