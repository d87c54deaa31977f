/*
 * model - what is behind a DLRModelHandle: the files of a model folder, its metadata, and one of the back-ends, each of
 * which is a table of functions.
 */
#ifndef SEDGE_DLR_MODEL_H
#define SEDGE_DLR_MODEL_H

#include <json-c/json.h>

#include "onnx.h"

/* The files of a model by role; NULL where there is none. */
struct sedge_model_files {
    char *onnx;
    char *library, *graph, *params, *bytecode; /* of compiled models */
    char *meta;
};

struct sedge_model_io {
    char *name;
    const char *type;
    struct sedge_shape shape;
    size_t count, bytes;
};

struct sedge_model;

struct sedge_backend {
    const char *name;
    /* Fills m->in, out, weights and m->state. On failure nothing is left behind in m->state. */
    int (*load)(struct sedge_model *m, const struct sedge_model_files *files, struct sedge_err *err);
    void (*set_input)(struct sedge_model *m, size_t index, const void *data);
    void (*get_input)(struct sedge_model *m, size_t index, void *data);
    int (*run)(struct sedge_model *m, struct sedge_err *err);
    const void *(*output)(struct sedge_model *m, size_t index);
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
};

extern const struct sedge_backend sedge_backend_onnx;

/* Finds the files in a folder, or in several folders and files with ':' between. */
int sedge_model_scan(struct sedge_model_files *files, const char *path, struct sedge_err *err);
void sedge_model_files_release(struct sedge_model_files *files);

struct sedge_model *sedge_model_load(const char *path, int dev_type, struct sedge_err *err);
void sedge_model_free(struct sedge_model *m);

/* NULL: there is no metadata, or it is not JSON (which counts as none). New reference. */
struct json_object *sedge_meta_read(const char *path);
/* Device type that the metadata asks for, -1 for none. */
int sedge_meta_device(struct json_object *meta);
/* Name of output `index`; NULL when the metadata does not say. */
const char *sedge_meta_output(struct json_object *meta, size_t index);

#endif
