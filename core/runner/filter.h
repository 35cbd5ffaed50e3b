/*
 * filter.h — system calls: the filters, as the build has compiled them.
 *
 * filter_make.c has the rules and writes a BPF program for each role; the build embeds the programs
 * in hub-runner. To compile them takes more than a millisecond, which each runner's start would
 * pay, and libseccomp would be part of what is confined.
 *
 * A rule about the process itself has FILTER_OWN_PID for its pid; filter_install() (sandbox.h) puts
 * in the real one.
 */
#ifndef HUB_RUNNER_FILTER_H
#define HUB_RUNNER_FILTER_H

#include <stddef.h>

#define FILTER_OWN_PID 0x5eccc0de /* no pid, no address, no flags of any rule */

/* struct sock_filter (linux/filter.h), one after the other; lengths in bytes. */
extern const char filter_pure[], filter_network[], filter_broker[];
extern const size_t filter_pure_len, filter_network_len, filter_broker_len;

#endif
