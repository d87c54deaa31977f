/*
 * tvm_params - reads a parameter file (*.params) of a compiled model: names, types, shapes and the bytes of the
 * weights.
 *
 *   struct sedge_tvm_params p;
 *   if (sedge_tvm_params_read(&p, data, n, err)) ...
 *   sedge_tvm_params_release(&p);
 *
 * Slices point into `data`, which has to outlive the struct; weights are not aligned. Format: spec/dlr.md section 4.
 */
#ifndef SEDGE_DLR_TVM_PARAMS_H
#define SEDGE_DLR_TVM_PARAMS_H

#include "dlr.h"
#include "limits.h"
#include "wire.h"

struct sedge_tvm_param {
    struct sedge_slice name, data;
    DLDataType type;
    int rank;
    int64_t dims[SEDGE_DLR_TVM_RANK_MAX];
};

struct sedge_tvm_params {
    struct sedge_tvm_param *v;
    size_t n;
};

int sedge_tvm_params_read(struct sedge_tvm_params *p, const uint8_t *data, size_t n, struct sedge_err *err);
void sedge_tvm_params_release(struct sedge_tvm_params *p);
/* NULL: none of that name. */
const struct sedge_tvm_param *sedge_tvm_params_find(const struct sedge_tvm_params *p, const char *name);

#endif
