#include "hubctl/endpoint.h"

#include "base/file.h"
#include "hubctl/must.h"
#include "hubctl/text.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_FILE_MAX 4096

static const char *from_environment(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

/* --- the key ---------------------------------------------------------------------------------- */

/* Anything else could end the header line, or is a file that holds no key at all. */
static bool is_key(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] <= 0x20 || text.ptr[i] >= 0x7f) {
            return false;
        }
    }
    return text.len > 0;
}

static int read_key_file(struct endpoint *self, struct arena *arena, const char *path,
                         struct hub_error *error)
{
    struct buf data;
    struct stat status;
    int err;

    buf_init(&data, KEY_FILE_MAX);
    err = file_read(path, &data, error);
    if (err < 0) {
        goto out;
    }
    while (data.len > 0 && strchr("\r\n \t", data.ptr[data.len - 1])) {
        data.len--;
    }
    if (!is_key(buf_view(&data))) {
        err = hub_fail(error, HUB_ERR_BAD_REQUEST, "%s holds no key: one line, hub_…", path);
        goto out;
    }
    self->key = must(arena_strdup(arena, buf_view(&data)));
    self->key_file_is_open = stat(path, &status) == 0 && (status.st_mode & 077) != 0;
out:
    if (data.ptr) {
        explicit_bzero(data.ptr, data.cap);
    }
    buf_release(&data);
    return err;
}

static int find_key(struct endpoint *self, struct arena *arena, const char *key_file,
                    struct hub_error *error)
{
    const char *key = from_environment("HUBCTL_KEY");

    if (!key_file && key) {
        if (!is_key(str_from_c(key))) {
            return hub_fail(error, HUB_ERR_BAD_REQUEST, "HUBCTL_KEY holds no key: hub_…");
        }
        self->key = key;
        return 0;
    }
    key_file = key_file ? key_file : from_environment("HUBD_KEY_FILE");
    return key_file ? read_key_file(self, arena, key_file, error) : 0;
}

/* --- the place -------------------------------------------------------------------------------- */

static int use_url(struct endpoint *self, struct arena *arena, const char *url,
                   struct hub_error *error)
{
    struct str text = str_from_c(url);

    if (!str_starts_with(text, STR("http://")) && !str_starts_with(text, STR("https://"))) {
        return hub_fail(error, HUB_ERR_BAD_REQUEST,
                        "a URL begins with http:// or https://, which '%s' does not", url);
    }
    if (strchr(url, '@') || strchr(url, '?') || strchr(url, '#')) {
        return hub_fail(error, HUB_ERR_BAD_REQUEST,
                        "the URL names hubd only: scheme, host, port, perhaps a path");
    }
    while (str_ends_with(text, STR("/"))) {
        text.len--;
    }
    self->url = must(arena_strdup(arena, text));
    return 0;
}

static void use_socket(struct endpoint *self, const char *path)
{
    self->url = "http://localhost"; /* what the Host header says; the path goes to the socket */
    self->socket = path;
}

/* Remembers DIRECTORY/SUFFIX as a place to look at; nothing if there is no such directory. */
static void add_place(struct endpoint *self, struct arena *arena, const char *directory,
                      const char *suffix)
{
    struct buf path;

    if (!directory) {
        return;
    }
    buf_init(&path, BUF_NO_LIMIT);
    buf_append_format(&path, "%s%s", directory, suffix);
    self->places[self->places_len++] = must(arena_strdup(arena, buf_view(&path)));
    buf_release(&path);
}

static void search_socket(struct endpoint *self, struct arena *arena)
{
    const char *state = from_environment("XDG_STATE_HOME");

    add_place(self, arena, from_environment("XDG_RUNTIME_DIR"), "/hubd/hubd.sock");
    add_place(self, arena, "/run", "/hubd/hubd.sock");
    if (state) {
        add_place(self, arena, state, "/hubd/hubd.sock");
    } else {
        add_place(self, arena, from_environment("HOME"), "/.local/state/hubd/hubd.sock");
    }
    for (size_t i = 0; i < self->places_len; i++) {
        struct stat status;
        if (stat(self->places[i], &status) == 0 && S_ISSOCK(status.st_mode)) {
            use_socket(self, self->places[i]);
            return;
        }
    }
    use_socket(self, self->places[0]); /* "/run" is always among them */
}

int endpoint_find(struct endpoint *self, struct arena *arena, const struct endpoint_wish *wish,
                  struct hub_error *error)
{
    const char *url = wish->url;
    const char *socket = wish->socket;
    int err = 0;

    *self = (struct endpoint){.ca_file =
                                  wish->ca_file ? wish->ca_file : from_environment("HUBD_CA_FILE")};
    if (url && socket) {
        return hub_fail(error, HUB_ERR_BAD_REQUEST, "give --url or --socket, not both");
    }
    if (!url && !socket) {
        url = from_environment("HUBD_URL");
        socket = url ? NULL : from_environment("HUBD_SOCKET");
    }
    if (url) {
        err = use_url(self, arena, url, error);
    } else if (socket) {
        use_socket(self, socket);
    } else {
        search_socket(self, arena);
    }
    return err < 0 ? err : find_key(self, arena, wish->key_file, error);
}

bool endpoint_exposes_key(const struct endpoint *self)
{
    static const struct str local[] = {STR_INIT("http://127."), STR_INIT("http://localhost"),
                                       STR_INIT("http://[::1]")};
    struct str url = str_from_c(self->url);

    if (self->socket || !self->key || !str_starts_with(url, STR("http://"))) {
        return false;
    }
    for (size_t i = 0; i < sizeof local / sizeof local[0]; i++) {
        if (str_starts_with(url, local[i])) {
            return false;
        }
    }
    return true;
}

void endpoint_append_name(const struct endpoint *self, struct buf *buf)
{
    text_append_safe(buf, str_from_c(self->socket ? self->socket : self->url));
}
