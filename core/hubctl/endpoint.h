/*
 * endpoint.h — where hubd is, and with which key to speak to it.
 *
 * The first of these that is given decides: --url, --socket, HUBD_URL, HUBD_SOCKET; otherwise the
 * first socket that exists in $XDG_RUNTIME_DIR/hubd, /run/hubd, and hubd's state folder of an
 * ordinary user ($XDG_STATE_HOME/hubd or ~/.local/state/hubd), each named hubd.sock.
 *
 * A key comes from --key-file, HUBCTL_KEY or HUBD_KEY_FILE, never from argv, which every user of
 * the machine can read. Over a socket it is not needed by the user hubd runs as.
 *
 * Owner: the caller, of the struct; the strings live in the arena. Thread: [any].
 */
#ifndef HUB_HUBCTL_ENDPOINT_H
#define HUB_HUBCTL_ENDPOINT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

#define ENDPOINT_PLACES_MAX 4

struct endpoint {
    const char *url;     /* without a slash at the end; "http://localhost" over a socket */
    const char *socket;  /* NULL: over TCP */
    const char *key;     /* NULL: none */
    const char *ca_file; /* NULL: the system's certificates */
    const char *places[ENDPOINT_PLACES_MAX]; /* where a socket was looked for, if that was done */
    size_t places_len;
    bool key_file_is_open; /* the key file can be read by others: worth a warning */
};

struct endpoint_wish {
    const char *url; /* each may be NULL */
    const char *socket;
    const char *key_file;
    const char *ca_file;
};

/* HUB_ERR_BAD_REQUEST for a bad URL or an unfit key, or why the key file cannot be read. */
HUB_MUST_CHECK int endpoint_find(struct endpoint *self, struct arena *arena,
                                 const struct endpoint_wish *wish, struct hub_error *error);

/* Whether a key would travel where others can read it: plain HTTP to another machine. */
bool endpoint_exposes_key(const struct endpoint *self);

/* Appends what a person calls it: the socket's path or the URL. */
void endpoint_append_name(const struct endpoint *self, struct buf *buf);

#endif
