#include "hubctl/help.h"

#include "hubctl/commands.h"
#include "hubctl/text.h"

#include <string.h>

#define GAP        2
#define NAME_WIDTH 30 /* a longer name pushes its explanation to the next line */

static void title(const struct output *output, struct buf *buf, const char *text)
{
    buf_append_char(buf, '\n');
    style_append(buf, output->out_colour, STYLE_BOLD, str_from_c(text));
    buf_append_char(buf, '\n');
}

/* "  NAME      explanation, broken into lines below itself" */
static void entry(const struct output *output, struct buf *buf, struct str name, size_t name_width,
                  const char *text)
{
    size_t indent = GAP + name_width + GAP;
    size_t width = text_width(name);

    text_append_blanks(buf, GAP);
    style_append(buf, output->out_colour, STYLE_CYAN, name);
    if (width > name_width) {
        buf_append_char(buf, '\n');
        text_append_blanks(buf, indent);
    } else {
        text_append_blanks(buf, name_width - width + GAP);
    }
    text_append_wrapped(buf, str_from_c(text), indent, output_text_width(output));
    buf_append_char(buf, '\n');
}

static void paragraph(const struct output *output, struct buf *buf, const char *text)
{
    text_append_wrapped(buf, str_from_c(text), 0, output_text_width(output));
    buf_append_char(buf, '\n');
}

/* --- lists ------------------------------------------------------------------------------------ */

static size_t longest_name(const struct command *const *commands)
{
    size_t longest = 0;

    for (; *commands; commands++) {
        size_t len = strlen((*commands)->name);
        longest = !(*commands)->hidden && len > longest ? len : longest;
    }
    return longest;
}

static void append_commands(const struct output *output, struct buf *buf,
                            const struct command *const *commands, size_t width)
{
    for (; *commands; commands++) {
        if (!(*commands)->hidden) {
            entry(output, buf, str_from_c((*commands)->name), width, (*commands)->summary);
        }
    }
}

static void append_option_name(struct buf *buf, const struct option *option)
{
    if (option->letter) {
        buf_append_format(buf, "-%c, ", option->letter);
    } else {
        buf_append_str(buf, STR("    "));
    }
    buf_append_format(buf, "--%s", option->name);
    if (option->value) {
        buf_append_format(buf, " %s", option->value);
    }
}

static void append_options(const struct output *output, struct buf *buf,
                           const struct option *options)
{
    size_t width = 0;
    struct buf name;

    buf_init(&name, BUF_NO_LIMIT);
    for (const struct option *o = options; o->name; o++) {
        buf_clear(&name);
        append_option_name(&name, o);
        width = name.len > width && name.len <= NAME_WIDTH ? name.len : width;
    }
    for (const struct option *o = options; o->name; o++) {
        buf_clear(&name);
        append_option_name(&name, o);
        entry(output, buf, buf_view(&name), width, o->help);
    }
    buf_release(&name);
}

static void append_examples(const struct output *output, struct buf *buf, const char *examples)
{
    struct str rest = str_from_c(examples);

    while (rest.len > 0) {
        struct str line = str_split(&rest, '\n');
        bool remark = line.len > 0 && line.ptr[0] == '#';

        text_append_blanks(buf, line.len > 0 ? GAP : 0);
        style_append(buf, output->out_colour, remark ? STYLE_DIM : STYLE_PLAIN, line);
        buf_append_char(buf, '\n');
    }
}

/* --- the program ------------------------------------------------------------------------------ */

static void append_environment(const struct output *output, struct buf *buf)
{
    static const struct {
        struct str name;
        const char *text;
    } variables[] = {
        {STR_INIT("HUBD_SOCKET"), "as --socket"},
        {STR_INIT("HUBD_URL"), "as --url; goes before HUBD_SOCKET"},
        {STR_INIT("HUBCTL_KEY"), "the API key itself"},
        {STR_INIT("HUBD_KEY_FILE"), "as --key-file"},
        {STR_INIT("HUBD_CA_FILE"), "as --ca-file"},
        {STR_INIT("NO_COLOR"), "if set: no colours"},
    };

    title(output, buf, "Environment");
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        entry(output, buf, variables[i].name, 13, variables[i].text);
    }
}

static void append_exits(const struct output *output, struct buf *buf)
{
    title(output, buf, "Exit codes");
#define X(name, code, meaning) entry(output, buf, STR(#code), 3, meaning);
    EXITS_MAP(X)
#undef X
}

void help_append_program(const struct output *output, struct buf *buf)
{
    size_t width = 0;

    buf_append_str(buf, STR("hubctl: post jobs to hubd, watch them, fetch their files, run it.\n\n"
                            "Usage: hubctl COMMAND [ARGUMENTS]\n"
                            "       hubctl help COMMAND          what a command does, with "
                            "examples\n"));
    for (const struct command_group *group = command_groups; group->title; group++) {
        size_t longest = longest_name(group->commands);
        width = longest > width ? longest : width;
    }
    for (const struct command_group *group = command_groups; group->title; group++) {
        title(output, buf, group->title);
        append_commands(output, buf, group->commands, width);
    }
    title(output, buf, "Options of every command");
    append_options(output, buf, command_global_options);
    title(output, buf, "Where hubd is");
    paragraph(output, buf,
              "Without --url and --socket, and without HUBD_URL and HUBD_SOCKET, the first socket "
              "of these is used: $XDG_RUNTIME_DIR/hubd/hubd.sock, /run/hubd/hubd.sock, "
              "~/.local/state/hubd/hubd.sock. The user that hubd runs as needs no key there. A key "
              "is never given on the command line, where others could read it.");
    append_environment(output, buf);
    append_exits(output, buf);
}

/* --- a command -------------------------------------------------------------------------------- */

static void append_head(const struct output *output, struct buf *buf, const struct command *command,
                        const char *path)
{
    struct buf head;

    buf_init(&head, BUF_NO_LIMIT);
    buf_append_format(&head, "hubctl %s: %s", path, command->summary);
    text_append_wrapped(buf, buf_view(&head), 0, output_text_width(output));
    buf_append_char(buf, '\n');
    buf_release(&head);
}

static void append_usage(struct buf *buf, const struct command *command, const char *path)
{
    buf_append_str(buf, STR("\nUsage: "));
    if (command->run) {
        buf_append_format(buf, "hubctl %s%s%s\n", path, command->usage[0] ? " " : "",
                          command->usage);
    }
    if (command->subcommands) {
        buf_append_format(buf, "%shubctl %s COMMAND …\n", command->run ? "       " : "", path);
    }
}

void help_append_command(const struct output *output, struct buf *buf,
                         const struct command *command, const char *path)
{
    append_head(output, buf, command, path);
    append_usage(buf, command, path);
    if (command->about) {
        buf_append_char(buf, '\n');
        paragraph(output, buf, command->about);
    }
    if (command->subcommands) {
        title(output, buf, "Commands");
        append_commands(output, buf, command->subcommands, longest_name(command->subcommands));
    }
    if (command->options) {
        title(output, buf, "Options");
        append_options(output, buf, command->options);
    }
    if (command->examples) {
        title(output, buf, "Examples");
        append_examples(output, buf, command->examples);
    }
    buf_append_str(buf, STR("\n`hubctl help` lists the options of every command and the exit "
                            "codes.\n"));
}
