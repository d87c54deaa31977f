/*
 * api - what the files of the C API share: the error text of each thread, and the checks of arguments. Each check
 * leaves its reason in the error text.
 */
#ifndef SEDGE_DLR_API_H
#define SEDGE_DLR_API_H

#include "dlr.h"
#include "model.h"

struct sedge_err *sedge_api_error(void); /* of the calling thread */

int sedge_api_null(const char *what); /* -1: `what` is a null pointer */
struct sedge_model *sedge_api_model(const DLRModelHandle *handle);
const struct sedge_model_io *sedge_api_input(DLRModelHandle *handle, int index);
const struct sedge_model_io *sedge_api_output(DLRModelHandle *handle, int index);
int sedge_api_input_index(const struct sedge_model *m, const char *name); /* -1: none, and the names that there are */
int sedge_api_give_text(const char *text, const char **out);

#endif
