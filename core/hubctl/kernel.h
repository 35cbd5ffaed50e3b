/*
 * kernel.h — which mechanisms of confinement this kernel gives to this user.
 *
 * What hub-runner builds its sandbox from, tried out in the mildest way: nothing of this process
 * changes. Thread: [any], the main one (it forks).
 */
#ifndef HUB_HUBCTL_KERNEL_H
#define HUB_HUBCTL_KERNEL_H

#include <stdbool.h>
#include <stddef.h>

int kernel_landlock_abi(void);                           /* the ABI version, 0: none */
bool kernel_seccomp_filters(void);                       /* filters that kill the process */
bool kernel_user_namespaces(void);                       /* may be made by this user */
bool kernel_cgroup2(char *ret_controllers, size_t room); /* mounted; its controllers, by blanks */

#endif
