/* The C API: what a model is and does. Checks arguments, keeps the error text of each thread, calls the back-end. */
#include <string.h>

#include "api.h"

/* The API hands out one error text for each thread. */
static _Thread_local struct sedge_err last;

struct sedge_err *sedge_api_error(void)
{
    return &last;
}

const char *DLRGetLastError(void)
{
    return last.msg;
}

int sedge_api_null(const char *what)
{
    return sedge_err_set(&last, SEDGE_E_INVALID, "%s is a null pointer", what);
}

struct sedge_model *sedge_api_model(const DLRModelHandle *handle)
{
    if (!handle || !*handle) {
        (void)sedge_err_set(&last, SEDGE_E_INVALID,
                            "the model handle is null: it was not created, or is deleted already");
        return NULL;
    }
    return *handle;
}

static const struct sedge_model_io *io_at(const struct sedge_model_io *list, size_t n, int index, const char *what)
{
    if (index >= 0 && (size_t)index < n) return &list[index];
    (void)sedge_err_set(&last, SEDGE_E_NOT_FOUND, "%s %d does not exist: the model has %zu, counted from 0", what,
                        index, n);
    return NULL;
}

/* Index of an input, or -1 with the names that there are. */
int sedge_api_input_index(const struct sedge_model *m, const char *name)
{
    struct sedge_err names = SEDGE_ERR_INIT;

    for (size_t i = 0; i < m->nin; i++)
        if (strcmp(m->in[i].name, name) == 0) return (int)i;
    for (size_t i = m->nin; i-- > 0;)
        (void)(names.msg[0] ? sedge_err_set(&names, SEDGE_E_NOT_FOUND, "%s, %.700s", m->in[i].name, names.msg)
                            : sedge_err_set(&names, SEDGE_E_NOT_FOUND, "%s", m->in[i].name));
    return sedge_err_set(&last, SEDGE_E_NOT_FOUND, "the model has no input \"%.200s\"; it has: %.700s", name,
                         names.msg);
}

int RunDLRModel(DLRModelHandle *handle)
{
    struct sedge_model *m = sedge_api_model(handle);
    return m ? m->backend->run(m, &last) : -1;
}

static int give_count(size_t n, int *out)
{
    if (!out) return sedge_api_null("the result");
    *out = (int)n;
    return 0;
}

int GetDLRNumInputs(DLRModelHandle *handle, int *num_inputs)
{
    const struct sedge_model *m = sedge_api_model(handle);
    return m ? give_count(m->nin, num_inputs) : -1;
}

int GetDLRNumOutputs(DLRModelHandle *handle, int *num_outputs)
{
    const struct sedge_model *m = sedge_api_model(handle);
    return m ? give_count(m->nout, num_outputs) : -1;
}

int GetDLRNumWeights(DLRModelHandle *handle, int *num_weights)
{
    const struct sedge_model *m = sedge_api_model(handle);
    return m ? give_count(m->nweights, num_weights) : -1;
}

int sedge_api_give_text(const char *text, const char **out)
{
    if (!out) return sedge_api_null("the result");
    *out = text;
    return 0;
}

int GetDLRWeightName(DLRModelHandle *handle, int index, const char **weight_name)
{
    const struct sedge_model *m = sedge_api_model(handle);

    if (!m) return -1;
    if (index < 0 || (size_t)index >= m->nweights)
        return sedge_err_set(&last, SEDGE_E_NOT_FOUND, "weight %d does not exist: the model has %zu, counted from 0",
                             index, m->nweights);
    return sedge_api_give_text(m->weights[index], weight_name);
}

const struct sedge_model_io *sedge_api_input(DLRModelHandle *handle, int index)
{
    const struct sedge_model *m = sedge_api_model(handle);
    return m ? io_at(m->in, m->nin, index, "input") : NULL;
}

const struct sedge_model_io *sedge_api_output(DLRModelHandle *handle, int index)
{
    const struct sedge_model *m = sedge_api_model(handle);
    return m ? io_at(m->out, m->nout, index, "output") : NULL;
}

static int give_size(const struct sedge_model_io *io, int64_t *size, int *dim)
{
    if (!io) return -1;
    if (!size || !dim) return sedge_api_null("the result");
    *size = io->open ? -1 : (int64_t)io->count;
    *dim = io->shape.rank;
    return 0;
}

static int give_shape(const struct sedge_model_io *io, int64_t *shape)
{
    if (!io) return -1;
    if (!shape) return sedge_api_null("the result");
    memcpy(shape, io->shape.dims, (size_t)io->shape.rank * sizeof(*shape));
    return 0;
}

int GetDLRInputName(DLRModelHandle *handle, int index, const char **input_name)
{
    const struct sedge_model_io *io = sedge_api_input(handle, index);
    return io ? sedge_api_give_text(io->name, input_name) : -1;
}

int GetDLRInputType(DLRModelHandle *handle, int index, const char **input_type)
{
    const struct sedge_model_io *io = sedge_api_input(handle, index);
    return io ? sedge_api_give_text(io->type, input_type) : -1;
}

int GetDLRInputSizeDim(DLRModelHandle *handle, int index, int64_t *size, int *dim)
{
    return give_size(sedge_api_input(handle, index), size, dim);
}

int GetDLRInputShape(DLRModelHandle *handle, int index, int64_t *shape)
{
    return give_shape(sedge_api_input(handle, index), shape);
}

/* Product of the caller's extents, -1 when one is not positive or they are too many. */
static int64_t count_of(const int64_t *shape, int dim)
{
    int64_t n = 1;

    for (int i = 0; i < dim; i++) {
        if (shape[i] < 1 || shape[i] > SEDGE_DLR_ELEMENTS_MAX) return -1;
        n *= shape[i];
        if (n > SEDGE_DLR_ELEMENTS_MAX) return -1;
    }
    return n;
}

int SetDLRInput(DLRModelHandle *handle, const char *name, const int64_t *shape, const void *input, int dim)
{
    struct sedge_model *m = sedge_api_model(handle);
    int64_t n;
    int index;

    if (!m) return -1;
    if (!name || !input || (!shape && dim > 0)) return sedge_api_null("name, shape or input");
    index = sedge_api_input_index(m, name);
    if (index < 0) return -1;
    n = count_of(shape, dim);
    if (n != (int64_t)m->in[index].count)
        return sedge_err_set(&last, SEDGE_E_INVALID, "input \"%s\" has %zu elements, the given shape has %s%lld", name,
                             m->in[index].count, n < 0 ? "extents that are not positive or too large: " : "",
                             (long long)n);
    m->backend->set_input(m, (size_t)index, input);
    return 0;
}

int GetDLRInput(DLRModelHandle *handle, const char *name, void *input)
{
    struct sedge_model *m = sedge_api_model(handle);
    int index;

    if (!m) return -1;
    if (!name || !input) return sedge_api_null("name or input");
    index = sedge_api_input_index(m, name);
    if (index < 0) return -1;
    m->backend->get_input(m, (size_t)index, input);
    return 0;
}

int GetDLROutputType(DLRModelHandle *handle, int index, const char **output_type)
{
    const struct sedge_model_io *io = sedge_api_output(handle, index);
    return io ? sedge_api_give_text(io->type, output_type) : -1;
}

int GetDLROutputSizeDim(DLRModelHandle *handle, int index, int64_t *size, int *dim)
{
    return give_size(sedge_api_output(handle, index), size, dim);
}

int GetDLROutputShape(DLRModelHandle *handle, int index, int64_t *shape)
{
    return give_shape(sedge_api_output(handle, index), shape);
}

int GetDLROutputPtr(DLRModelHandle *handle, int index, const void **out)
{
    struct sedge_model *m = sedge_api_model(handle);

    if (!m || !io_at(m->out, m->nout, index, "output")) return -1;
    if (!out) return sedge_api_null("the result");
    *out = m->backend->output(m, (size_t)index);
    if (!*out)
        return sedge_err_set(&last, SEDGE_E_INVALID, "output %d is not there before the first RunDLRModel", index);
    return 0;
}

int GetDLROutput(DLRModelHandle *handle, int index, void *out)
{
    const struct sedge_model_io *io = sedge_api_output(handle, index);
    const void *from;

    if (!io || GetDLROutputPtr(handle, index, &from)) return -1;
    if (!out) return sedge_api_null("the result");
    memcpy(out, from, io->bytes);
    return 0;
}

int GetDLRHasMetadata(DLRModelHandle *handle, bool *has_metadata)
{
    const struct sedge_model *m = sedge_api_model(handle);

    if (!m) return -1;
    if (!has_metadata) return sedge_api_null("the result");
    *has_metadata = m->meta != NULL;
    return 0;
}

static int no_metadata(void)
{
    return sedge_err_set(&last, SEDGE_E_NOT_FOUND,
                         "the model has no metadata file (*.meta), so its outputs have no names");
}

int GetDLROutputName(DLRModelHandle *handle, int index, const char **name)
{
    const struct sedge_model *m = sedge_api_model(handle);
    const char *found;

    if (!m) return -1;
    if (!name) return sedge_api_null("the result");
    if (!m->meta) return no_metadata();
    if (!io_at(m->out, m->nout, index, "output")) return -1;
    found = sedge_meta_output(m->meta, (size_t)index);
    if (!found) return sedge_err_set(&last, SEDGE_E_NOT_FOUND, "the metadata gives no name for output %d", index);
    *name = found;
    return 0;
}

int GetDLROutputIndex(DLRModelHandle *handle, const char *name, int *index)
{
    const struct sedge_model *m = sedge_api_model(handle);

    if (!m) return -1;
    if (!name || !index) return sedge_api_null("name or index");
    if (!m->meta) return no_metadata();
    for (size_t i = 0; i < m->nout; i++) {
        const char *known = sedge_meta_output(m->meta, i);
        if (!known || strcmp(known, name) != 0) continue;
        *index = (int)i;
        return 0;
    }
    return sedge_err_set(&last, SEDGE_E_NOT_FOUND, "the metadata has no output \"%.200s\"", name);
}

int GetDLROutputByName(DLRModelHandle *handle, const char *name, void *out)
{
    int index;
    return GetDLROutputIndex(handle, name, &index) ? -1 : GetDLROutput(handle, index, out);
}

int GetDLRBackend(DLRModelHandle *handle, const char **name)
{
    const struct sedge_model *m = sedge_api_model(handle);
    return m ? sedge_api_give_text(m->backend->name, name) : -1;
}

int SetDLRNumThreads(DLRModelHandle *handle, int threads)
{
    struct sedge_model *m = sedge_api_model(handle);

    if (!m) return -1;
    if (threads < 1 || threads > SEDGE_DLR_THREADS_MAX)
        return sedge_err_set(&last, SEDGE_E_INVALID, "%d threads; expected 1 to %d", threads, SEDGE_DLR_THREADS_MAX);
    return m->backend->set_threads(m, threads, &last);
}

int UseDLRCPUAffinity(DLRModelHandle *handle, int use)
{
    struct sedge_model *m = sedge_api_model(handle);
    return m ? m->backend->pin(m, use != 0, &last) : -1;
}
