#include "kit/linked.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_MAX (8u << 20)
#define PATHS_EACH 3 /* names under which dpkg may know a file */

/* --- Other programs ----------------------------------------------------------------------------*/

static int redirect(posix_spawn_file_actions_t *actions, int out)
{
    int err = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);
    if (err == 0) {
        err = posix_spawn_file_actions_adddup2(actions, out, 1);
    }
    return err ? err : posix_spawn_file_actions_addopen(actions, 2, "/dev/null", O_WRONLY, 0);
}

/* What a program writes to stdout; nothing if it cannot be run. */
static void output_of(const char *const *argv, struct buf *ret_text)
{
    static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    static char locale[] = "LC_ALL=C";
    char *const envp[] = {path, locale, NULL};
    posix_spawn_file_actions_t actions;
    int pipes[2];
    pid_t pid;
    if (pipe2(pipes, O_CLOEXEC) < 0) {
        return;
    }
    posix_spawn_file_actions_init(&actions);
    int err = redirect(&actions, pipes[1]);
    if (err == 0) {
        err = posix_spawn(&pid, argv[0], &actions, NULL, (char *const *)argv, envp);
    }
    posix_spawn_file_actions_destroy(&actions);
    close(pipes[1]);
    if (err == 0) {
        (void)!file_read_fd(pipes[0], ret_text, NULL);
    }
    close(pipes[0]);
    while (err == 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
}

static const char *first_of(const char *const *paths)
{
    for (; *paths; paths++) {
        if (access(*paths, X_OK) == 0) {
            return *paths;
        }
    }
    return NULL;
}

/* --- Where a name leads ------------------------------------------------------------------------*/

/* A line of `ldconfig -p`: "\tlibz.so.1 (libc6,x86-64) => /lib/…/libz.so.1". */
static bool line_names(struct str line, const char *name, struct str *ret_path)
{
    line = str_trim(line);
    struct str rest = line;
    if (!str_eq(str_split(&rest, ' '), str_from_c(name))) {
        return false;
    }
    const char *arrow = memmem(line.ptr, line.len, "=> ", 3);
    if (!arrow) {
        return false;
    }
    *ret_path = str_of(arrow + 3, (size_t)(line.ptr + line.len - arrow - 3));
    return true;
}

static const char *path_of(struct str cache, const char *name, struct arena *arena)
{
    while (cache.ptr) {
        struct str path;
        if (line_names(str_split(&cache, '\n'), name, &path)) {
            return arena_strdup(arena, path);
        }
    }
    return NULL;
}

static bool is_known(const struct linked_list *list, struct str name)
{
    for (size_t i = 0; i < list->len; i++) {
        if (str_eq(str_from_c(list->items[i].name), name)) {
            return true;
        }
    }
    return false;
}

static int add_needed(struct linked_list *list, const struct elf *elf, const char *through,
                      struct str cache, struct arena *arena, struct hub_error *error)
{
    for (unsigned i = 0; i < elf->needed_count; i++) {
        if (is_known(list, elf->needed[i])) {
            continue;
        }
        struct linked *added = &list->items[list->len];
        const char *name = arena_strdup(arena, elf->needed[i]);
        if (list->len == LINKED_MAX || !name) {
            return hub_fail(error, HUB_ERR_LIMIT, "it needs more than %d libraries", LINKED_MAX);
        }
        *added =
            (struct linked){.name = name, .path = path_of(cache, name, arena), .through = through};
        list->len++;
    }
    return 0;
}

/* Breadth first, so that `through` is the shortest way. */
static int add_all(struct linked_list *list, const struct elf *elf, struct str cache,
                   struct arena *arena, struct hub_error *error)
{
    struct elf next;
    int err = add_needed(list, elf, NULL, cache, arena, error);
    list->direct = list->len;
    for (size_t i = 0; i < list->len && err == 0; i++) {
        int fd = list->items[i].path ? open(list->items[i].path, O_RDONLY | O_CLOEXEC) : -1;
        if (fd < 0) {
            continue;
        }
        if (elf_read(fd, &next, NULL) == 0) {
            err = add_needed(list, &next, list->items[i].name, cache, arena, error);
            elf_release(&next);
        }
        close(fd);
    }
    return err;
}

/* --- Whose it is -------------------------------------------------------------------------------*/

/* A file has one name with and one without /usr, of which dpkg knows one; and what the link leads
 * to. */
static void names_of(const char *path, struct arena *arena, const char **ret_names)
{
    char other[PATH_MAX];
    char real[PATH_MAX];
    bool usr = strncmp(path, "/usr/", 5) == 0;
    snprintf(other, sizeof other, "%s%s", usr ? "" : "/usr", usr ? path + 4 : path);
    ret_names[0] = path;
    ret_names[1] = arena_strdup(arena, str_from_c(other));
    ret_names[2] = realpath(path, real) ? arena_strdup(arena, str_from_c(real)) : NULL;
}

/* "libc6:amd64: /lib/x86_64-linux-gnu/libc.so.6": the package, if the path is one of the names. */
static bool line_owns(struct str line, const char *const *names, struct str *ret_package)
{
    const char *colon = memmem(line.ptr, line.len, ": ", 2);
    if (!colon) {
        return false;
    }
    struct str path = str_of(colon + 2, (size_t)(line.ptr + line.len - colon - 2));
    *ret_package = str_of(line.ptr, (size_t)(colon - line.ptr));
    for (int i = 0; i < PATHS_EACH; i++) {
        if (names[i] && str_eq(path, str_from_c(names[i]))) {
            return true;
        }
    }
    return false;
}

static void take_owners(struct linked_list *list, const char *(*names)[PATHS_EACH],
                        struct str answer, struct arena *arena)
{
    while (answer.ptr) {
        struct str line = str_split(&answer, '\n');
        struct str package;
        for (size_t i = 0; i < list->len; i++) {
            if (list->items[i].path && !list->items[i].package &&
                line_owns(line, names[i], &package)) {
                list->items[i].package = arena_strdup(arena, package);
            }
        }
    }
}

/* "libc6:amd64 2.36-9": the version, for each that has this package. */
static void take_versions(struct linked_list *list, struct str answer, struct arena *arena)
{
    while (answer.ptr) {
        struct str line = str_split(&answer, '\n');
        struct str package = str_split(&line, ' ');
        const char *version = line.len > 0 ? arena_strdup(arena, line) : NULL;
        for (size_t i = 0; i < list->len; i++) {
            if (list->items[i].package && str_eq(str_from_c(list->items[i].package), package)) {
                list->items[i].version = version;
            }
        }
    }
}

static void ask_dpkg(struct linked_list *list, struct arena *arena)
{
    static const char *const DPKG[] = {"/usr/bin/dpkg-query", NULL};
    const char *program = first_of(DPKG);
    const char *(*names)[PATHS_EACH] = arena_zalloc(arena, list->len * sizeof *names);
    const char **argv = arena_zalloc(arena, (list->len * PATHS_EACH + 4) * sizeof *argv);
    struct buf answer;
    size_t count = 0;
    if (!program || !names || !argv) {
        return;
    }
    buf_init(&answer, OUTPUT_MAX);
    argv[count++] = program;
    argv[count++] = "-S";
    for (size_t i = 0; i < list->len; i++) {
        if (list->items[i].path) {
            names_of(list->items[i].path, arena, names[i]);
        }
        for (int k = 0; k < PATHS_EACH && names[i][k]; k++) {
            argv[count++] = names[i][k];
        }
    }
    argv[count] = NULL;
    output_of(argv, &answer);
    take_owners(list, names, buf_view(&answer), arena);
    buf_clear(&answer);
    count = 1;
    argv[count++] = "-W";
    argv[count++] = "-f=${binary:Package} ${Version}\n";
    for (size_t i = 0; i < list->len; i++) {
        if (list->items[i].package) {
            argv[count++] = list->items[i].package;
        }
    }
    argv[count] = NULL;
    output_of(argv, &answer);
    take_versions(list, buf_view(&answer), arena);
    buf_release(&answer);
}

int linked_find(const struct elf *elf, struct arena *arena, struct linked_list *ret_list,
                struct hub_error *error)
{
    static const char *const LDCONFIG[] = {"/usr/sbin/ldconfig", "/sbin/ldconfig", NULL};
    struct linked_list list = {.items = arena_zalloc(arena, LINKED_MAX * sizeof *list.items)};
    const char *argv[] = {first_of(LDCONFIG), "-p", NULL};
    struct buf cache;
    if (!list.items) {
        return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    buf_init(&cache, OUTPUT_MAX);
    if (argv[0]) {
        output_of(argv, &cache);
    }
    int err = add_all(&list, elf, buf_view(&cache), arena, error);
    buf_release(&cache);
    if (err < 0) {
        return err;
    }
    ask_dpkg(&list, arena);
    *ret_list = list;
    return 0;
}
