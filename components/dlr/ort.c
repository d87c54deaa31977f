#include "ort.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/mem.h"

#define LIBRARY     "libonnxruntime.so.1"
#define API_VERSION 16
#define LOG_ERROR   3
#define ARENA       1
#define DEFAULT_MEM 0

/* The entry point gives a table of functions, to which later versions only append. */
struct api_base {
    const void *(*get_api)(uint32_t version);
    const char *(*version)(void);
};

/* Places in the table of the functions that we use, in the order of struct sedge_ort_functions. */
static const unsigned char places[] = {
    2,  93,                  /* message, release_status */
    3,  6,                   /* create_env, disable_telemetry */
    10, 19, 24, 100,         /* options: create, disable_arena, set_threads, release */
    7,  95,                  /* session: create, release */
    30, 31, 33, 34,  36, 37, /* inputs and outputs: counts, types, names */
    9,                       /* run */
    49, 51, 65, 96,          /* tensor: create, data, info, release */
    55, 98,                  /* as_tensor_info, release_type */
    60, 61, 62, 99,          /* info: element_type, rank, dims, release */
    69, 78, 76,              /* create_cpu_memory, default_allocator, allocator_free */
};

#define FUNCTIONS (sizeof(struct sedge_ort_functions) / sizeof(void (*)(void)))
_Static_assert(sizeof(places) == FUNCTIONS, "one place for each function");

/* Found once for the process: the library starts threads of its own and cannot be unloaded safely. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct sedge_ort_functions functions;
static struct sedge_ort found;
static struct sedge_err missing;

int sedge_ort_check(const struct sedge_ort *ort, ort_status status, struct sedge_err *err)
{
    if (!status) return 0;
    (void)sedge_err_set(err, SEDGE_E_INVALID, "ONNX Runtime: %.700s", ort->f->message(status));
    ort->f->release_status(status);
    return -1;
}

static void *open_library(void)
{
    const char *path = getenv("DLR_ORT_PATH");
    sedge_auto_free char *file = NULL;
    void *handle;

    if (path && path[0]) file = sedge_fs_is_dir(path) ? sedge_xasprintf("%s/" LIBRARY, path) : sedge_xstrdup(path);
    handle = dlopen(file ? file : LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        (void)sedge_err_set(&missing, SEDGE_E_NOT_FOUND,
                            "ONNX Runtime cannot be loaded (%s); DLR_ORT_PATH may name its file", dlerror());
    return handle;
}

static const void *const *table_of(void *handle)
{
    const struct api_base *(*entry)(void);
    void *symbol = dlsym(handle, "OrtGetApiBase");
    const void *table;

    if (!symbol) {
        (void)sedge_err_set(&missing, SEDGE_E_INVALID, "the library of ONNX Runtime has no OrtGetApiBase");
        return NULL;
    }
    memcpy(&entry, &symbol, sizeof(entry));
    table = entry()->get_api(API_VERSION);
    if (!table)
        (void)sedge_err_set(&missing, SEDGE_E_UNSUPPORTED, "ONNX Runtime %s is too old: 1.%d or later is needed",
                            entry()->version(), API_VERSION);
    return table;
}

static int make_objects(void)
{
    struct ort_env *env = NULL;
    struct ort_memory *cpu = NULL;

    if (sedge_ort_check(&found, functions.create_env(LOG_ERROR, "dlr", &env), &missing) ||
        sedge_ort_check(&found, functions.disable_telemetry(env), &missing) ||
        sedge_ort_check(&found, functions.create_cpu_memory(ARENA, DEFAULT_MEM, &cpu), &missing) ||
        sedge_ort_check(&found, functions.default_allocator(&found.allocator), &missing))
        return -1;
    found.env = env;
    found.cpu = cpu;
    return 0;
}

static void find(void)
{
    void *handle = open_library();
    const void *const *table = handle ? table_of(handle) : NULL;

    for (size_t i = 0; table && i < sizeof(places); i++)
        memcpy((char *)&functions + i * sizeof(void *), &table[places[i]], sizeof(void *));
    found.f = &functions;
    if (!table || make_objects()) found.f = NULL;
}

const struct sedge_ort *sedge_ort_get(struct sedge_err *err)
{
    (void)pthread_once(&once, find);
    if (found.f) return &found;
    (void)sedge_err_set(err, missing.code, "%s", missing.msg);
    return NULL;
}
