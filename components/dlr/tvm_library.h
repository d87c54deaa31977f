/*
 * tvm_library - the operator library of a compiled model: loads it, gives it the functions of the runtime, and calls
 * its operators.
 *
 *   struct sedge_tvm_library *l = sedge_tvm_library_open(path, err);
 *   sedge_tvm_function f = sedge_tvm_library_find(l, "fused_nn_softmax");
 *   sedge_tvm_enter(pool);                      in the thread that runs the model
 *   f(args, codes, n, &ret, &ret_code, NULL);   nonzero: sedge_tvm_error() says why
 *   sedge_tvm_leave();
 *   sedge_tvm_library_close(l);
 *
 * The library is native code and runs with all rights of the process: a model of this kind is trusted like a program.
 * Calling convention and functions: spec/dlr.md section 5.
 */
#ifndef SEDGE_DLR_TVM_LIBRARY_H
#define SEDGE_DLR_TVM_LIBRARY_H

#include <pthreadpool.h>

#include "dlr.h"

#include "base/err.h"

union sedge_tvm_value {
    int64_t number;
    double real;
    void *pointer;
    const char *text;
};

enum { SEDGE_TVM_INT = 0, SEDGE_TVM_HANDLE = 3, SEDGE_TVM_NULL = 4, SEDGE_TVM_TENSOR = 7 }; /* type codes */

typedef int (*sedge_tvm_function)(union sedge_tvm_value *args, int *codes, int n, union sedge_tvm_value *ret,
                                  int *ret_code, void *self);

struct sedge_tvm_library;

struct sedge_tvm_library *sedge_tvm_library_open(const char *path, struct sedge_err *err);
void sedge_tvm_library_close(struct sedge_tvm_library *l);
/* NULL: none of that name. */
sedge_tvm_function sedge_tvm_library_find(const struct sedge_tvm_library *l, const char *name);

/* From now on operators that this thread calls use that pool for parallel parts; NULL: this thread alone. */
void sedge_tvm_enter(pthreadpool_t pool);
void sedge_tvm_leave(void);
/* What the last failed operator of this thread said. */
const char *sedge_tvm_error(void);

#endif
