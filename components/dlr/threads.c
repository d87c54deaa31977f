#include "threads.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/str.h"
#include "limits.h"

#define PIN_WAIT_MS 200

static int threads_from(const char *variable)
{
    const char *text = getenv(variable);
    int64_t n;

    return text && sedge_str_to_i64(text, 1, SEDGE_DLR_THREADS_MAX, &n, NULL) == 0 ? (int)n : 0;
}

int sedge_threads_default(void)
{
    int n = threads_from("TVM_NUM_THREADS");
    cpu_set_t set;

    if (!n) n = threads_from("OMP_NUM_THREADS");
    if (n) return n;
    n = sched_getaffinity(0, sizeof(set), &set) ? 1 : CPU_COUNT(&set);
    return n < SEDGE_DLR_THREADS_AUTO ? n : SEDGE_DLR_THREADS_AUTO;
}

int sedge_threads_pool(pthreadpool_t *pool, int threads, struct sedge_err *err)
{
    pthreadpool_t made = NULL;

    if (threads > 1 && !(made = pthreadpool_create((size_t)threads)))
        return sedge_err_set(err, SEDGE_E_IO, "%d threads could not be started", threads);
    pthreadpool_destroy(*pool);
    *pool = made;
    return 0;
}

/* ---- where they run ---- */

struct pin {
    cpu_set_t allowed;
    pthread_t caller;
    bool pin;
    size_t threads;
    size_t arrived; /* atomic */
};

static size_t nth_cpu(const cpu_set_t *set, size_t n)
{
    size_t count = (size_t)CPU_COUNT(set);

    n = count ? n % count : 0;
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, set) && n-- == 0) return cpu;
    return 0;
}

/* Runs once in each thread of the pool: nobody leaves before all have come, so no thread takes two turns. */
static void pin_one(void *arg, size_t i)
{
    struct pin *p = arg;
    int64_t until = sedge_mono_ms() + PIN_WAIT_MS;
    cpu_set_t set = p->allowed;

    if (!pthread_equal(pthread_self(), p->caller)) {
        if (p->pin) {
            CPU_ZERO(&set);
            CPU_SET(nth_cpu(&p->allowed, i), &set);
        }
        (void)sched_setaffinity(0, sizeof(set), &set); /* a preference: without it everything still works */
    }
    (void)__atomic_add_fetch(&p->arrived, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&p->arrived, __ATOMIC_SEQ_CST) < p->threads && sedge_mono_ms() < until)
        (void)sched_yield();
}

int sedge_threads_pin(pthreadpool_t pool, bool pin, struct sedge_err *err)
{
    struct pin p = {.caller = pthread_self(), .pin = pin};

    if (!pool) return 0;
    p.threads = pthreadpool_get_threads_count(pool);
    if (sched_getaffinity(0, sizeof(p.allowed), &p.allowed)) return sedge_err_sys(err, errno, "sched_getaffinity");
    pthreadpool_parallelize_1d(pool, pin_one, &p, p.threads, 0);
    return 0;
}
