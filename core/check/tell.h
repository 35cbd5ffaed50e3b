/*
 * tell.h — what hub-check has to say, on stderr: one line each, a record separator (0x1e, as in RFC
 * 7464) and a JSON object. All else on stderr is the connector's own.
 *
 *     {"breach": RULE, "text": …}           a rule was broken; rules are named in kit/rules.h
 *     {"census": JOB, "blocks": …, "bytes": …, "files": …}
 *     {"failed_in": FILE}                   the allocation that had to fail was that file's
 *     {"crashed_in": FILE}                  whose code was at work when a signal came
 *     {"allocations": …, "points": …}       at the end
 *
 * Thread: [any]. A line is one write(2), so lines do not mix.
 */
#ifndef HUB_CHECK_TELL_H
#define HUB_CHECK_TELL_H

#include <stdint.h>

void tell_breach(const char *rule, const char *format, ...) __attribute__((format(printf, 2, 3)));
void tell_census(uint64_t job, int64_t blocks, int64_t bytes, unsigned files);
void tell_file(const char *what, const char *file); /* "failed_in", "crashed_in" */
void tell_totals(uint64_t allocations, uint64_t points);

/* For a signal handler: a line made ahead of time. */
#define TELL_LINE(rule, text) "\x1e{\"breach\":\"" rule "\",\"text\":\"" text "\"}\n"
void tell_raw(const char *line, unsigned long len);

#endif
