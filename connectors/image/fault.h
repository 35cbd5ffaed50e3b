/*
 * Why something did not work, and what that means for the job.
 *
 * Functions that can fail take a `struct fault *` last and return 0, or -1 after fault_set(). The
 * caller passes the fault up; image.c alone turns it into fail() or retry().
 */
#ifndef IMAGE_FAULT_H
#define IMAGE_FAULT_H

#include <stdbool.h>

/* X(enumerator, error code for users, is another attempt worth it) */
#define FAULT_MAP(X)                                                                               \
    X(FAULT_NONE, "", false)                                                                       \
    X(FAULT_INVALID, "invalid_input", false)                                                       \
    X(FAULT_TOO_LARGE, "too_large", false)                                                         \
    X(FAULT_UNSUPPORTED, "unsupported_format", false)                                              \
    X(FAULT_CANCELLED, "cancelled", false)                                                         \
    X(FAULT_ENCODE, "encode_failed", false)                                                        \
    X(FAULT_MEMORY, "out_of_memory", true)                                                         \
    X(FAULT_STORAGE, "storage_failed", true)

enum fault_kind {
#define FAULT_ENUM(name, code, retryable) name,
    FAULT_MAP(FAULT_ENUM)
#undef FAULT_ENUM
};

struct fault {
    enum fault_kind kind;
    char message[240]; /* a sentence for people */
};

/* Notes the fault and returns -1, so that `return fault_set(…)` reads well. Keeps the first one:
 * what fails later is a consequence. */
int fault_set(struct fault *self, enum fault_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Out of memory. Returns -1. */
int fault_memory(struct fault *self);

/* The error code that users see. */
const char *fault_code(const struct fault *self);

bool fault_retryable(const struct fault *self);

#endif
