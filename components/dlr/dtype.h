/*
 * dtype - element types of compiled models, between their text ("float32", "int8x4") and DLPack's form.
 */
#ifndef SEDGE_DLR_DTYPE_H
#define SEDGE_DLR_DTYPE_H

#include <stddef.h>

#include "base/err.h"
#include "dlr.h"

/* Refuses unknown texts, "handle" too: such a tensor cannot be stored. */
int sedge_dtype_parse(const char *text, DLDataType *out, struct sedge_err *err);
/* Bytes of one element; a bool takes one. */
size_t sedge_dtype_bytes(DLDataType type);
/* Lives for ever; NULL for a type with lanes or of a width that has no name. */
const char *sedge_dtype_name(DLDataType type);

#endif
