#include "supervisor/explain.h"

#include "supervisor/supervisor.h"

#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool supervisor_call_name(int number, char ret_name[SUPERVISOR_CALL_NAME_MAX])
{
    char *name = number < 0 ? NULL : seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
    if (name) {
        snprintf(ret_name, SUPERVISOR_CALL_NAME_MAX, "%s", name);
    }
    free(name);
    return name != NULL;
}

/* --- What the board says -----------------------------------------------------------------------*/

static int forbidden_call(const struct wire_board *board)
{
    uint32_t noted = board ? atomic_load(&board->forbidden_call) : 0;
    return noted == 0 || noted > INT32_MAX ? -1 : (int)noted - 1;
}

static uint64_t refused_bytes(const struct wire_board *board)
{
    return board ? atomic_load(&board->refused_bytes) : 0;
}

static bool output_full(const struct wire_board *board)
{
    return board && atomic_load(&board->output_full) > 0;
}

/* --- Sentences ---------------------------------------------------------------------------------*/

static void say_call(int number, char why[RUNNER_WHY_MAX])
{
    char name[SUPERVISOR_CALL_NAME_MAX];
    if (supervisor_call_name(number, name)) {
        snprintf(why, RUNNER_WHY_MAX, "it made the system call %s, which its sandbox forbids",
                 name);
    } else {
        snprintf(why, RUNNER_WHY_MAX, "it made a system call that its sandbox forbids");
    }
}

static void say_status(const struct runner_status *status, char *why, size_t room)
{
    if (status->by_signal) {
        const char *text = sigdescr_np(status->number);
        snprintf(why, room, "it was killed by signal %d (%s)", status->number,
                 text ? text : "unknown");
    } else {
        snprintf(why, room, "it exited with code %d", status->number);
    }
}

static void say_memory(const struct runner_status *status, char why[RUNNER_WHY_MAX])
{
    char how[RUNNER_WHY_MAX / 2]; /* so that what stands before it fits in too */
    say_status(status, how, sizeof how);
    snprintf(why, RUNNER_WHY_MAX, "it was refused %llu bytes of memory (its limit is %llu), and %s",
             (unsigned long long)refused_bytes(status->board),
             (unsigned long long)status->config->memory_max, how + sizeof "it");
}

/* --- Which end ---------------------------------------------------------------------------------*/

static enum runner_end end_of(const struct runner_status *status)
{
    int number = status->by_signal ? status->number : 0;
    bool full = output_full(status->board);
    if (number == SIGSYS) {
        return RUNNER_END_POLICY;
    }
    if (number == SIGXCPU) {
        return RUNNER_END_CPU;
    }
    if (number == SIGXFSZ || (number == SIGKILL && full)) {
        return RUNNER_END_OUTPUT;
    }
    /* SIGKILL is nothing that a program does to itself for want of memory; nor is a good end. */
    bool crashed = status->by_signal ? number != SIGKILL : status->number != 0;
    if (crashed && refused_bytes(status->board) > 0) {
        return RUNNER_END_MEMORY;
    }
    return status->by_signal ? RUNNER_END_SIGNAL : RUNNER_END_EXIT;
}

void runner_explain(const struct runner_status *status, struct runner_death *ret_death,
                    char ret_why[RUNNER_WHY_MAX])
{
    enum runner_end end = end_of(status);
    int number = status->number;
    switch (end) {
    case RUNNER_END_POLICY:
        number = forbidden_call(status->board);
        say_call(number, ret_why);
        break;
    case RUNNER_END_CPU:
        snprintf(ret_why, RUNNER_WHY_MAX, "it took more than %u s of processor time",
                 status->config->cpu_s);
        break;
    case RUNNER_END_MEMORY:
        say_memory(status, ret_why);
        break;
    case RUNNER_END_OUTPUT:
        snprintf(ret_why, RUNNER_WHY_MAX,
                 "it went on writing to an output of %llu bytes, the largest there may be",
                 (unsigned long long)status->config->file_bytes_max);
        break;
    default:
        say_status(status, ret_why, RUNNER_WHY_MAX);
        break;
    }
    ret_death->end = end;
    ret_death->number = number;
}
