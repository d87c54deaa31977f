/* The C API: inputs and outputs as DLPack tensors. */
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "base/mem.h"
#include "dtype.h"

static int refuse(const char *name, const char *what)
{
    return sedge_err_set(sedge_api_error(), SEDGE_E_INVALID, "the tensor for \"%s\" %s", name, what);
}

static bool is_compact(const DLTensor *t)
{
    int64_t step = 1;

    if (!t->strides) return true;
    for (int32_t i = t->ndim; i-- > 0; step *= t->shape[i])
        if (t->shape[i] != 1 && t->strides[i] != step) return false;
    return true;
}

/* Whether the tensor has the form of the input or output; `exact`: each extent, else only how many elements. */
static int check_form(const struct sedge_model_io *io, const char *name, const DLTensor *t, bool exact)
{
    const char *type = sedge_dtype_name(t->dtype);
    int64_t count = 1;

    if (!t->data || (t->ndim > 0 && !t->shape)) return refuse(name, "has no data or no shape");
    if (t->device.device_type != kDLCPU) return refuse(name, "is not in the memory of the CPU");
    if (!type || strcmp(type, io->type) != 0)
        return sedge_err_set(sedge_api_error(), SEDGE_E_INVALID,
                             "the tensor for \"%s\" has elements of type %s; expected %s", name,
                             type ? type : "that is not known", io->type);
    if (t->ndim < 0 || t->ndim > SEDGE_DLR_TVM_RANK_MAX) return refuse(name, "has too many dimensions");
    for (int32_t i = 0; i < t->ndim; i++) {
        if (t->shape[i] < 0 || __builtin_mul_overflow(count, t->shape[i], &count)) count = -1;
        if (count < 0) return refuse(name, "has an extent that is negative or too large");
    }
    if (exact &&
        (t->ndim != io->shape.rank || memcmp(t->shape, io->shape.dims, (size_t)t->ndim * sizeof(*t->shape)) != 0))
        return refuse(name, "has another shape than the model");
    if ((size_t)count != io->count)
        return sedge_err_set(sedge_api_error(), SEDGE_E_INVALID,
                             "the tensor for \"%s\" has %lld elements; expected %zu", name, (long long)count,
                             io->count);
    return is_compact(t) ? 0 : refuse(name, "has strides that are not compact and row-major");
}

static void *data_of(const DLTensor *t)
{
    return (char *)t->data + t->byte_offset;
}

int SetDLRInputTensor(DLRModelHandle *handle, const char *name, DLTensor *tensor)
{
    struct sedge_model *m = sedge_api_model(handle);
    int index;

    if (!m) return -1;
    if (!name || !tensor) return sedge_api_null("name or tensor");
    index = sedge_api_input_index(m, name);
    if (index < 0 || check_form(&m->in[index], name, tensor, false)) return -1;
    m->backend->set_input(m, (size_t)index, data_of(tensor));
    return 0;
}

int SetDLRInputTensorZeroCopy(DLRModelHandle *handle, const char *name, DLTensor *tensor)
{
    struct sedge_model *m = sedge_api_model(handle);
    int index;

    if (!m) return -1;
    if (!name || !tensor) return sedge_api_null("name or tensor");
    if (!m->backend->bind_input)
        return sedge_err_set(sedge_api_error(), SEDGE_E_UNSUPPORTED,
                             "the back-end %s copies its inputs: use SetDLRInputTensor", m->backend->name);
    index = sedge_api_input_index(m, name);
    if (index < 0 || check_form(&m->in[index], name, tensor, true)) return -1;
    return m->backend->bind_input(m, (size_t)index, data_of(tensor), sedge_api_error());
}

int GetDLROutputTensor(DLRModelHandle *handle, int index, DLTensor *tensor)
{
    const struct sedge_model_io *io = sedge_api_output(handle, index);
    const void *from;

    if (!io) return -1;
    if (!tensor) return sedge_api_null("the tensor");
    if (check_form(io, io->name, tensor, false) || GetDLROutputPtr(handle, index, &from)) return -1;
    memcpy(data_of(tensor), from, io->bytes);
    return 0;
}

/* ---- a tensor that shares the buffer ---- */

struct shared {
    DLManagedTensor tensor;
    struct sedge_storage *storage;
    int64_t dims[SEDGE_DLR_RANK_MAX];
};

static void delete_shared(DLManagedTensor *self)
{
    struct shared *s = self->manager_ctx;

    sedge_storage_release(s->storage);
    free(s);
}

int GetDLROutputManagedTensorPtr(DLRModelHandle *handle, int index, const void **out)
{
    const struct sedge_model_io *io = sedge_api_output(handle, index);
    struct sedge_model *m = sedge_api_model(handle);
    struct sedge_storage *storage;
    const void *data;
    DLDataType type;
    struct shared *s;

    if (!io || !m) return -1;
    if (!out) return sedge_api_null("the result");
    storage = m->backend->storage(m, (size_t)index);
    if (!storage)
        return sedge_err_set(sedge_api_error(), SEDGE_E_UNSUPPORTED,
                             "output %d lies in memory that cannot be shared: use GetDLROutput", index);
    if (sedge_dtype_parse(io->type, &type, sedge_api_error()) || GetDLROutputPtr(handle, index, &data)) return -1;
    s = SEDGE_NEW(struct shared);
    s->storage = sedge_storage_retain(storage);
    memcpy(s->dims, io->shape.dims, sizeof(s->dims));
    s->tensor.dl_tensor = (DLTensor){.data = (char *)storage->p + ((const char *)data - (const char *)storage->p),
                                     .device = {kDLCPU, 0},
                                     .ndim = io->shape.rank,
                                     .dtype = type,
                                     .shape = s->dims};
    s->tensor.manager_ctx = s;
    s->tensor.deleter = delete_shared;
    *out = &s->tensor;
    return 0;
}
