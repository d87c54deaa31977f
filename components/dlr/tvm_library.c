#include "tvm_library.h"

#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "limits.h"
#include "tvm_runtime.h"
#include "wire.h"

struct sedge_tvm_library {
    void *handle;
};

/* ---- what the library finds in its variables ---- */

typedef void (*any_function)(void);

static void give_functions(struct sedge_tvm_library *l)
{
    static const struct {
        const char *variable;
        any_function function;
    } all[] = {
        {"__TVMFuncCall", (any_function)sedge_tvm_call},
        {"__TVMAPISetLastError", (any_function)sedge_tvm_set_error},
        {"__TVMBackendGetFuncFromEnv", (any_function)sedge_tvm_get_function},
        {"__TVMBackendAllocWorkspace", (any_function)sedge_tvm_alloc_workspace},
        {"__TVMBackendFreeWorkspace", (any_function)sedge_tvm_free_workspace},
        {"__TVMBackendParallelLaunch", (any_function)sedge_tvm_parallel_launch},
        {"__TVMBackendParallelBarrier", (any_function)sedge_tvm_parallel_barrier},
    };
    void *place = dlsym(l->handle, "__tvm_module_ctx"), *context = l;

    if (place) memcpy(place, &context, sizeof(context));
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        place = dlsym(l->handle, all[i].variable);
        if (place) memcpy(place, &all[i].function, sizeof(all[i].function));
    }
}

/* ---- the modules in it ---- */

static int number(struct sedge_slice *s, uint64_t *out, struct sedge_err *err)
{
    if (s->n < sizeof(*out)) return sedge_err_set(err, SEDGE_E_INVALID, "its list of modules is cut off");
    memcpy(out, s->p, sizeof(*out));
    s->p += sizeof(*out);
    s->n -= sizeof(*out);
    return 0;
}

static int skip(struct sedge_slice *s, uint64_t n, uint64_t size, struct sedge_err *err)
{
    if (n > s->n / size) return sedge_err_set(err, SEDGE_E_INVALID, "its list of modules is cut off");
    s->p += n * size;
    s->n -= n * size;
    return 0;
}

/* Only the library itself and the tree that says so may be in it. */
static int check_module(struct sedge_slice *blob, struct sedge_err *err)
{
    struct sedge_slice key;
    uint64_t n;

    if (number(blob, &n, err)) return -1;
    key = (struct sedge_slice){blob->p, (size_t)n};
    if (skip(blob, n, 1, err)) return -1;
    if (sedge_slice_is(key, "_lib")) return 0;
    if (sedge_slice_is(key, "_import_tree")) {
        for (int i = 0; i < 2; i++)
            if (number(blob, &n, err) || skip(blob, n, sizeof(uint64_t), err)) return -1;
        return 0;
    }
    return sedge_err_set(
        err, SEDGE_E_UNSUPPORTED,
        "it needs module type \"%.*s\", which this runtime does not have: compile the model for the CPU "
        "alone",
        (int)(key.n < SEDGE_DLR_NAME_MAX ? key.n : SEDGE_DLR_NAME_MAX), (const char *)key.p);
}

static int check_modules(const struct sedge_tvm_library *l, struct sedge_err *err)
{
    const uint8_t *data = dlsym(l->handle, "__tvm_dev_mblob");
    struct sedge_slice blob;
    uint64_t bytes, modules;

    if (!data) return 0;
    memcpy(&bytes, data, sizeof(bytes));
    blob = (struct sedge_slice){data + sizeof(bytes), bytes < SEDGE_DLR_FILE_MAX ? (size_t)bytes : 0};
    if (number(&blob, &modules, err)) return -1;
    if (modules > SEDGE_DLR_MODULES_MAX)
        return sedge_err_set(err, SEDGE_E_LIMIT, "it has %llu modules, at most %d are allowed",
                             (unsigned long long)modules, SEDGE_DLR_MODULES_MAX);
    for (; modules > 0; modules--)
        if (check_module(&blob, err)) return -1;
    return 0;
}

/* ---- life ---- */

struct sedge_tvm_library *sedge_tvm_library_open(const char *path, struct sedge_err *err)
{
    struct sedge_tvm_library *l = SEDGE_NEW(struct sedge_tvm_library);
    /* without a slash the name would be looked for along the library path */
    sedge_auto_free char *file = strchr(path, '/') ? sedge_xstrdup(path) : sedge_xasprintf("./%s", path);

    l->handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (!l->handle)
        (void)sedge_err_set(err, SEDGE_E_INVALID, "%s cannot be loaded: %s", path, dlerror());
    else if (check_modules(l, err))
        (void)sedge_err_wrap(err, "%s", path);
    else {
        give_functions(l);
        return l;
    }
    sedge_tvm_library_close(l);
    return NULL;
}

void sedge_tvm_library_close(struct sedge_tvm_library *l)
{
    if (!l) return;
    if (l->handle) (void)dlclose(l->handle); /* nothing to be done about a failure */
    free(l);
}

sedge_tvm_function sedge_tvm_library_find(const struct sedge_tvm_library *l, const char *name)
{
    sedge_tvm_function f = NULL;
    void *found = dlsym(l->handle, name);
    struct link_map *map;
    Dl_info in;

    /* not what the library itself needs, such as a function of libc: the graph is data and may name anything */
    if (!found || !dladdr(found, &in) || dlinfo(l->handle, RTLD_DI_LINKMAP, (void *)&map)) return NULL;
    if (strcmp(in.dli_fname, map->l_name) != 0) return NULL;
    memcpy(&f, &found, sizeof(f)); /* POSIX: a symbol of a function fits */
    return f;
}
