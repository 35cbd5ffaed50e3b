/*
 * connector_file.h — a connector's file, opened and read for a command. Thread: [any].
 */
#ifndef HUB_HUBCTL_CONNECTOR_FILE_H
#define HUB_HUBCTL_CONNECTOR_FILE_H

struct app;
struct subject;

/* Opens the file and calls `use` with it. One of enum exits, with the user told. */
int connector_file_with(struct app *app, const char *path,
                        int (*use)(struct app *app, struct subject *subject));

#endif
