/* version.h — the version hubctl is built as; CMake gives it. Thread: [any]. */
#ifndef HUB_HUBCTL_VERSION_H
#define HUB_HUBCTL_VERSION_H

#ifndef HUBCTL_VERSION
#error "HUBCTL_VERSION comes from CMakeLists.txt"
#endif

#endif
