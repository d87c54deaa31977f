/*
 * tvm_runtime - the functions that an operator library calls back: error text, workspaces, parallel parts, functions of
 * others. Named and shaped as spec/dlr.md section 5.3 says; tvm_library.h gives their addresses to a library. Any
 * thread.
 */
#ifndef SEDGE_DLR_TVM_RUNTIME_H
#define SEDGE_DLR_TVM_RUNTIME_H

#include "tvm_library.h"

struct sedge_tvm_env {
    void *sync_handle; /* our own: the counters of a barrier */
    int32_t num_task;
};

typedef int (*sedge_tvm_task)(int task_id, struct sedge_tvm_env *env, void *data);

void sedge_tvm_set_error(const char *text);
int sedge_tvm_call(void *function, union sedge_tvm_value *args, int *codes, int n, union sedge_tvm_value *ret,
                   int *ret_code);
int sedge_tvm_get_function(void *module, const char *name, void **out);
void *sedge_tvm_alloc_workspace(int device_type, int device_id, uint64_t bytes, int code_hint, int bits_hint);
int sedge_tvm_free_workspace(int device_type, int device_id, void *p);
int sedge_tvm_parallel_launch(sedge_tvm_task task, void *data, int tasks);
int sedge_tvm_parallel_barrier(int task_id, struct sedge_tvm_env *env);

#endif
