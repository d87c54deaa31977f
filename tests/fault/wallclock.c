/* The wall clock. Durations are measured with another one, which nobody can move. */
#include "fault.h"

#include <dlfcn.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

/* Whether a certificate is valid is not what is tested here. */
static bool is_for_tls(const void *caller)
{
    Dl_info info;

    return dladdr(caller, &info) != 0 && info.dli_fname &&
           (strstr(info.dli_fname, "libcrypto") || strstr(info.dli_fname, "libssl"));
}

FAULT_EXPORT int clock_gettime(clockid_t id, struct timespec *out)
{
    static __typeof__(&clock_gettime) next;
    int rc;

    if (!next) next = FAULT_NEXT(clock_gettime);
    rc = next(id, out);
    if (rc == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) out->tv_sec += fault_shift_s();
    return rc;
}

FAULT_EXPORT int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    static __typeof__(&gettimeofday) next;
    int rc;

    if (!next) next = FAULT_NEXT(gettimeofday);
    rc = next(out, zone);
    if (rc == 0) out->tv_sec += fault_shift_s();
    return rc;
}

FAULT_EXPORT time_t time(time_t *out)
{
    static __typeof__(&time) next;
    time_t now;

    if (!next) next = FAULT_NEXT(time);
    now = next(NULL);
    if (!is_for_tls(__builtin_return_address(0))) now += (time_t)fault_shift_s();
    if (out) *out = now;
    return now;
}
