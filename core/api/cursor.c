#include "api/cursor.h"

#include "base/hash.h"

#include <string.h>

#define CURSOR_LEN 22

#define LINK_MAX   (16 * 1024)

static void append(struct buf *out, const struct id *place)
{
    base64url_append(out, id_view(place));
}

static bool parse(struct str cursor, struct id *ret_place)
{
    struct buf standard, bytes;
    bool ok = false;

    buf_init(&standard, CURSOR_LEN + 2);
    buf_init(&bytes, sizeof ret_place->bytes);
    if (cursor.len == CURSOR_LEN) {
        for (size_t i = 0; i < cursor.len; i++) {
            char c = cursor.ptr[i];
            buf_append_char(&standard, c == '-' ? '+' : c == '_' ? '/' : c);
        }
        buf_append_c(&standard, "==");
        ok =
            base64_decode(buf_view(&standard), &bytes) == 0 && bytes.len == sizeof ret_place->bytes;
    }
    if (ok) {
        memcpy(ret_place->bytes, bytes.ptr, sizeof ret_place->bytes);
    }
    buf_release(&standard);
    buf_release(&bytes);
    return ok;
}

bool cursor_read(struct api_call *call, struct id *ret_place)
{
    struct str cursor;

    if (!api_query(call, "cursor", &cursor)) {
        return false;
    }
    if (cursor.ptr != NULL && !parse(cursor, ret_place)) {
        api_fail(call, HUB_ERR_BAD_REQUEST, "this cursor was not made here");
        return false;
    }
    return true;
}

static void append_link(struct buf *link, const struct http_request *req, const struct id *place)
{
    struct str rest = req->query;

    buf_append_char(link, '<');
    buf_append_str(link, req->path);
    buf_append_char(link, '?');
    while (rest.ptr != NULL && rest.len > 0) {
        struct str pair = str_split(&rest, '&');
        if (pair.len > 0 && !str_starts_with(pair, STR("cursor="))) {
            buf_append_str(link, pair);
            buf_append_char(link, '&');
        }
    }
    buf_append_c(link, "cursor=");
    append(link, place);
    buf_append_c(link, ">; rel=\"next\"");
}

void cursor_reply(struct api_call *call, struct buf *body, const struct id *next)
{
    struct http_header header = {STR("Link"), {0}};
    struct buf link;

    buf_init(&link, LINK_MAX);
    if (next != NULL) {
        buf_append_c(body, "],\"next_cursor\":\"");
        append(body, next);
        buf_append_c(body, "\"}");
        append_link(&link, call->req, next);
        header.value = buf_view(&link);
    } else {
        buf_append_c(body, "],\"next_cursor\":null}");
    }
    if (buf_failed(body)) {
        api_fail(call, HUB_ERR_TOO_LARGE, "the page is too large: ask for less with limit");
    } else {
        api_reply_with(call, 200, buf_view(body), &header,
                       next != NULL && !buf_failed(&link) ? 1 : 0);
    }
    buf_release(&link);
}
