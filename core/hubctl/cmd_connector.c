/* hubctl connector: for authors of connectors. Each subcommand has a file of its own. */
#include "hubctl/commands.h"

static const struct command *const subcommands[] = {&connector_new, &connector_inspect,
                                                    &connector_check, &connector_install, NULL};

const struct command cmd_connector = {
    .name = "connector",
    .summary = "write, look at, check and install a connector",
    .usage = "new | inspect | check | install",
    .about = "For authors of connectors, and for operators who are about to trust one. A connector "
             "is a shared object; how to write one is explained in connectors/README.md and in "
             "the header <hub/connector.h>.",
    .examples = "# from nothing to a running connector\n"
                "hubctl connector new greeter\n"
                "cd greeter && cmake -B build && cmake --build build\n"
                "hubctl connector check build/greeter.so\n"
                "hubctl connector install build/greeter.so",
    .subcommands = subcommands,
};
