/*
 * model - what is behind a DLRModelHandle: the files of a model folder, its metadata, and one of the back-ends, each of
 * which is a table of functions.
 */
#ifndef SEDGE_DLR_MODEL_H
#define SEDGE_DLR_MODEL_H

#include <json-c/json.h>

#include "onnx.h"
#include "part.h"
#include "storage.h"

/* The pieces of a model by role; empty where there is none. */
struct sedge_model_files {
    struct sedge_part onnx;
    struct sedge_part library, graph, params, bytecode; /* of compiled models; the library is always a file */
    struct sedge_part meta;
};

struct sedge_model_io {
    char *name;
    const char *type;
    struct sedge_shape shape;
    size_t count, bytes;
    bool open; /* an extent is -1 until the next run tells it; of an output only */
};

struct sedge_model;

struct sedge_backend {
    const char *name;
    /* Fills m->in, out, weights and m->state. On failure nothing is left behind in m->state. */
    int (*load)(struct sedge_model *m, const struct sedge_model_files *files, struct sedge_err *err);
    void (*set_input)(struct sedge_model *m, size_t index, const void *data);
    void (*get_input)(struct sedge_model *m, size_t index, void *data);
    /* From now on the input is what lies at `data`, which stays the caller's. NULL: this back-end cannot. */
    int (*bind_input)(struct sedge_model *m, size_t index, void *data, struct sedge_err *err);
    int (*run)(struct sedge_model *m, struct sedge_err *err);
    const void *(*output)(struct sedge_model *m, size_t index);
    /* What holds the output (borrowed); NULL: the output is not in counted memory. */
    struct sedge_storage *(*storage)(struct sedge_model *m, size_t index);
    size_t (*memory)(
        struct sedge_model *m); /* bytes that all its tensors take at once, weights of kernels not counted */
    int (*set_threads)(struct sedge_model *m, int threads, struct sedge_err *err);
    int (*pin)(struct sedge_model *m, bool pin, struct sedge_err *err);
    void (*free)(struct sedge_model *m);
};

struct sedge_model {
    const struct sedge_backend *backend;
    void *state; /* the back-end's own */
    struct sedge_model_io in[SEDGE_DLR_IO_MAX], out[SEDGE_DLR_IO_MAX];
    size_t nin, nout;
    char **weights; /* names */
    size_t nweights;
    struct json_object *meta; /* NULL without */
    char *why;                /* this back-end */
};

extern const struct sedge_backend sedge_backend_onnx, sedge_backend_tvm, sedge_backend_ort, sedge_backend_pipeline;

/* Finds the files in a folder, or in several folders and files with ':' between. */
int sedge_model_scan(struct sedge_model_files *files, const char *path, struct sedge_err *err);
void sedge_model_files_release(struct sedge_model_files *files);

struct sedge_model *sedge_model_load(const char *path, int dev_type, struct sedge_err *err);
struct sedge_model *sedge_model_from(const struct sedge_model_files *files, int dev_type, struct sedge_err *err);
/* A chain of models: the outputs of each are the inputs of the next. */
struct sedge_model *sedge_model_pipeline(const char *const *paths, size_t n, int dev_type, struct sedge_err *err);
void sedge_model_free(struct sedge_model *m);

/* NULL: there is no metadata, or it is not JSON (which counts as none). New reference. */
struct json_object *sedge_meta_read(const struct sedge_part *part);
/* Device type that the metadata asks for, -1 for none. */
int sedge_meta_device(struct json_object *meta);
/* Name of output `index`; NULL when the metadata does not say. */
const char *sedge_meta_output(struct json_object *meta, size_t index);

#endif
