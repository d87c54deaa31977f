/*
 * ort - ONNX Runtime, when the user has it: finds the library once for each process and gives its functions.
 *
 *   const struct sedge_ort *ort = sedge_ort_get(err);    NULL: it is not there, and err says where it was looked for
 *   if (sedge_ort_check(ort, ort->f->run(...), err)) ...
 *
 * Nothing of it is needed to build. The library is looked for where DLR_ORT_PATH says (a file, or a folder that holds
 * libonnxruntime.so.1), else along the library path. API 16 (release 1.16) or later. Any thread; never unloaded.
 */
#ifndef SEDGE_DLR_ORT_H
#define SEDGE_DLR_ORT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Objects of the library; only pointers to them are handled. */
struct ort_env;
struct ort_status;
struct ort_session;
struct ort_options;
struct ort_value;
struct ort_memory;
struct ort_allocator;
struct ort_type;
struct ort_tensor_info;

typedef struct ort_status *ort_status;

/* The functions that are used, by what they do; ort.c has their places in the library's table. */
struct sedge_ort_functions {
    const char *(*message)(const struct ort_status *);
    void (*release_status)(struct ort_status *);
    ort_status (*create_env)(int log_level, const char *id, struct ort_env **);
    ort_status (*disable_telemetry)(const struct ort_env *);
    ort_status (*create_options)(struct ort_options **);
    ort_status (*disable_arena)(struct ort_options *);
    ort_status (*set_threads)(struct ort_options *, int);
    void (*release_options)(struct ort_options *);
    ort_status (*create_session)(const struct ort_env *, const char *path, const struct ort_options *,
                                 struct ort_session **);
    void (*release_session)(struct ort_session *);
    ort_status (*input_count)(const struct ort_session *, size_t *);
    ort_status (*output_count)(const struct ort_session *, size_t *);
    ort_status (*input_type)(const struct ort_session *, size_t, struct ort_type **);
    ort_status (*output_type)(const struct ort_session *, size_t, struct ort_type **);
    ort_status (*input_name)(const struct ort_session *, size_t, struct ort_allocator *, char **);
    ort_status (*output_name)(const struct ort_session *, size_t, struct ort_allocator *, char **);
    ort_status (*run)(struct ort_session *, const void *options, const char *const *input_names,
                      const struct ort_value *const *inputs, size_t inputs_n, const char *const *output_names,
                      size_t outputs_n, struct ort_value **outputs);
    ort_status (*create_tensor)(const struct ort_memory *, void *data, size_t bytes, const int64_t *shape, size_t rank,
                                int type, struct ort_value **);
    ort_status (*tensor_data)(struct ort_value *, void **);
    ort_status (*tensor_info)(const struct ort_value *, struct ort_tensor_info **);
    void (*release_value)(struct ort_value *);
    ort_status (*as_tensor_info)(const struct ort_type *,
                                 const struct ort_tensor_info **); /* borrowed; NULL: no tensor */
    void (*release_type)(struct ort_type *);
    ort_status (*element_type)(const struct ort_tensor_info *, int *);
    ort_status (*rank)(const struct ort_tensor_info *, size_t *);
    ort_status (*dims)(const struct ort_tensor_info *, int64_t *, size_t rank);
    void (*release_tensor_info)(struct ort_tensor_info *);
    ort_status (*create_cpu_memory)(int allocator, int kind, struct ort_memory **);
    ort_status (*default_allocator)(struct ort_allocator **); /* owned by the library */
    ort_status (*allocator_free)(struct ort_allocator *, void *);
};

struct sedge_ort {
    const struct sedge_ort_functions *f;
    const struct ort_env *env;
    const struct ort_memory *cpu;
    struct ort_allocator *allocator;
};

const struct sedge_ort *sedge_ort_get(struct sedge_err *err);
/* 0 for a status that is NULL; else its message, and -1. Frees the status. */
int sedge_ort_check(const struct sedge_ort *ort, ort_status status, struct sedge_err *err);

#endif
