#include "schemas/uri.h"

#include "schemas/format.h"

#include <string.h>

/*
 * Taking apart
 */

/* Cuts `*rest` before the first byte that is in `stops`, and returns what stood there. */
static struct str take_until(struct str *rest, const char *stops)
{
    size_t len = 0;
    while (len < rest->len && (rest->ptr[len] == '\0' || !strchr(stops, rest->ptr[len]))) {
        len++;
    }
    struct str taken = str_of(rest->ptr, len);
    *rest = str_of(rest->ptr + len, rest->len - len);
    return taken;
}

static bool take_byte(struct str *rest, char byte)
{
    if (rest->len == 0 || rest->ptr[0] != byte) {
        return false;
    }
    *rest = str_of(rest->ptr + 1, rest->len - 1);
    return true;
}

void schema_uri_split(struct str text, struct schema_uri *ret_uri)
{
    struct schema_uri uri = {.path = STR_INIT("")};
    struct str rest = text.ptr == NULL ? STR("") : text;

    struct str ahead = rest;
    struct str scheme = take_until(&ahead, ":/?#");
    if (scheme.len > 0 && take_byte(&ahead, ':')) {
        uri.scheme = scheme;
        rest = ahead;
    }
    if (str_starts_with(rest, STR("//"))) {
        rest = str_of(rest.ptr + 2, rest.len - 2);
        uri.authority = take_until(&rest, "/?#");
    }
    uri.path = take_until(&rest, "?#");
    if (take_byte(&rest, '?')) {
        uri.query = take_until(&rest, "#");
    }
    if (take_byte(&rest, '#')) {
        uri.fragment = rest;
    }
    *ret_uri = uri;
}

/*
 * The grammar
 */

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int hex_value(char c)
{
    if (is_digit(c)) {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static bool is_escape(struct str text, size_t at)
{
    return text.ptr[at] == '%' && at + 2 < text.len && hex_value(text.ptr[at + 1]) >= 0 &&
           hex_value(text.ptr[at + 2]) >= 0;
}

/* Only unreserved characters, sub-delims, escapes, and what is in `extra`? */
static bool made_of(struct str text, const char *extra)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool plain = is_alpha(c) || is_digit(c) ||
                     (c != '\0' && (strchr("-._~!$&'()*+,;=", c) || strchr(extra, c)));
        if (!plain && !is_escape(text, i)) {
            return false;
        }
    }
    return true;
}

static bool scheme_valid(struct str scheme)
{
    if (scheme.len == 0 || !is_alpha(scheme.ptr[0])) {
        return false;
    }
    for (size_t i = 1; i < scheme.len; i++) {
        char c = scheme.ptr[i];
        if (!is_alpha(c) && !is_digit(c) && c != '+' && c != '-' && c != '.') {
            return false;
        }
    }
    return true;
}

static bool port_valid(struct str port)
{
    for (size_t i = 0; i < port.len; i++) {
        if (!is_digit(port.ptr[i])) {
            return false;
        }
    }
    return true;
}

/* "v" 1*HEXDIG "." 1*( unreserved / sub-delims / ":" ) */
static bool ip_future_valid(struct str literal)
{
    struct str rest = literal;
    struct str version = str_split(&rest, '.');
    if (version.len < 2 || (version.ptr[0] | 0x20) != 'v' || rest.len == 0) {
        return false;
    }
    for (size_t i = 1; i < version.len; i++) {
        if (hex_value(version.ptr[i]) < 0) {
            return false;
        }
    }
    return memchr(rest.ptr, '%', rest.len) == NULL && made_of(rest, ":");
}

static bool host_and_port_valid(struct str text)
{
    if (text.len == 0 || text.ptr[0] != '[') {
        struct str rest = text;
        struct str host = take_until(&rest, ":");
        return made_of(host, "") && (!take_byte(&rest, ':') || port_valid(rest));
    }
    struct str rest = str_of(text.ptr + 1, text.len - 1);
    struct str literal = take_until(&rest, "]");
    if (!take_byte(&rest, ']') || !(schema_is_ipv6(literal) || ip_future_valid(literal))) {
        return false;
    }
    return rest.len == 0 || (take_byte(&rest, ':') && port_valid(rest));
}

static bool authority_valid(struct str authority)
{
    struct str rest = authority;
    struct str user = take_until(&rest, "@");
    if (!take_byte(&rest, '@')) {
        return host_and_port_valid(authority);
    }
    return made_of(user, ":") && host_and_port_valid(rest);
}

/* path-noscheme: a colon in the first segment would make what is before it a scheme */
static bool relative_path_valid(struct str path)
{
    struct str rest = path;
    struct str first = take_until(&rest, "/");
    return memchr(first.ptr, ':', first.len) == NULL;
}

bool schema_uri_valid(struct str text, bool absolute)
{
    struct schema_uri uri;
    schema_uri_split(text, &uri);
    if (uri.scheme.ptr != NULL ? !scheme_valid(uri.scheme)
                               : absolute || !relative_path_valid(uri.path)) {
        return false;
    }
    return (uri.authority.ptr == NULL || authority_valid(uri.authority)) &&
           made_of(uri.path, ":@/") && made_of(uri.query, ":@/?") && made_of(uri.fragment, ":@/?");
}

/*
 * Resolving
 */

/* Cuts the last segment and its slash off what is in `path`. */
static size_t without_last_segment(const char *path, size_t len)
{
    while (len > 0 && path[len - 1] != '/') {
        len--;
    }
    return len > 0 ? len - 1 : 0;
}

/* §5.2.4, in place. */
static size_t remove_dot_segments(char *path, size_t len)
{
    struct str in = str_of(path, len);
    size_t out = 0;
    while (in.len > 0) {
        if (str_starts_with(in, STR("../"))) {
            in = str_slice(in, 3, in.len);
        } else if (str_starts_with(in, STR("./"))) {
            in = str_slice(in, 2, in.len);
        } else if (str_starts_with(in, STR("/./"))) {
            in = str_slice(in, 2, in.len);
        } else if (str_starts_with(in, STR("/../"))) {
            in = str_slice(in, 3, in.len);
            out = without_last_segment(path, out);
        } else if (str_eq(in, STR("/.."))) {
            out = without_last_segment(path, out);
            path[out++] = '/';
            break;
        } else if (str_eq(in, STR("/."))) {
            path[out++] = '/';
            break;
        } else if (str_eq(in, STR(".")) || str_eq(in, STR(".."))) {
            break;
        } else {
            struct str rest = str_of(in.ptr + 1, in.len - 1);
            size_t segment = 1 + take_until(&rest, "/").len;
            memmove(path + out, in.ptr, segment);
            out += segment;
            in = rest;
        }
    }
    return out;
}

static size_t put(char *text, size_t len, struct str part)
{
    if (part.len > 0) {
        memcpy(text + len, part.ptr, part.len);
    }
    return len + part.len;
}

/* §5.2.3: the reference's path in the place of the base's last segment */
static size_t put_merged_path(char *text, size_t len, const struct schema_uri *base,
                              struct str path)
{
    if (base->authority.ptr != NULL && base->path.len == 0) {
        len = put(text, len, STR("/"));
    } else {
        size_t keep = base->path.len;
        while (keep > 0 && base->path.ptr[keep - 1] != '/') {
            keep--;
        }
        len = put(text, len, str_of(base->path.ptr, keep));
    }
    return put(text, len, path);
}

/* §5.3 */
static size_t compose(char *text, const struct schema_uri *base, const struct schema_uri *ref)
{
    bool own_scheme = ref->scheme.ptr != NULL;
    bool own_authority = own_scheme || ref->authority.ptr != NULL;
    bool own_path = own_authority || ref->path.len > 0;
    struct str scheme = own_scheme ? ref->scheme : base->scheme;
    struct str authority = own_authority ? ref->authority : base->authority;
    struct str query = own_path || ref->query.ptr != NULL ? ref->query : base->query;

    size_t len = 0;
    if (scheme.ptr != NULL) {
        len = put(text, len, scheme);
        len = put(text, len, STR(":"));
    }
    if (authority.ptr != NULL) {
        len = put(text, len, STR("//"));
        len = put(text, len, authority);
    }
    size_t path = len;
    if (!own_path) {
        len = put(text, len, base->path);
    } else if (own_authority || ref->path.ptr[0] == '/') {
        len = put(text, len, ref->path);
    } else {
        len = put_merged_path(text, len, base, ref->path);
    }
    if (own_path) {
        len = path + remove_dot_segments(text + path, len - path);
    }
    if (query.ptr != NULL) {
        len = put(text, len, STR("?"));
        len = put(text, len, query);
    }
    return len;
}

bool schema_uri_resolve(struct arena *arena, struct str base, struct str reference,
                        struct str *ret_target, struct str *ret_fragment)
{
    struct schema_uri base_parts, parts;
    schema_uri_split(base, &base_parts);
    schema_uri_split(reference, &parts);

    char *text = arena_alloc(arena, base.len + reference.len + 8); /* 8: "://?" and "/" */
    if (text == NULL) {
        return false;
    }
    *ret_target = str_of(text, compose(text, &base_parts, &parts));
    *ret_fragment = parts.fragment;
    return true;
}

bool schema_uri_decode(struct arena *arena, struct str text, struct str *ret_decoded)
{
    char *decoded = arena_alloc(arena, text.len + 1);
    if (decoded == NULL) {
        return false;
    }
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '%') {
            decoded[len++] = text.ptr[i];
            continue;
        }
        if (!is_escape(text, i)) {
            return false;
        }
        decoded[len++] = (char)(hex_value(text.ptr[i + 1]) << 4 | hex_value(text.ptr[i + 2]));
        i += 2;
    }
    *ret_decoded = str_of(decoded, len);
    return true;
}
