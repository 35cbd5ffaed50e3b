#include "runner/http_internal.h"

#include <stdlib.h>
#include <string.h>

#define METHOD_MAX        32
#define URL_MAX           16384
#define MEMORY_RESPONSE   (256u << 10)
#define FILE_RESPONSE     (1u << 30)
#define BUFFER_KEEP       (16u << 10) /* a buffer larger than this is given back */
#define HOSTS_MAX         64
#define EXTRA_HEADERS     3 /* that may come before the caller's */
#define USER_AGENT_HEADER "User-Agent: hubd/" HUB_VERSION

static struct str of_hub(hub_str s)
{
    return (struct str){s.ptr, s.ptr ? s.len : 0};
}

/* --- The request -------------------------------------------------------------------------------*/

/* RFC 9110 §5.6.2 */
static bool is_token(struct str s)
{
    static const char OTHERS[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!word && (c == '\0' || !strchr(OTHERS, c))) {
            return false;
        }
    }
    return s.len > 0;
}

/* RFC 9110 §5.5: no control bytes, which would end the header and begin another. */
static bool is_value(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return true;
}

static bool is_one_of(struct str s, const char *const *names)
{
    for (; *names; names++) {
        if (str_eq_nocase(s, str_from_c(*names))) {
            return true;
        }
    }
    return false;
}

/* What the client alone says, since it says how messages are told apart and where they go. */
static bool is_connections_own(struct str name)
{
    static const char *const NAMES[] = {
        "host", "content-length", "transfer-encoding", "connection", "keep-alive",
        "te",   "trailer",        "upgrade",           "expect",     "via",
        NULL};
    return is_one_of(name, NAMES) ||
           (name.len >= 6 && str_eq_nocase(str_slice(name, 0, 6), STR("proxy-")));
}

static bool is_idempotent(const char *method)
{
    static const char *const METHODS[] = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE", NULL};
    return is_one_of(str_from_c(method), METHODS);
}

static bool is_method(struct str method)
{
    for (size_t i = 0; i < method.len; i++) {
        if (method.ptr[i] >= 'a' && method.ptr[i] <= 'z') {
            return false;
        }
    }
    return is_token(method) && method.len <= METHOD_MAX && !str_eq(method, STR("CONNECT")) &&
           !str_eq(method, STR("TRACE"));
}

/* Bytes of all lines "Name: value", or a HUB_CALL_… value. */
static int64_t measure_headers(const hub_http_request *request)
{
    size_t bytes = 0;
    if (request->header_count > HTTP_HEADERS_MAX) {
        return HUB_CALL_INVALID;
    }
    for (uint32_t i = 0; i < request->header_count; i++) {
        size_t name = of_hub(request->headers[i].name).len;
        size_t value = of_hub(request->headers[i].value).len;
        if (name > HTTP_HEADER_BYTES_MAX || value > HTTP_HEADER_BYTES_MAX) {
            return HUB_CALL_INVALID;
        }
        bytes += name + value + 3;
    }
    return bytes <= HTTP_HEADER_BYTES_MAX ? (int64_t)bytes : HUB_CALL_INVALID;
}

static char *put(char **at, struct str s)
{
    char *start = *at;
    if (s.len > 0) {
        memcpy(start, s.ptr, s.len);
    }
    start[s.len] = '\0';
    *at = start + s.len + 1;
    return start;
}

/* A line as libcurl wants it; an empty value is written "Name;". */
static char *put_header(char **at, struct str name, struct str value)
{
    char *start = *at;
    (void)put(at, name);
    (*at)[-1] = value.len > 0 ? ':' : ';';
    if (value.len > 0) {
        *(*at)++ = ' ';
    }
    (void)put(at, value);
    return start;
}

static void link_header(struct http_call *self, struct curl_slist **at, const char *line)
{
    struct curl_slist *node = (*at)++;
    *node = (struct curl_slist){(char *)line, self->headers};
    self->headers = node;
}

static void copy_headers(struct http_call *self, const hub_http_request *request,
                         struct curl_slist *nodes, char **at)
{
    bool typed = false;
    bool named = false;
    for (uint32_t i = request->header_count; i-- > 0;) { /* the list grows at its front */
        struct str name = of_hub(request->headers[i].name);
        struct str value = of_hub(request->headers[i].value);
        if (!is_token(name) || !is_value(value) || is_connections_own(name)) {
            http_call_fail(self, HUB_HTTP_INVALID, "a header is not allowed or not well-formed");
            return;
        }
        typed = typed || str_eq_nocase(name, STR("content-type"));
        named = named || str_eq_nocase(name, STR("user-agent"));
        link_header(self, &nodes, put_header(at, name, value));
    }
    if (!named) {
        link_header(self, &nodes, USER_AGENT_HEADER);
    }
    if (!typed) {
        link_header(self, &nodes, "Content-Type:"); /* none, where libcurl would guess */
    }
    link_header(self, &nodes, "Expect:"); /* one round trip, not two */
}

static void copy_limits(struct http_call *self, const hub_http_request *request,
                        uint32_t timeout_ms)
{
    bool to_file = request->flags & HUB_HTTP_TO_FILE;
    uint64_t most = to_file ? FILE_RESPONSE : MEMORY_RESPONSE;
    self->sink_fd = to_file ? request->sink_fd : -1;
    self->response_max = request->response_max > 0 ? request->response_max : most;
    self->connect_ms = request->connect_timeout_ms > 0 ? request->connect_timeout_ms : 10000;
    self->idle_ms = request->idle_timeout_ms > 0 ? request->idle_timeout_ms : 30000;
    if (self->idle_ms >= timeout_ms) {
        self->idle_ms = 0; /* the deadline comes first, and costs nothing */
    }
    self->redirects_max = request->max_redirects;
    self->done = request->done;
    self->context = request->context;
}

static void parse_url(struct http_call *self, struct str url, const char *text)
{
    if (url.len == 0 || url.len > URL_MAX || strlen(text) != url.len || !is_value(url)) {
        http_call_fail(self, HUB_HTTP_INVALID, "the URL is empty, too long or not well-formed");
        return;
    }
    self->url = curl_url();
    CURLUcode code = curl_url_set(self->url, CURLUPART_URL, text,
                                  CURLU_NON_SUPPORT_SCHEME | CURLU_DISALLOW_USER);
    if (!self->url || code == CURLUE_OUT_OF_MEMORY) {
        http_call_fail(self, HUB_HTTP_NO_RESOURCES, "out of memory");
    } else if (code == CURLUE_USER_NOT_ALLOWED) {
        http_call_fail(self, HUB_HTTP_INVALID,
                       "a URL must not hold credentials: they belong into the account");
    } else if (code != CURLUE_OK) {
        http_call_fail(self, HUB_HTTP_INVALID, "the URL is not well-formed");
    } else {
        self->url_text = text;
    }
}

static int32_t copy_hosts(struct http_call *self, const hub_http_request *request)
{
    if (!HUB_HAS(request, hub_http_request, host_count)) {
        return HUB_CALL_OK;
    }
    if (request->host_count > HOSTS_MAX) {
        return HUB_CALL_INVALID;
    }
    for (uint32_t i = 0; i < request->host_count; i++) {
        int err = http_rules_add(&self->only, of_hub(request->hosts[i]), 443);
        if (err < 0) {
            return err == HUB_ERR_NOMEM ? HUB_CALL_NOMEM : HUB_CALL_INVALID;
        }
    }
    return HUB_CALL_OK;
}

int32_t http_call_fill(struct http_call *self, const hub_http_request *request, uint32_t timeout_ms)
{
    struct str method = of_hub(request->method);
    struct str url = of_hub(request->url);
    struct str body = of_hub(request->body);
    int64_t headers = measure_headers(request);
    size_t nodes = (request->header_count + EXTRA_HEADERS) * sizeof(struct curl_slist);
    if (headers < 0 || method.len > METHOD_MAX || url.len > URL_MAX) {
        return HUB_CALL_INVALID;
    }
    self->memory_len = nodes + (size_t)headers + method.len + url.len + body.len + 3;
    self->memory = malloc(self->memory_len);
    if (!self->memory) {
        return HUB_CALL_NOMEM;
    }
    char *at = self->memory + nodes;
    self->flags = request->flags;
    self->method = put(&at, method);
    self->flags |= is_idempotent(self->method) ? HUB_HTTP_REPLAY : 0;
    const char *url_text = put(&at, url);
    self->body = str_of(put(&at, body), body.len);
    self->body_fd = request->body_file ? request->body_file->fd : -1;
    self->body_bytes = request->body_file ? request->body_file->bytes : 0;
    self->has_body = request->body.ptr != NULL || request->body_file != NULL;
    copy_limits(self, request, timeout_ms);
    int32_t result = copy_hosts(self, request);
    if (result != HUB_CALL_OK) {
        return result;
    }
    if (!is_method(method)) {
        http_call_fail(self, HUB_HTTP_INVALID, "the method is not one that can be used");
        return HUB_CALL_OK;
    }
    copy_headers(self, request, (struct curl_slist *)(void *)self->memory, &at);
    if (self->state != HTTP_ENDED) {
        parse_url(self, url, url_text);
    }
    return HUB_CALL_OK;
}

/* --- A hop -------------------------------------------------------------------------------------*/

/* Takes scheme, host and port out of the URL, by libcurl's own parser: there must be no two ways
 * to read it. */
static bool take_target(struct http_call *self, bool *ret_secure)
{
    char *scheme = NULL, *host = NULL, *port = NULL;
    uint64_t number = 0;
    (void)curl_url_get(self->url, CURLUPART_SCHEME, &scheme, 0);
    (void)curl_url_get(self->url, CURLUPART_HOST, &host, 0);
    (void)curl_url_get(self->url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
    struct str name = str_from_c(host);
    if (name.len > 2 && name.ptr[0] == '[') {
        name = str_slice(name, 1, name.len - 2);
    }
    buf_clear(&self->host);
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        buf_append_char(&self->host, c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c);
    }
    *ret_secure = str_eq(str_from_c(scheme), STR("https"));
    bool known = *ret_secure || str_eq(str_from_c(scheme), STR("http"));
    bool fine = known && name.len > 0 && !buf_failed(&self->host) &&
                str_to_u64(str_from_c(port), 65535, &number) && number > 0;
    self->port = (unsigned)number;
    const char *why = known ? "the URL's host or port is not well-formed"
                            : "only http and https URLs can be used";
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    if (!fine) {
        http_call_fail(self, known ? HUB_HTTP_INVALID : HUB_HTTP_BLOCKED, why);
    }
    return fine;
}

static bool may_reach(struct http_call *self, bool secure)
{
    const struct http_client *client = self->client;
    struct str host = buf_view(&self->host);
    if (!secure && (self->flags & HUB_HTTP_SECURE)) {
        http_call_fail(self, HUB_HTTP_BLOCKED, "this request may only be sent over https");
        return false;
    }
    if (self->only.count > 0 && !http_rules_match_host(&self->only, host, self->port)) {
        http_call_fail(self, HUB_HTTP_BLOCKED,
                       "the host is not one of those that are allowed here");
        return false;
    }
    if (!http_rules_match_host(&client->asked, host, self->port)) {
        http_call_fail(self, HUB_HTTP_BLOCKED, "the connector does not ask for this host");
        return false;
    }
    if (client->granted.count > 0 && !http_rules_match_host(&client->granted, host, self->port)) {
        http_call_fail(self, HUB_HTTP_BLOCKED, "the operator does not grant this host");
        return false;
    }
    return true;
}

void http_call_begin(struct http_call *self)
{
    bool secure;
    if (take_target(self, &secure) && may_reach(self, secure) && http_name_enter(self)) {
        http_call_send(self);
    }
}

static CURLcode set_body(struct http_call *self)
{
    CURL *easy = self->easy;
    bool posts = strcmp(self->method, "POST") == 0 || strcmp(self->method, "PUT") == 0 ||
                 strcmp(self->method, "PATCH") == 0;
    (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, NULL);
    if (strcmp(self->method, "HEAD") == 0) {
        (void)curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
        return curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, NULL);
    }
    if (self->body_fd >= 0) {
        self->body_at = 0;
        (void)curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
        (void)curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)self->body_bytes);
    } else if (self->has_body || posts) {
        (void)curl_easy_setopt(easy, CURLOPT_POST, 1L);
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)self->body.len);
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, self->body.ptr ? self->body.ptr : "");
    } else {
        (void)curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    }
    return curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, self->method);
}

static CURLcode set_options(struct http_call *self)
{
    CURL *easy = self->easy;
    const char *codings = self->flags & HUB_HTTP_DECODE ? "gzip, deflate, br" : NULL;
    (void)curl_easy_setopt(easy, CURLOPT_URL, NULL); /* what libcurl made of the last one */
    (void)curl_easy_setopt(easy, CURLOPT_CURLU, self->url);
    (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, self->headers);
    (void)curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, self->pool);
    (void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)self->connect_ms);
    (void)curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)((self->idle_ms + 999) / 1000));
    CURLcode code = curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, codings);
    return code == CURLE_OK ? set_body(self) : code;
}

static void forget_answer(struct http_call *self)
{
    self->status = 0;
    self->special = NULL;
    self->opened = self->head_ended = false;
    self->requests = 0;
    self->trouble[0] = '\0';
    buf_clear(&self->head);
    buf_clear(&self->fields);
    buf_clear(&self->body_in);
}

void http_call_send(struct http_call *self)
{
    forget_answer(self);
    if (set_options(self) != CURLE_OK ||
        curl_multi_add_handle(self->pool->multi, self->easy) != CURLM_OK) {
        http_call_fail(self, HUB_HTTP_NO_RESOURCES, "out of memory");
        return;
    }
    self->state = HTTP_SENDING;
    self->in_multi = true;
}

/* --- Redirects ---------------------------------------------------------------------------------*/

static struct str find_header(const struct http_call *self, struct str name)
{
    const struct http_field *fields = (const struct http_field *)(const void *)self->fields.ptr;
    for (size_t i = 0; i < self->fields.len / sizeof *fields; i++) {
        if (str_eq(str_of(self->head.ptr + fields[i].name, fields[i].name_len), name)) {
            return str_of(self->head.ptr + fields[i].value, fields[i].value_len);
        }
    }
    return (struct str){0};
}

static bool is_redirect(const struct http_call *self)
{
    static const uint32_t STATUSES[] = {301, 302, 303, 307, 308};
    for (size_t i = 0; i < sizeof STATUSES / sizeof STATUSES[0]; i++) {
        if (STATUSES[i] == self->status) {
            return self->redirects_max > 0 && find_header(self, STR("location")).len > 0;
        }
    }
    return false;
}

static struct str line_name(const char *line)
{
    return str_of(line, strcspn(line, ":;"));
}

/* Keeps the headers that `names` holds, or those that it does not. */
static void filter_headers(struct http_call *self, const char *const *names, bool keep)
{
    struct curl_slist **at = &self->headers;
    while (*at) {
        struct str name = line_name((*at)->data);
        bool ours = (*at)->data[name.len + 1] == '\0'; /* "Expect:": says what not to send */
        if (ours || is_one_of(name, names) == keep) {
            at = &(*at)->next;
        } else {
            *at = (*at)->next;
        }
    }
}

/* RFC 9110 §15.4: 303 always, 301 and 302 as everybody does. */
static void become_get(struct http_call *self)
{
    static const char *const OF_BODY[] = {"content-type",
                                          "content-encoding",
                                          "content-language",
                                          "content-location",
                                          "content-md5",
                                          "digest",
                                          NULL};
    bool post = strcmp(self->method, "POST") == 0;
    bool changes = self->status == 303 || ((self->status == 301 || self->status == 302) && post);
    if (changes && strcmp(self->method, "HEAD") != 0) {
        self->method = "GET";
        self->flags |= HUB_HTTP_REPLAY;
        self->has_body = false;
        self->body = (struct str){0};
        self->body_fd = -1;
        filter_headers(self, OF_BODY, false);
    }
}

/* Another origin gets nothing that may be a secret, and no body. */
static const char *leave_origin(struct http_call *self)
{
    static const char *const HARMLESS[] = {"accept", "accept-language", "range", "user-agent",
                                           NULL};
    if (self->has_body) {
        return "a redirect would take the body to another host";
    }
    filter_headers(self, HARMLESS, true);
    return NULL;
}

/* Where it goes: false if it must not. */
static bool follow(struct http_call *self)
{
    char host[256];
    unsigned port = self->port;
    bool was_secure, secure;
    const char *why = NULL;
    struct str location = find_header(self, STR("location"));
    char *text = location.len <= URL_MAX ? strndup(location.ptr, location.len) : NULL;
    struct str old = str_slice(buf_view(&self->host), 0, sizeof host);
    memcpy(host, old.ptr, old.len);
    old.ptr = host;
    (void)take_target(self, &was_secure);
    CURLUcode code = text ? curl_url_set(self->url, CURLUPART_URL, text, CURLU_DISALLOW_USER)
                          : CURLUE_MALFORMED_INPUT;
    self->url_text = NULL;
    free(text);
    if (code != CURLUE_OK) {
        http_call_fail(self, HUB_HTTP_REDIRECT, "a redirect leads to what is no http URL");
        return false;
    }
    if (!take_target(self, &secure)) {
        return false;
    }
    become_get(self);
    if (was_secure && !secure) {
        why = "a redirect leads from https to http";
    } else if (port != self->port || was_secure != secure || !str_eq(old, buf_view(&self->host))) {
        why = leave_origin(self);
    }
    if (why) {
        http_call_fail(self, HUB_HTTP_REDIRECT, why);
    }
    return why == NULL;
}

static void redirect(struct http_call *self)
{
    if (self->redirects == self->redirects_max) {
        http_call_fail(self, HUB_HTTP_REDIRECT, "there are too many redirects");
        return;
    }
    self->redirects++;
    if (follow(self)) {
        http_call_begin(self);
    }
}

/* --- The end of a hop --------------------------------------------------------------------------*/

static const struct {
    CURLcode code;
    uint32_t error;
    const char *why;
} RESULTS[] = {
    {CURLE_URL_MALFORMAT, HUB_HTTP_INVALID, "the URL is not well-formed"},
    {CURLE_COULDNT_RESOLVE_HOST, HUB_HTTP_DNS, "the host's name does not resolve"},
    {CURLE_COULDNT_CONNECT, HUB_HTTP_CONNECT, "no connection could be made"},
    {CURLE_OPERATION_TIMEDOUT, HUB_HTTP_TIMEOUT, "it took too long"},
    {CURLE_PEER_FAILED_VERIFICATION, HUB_HTTP_TLS, "the certificate is not trusted"},
    {CURLE_SSL_CONNECT_ERROR, HUB_HTTP_TLS, "no secure connection could be made"},
    {CURLE_SSL_CERTPROBLEM, HUB_HTTP_TLS, "no secure connection could be made"},
    {CURLE_SSL_CIPHER, HUB_HTTP_TLS, "no secure connection could be made"},
    {CURLE_SSL_ISSUER_ERROR, HUB_HTTP_TLS, "the certificate is not trusted"},
    {CURLE_SSL_INVALIDCERTSTATUS, HUB_HTTP_TLS, "the certificate is not trusted"},
    {CURLE_OUT_OF_MEMORY, HUB_HTTP_NO_RESOURCES, "out of memory"},
    {CURLE_GOT_NOTHING, HUB_HTTP_BROKEN, "the connection ended before there was an answer"},
    {CURLE_PARTIAL_FILE, HUB_HTTP_BROKEN, "the connection ended within the answer"},
    {CURLE_BAD_CONTENT_ENCODING, HUB_HTTP_BROKEN, "the answer's coding is not valid"},
    {CURLE_WEIRD_SERVER_REPLY, HUB_HTTP_BROKEN, "what came is not HTTP"},
    {CURLE_UNSUPPORTED_PROTOCOL, HUB_HTTP_BROKEN, "what came is not HTTP"},
};

static void judge(struct http_call *self, CURLcode result)
{
    if (self->error != HUB_HTTP_OK) {
        return; /* known already */
    }
    self->error = HUB_HTTP_BROKEN;
    self->why = "the connection broke";
    for (size_t i = 0; i < sizeof RESULTS / sizeof RESULTS[0]; i++) {
        if (RESULTS[i].code == result) {
            self->error = RESULTS[i].error;
            self->why = RESULTS[i].why;
            break;
        }
    }
    if (self->error == HUB_HTTP_CONNECT && self->special && !self->opened) {
        self->error = HUB_HTTP_BLOCKED;
        self->why = "the host has no address that may be used";
    }
}

void http_call_hop_ended(struct http_call *self, CURLcode result)
{
    if (result == CURLE_OK && !self->head_ended) { /* which libcurl takes for a whole answer */
        result = CURLE_GOT_NOTHING;
    }
    if (result == CURLE_OK && self->error == HUB_HTTP_OK) {
        http_name_leave(self);
        if (is_redirect(self)) {
            redirect(self);
            return;
        }
    } else {
        judge(self, result);
    }
    self->state = HTTP_ENDED;
    http_name_leave(self);
    http_call_deliver(self);
}

void http_call_fail(struct http_call *self, uint32_t error, const char *why)
{
    self->error = error;
    self->why = why;
    self->state = HTTP_ENDED;
    http_name_leave(self);
    http_client_due(self);
}

void http_call_detach(struct http_call *self)
{
    list_remove(&self->link);
    if (self->in_multi) {
        (void)curl_multi_remove_handle(self->pool->multi, self->easy);
        self->in_multi = false;
    }
    http_name_leave(self);
}

/* --- The answer --------------------------------------------------------------------------------*/

static hub_str to_hub(struct str s)
{
    return (hub_str){s.ptr, s.len};
}

/* A sentence: what went wrong, with whom, and what libcurl has to say about it. */
static void append_message(struct http_call *self, struct buf *text)
{
    buf_append_str(text, buf_view(&self->host));
    buf_append_c(text, self->host.len > 0 ? ": " : "");
    buf_append_c(text, self->why ? self->why : "it did not work");
    if (self->error == HUB_HTTP_BLOCKED && self->special && !self->opened) {
        buf_append_format(text, " (%s)", self->special);
    } else if ((self->error == HUB_HTTP_TLS || self->error == HUB_HTTP_BROKEN) &&
               self->trouble[0] != '\0') {
        buf_append_format(text, " (%s)", self->trouble);
    }
    buf_append_char(text, '.');
}

static void fill_headers(const struct http_call *self, hub_http_header *headers, size_t count)
{
    const struct http_field *fields = (const struct http_field *)(const void *)self->fields.ptr;
    for (size_t i = 0; i < count; i++) {
        headers[i] = (hub_http_header){
            {self->head.ptr + fields[i].name, fields[i].name_len},
            {self->head.ptr + fields[i].value, fields[i].value_len},
        };
    }
}

void http_call_deliver(struct http_call *self)
{
    enum { FIELDS_ROOM = 512 };
    hub_http_header headers[FIELDS_ROOM];
    char message[512 + CURL_ERROR_SIZE];
    struct buf text;
    char *url = NULL;
    size_t count = self->fields.len / sizeof(struct http_field);
    count = count < FIELDS_ROOM ? count : FIELDS_ROOM;
    fill_headers(self, headers, count);
    buf_init_fixed(&text, message, sizeof message);
    if (self->error != HUB_HTTP_OK) {
        append_message(self, &text);
    }
    if (self->url && !self->url_text) {
        (void)curl_url_get(self->url, CURLUPART_URL, &url, 0);
    }
    bool arrived = self->may_have_arrived || self->redirects > 0;
    hub_http_response response = {
        .size = sizeof response,
        .error = self->error,
        .sent = arrived ? HUB_HTTP_MAY_HAVE_ARRIVED : HUB_HTTP_NEVER_SENT,
        .status = self->status,
        .headers = headers,
        .header_count = (uint32_t)count,
        .redirects = self->redirects,
        .body = to_hub(buf_view(&self->body_in)),
        .body_bytes = self->written > 0 ? self->written : self->body_in.len,
        .url = to_hub(str_from_c(self->url_text ? self->url_text : url)),
        .message = to_hub(buf_view(&text)),
    };
    self->client->config.deliver(self->tag, self->done, self->context, &response);
    curl_free(url);
    http_call_release(self);
}

static void drop(struct buf *buf)
{
    if (buf->cap > BUFFER_KEEP) {
        buf_release(buf);
    } else {
        buf_clear(buf);
    }
}

void http_call_clear(struct http_call *self)
{
    if (self->memory) {
        explicit_bzero(self->memory, self->memory_len);
        free(self->memory);
    }
    curl_url_cleanup(self->url);
    if (self->only.count > 0) {
        http_rules_release(&self->only);
    }
    (void)curl_easy_setopt(self->easy, CURLOPT_POSTFIELDS, NULL);
    (void)curl_easy_setopt(self->easy, CURLOPT_HTTPHEADER, NULL);
    (void)curl_easy_setopt(self->easy, CURLOPT_CURLU, NULL);
    drop(&self->host);
    drop(&self->head);
    drop(&self->fields);
    drop(&self->body_in);
    self->memory = NULL;
    self->url = NULL;
    self->url_text = NULL;
    self->headers = NULL;
    self->pool = NULL;
    self->leads = NULL;
    self->error = self->status = self->redirects = 0;
    self->why = self->special = NULL;
    self->opened = self->resolved = self->may_have_arrived = false;
    self->written = self->body_at = 0;
    self->state = HTTP_DUE;
}
