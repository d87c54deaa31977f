/*
 * dlr - runs a trained model: the C API of the DLR runtime, as far as models on a CPU need it.
 *
 *   DLRModelHandle m = NULL;
 *   if (CreateDLRModel(&m, "/models/digits", DLR_CPU, 0)) die(DLRGetLastError());
 *   SetDLRInput(&m, "input", shape, data, 4);      for each input; the memory may be reused at once
 *   RunDLRModel(&m);
 *   GetDLROutput(&m, 0, scores);                   or GetDLROutputPtr, without a copy
 *   DeleteDLRModel(&m);
 *
 * Return: 0, or -1 and then DLRGetLastError() says what is wrong with what and what to do. A null pointer argument, an
 * index out of range and a handle that was deleted (and is therefore NULL) are such errors, never a crash.
 * Ownership: texts and pointers handed out belong to the model and are valid until it is deleted; the content of an
 * output pointer is valid until the next run. The handle arguments are pointers to the handle.
 * Threads: one model is used by one thread at a time; different models are independent. The error text is per thread.
 * Model: a folder, or several paths with ':' between. A folder with one *.onnx file is imported and runs on XNNPACK;
 * docs/dlr.md lists the operators. Models are untrusted input; limits are in docs/limits.md.
 * Nothing is ever sent anywhere.
 */
#ifndef DLR_H
#define DLR_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DLR_MAJOR   1
#define DLR_MINOR   10
#define DLR_PATCH   0
#define DLR_VERSION (DLR_MAJOR * 10000 + DLR_MINOR * 100 + DLR_PATCH)

#ifndef DLR_DLL
#define DLR_DLL __attribute__((visibility("default")))
#endif

enum { DLR_CPU = 1, DLR_GPU = 2, DLR_OPENCL = 4, DLR_OTHER_DEVICE = 12 }; /* device types */

typedef void *DLRModelHandle;

/* Loads. Only device type DLR_CPU runs here; a model whose metadata names another type is refused. *handle is set to
 * NULL on failure. */
DLR_DLL int CreateDLRModel(DLRModelHandle *handle, const char *model_path, int dev_type, int dev_id);
/* Frees, and sets *handle to NULL. A *handle that is NULL already is fine. */
DLR_DLL int DeleteDLRModel(DLRModelHandle *handle);
/* One inference in the calling thread (and the worker threads of the model). */
DLR_DLL int RunDLRModel(DLRModelHandle *handle);

/* Counts; inputs do not include weights. */
DLR_DLL int GetDLRNumInputs(DLRModelHandle *handle, int *num_inputs);
DLR_DLL int GetDLRNumOutputs(DLRModelHandle *handle, int *num_outputs);
DLR_DLL int GetDLRNumWeights(DLRModelHandle *handle, int *num_weights);
DLR_DLL int GetDLRWeightName(DLRModelHandle *handle, int index, const char **weight_name);

DLR_DLL int GetDLRInputName(DLRModelHandle *handle, int index, const char **input_name);
DLR_DLL int GetDLRInputType(DLRModelHandle *handle, int index, const char **input_type); /* "float32" */
/* Number of elements and of dimensions, then the extents (dim of them). */
DLR_DLL int GetDLRInputSizeDim(DLRModelHandle *handle, int index, int64_t *size, int *dim);
DLR_DLL int GetDLRInputShape(DLRModelHandle *handle, int index, int64_t *shape);
/* Copies from `input`. The product of shape[0..dim-1] must be the number of elements of the input; the type is the
 * model's. */
DLR_DLL int SetDLRInput(DLRModelHandle *handle, const char *name, const int64_t *shape, const void *input, int dim);
/* Copies the current content (zeros before the first SetDLRInput). */
DLR_DLL int GetDLRInput(DLRModelHandle *handle, const char *name, void *input);

DLR_DLL int GetDLROutputType(DLRModelHandle *handle, int index, const char **output_type);
DLR_DLL int GetDLROutputSizeDim(DLRModelHandle *handle, int index, int64_t *size, int *dim);
DLR_DLL int GetDLROutputShape(DLRModelHandle *handle, int index, int64_t *shape);
DLR_DLL int GetDLROutput(DLRModelHandle *handle, int index, void *out);
DLR_DLL int GetDLROutputPtr(DLRModelHandle *handle, int index, const void **out);

/* A *.meta file next to the model. The three by-name functions use the names in it, and fail without it. */
DLR_DLL int GetDLRHasMetadata(DLRModelHandle *handle, bool *has_metadata);
DLR_DLL int GetDLROutputName(DLRModelHandle *handle, int index, const char **name);
DLR_DLL int GetDLROutputIndex(DLRModelHandle *handle, const char *name, int *index);
DLR_DLL int GetDLROutputByName(DLRModelHandle *handle, const char *name, void *out);

DLR_DLL int GetDLRBackend(DLRModelHandle *handle, const char **name); /* "onnx" */
/* The device type that the metadata in `model_path` asks for, from its text alone; -1 when it names none. */
DLR_DLL int GetDLRDeviceType(const char *model_path);
DLR_DLL int GetDLRVersion(const char **version); /* "1.10.0" */

/* Threads of this model from now on, the calling one included: 1 or more. Without this call: as many as the processors
 * that the process may use, at most 8; TVM_NUM_THREADS or OMP_NUM_THREADS in the environment set another number. */
DLR_DLL int SetDLRNumThreads(DLRModelHandle *handle, int threads);
/* 1: each worker thread of the model stays on one processor; 0: they may move (the default). */
DLR_DLL int UseDLRCPUAffinity(DLRModelHandle *handle, int use);

/* Message of the last failure in the calling thread; "" if there was none. */
DLR_DLL const char *DLRGetLastError(void);

#ifdef __cplusplus
}
#endif

#endif
