/*
 * report - what is in a model and how it will run, for people: `sedge-dlr info`.
 */
#ifndef SEDGE_DLR_REPORT_H
#define SEDGE_DLR_REPORT_H

#include "model.h"

/* Loads the model at `path` and describes it; NULL on failure. New reference. Members:
 *   backend, why         texts
 *   inputs, outputs      lists of {name, type, shape}; -1 for an extent that a run has to tell
 *   weights              how many
 *   operators            name -> how often, in the order of their first use
 *   memory               bytes of all tensors at once, without the weights of kernels */
struct json_object *sedge_model_report(const char *path, struct sedge_err *err);

#endif
