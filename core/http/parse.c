#include "http/parse.h"

#include <llhttp.h>

struct parse {
    struct parsed_head *head;
    struct http_header *headers;
    unsigned room;
};

/* llhttp may hand out a view in pieces; they are neighbours, since the block is in one place. */
static void extend(struct str *view, const char *at, size_t len)
{
    if (view->len == 0) {
        view->ptr = at;
    }
    view->len = (size_t)(at + len - view->ptr);
}

static int on_method(llhttp_t *parser, const char *at, size_t len)
{
    struct parse *self = parser->data;
    extend(&self->head->method, at, len);
    return HPE_OK;
}

static int on_url(llhttp_t *parser, const char *at, size_t len)
{
    struct parse *self = parser->data;
    extend(&self->head->target, at, len);
    return HPE_OK;
}

/* The field under the hand is the one behind the last that was completed. */
static int on_header_field(llhttp_t *parser, const char *at, size_t len)
{
    struct parse *self = parser->data;
    if (self->head->header_count == self->room) {
        return HPE_USER;
    }
    extend(&self->headers[self->head->header_count].name, at, len);
    return HPE_OK;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t len)
{
    struct parse *self = parser->data;
    if (self->head->header_count == self->room) {
        return HPE_USER;
    }
    extend(&self->headers[self->head->header_count].value, at, len);
    return HPE_OK;
}

static int on_header_value_complete(llhttp_t *parser)
{
    struct parse *self = parser->data;
    struct http_header *header = &self->headers[self->head->header_count++];
    header->value = str_trim(header->value);
    return HPE_OK;
}

/* Everything that follows is the body, which llhttp shall not see. */
static int on_headers_complete(llhttp_t *parser)
{
    (void)parser;
    return HPE_PAUSED;
}

static const llhttp_settings_t SETTINGS = {
    .on_method = on_method,
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_header_value_complete = on_header_value_complete,
    .on_headers_complete = on_headers_complete,
};

int parse_head(struct str block, struct http_header *ret_headers, unsigned headers_room,
               struct parsed_head *ret_head)
{
    struct parsed_head head = {0};
    struct parse self = {.head = &head, .headers = ret_headers, .room = headers_room};
    for (unsigned i = 0; i < headers_room; i++) {
        ret_headers[i] = (struct http_header){{NULL, 0}, {"", 0}};
    }
    llhttp_t parser;
    llhttp_init(&parser, HTTP_REQUEST, &SETTINGS);
    parser.data = &self;
    llhttp_errno_t got = llhttp_execute(&parser, block.ptr, block.len);
    if (got != HPE_PAUSED) {
        return got == HPE_USER ? HUB_ERR_HEADERS_TOO_LARGE : HUB_ERR_BAD_REQUEST;
    }
    head.version_minor = parser.http_minor;
    head.has_content_length = (parser.flags & F_CONTENT_LENGTH) != 0;
    head.content_length = head.has_content_length ? parser.content_length : 0;
    head.is_chunked = (parser.flags & F_CHUNKED) != 0;
    head.wants_close = (parser.flags & F_CONNECTION_CLOSE) != 0 || parser.http_minor == 0;
    *ret_head = head;
    return 0;
}
