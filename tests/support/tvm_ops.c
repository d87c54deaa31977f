/*
 * An operator library with the calling convention of compiled models (spec/dlr.md section 5), written by hand.
 *
 * With TVM_OPS_FOREIGN it says that it has a module of type "cuda" in it; with TVM_OPS_LINKED slot 1 is a constant in
 * it.
 */
#include <stdint.h>
#include <string.h>

union value {
    int64_t number;
    void *pointer;
};

struct tensor {
    float *data;
    int32_t device_type, device_id, ndim;
    uint8_t code, bits;
    uint16_t lanes;
    int64_t *shape, *strides;
    uint64_t byte_offset;
};

struct env {
    void *sync_handle;
    int32_t num_task;
};

typedef int (*task_fn)(int task, struct env *env, void *data);

/* Variables that the runtime fills. */
#define FROM_RUNTIME(name) __asm__("__TVM" name) __attribute__((visibility("default")))
void (*set_error)(const char *) FROM_RUNTIME("APISetLastError");
void *(*alloc_workspace)(int, int, uint64_t, int, int)FROM_RUNTIME("BackendAllocWorkspace");
int (*free_workspace)(int, int, void *) FROM_RUNTIME("BackendFreeWorkspace");
int (*launch)(task_fn, void *, int) FROM_RUNTIME("BackendParallelLaunch");
int (*barrier)(int, struct env *) FROM_RUNTIME("BackendParallelBarrier");
int (*get_function)(void *, const char *, void **) FROM_RUNTIME("BackendGetFuncFromEnv");
int (*call)(void *, union value *, int *, int, union value *, int *) FROM_RUNTIME("FuncCall");
void *module_ctx __asm__("__tvm_module_ctx") __attribute__((visibility("default")));

#define OPERATOR(name)                                                                                                 \
    __attribute__((visibility("default"))) int name(union value *args, int *codes, int n, union value *ret,            \
                                                    int *ret_code, void *self);                                        \
    int name(union value *args, int *codes, int n, union value *ret, int *ret_code, void *self)

#define UNUSED (void)codes, (void)ret, (void)ret_code, (void)self

static struct tensor *tensor_of(union value *args, int i)
{
    return args[i].pointer;
}

static int64_t count_of(const struct tensor *t)
{
    int64_t n = 1;

    for (int32_t i = 0; i < t->ndim; i++)
        n *= t->shape[i];
    return n;
}

static int fail(const char *why)
{
    set_error(why);
    return -1;
}

/* out = a + b */
OPERATOR(ops_add)
{
    UNUSED;
    if (n != 3 || codes[0] != 7) return fail("ops_add: expected three tensors");
    for (int64_t i = 0; i < count_of(tensor_of(args, 2)); i++)
        tensor_of(args, 2)->data[i] = tensor_of(args, 0)->data[i] + tensor_of(args, 1)->data[i];
    return 0;
}

static int double_part(int task, struct env *env, void *data)
{
    struct tensor *const *t = data;
    int64_t n = count_of(t[0]), each = (n + env->num_task - 1) / env->num_task;

    for (int64_t i = task * each; i < n && i < (task + 1) * each; i++)
        t[1]->data[i] = 2 * t[0]->data[i];
    return 0;
}

/* out = 2 * a, in parallel */
OPERATOR(ops_double)
{
    struct tensor *t[2] = {tensor_of(args, 0), tensor_of(args, 1)};

    UNUSED;
    (void)n;
    return launch(double_part, t, 0);
}

struct sums {
    const struct tensor *from, *to;
    float *parts;
};

static int sum_part(int task, struct env *env, void *data)
{
    struct sums *s = data;
    int64_t n = count_of(s->from), each = (n + env->num_task - 1) / env->num_task;

    s->parts[task] = 0;
    for (int64_t i = task * each; i < n && i < (task + 1) * each; i++)
        s->parts[task] += s->from->data[i];
    for (int again = 0; again < 2; again++)
        if (barrier(task, env)) return -1;
    float all = 0;
    for (int32_t i = 0; i < env->num_task; i++)
        all += s->parts[i];
    for (int64_t i = task; i < count_of(s->to); i += env->num_task)
        s->to->data[i] = all;
    return 0;
}

/* out[...] = sum of a, with a barrier and a workspace */
OPERATOR(ops_sum)
{
    struct sums s = {tensor_of(args, 0), tensor_of(args, 1), alloc_workspace(1, 0, 4096, 2, 32)};
    int rc;

    UNUSED;
    (void)n;
    if (!s.parts) return -1;
    if ((uintptr_t)s.parts % 128) return fail("the workspace is not aligned");
    rc = launch(sum_part, &s, 0);
    (void)free_workspace(1, 0, s.parts);
    return rc;
}

/* Wants tensors of one dimension. */
OPERATOR(ops_flat)
{
    UNUSED;
    (void)n;
    if (tensor_of(args, 0)->ndim != 1 || tensor_of(args, 1)->ndim != 1) return fail("ops_flat: ndim is not 1");
    memcpy(tensor_of(args, 1)->data, tensor_of(args, 0)->data, (size_t)count_of(tensor_of(args, 0)) * sizeof(float));
    return 0;
}

static int fail_part(int task, struct env *env, void *data)
{
    (void)data;
    if (task == env->num_task - 1) return fail("ops_fail: task failed");
    return env->num_task > 1 ? barrier(task, env) : 0;
}

/* Fails in a task, while the others wait for it. */
OPERATOR(ops_fail)
{
    UNUSED;
    (void)n, (void)args;
    return launch(fail_part, NULL, 0);
}

static int nested_part(int task, struct env *env, void *data)
{
    (void)task, (void)env, (void)data;
    return launch(fail_part, NULL, 0);
}

OPERATOR(ops_nested)
{
    UNUSED;
    (void)n, (void)args;
    return launch(nested_part, NULL, 0);
}

/* More tasks than threads, which wait for each other. */
OPERATOR(ops_crowd)
{
    UNUSED;
    (void)n, (void)args;
    return launch(fail_part, NULL, 64);
}

OPERATOR(ops_foreign)
{
    void *f;

    UNUSED;
    (void)n, (void)args;
    return get_function(module_ctx, "tvm.contrib.cblas.matmul", &f);
}

/* Calls a function that the runtime has. */
OPERATOR(ops_device)
{
    union value arg = {.number = 1}, result;
    int code = 0, result_code = 4;
    void *f;

    UNUSED;
    (void)n, (void)args;
    if (get_function(module_ctx, "__tvm_set_device", &f)) return -1;
    return call(f, &arg, &code, 1, &result, &result_code);
}

#ifdef TVM_OPS_FOREIGN
struct __attribute__((packed)) blob {
    uint64_t bytes, modules, key_len;
    char key[4];
};
const struct blob blob __asm__("__tvm_dev_mblob") __attribute__((visibility("default")));
const struct blob blob = {20, 1, 4, {'c', 'u', 'd', 'a'}};
#else
struct __attribute__((packed)) blob {
    uint64_t bytes, modules, lib_len;
    char lib[4];
    uint64_t tree_len;
    char tree[12];
    uint64_t rows, row[2], children, child[1];
};
const struct blob blob __asm__("__tvm_dev_mblob") __attribute__((visibility("default")));
const struct blob blob = {
    80,     2, 4,  {'_', 'l', 'i', 'b'}, 12, {'_', 'i', 'm', 'p', 'o', 'r', 't', '_', 't', 'r', 'e', 'e'}, 2,
    {0, 1}, 1, {1}};
#endif

#ifdef TVM_OPS_LINKED
static const float constant[4] = {10, 20, 30, 40};

OPERATOR(_lookup_linked_param)
{
    UNUSED;
    (void)n;
    if (args[0].number != 1) return 0;
    ret->pointer = (void *)(uintptr_t)constant;
    *ret_code = 3;
    return 0;
}
#endif
