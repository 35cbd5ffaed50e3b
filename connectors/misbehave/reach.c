#include "misbehave.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Opens a file of the input's choice. */
void open_file(struct deed *deed)
{
    int fd = open(deed_text(deed, "path"), O_RDONLY | O_CLOEXEC);
    deed_note(deed, "open", fd);
    deed_succeed(deed);
}

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
}

/* Speaks to whom it likes. */
void connect_out(struct deed *deed)
{
    struct sockaddr_in address = loopback((uint16_t)deed_number(deed, "port"));
    deed_note(deed, "unix", socket(AF_UNIX, SOCK_STREAM, 0));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    deed_note(deed, "connect", connect(fd, (struct sockaddr *)&address, sizeof address));
    deed_succeed(deed);
}

/* Lets others speak to it. */
void listen_in(struct deed *deed)
{
    struct sockaddr_in address = loopback(0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    deed_note(deed, "bind", bind(fd, (struct sockaddr *)&address, sizeof address));
    deed_note(deed, "listen", listen(fd, 1));
    deed_succeed(deed);
}

void exec_shell(struct deed *deed)
{
    char *const arguments[] = {(char *)"sh", (char *)"-c", (char *)"exit 0", NULL};
    deed_note(deed, "execve", execve("/bin/sh", arguments, NULL));
    deed_succeed(deed);
}

void fork_bomb(struct deed *deed)
{
    for (;;) {
        deed_note(deed, "fork", fork());
    }
}

void trace_parent(struct deed *deed)
{
    deed_note(deed, "ptrace", ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
    deed_succeed(deed);
}

void kill_parent(struct deed *deed)
{
    deed_note(deed, "kill", kill(getppid(), SIGKILL));
    deed_succeed(deed);
}

/* Any call, by its number, without arguments that mean something. */
void system_call(struct deed *deed)
{
    deed_note(deed, "call", syscall(deed_number(deed, "number"), 0, 0, 0, 0, 0, 0));
    deed_succeed(deed);
}

static void go_on(int number)
{
    (void)number;
}

/* Hopes to survive what is forbidden. */
void replace_handler(struct deed *deed)
{
    struct sigaction action = {.sa_handler = go_on};
    deed_note(deed, "sigaction", sigaction(SIGSYS, &action, NULL));
    deed_note(deed, "ptrace", ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
    deed_succeed(deed);
}

void block_signal(struct deed *deed)
{
    sigset_t all;
    sigfillset(&all);
    deed_note(deed, "sigprocmask", sigprocmask(SIG_BLOCK, &all, NULL));
    deed_note(deed, "ptrace", ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
    deed_succeed(deed);
}

/* Looks into hubd. */
void read_proc(struct deed *deed)
{
    static const char *const FILES[] = {"environ", "maps", "mem", "fd/3", "root/etc/passwd"};
    char path[64];
    for (size_t i = 0; i < sizeof FILES / sizeof FILES[0]; i++) {
        snprintf(path, sizeof path, "/proc/%ld/%s", (long)getppid(), FILES[i]);
        deed_note(deed, FILES[i], open(path, O_RDONLY | O_CLOEXEC));
    }
    deed_succeed(deed);
}

/* Changes, makes and looks through the files of other jobs. */
void write_artifacts(struct deed *deed)
{
    char path[4200];
    const char *folder = deed_text(deed, "folder");
    deed_note(deed, "list", open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    deed_note(deed, "write", open(deed_text(deed, "path"), O_WRONLY | O_CLOEXEC));
    deed_note(deed, "truncate", open(deed_text(deed, "path"), O_RDWR | O_TRUNC | O_CLOEXEC));
    snprintf(path, sizeof path, "%s/forged", folder);
    deed_note(deed, "create", open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    deed_succeed(deed);
}

/* Its input is an artifact, which others may have as well. */
void change_input(struct deed *deed)
{
    const hub_file *file = deed->host->file(deed->job, HUB_STR("/file"));
    char path[64];
    int fd = file ? file->fd : -1;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    deed_note(deed, "write", write(fd, "changed", 7));
    deed_note(deed, "truncate", ftruncate(fd, 0));
    deed_note(deed, "reopen", open(path, O_RDWR | O_CLOEXEC));
    if (deed_number(deed, "mode"))
        deed_note(deed, "chmod", fchmod(fd, 0777));
    deed_succeed(deed);
}
