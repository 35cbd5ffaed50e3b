/*
 * seen_close — for LD_PRELOAD in builds with ThreadSanitizer: libuv closes descriptors by
 * syscall(SYS_close), which the sanitizer does not see. It then takes the next file that gets the
 * number, in another thread, for the one that libuv had, and reports a race between the two. Here
 * such a close becomes one that it sees; everything else goes on as it was.
 */
#include <dlfcn.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

long syscall(long number, ...)
{
    long (*next)(long, ...) = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    long a[6];
    va_list args;

    va_start(args, number);
    for (int i = 0; i < 6; i++) {
        a[i] = va_arg(args, long);
    }
    va_end(args);
    if (number == SYS_close) {
        return close((int)a[0]);
    }
    return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
