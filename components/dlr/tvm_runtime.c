#include "tvm_runtime.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "limits.h"

#define ERROR_MAX    512
#define LINE_BYTES   64 /* each task has a line of the cache for its counter */
#define BARRIER_SPIN 1000

/* What a thread that runs a model knows; workers of a parallel part only use `error` and `inside`. */
static _Thread_local struct {
    char error[ERROR_MAX];
    pthreadpool_t pool;
    bool inside; /* a task of a parallel part */
} here;

/* ---- errors ---- */

void sedge_tvm_set_error(const char *text)
{
    (void)snprintf(here.error, sizeof(here.error), "%s", text ? text : "");
}

const char *sedge_tvm_error(void)
{
    return here.error[0] ? here.error : "it gave no reason";
}

void sedge_tvm_enter(pthreadpool_t pool)
{
    here.pool = pool;
    here.error[0] = '\0';
}

void sedge_tvm_leave(void)
{
    here.pool = NULL;
}

/* ---- functions of others ---- */

/* There is one device, and it is always set. */
static int set_device(union sedge_tvm_value *args, int *codes, int n, union sedge_tvm_value *ret, int *ret_code,
                      void *self)
{
    (void)args;
    (void)codes;
    (void)n;
    (void)ret;
    (void)ret_code;
    (void)self;
    return 0;
}

/* Not constant: a library gets a pointer without const to one. */
static struct named_function {
    const char *name;
    sedge_tvm_function call;
} functions[] = {{"__tvm_set_device", set_device}};

int sedge_tvm_call(void *function, union sedge_tvm_value *args, int *codes, int n, union sedge_tvm_value *ret,
                   int *ret_code)
{
    const struct named_function *f = function;
    return f->call(args, codes, n, ret, ret_code, NULL);
}

int sedge_tvm_get_function(void *module, const char *name, void **out)
{
    (void)module;
    for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++)
        if (strcmp(functions[i].name, name) == 0) {
            *out = &functions[i];
            return 0;
        }
    (void)snprintf(here.error, sizeof(here.error), "it needs the function \"%.200s\", which is not in this runtime",
                   name);
    return -1;
}

/* ---- workspaces ---- */

/* Free blocks of one thread. Operators ask and give back in the manner of a stack, and for the same sizes each run. */
struct cache {
    struct block {
        void *p;
        size_t size;
    } free[SEDGE_DLR_WORKSPACES_MAX];
    size_t n;
};

struct header { /* in front of each block, in a line of its own */
    size_t size;
};

static pthread_key_t cache_key;
static pthread_once_t cache_once = PTHREAD_ONCE_INIT;

static void *start_of(void *block)
{
    return (char *)block - SEDGE_DLR_ALIGN;
}

static void cache_free(void *p)
{
    struct cache *c = p;

    for (size_t i = 0; i < c->n; i++)
        free(start_of(c->free[i].p));
    free(c);
}

static void make_key(void)
{
    if (pthread_key_create(&cache_key, cache_free)) abort(); /* 1,024 keys are in use: a broken program */
}

static struct cache *cache_of_thread(void)
{
    struct cache *c;

    (void)pthread_once(&cache_once, make_key);
    c = pthread_getspecific(cache_key);
    if (c) return c;
    c = SEDGE_NEW(struct cache);
    if (pthread_setspecific(cache_key, c) == 0) return c;
    free(c);
    return NULL;
}

static void *new_block(size_t size)
{
    void *start;

    if (posix_memalign(&start, SEDGE_DLR_ALIGN, SEDGE_DLR_ALIGN + size)) return NULL;
    ((struct header *)start)->size = size;
    return (char *)start + SEDGE_DLR_ALIGN;
}

void *sedge_tvm_alloc_workspace(int device_type, int device_id, uint64_t bytes, int code_hint, int bits_hint)
{
    struct cache *c = cache_of_thread();
    void *p;

    (void)device_type;
    (void)device_id;
    (void)code_hint;
    (void)bits_hint;
    if (bytes > SEDGE_DLR_ARENA_MAX) {
        sedge_tvm_set_error("it asks for a workspace that is over the limit");
        return NULL;
    }
    for (size_t i = c ? c->n : 0; i-- > 0;)
        if (c->free[i].size >= bytes) {
            p = c->free[i].p;
            c->free[i] = c->free[--c->n];
            return p;
        }
    p = new_block(bytes ? (size_t)bytes : 1);
    if (!p) sedge_tvm_set_error("there is no memory for its workspace");
    return p;
}

int sedge_tvm_free_workspace(int device_type, int device_id, void *p)
{
    struct cache *c = cache_of_thread();

    (void)device_type;
    (void)device_id;
    if (!p) return 0;
    if (c && c->n < SEDGE_DLR_WORKSPACES_MAX)
        c->free[c->n++] = (struct block){p, ((struct header *)start_of(p))->size};
    else
        free(start_of(p));
    return 0;
}

/* ---- parallel parts ---- */

struct launch {
    sedge_tvm_task task;
    void *data;
    struct sedge_tvm_env env;
    char *counters; /* of the barrier */
    int at_once;    /* so many tasks run at the same time */
    int failed;     /* atomic */
    char error[ERROR_MAX];
    pthread_mutex_t lock; /* of error */
};

static void run_task(void *arg, size_t i)
{
    struct launch *l = arg;
    bool was = here.inside;

    here.inside = true;
    if (l->task((int)i, &l->env, l->data)) {
        (void)pthread_mutex_lock(&l->lock);
        if (!__atomic_exchange_n(&l->failed, 1, __ATOMIC_SEQ_CST))
            (void)snprintf(l->error, sizeof(l->error), "%s", sedge_tvm_error());
        (void)pthread_mutex_unlock(&l->lock);
    }
    here.inside = was;
}

static int check_launch(int tasks)
{
    if (here.inside)
        sedge_tvm_set_error("it begins a parallel part within another");
    else if (tasks < 0 || tasks > SEDGE_DLR_TASKS_MAX)
        sedge_tvm_set_error("it begins a parallel part of more tasks than are allowed");
    else
        return 0;
    return -1;
}

int sedge_tvm_parallel_launch(sedge_tvm_task task, void *data, int tasks)
{
    int threads = here.pool ? (int)pthreadpool_get_threads_count(here.pool) : 1;
    struct launch l = {.task = task, .data = data, .at_once = threads, .lock = PTHREAD_MUTEX_INITIALIZER};

    if (check_launch(tasks)) return -1;
    l.env = (struct sedge_tvm_env){&l, tasks ? tasks : threads};
    l.counters = sedge_xcalloc((size_t)l.env.num_task, LINE_BYTES);
    /* of as many items as threads each thread gets one before any takes a second: a barrier needs that */
    if (here.pool && l.env.num_task > 1)
        pthreadpool_parallelize_1d(here.pool, run_task, &l, (size_t)l.env.num_task, 0);
    else
        for (int i = 0; i < l.env.num_task; i++)
            run_task(&l, (size_t)i);
    free(l.counters);
    if (l.failed) sedge_tvm_set_error(l.error);
    return l.failed ? -1 : 0;
}

static int *counter_of(const struct launch *l, int task)
{
    return (int *)(void *)(l->counters + (size_t)task * LINE_BYTES);
}

/* Each task counts how often it came here, and waits until nobody is behind, or one has failed. */
int sedge_tvm_parallel_barrier(int task_id, struct sedge_tvm_env *env)
{
    struct launch *l = env->sync_handle;
    int turn = __atomic_add_fetch(counter_of(l, task_id), 1, __ATOMIC_RELEASE);

    if (env->num_task > l->at_once) {
        sedge_tvm_set_error("its tasks wait for each other, and there are more of them than threads");
        return -1;
    }
    for (int other = 0; other < env->num_task; other++)
        for (unsigned spin = 0; __atomic_load_n(counter_of(l, other), __ATOMIC_ACQUIRE) < turn; spin++) {
            if (__atomic_load_n(&l->failed, __ATOMIC_ACQUIRE)) return -1;
            if (spin > BARRIER_SPIN) (void)sched_yield();
        }
    return 0;
}
