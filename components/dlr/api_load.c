/* The C API: making and freeing models, and what is known without one. */
#include <string.h>

#include "api.h"
#include "base/mem.h"

#define TEXT_(x) #x
#define TEXT(x)  TEXT_(x)

int CreateDLRModel(DLRModelHandle *handle, const char *model_path, int dev_type, int dev_id)
{
    (void)dev_id; /* there is one CPU */
    if (!handle) return sedge_api_null("the handle");
    *handle = NULL;
    if (!model_path) return sedge_api_null("the model path");
    *handle = sedge_model_load(model_path, dev_type, sedge_api_error());
    return *handle ? 0 : -1;
}

int DeleteDLRModel(DLRModelHandle *handle)
{
    if (!handle) return sedge_api_null("the handle");
    if (*handle) sedge_model_free(*handle);
    *handle = NULL;
    return 0;
}

/* ---- models from pieces ---- */

static struct sedge_part *part_for(struct sedge_model_files *f, DLRModelElemType type)
{
    switch (type) {
    case NEO_METADATA:
        return &f->meta;
    case TVM_GRAPH:
        return &f->graph;
    case TVM_LIB:
        return &f->library;
    case TVM_PARAMS:
        return &f->params;
    case RELAY_EXEC:
        return &f->bytecode;
    case HEXAGON_LIB:
        break;
    }
    return NULL;
}

static int add_element(struct sedge_model_files *f, const DLRModelElem *e, size_t i)
{
    struct sedge_part *part = part_for(f, e->type);
    bool text = e->type == NEO_METADATA || e->type == TVM_GRAPH;

    if (!part)
        return sedge_err_set(sedge_api_error(), SEDGE_E_UNSUPPORTED,
                             "element %zu has type %d, which is not supported here", i, (int)e->type);
    if (sedge_part_there(part))
        return sedge_err_set(sedge_api_error(), SEDGE_E_CONFLICT,
                             "element %zu: there is another one of type %d before it", i, (int)e->type);
    if (!e->path && !e->data)
        return sedge_err_set(sedge_api_error(), SEDGE_E_INVALID, "element %zu has neither path nor data", i);
    if (e->type == TVM_LIB && !e->path)
        return sedge_err_set(sedge_api_error(), SEDGE_E_INVALID,
                             "element %zu is the operator library, which has to be given by its path", i);
    part->path = sedge_xstrdup(e->path);
    part->data = e->path ? NULL : e->data;
    if (part->data) part->size = text ? strlen(e->data) : e->data_size;
    return 0;
}

int CreateDLRModelFromModelElem(DLRModelHandle *handle, const DLRModelElem *model_elems, size_t model_elems_size,
                                int dev_type, int dev_id)
{
    struct sedge_model_files files = {0};
    int rc = 0;

    (void)dev_id;
    if (!handle) return sedge_api_null("the handle");
    *handle = NULL;
    if (!model_elems) return sedge_api_null("the list of elements");
    for (size_t i = 0; rc == 0 && i < model_elems_size; i++)
        rc = add_element(&files, &model_elems[i], i);
    if (rc == 0) *handle = sedge_model_from(&files, dev_type, sedge_api_error());
    sedge_model_files_release(&files);
    return *handle ? 0 : -1;
}

int CreateDLRPipeline(DLRModelHandle *handle, int num_models, const char **model_paths, int dev_type, int dev_id)
{
    (void)dev_id;
    if (!handle) return sedge_api_null("the handle");
    *handle = NULL;
    if (!model_paths) return sedge_api_null("the list of paths");
    if (num_models < 1 || num_models > SEDGE_DLR_STAGES_MAX)
        return sedge_err_set(sedge_api_error(), SEDGE_E_INVALID, "%d models in a pipeline; expected 1 to %d",
                             num_models, SEDGE_DLR_STAGES_MAX);
    for (int i = 0; i < num_models; i++)
        if (!model_paths[i]) return sedge_api_null("a path of the pipeline");
    *handle = sedge_model_pipeline(model_paths, (size_t)num_models, dev_type, sedge_api_error());
    return *handle ? 0 : -1;
}

/* ---- without a model ---- */

int GetDLRDeviceType(const char *model_path)
{
    struct sedge_model_files files;
    struct json_object *meta;
    int type;

    if (!model_path) return sedge_api_null("the model path");
    if (sedge_model_scan(&files, model_path, sedge_api_error())) return -1;
    meta = sedge_meta_read(&files.meta);
    sedge_model_files_release(&files);
    type = sedge_meta_device(meta);
    if (meta) json_object_put(meta);
    return type;
}

int GetDLRVersion(const char **version)
{
    return sedge_api_give_text(TEXT(DLR_MAJOR) "." TEXT(DLR_MINOR) "." TEXT(DLR_PATCH), version);
}

int SetDLRCustomAllocatorMalloc(DLRMallocFunctionPtr custom_malloc_fn)
{
    (void)custom_malloc_fn; /* tensors are aligned: memalign makes them */
    return 0;
}

int SetDLRCustomAllocatorFree(DLRFreeFunctionPtr custom_free_fn)
{
    sedge_storage_set_free(custom_free_fn);
    return 0;
}

int SetDLRCustomAllocatorMemalign(DLRMemalignFunctionPtr custom_memalign_fn)
{
    sedge_storage_set_memalign(custom_memalign_fn);
    return 0;
}
