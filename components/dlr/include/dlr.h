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
 * Model: a folder, or several paths with ':' between. A folder that TVM or SageMaker Neo compiled (*.so, *.json,
 * *.params) runs as it is; a folder with one *.onnx file is imported and runs on XNNPACK, or on ONNX Runtime if that is
 * installed and the importer lacks an operator. docs/dlr.md lists the operators. Models are untrusted input, except
 * that the *.so of a compiled model is native code, which runs with all rights of the process; limits are in
 * docs/limits.md. Privacy: nothing is ever sent anywhere.
 */
#ifndef DLR_H
#define DLR_H

#include <stdbool.h>
#include <stddef.h>
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

/* DLPack's description of a tensor, for the functions that take one; a program that includes DLPack's own header before
 * this one uses that. */
#ifndef DLPACK_DLPACK_H_
#define DLPACK_DLPACK_H_

typedef enum { kDLCPU = 1 } DLDeviceType;
typedef enum { kDLInt = 0, kDLUInt = 1, kDLFloat = 2, kDLOpaqueHandle = 3, kDLBfloat = 4 } DLDataTypeCode;

typedef struct {
    DLDeviceType device_type;
    int32_t device_id;
} DLDevice;

typedef struct {
    uint8_t code; /* DLDataTypeCode */
    uint8_t bits;
    uint16_t lanes;
} DLDataType;

typedef struct {
    void *data;
    DLDevice device;
    int32_t ndim;
    DLDataType dtype;
    int64_t *shape;
    int64_t *strides; /* in elements; NULL: compact, row-major */
    uint64_t byte_offset;
} DLTensor;

typedef struct DLManagedTensor {
    DLTensor dl_tensor;
    void *manager_ctx;
    void (*deleter)(struct DLManagedTensor *self);
} DLManagedTensor;

#endif

typedef void *DLRModelHandle;

/* Loads. Only device type DLR_CPU runs here; a model whose metadata names another type is refused. *handle is set to
 * NULL on failure. */
DLR_DLL int CreateDLRModel(DLRModelHandle *handle, const char *model_path, int dev_type, int dev_id);
/* As above, from pieces that are files or lie in memory. `path` wins over `data`; a graph and metadata in memory are
 * texts that end with NUL; an operator library has to be a file. What lies in memory may be freed after the call. */
typedef enum { HEXAGON_LIB, NEO_METADATA, TVM_GRAPH, TVM_LIB, TVM_PARAMS, RELAY_EXEC } DLRModelElemType;
typedef struct {
    const DLRModelElemType type;
    const char *path;
    const void *data;
    const size_t data_size; /* bytes; not needed for texts */
} DLRModelElem;
DLR_DLL int CreateDLRModelFromModelElem(DLRModelHandle *handle, const DLRModelElem *model_elems,
                                        size_t model_elems_size, int dev_type, int dev_id);
/* A chain: output i of each model is input i of the next; numbers, types and shapes have to agree. At most 16 models.
 * Inputs are those of the first, outputs and metadata those of the last model. */
DLR_DLL int CreateDLRPipeline(DLRModelHandle *handle, int num_models, const char **model_paths, int dev_type,
                              int dev_id);
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
/* Number of elements and of dimensions, then the extents (dim of them). Of an output whose size depends on the data
 * (back-end ort): -1 until a run has told it. */
DLR_DLL int GetDLRInputSizeDim(DLRModelHandle *handle, int index, int64_t *size, int *dim);
DLR_DLL int GetDLRInputShape(DLRModelHandle *handle, int index, int64_t *shape);
/* Copies from `input`. The product of shape[0..dim-1] must be the number of elements of the input; the type is the
 * model's. */
DLR_DLL int SetDLRInput(DLRModelHandle *handle, const char *name, const int64_t *shape, const void *input, int dim);
/* The same from a descriptor: CPU memory, the model's type, compact, the same number of elements. */
DLR_DLL int SetDLRInputTensor(DLRModelHandle *handle, const char *name, DLTensor *tensor);
/* Without a copy (back-ends tvm and ort): every run reads what lies there then. The shape has to be the model's, the
 * data aligned to 128 bytes; it stays the caller's and valid as long as runs are made. GetDLRInput shows it. */
DLR_DLL int SetDLRInputTensorZeroCopy(DLRModelHandle *handle, const char *name, DLTensor *tensor);
/* Copies the current content (zeros before the first SetDLRInput). */
DLR_DLL int GetDLRInput(DLRModelHandle *handle, const char *name, void *input);

DLR_DLL int GetDLROutputType(DLRModelHandle *handle, int index, const char **output_type);
DLR_DLL int GetDLROutputSizeDim(DLRModelHandle *handle, int index, int64_t *size, int *dim);
DLR_DLL int GetDLROutputShape(DLRModelHandle *handle, int index, int64_t *shape);
DLR_DLL int GetDLROutput(DLRModelHandle *handle, int index, void *out);
DLR_DLL int GetDLROutputPtr(DLRModelHandle *handle, int index, const void **out);
/* Copies into the caller's tensor: its type has to be the model's, and its number of elements. */
DLR_DLL int GetDLROutputTensor(DLRModelHandle *handle, int index, DLTensor *tensor);
/* *out: a DLManagedTensor that shares the buffer. It may outlive the model; the caller calls its deleter. The next run
 * overwrites the content. */
DLR_DLL int GetDLROutputManagedTensorPtr(DLRModelHandle *handle, int index, const void **out);

/* A *.meta file next to the model. The three by-name functions use the names in it, and fail without it. */
DLR_DLL int GetDLRHasMetadata(DLRModelHandle *handle, bool *has_metadata);
DLR_DLL int GetDLROutputName(DLRModelHandle *handle, int index, const char **name);
DLR_DLL int GetDLROutputIndex(DLRModelHandle *handle, const char *name, int *index);
DLR_DLL int GetDLROutputByName(DLRModelHandle *handle, const char *name, void *out);

DLR_DLL int GetDLRBackend(DLRModelHandle *handle, const char **name); /* "onnx", "ort", "tvm", "pipeline" */
/* The device type that the metadata in `model_path` asks for, from its text alone; -1 when it names none. */
DLR_DLL int GetDLRDeviceType(const char *model_path);
DLR_DLL int GetDLRVersion(const char **version); /* "1.10.0" */

/* Threads of this model from now on, the calling one included: 1 or more. Without this call: as many as the processors
 * that the process may use, at most 8; TVM_NUM_THREADS or OMP_NUM_THREADS in the environment set another number. */
DLR_DLL int SetDLRNumThreads(DLRModelHandle *handle, int threads);
/* 1: each worker thread of the model stays on one processor; 0: they may move (the default). */
DLR_DLL int UseDLRCPUAffinity(DLRModelHandle *handle, int use);

/* Memory for tensors, in the whole process; call before the first model is made. Memalign and Free have to be set both,
 * else they are not used; the first argument of memalign is the alignment. Malloc is accepted, and nothing needs it
 * here. */
typedef void *(*DLRMallocFunctionPtr)(size_t size);
typedef void (*DLRFreeFunctionPtr)(void *memory);
typedef void *(*DLRMemalignFunctionPtr)(size_t alignment, size_t size);
DLR_DLL int SetDLRCustomAllocatorMalloc(DLRMallocFunctionPtr custom_malloc_fn);
DLR_DLL int SetDLRCustomAllocatorFree(DLRFreeFunctionPtr custom_free_fn);
DLR_DLL int SetDLRCustomAllocatorMemalign(DLRMemalignFunctionPtr custom_memalign_fn);

/* Message of the last failure in the calling thread; "" if there was none. */
DLR_DLL const char *DLRGetLastError(void);

#ifdef __cplusplus
}
#endif

#endif
