/*
 * misbehave: connectors that each break one rule. See README.md.
 *
 * One source makes all of them: MISBEHAVE_NAME says which one this is, and thereby what its only
 * operation does.
 */
#ifndef MISBEHAVE_MISBEHAVE_H
#define MISBEHAVE_MISBEHAVE_H

#include <hub/connector.h>
#include <json-c/json.h>

/* One attempt. */
struct deed {
    const hub_host *host;
    hub_job *job;
    json_object *input;
    json_object *result;
};

typedef void deed_fn(struct deed *deed);

/* Members of the input; "" and 0 if there is none. */
const char *deed_text(const struct deed *deed, const char *name);
int64_t deed_number(const struct deed *deed, const char *name);

/* Notes in the result how a call went: 0, or the errno's name. `value` is what the call returned.
 */
void deed_note(struct deed *deed, const char *what, long value);

/* Succeeds with what was noted: the deed was stopped by an error, or was not stopped at all. */
void deed_succeed(struct deed *deed);

/* reach.c: for what lies outside. */
deed_fn open_file, connect_out, listen_in, exec_shell, fork_bomb, trace_parent, kill_parent,
    system_call, replace_handler, block_signal, read_proc, write_artifacts, change_input;

/* roam.c: for other hosts. */
deed_fn roam;

/* excess.c: for more than there is. */
deed_fn allocate, endless_output, endless_loop, burn_processor, thread_bomb;

/* lies.c: dies, or speaks on the channel itself. */
deed_fn segfault, call_abort, close_channel, forge_frames, say_confined;

#endif
