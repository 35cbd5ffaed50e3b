/*
 * hubd: the wiring, and nothing else. Reads the settings, makes the log and the hub, runs it.
 */
#include "base/error.h"
#include "base/log.h"
#include "config.h"
#include "hub.h"

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* What must hold before any thread is there. */
static void prepare_process(void)
{
    signal(SIGPIPE, SIG_IGN);
    umask(0077);
    prctl(PR_SET_DUMPABLE, 0); /* secrets pass through this process: no core files, no ptrace */
}

int main(int argc, char **argv)
{
    struct hub_error error = {0};
    struct config config;
    struct hub *hub = NULL;
    struct log log;
    int exit_code = 1;

    prepare_process();
    switch (config_load(&config, argc, argv, &error)) {
    case CONFIG_RUN:
        log_init(&log, STDERR_FILENO, config.log_level, config.log_format);
        if (hub_new(&config, &log, &hub, &error) < 0) {
            fprintf(stderr, "hubd: %s\n", error.detail);
        } else {
            exit_code = hub_run(hub);
        }
        break;
    case CONFIG_CHECKED:
        printf("hubd: the settings are fine\n");
        exit_code = 0;
        break;
    case CONFIG_SHOWN:
        exit_code = 0;
        break;
    case CONFIG_BAD:
        fprintf(stderr, "hubd: %s\n", error.detail);
        exit_code = 2;
        break;
    }
    hub_free(hub);
    config_release(&config);
    return exit_code;
}
