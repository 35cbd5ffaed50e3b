/*
 * secret_input.h — a secret from whoever runs hubctl: typed without being seen, from a file, from
 * stdin; never from the command line, which every user of the machine can read.
 *
 * Thread: [any], the main one.
 */
#ifndef HUB_HUBCTL_SECRET_INPUT_H
#define HUB_HUBCTL_SECRET_INPUT_H

#include "accounts/secret.h"

#define SECRET_INPUT_MAX (16u << 10)

/* `source` is "@FILE", "-" for stdin, or NULL to ask on the terminal with `prompt`. The last line's
 * end is not part of it. HUB_ERR_CANCELLED (Ctrl-C), HUB_ERR_BAD_REQUEST (no terminal to ask on, or
 * nothing came), errors of file_read(); the detail never holds what was read. */
HUB_MUST_CHECK int secret_input_read(const char *source, const char *prompt,
                                     struct secret *ret_secret, struct hub_error *error);

#endif
